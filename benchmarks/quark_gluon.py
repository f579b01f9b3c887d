"""Quark against gluon jets: the library's models beside boosted trees, alone and together.

    python benchmarks/quark_gluon.py FOLDER [--data fullsim energyflow] [--models deep_sets particle_attention]
        [--seeds 1 2 3] [--epochs 20] [--save]

Of each data set a fifth is held out, another one for every seed; the models are trained on the rest. Every training
leaves a file in FOLDER (``fullsim-deep_sets-1.npz``) with its scores of the held-out jets, and one that is there
with the same settings is not trained again: a run that was stopped goes on where it was. At the end stands what the
models reach alone and, per seed, with the mean of their scores; ``--save`` writes that as one Keras model per seed.

- ``fullsim``: jets of CMS full simulation, read by `e2e_tf.data.readers.cms_uds_g`, which says where such jets come
  from. Trained at every pT with gluon jets weighted to the quarks' pT spectrum, judged between 50 and 200 GeV with
  such weights. The trees see the jet's own quantities and hand-made sums over the same candidates. The truth is
  never an input.
- ``energyflow``: 12,500 jets of Pythia 8 at 500 to 550 GeV with their ten leading constituents, judged without
  weights. The trees see the same ten constituents and sums over them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs, with_candidate_quantities
from e2e_tf.data.jets import Jets
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.readers import open_reader
from e2e_tf.files import new_file
from e2e_tf.models import MODELS, build_model
from e2e_tf.training.ensemble import ensemble
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.predict import predict
from e2e_tf.training.splits import PtReweighting, split_by_event

SHARED = Path(__file__).parents[1] / "../shared/data"
PT_EDGES = (20, 25, 30, 40, 50, 60, 75, 100, 130, 160, 200, 300, 500, 1000, 3000)  # GeV
PT_RANGE = (50.0, 200.0)  # GeV
NODE_FEATURES = (
    *("pt:log", "ptrel:log", "delta_r", "is_charged", "is_photon", "hcal_fraction", "puppi_weight"),
    *("trackEtaRel", "trackPtRel", "trackPPar:signed_log1p", "trackPParRatio"),
    *(
        "trackSip2dVal:tanh",
        "trackSip2dSig:signed_log1p",
        "trackSip3dVal:tanh",
        "trackSip3dSig:signed_log1p",
    ),
    *("trackJetDistVal:tanh", "drminsv", "vertex_association", "fromPV"),
    *("track_chi2:log1p", "track_ndof", "track_quality"),
)
JET_FEATURES = (
    *("pt:log", "eta", "n_cpf", "n_npf", "n_sv", "csv_trackSumJetEtRatio", "csv_trackSumJetDeltaR"),
    *(
        "csv_vertexCategory",
        "csv_trackSip2dValAboveCharm",
        "csv_trackSip2dSigAboveCharm:signed_log1p",
    ),
    *("csv_trackSip3dValAboveCharm", "csv_trackSip3dSigAboveCharm:signed_log1p"),
    *("csv_jetNSelectedTracks", "csv_jetNTracksEtaRel"),
)
# What each model is trained with, besides --epochs: its settings, the largest rate, the weight decay.
SETTINGS: dict[str, dict[str, Any]] = {
    "particle_attention": {"width": 48, "heads": 4, "blocks": 2, "dropout": 0.15},
    "particle_net_lite": {"k": 7},
    "deep_sets": {"phi": (128, 128, 128), "dense": (128, 128), "dropout": 0.3},
}
RATES = {"deep_sets": 0.002}
DECAY = 0.02


@dataclass(frozen=True)
class Task:
    """One data set: how it is read, what the networks and the trees see, which jets are judged.

    ``settings`` are those of models beside :data:`SETTINGS`.
    """

    read: Callable[[], Jets]
    recipe: GraphRecipe
    table: Callable[[Jets], np.ndarray]
    pt_edges: tuple[float, ...] = ()
    judged: tuple[float, float] = (0.0, np.inf)  # GeV
    settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def table(jets: Jets) -> np.ndarray:
    """Hand-made features of each jet for the trees, float32 (n, F)."""
    candidates = jets.candidates
    assert candidates is not None  # this format has them
    n, owner = len(jets), candidates.owner
    share, distance = (
        candidates["ptrel"].astype(np.float64),
        candidates["delta_r"].astype(np.float64),
    )
    charged = candidates["is_charged"] > 0

    def total(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.bincount(owner[mask], values[mask], n)

    columns = [column.astype(np.float64) for column in jets.jets.values()]
    ones = np.ones(len(owner))
    for kind in (charged, ~charged, charged | ~charged):
        pt = total(share, kind) + 1e-9
        columns += [
            total(ones, kind),
            pt,
            np.sqrt(total(share**2, kind)) / pt,
            total(share * distance, kind) / pt,
        ]
        columns += [total(share * distance**2, kind) / pt]
        columns += [total(ones, kind & (share > cut)) for cut in (0.01, 0.02, 0.05, 0.1, 0.2)]
        columns += [total(share, kind & (distance < cut)) / pt for cut in (0.05, 0.1, 0.2, 0.3)]
        rows = np.flatnonzero(kind)
        rows = rows[np.lexsort((-share[rows], owner[rows]))]
        place = np.arange(len(rows)) - np.searchsorted(owner[rows], owner[rows])
        for rank in range(8):
            leading = rows[place == rank]
            for values in (share, distance):
                column = np.zeros(n)
                column[owner[leading]] = values[leading]
                columns.append(column)
    return np.stack(columns, axis=1).astype(np.float32)


def trees(
    features: np.ndarray, label: np.ndarray, weight: np.ndarray, train: np.ndarray, seed: int
) -> np.ndarray:
    """Scores of all jets from boosted trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=250,
        learning_rate=0.05,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        random_state=seed,
    )
    model.fit(features[train], label[train], sample_weight=weight[train])
    return model.predict_proba(features)[:, 1]


def energyflow_table(jets: Jets) -> np.ndarray:
    """The constituents in order and sums over them for the trees, float32 (n, F)."""
    candidates = with_candidate_quantities(jets).candidates
    assert candidates is not None  # this format has them
    n, owner, counts = len(jets), candidates.owner, candidates.counts
    order = np.lexsort((-candidates["pt"], owner))
    place = np.arange(len(owner)) - np.repeat(candidates.offsets[:-1], counts)
    names = ["pt_fraction", "deta", "dphi", "delta_r", "charge", "energy"]
    names += [name for name in candidates.columns if name.startswith("is_")]
    columns = [column.astype(np.float64) for column in jets.jets.values()] + [counts.astype(float)]
    share, distance = candidates["pt_fraction"].astype(float), candidates["delta_r"].astype(float)
    columns += [np.bincount(owner, share * distance**power, n) for power in (0.5, 1, 2)]
    columns += [np.bincount(owner, share**2, n)]
    for name in names:
        values = candidates[name].astype(np.float64)
        columns.append(np.bincount(owner, share * values, n))
        for rank in range(10):
            rows = order[place == rank]
            column = np.zeros(n)
            column[owner[rows]] = values[rows]
            columns.append(column)
    return np.stack(columns, axis=1).astype(np.float32)


def read_fullsim() -> Jets:
    jets = open_reader(SHARED / "cms_fullsim_jets" / "uds_vs_g.h5", "cms_uds_g").read()
    assert isinstance(jets, Jets)  # what this reader gives
    return jets


def read_energyflow() -> Jets:
    folder = SHARED / "energyflow"
    opened = open_reader(folder / "x10_sorted_12500.npy", "energyflow")
    jets = opened.read(labels=folder / "y10_sorted_12500.npy")
    assert isinstance(jets, Jets)  # what this reader gives
    return jets


TASKS = {
    "fullsim": Task(
        read_fullsim,
        GraphRecipe("candidates", "knn:8", NODE_FEATURES, JET_FEATURES, ("delta_r",)),
        table,
        PT_EDGES,
        PT_RANGE,
    ),
    "energyflow": Task(
        read_energyflow,
        GraphRecipe("candidates", "full", (), ("pt:log", "mass:log")),
        energyflow_table,
        settings={
            "particle_attention": {"pairs": "p4"},
            "particle_net": {"coordinates": "points", "k": 5},
            "particle_net_lite": {"coordinates": "points", "k": 5},
        },
    ),
}


def network(
    name: str,
    settings: dict[str, Any],
    graphs: GraphData,
    weight: np.ndarray,
    parts: Any,
    seed: int,
    epochs: int,
) -> tuple[Any, list[float]]:
    """A trained model, and its validation AUC by epoch."""
    keras.utils.set_random_seed(seed)
    label = graphs.label
    assert label is not None  # these formats have labels
    model = build_model(name, len(graphs.node_features), len(graphs.jet_features), settings)

    def loader(rows: np.ndarray, **options: Any) -> DisjointLoader:
        part = graphs.take(rows)
        names = [tensor.name for tensor in model.inputs]
        extra = {key: values for key, values in part.node_inputs().items() if key in names}
        return DisjointLoader(part.graphs, label[rows], weight[rows], nodes=extra, inputs=names, **options)

    train = loader(parts[0], batch_size=128, shuffle=True, bucket=True, seed=seed)
    check = loader(parts[1], batch_size=512)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        epochs * len(train),
        alpha=0.002,
        warmup_target=RATES.get(name, 0.001),
        warmup_steps=len(train),
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=DECAY, clipnorm=1.0),
        loss="binary_crossentropy",
        weighted_metrics=[keras.metrics.AUC(num_thresholds=1000, name="auc")],
        jit_compile=False,
    )
    history = model.fit(
        train.dataset(), validation_data=check.dataset(), epochs=epochs, shuffle=False, verbose=0
    )
    return model, [round(float(value), 4) for value in history.history["val_auc"]]


def run_task(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train what is missing of one data set; the AUC of every model, of the trees and of the mean, by seed."""
    task = TASKS[name]
    jets = task.read()
    label, pt = jets.label, jets.jets["pt"]
    assert label is not None  # these formats have labels
    raw = build_graphs(jets, task.recipe)
    features = task.table(jets)
    result: dict[str, Any] = {"jets": len(jets), "epochs": options.epochs, "auc": {}}
    for seed in options.seeds:
        parts = split_by_event(jets.event, (0.75, 0.05, 0.2), seed)
        train, _, test = parts
        weight = np.ones(len(pt), np.float32)
        if task.pt_edges:
            reweighting = PtReweighting.fit(pt[train], label[train], task.pt_edges)
            weight = reweighting.weights(pt, label, weight).astype(np.float32)
        graphs = raw.normalised(raw.take(train).fit_preprocess(task.recipe))
        judged = (pt[test] >= task.judged[0]) & (pt[test] < task.judged[1])
        rows = test[judged]
        scores: dict[str, np.ndarray] = {}
        for model_name in ("trees", *options.models):
            settings: dict[str, Any] = {}
            if model_name != "trees":
                settings = SETTINGS.get(model_name, {}) | task.settings.get(model_name, {}) | options.settings
            described = json.dumps(
                [settings, RATES.get(model_name), DECAY, 0 if model_name == "trees" else options.epochs]
            )
            path = options.folder / f"{name}-{model_name}-{seed}.npz"
            found = stored(path, described)
            if found is None:
                started = time.perf_counter()
                history: list[float] = []
                if model_name == "trees":
                    both = np.concatenate(parts[:2])
                    score = trees(features, label, weight, both, seed)[test]
                else:
                    model, history = network(
                        model_name, settings, graphs, weight, parts, seed, options.epochs
                    )
                    score = predict(model, graphs.take(test))[:, 0]
                    with new_file(path.with_suffix(".keras"), force=True) as part:
                        model.save(part.with_suffix(".keras"))
                        part.with_suffix(".keras").replace(part)
                seconds = round(time.perf_counter() - started)
                with new_file(path, force=True) as part, open(part, "wb") as file:
                    np.savez(
                        file,
                        score=score,
                        test=test,
                        history=np.array(history),
                        described=np.array(described),
                        seconds=np.array(seconds),
                    )
                found = score
            scores[model_name] = found[judged]
            value = float(roc_auc(label[rows], scores[model_name], weight[rows]))
            result["auc"].setdefault(model_name, []).append(round(value, 4))
            print(f"{name}, seed {seed}, {model_name}: {value:.4f}", flush=True)
        if len(options.models) > 1:
            mean = np.mean([scores[model_name] for model_name in options.models], axis=0)
            value = float(roc_auc(label[rows], mean, weight[rows]))
            result["auc"].setdefault("one of each", []).append(round(value, 4))
            print(f"{name}, seed {seed}, one of each: {value:.4f}", flush=True)
            if options.save:
                members = [
                    keras.models.load_model(options.folder / f"{name}-{m}-{seed}.keras", compile=False)
                    for m in options.models
                ]
                ensemble(members).save(options.folder / f"{name}-together-{seed}.keras")
    result["mean"] = {key: round(float(np.mean(values)), 4) for key, values in result["auc"].items()}
    return result


def stored(path: Path, described: str) -> np.ndarray | None:
    """Scores of an earlier run with the same settings."""
    if not path.is_file():
        return None
    with np.load(path) as data:
        return data["score"] if str(data["described"]) == described else None


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="for the results, created; what is there is used")
    graph_models = [name for name, entry in MODELS.items() if entry.inputs == "graph"]
    parser.add_argument("--data", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument(
        "--models", nargs="+", choices=graph_models, default=["deep_sets", "particle_attention"]
    )
    parser.add_argument("--settings", type=json.loads, default={}, help="settings for all of them, as JSON")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--save", action="store_true", help="save the models of a seed as one")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.data:
        result = run_task(name, options)
        text = json.dumps(result, indent=1)
        print(text)
        with new_file(options.folder / f"{name}.json", force=True) as part:
            part.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
