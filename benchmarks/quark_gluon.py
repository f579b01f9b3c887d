"""Quark against gluon jets of CMS full simulation: the library's models beside boosted trees.

Run ``python benchmarks/quark_gluon.py path/to/uds_vs_g.h5 --models deep_sets --members 2 --output result.json``.
For every seed a fifth of the jets is held out; the models are trained on the rest, at every pT, with gluon jets
weighted to the quarks' pT spectrum, and judged by the ROC-AUC of held-out jets between 50 and 200 GeV with such
weights. The trees see the jet's own quantities and hand-made sums over the same candidates. The file is read by
`e2e_tf.data.readers.cms_uds_g`, which says where such jets come from; its truth is never an input.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.readers import open_reader
from e2e_tf.models import MODELS, build_model
from e2e_tf.training.evaluate import predict
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.splits import PtReweighting, split_by_event

DEFAULT = Path(__file__).parents[1] / "../shared/data/cms_fullsim_jets/uds_vs_g.h5"
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
SETTINGS: dict[str, dict[str, Any]] = {
    "particle_attention": {"width": 48, "heads": 4, "blocks": 2, "dropout": 0.15},
    "particle_net_lite": {"k": 7},
    "deep_sets": {"phi": (128, 128, 128), "dense": (128, 128), "dropout": 0.3},
}


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


def network(
    name: str,
    graphs: GraphData,
    weight: np.ndarray,
    parts: tuple[np.ndarray, ...],
    options: argparse.Namespace,
    seed: int,
) -> tuple[np.ndarray, list[float]]:
    """Scores of the held-out jets from one model, and the validation AUC by epoch."""
    keras.utils.set_random_seed(seed)
    label = graphs.label
    assert label is not None  # this format has labels
    train, validation, test = parts
    model = build_model(
        name,
        len(graphs.node_features),
        len(graphs.jet_features),
        SETTINGS.get(name, {}) | options.settings,
    )
    loader = DisjointLoader(
        graphs.graphs.take(train),
        label[train],
        weight[train],
        batch_size=128,
        shuffle=True,
        bucket=True,
        seed=seed,
    )
    check = DisjointLoader(
        graphs.graphs.take(validation), label[validation], weight[validation], batch_size=512
    )
    steps = options.epochs * len(loader)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, alpha=0.002, warmup_target=options.rate, warmup_steps=len(loader)
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=options.decay, clipnorm=1.0),
        loss="binary_crossentropy",
        weighted_metrics=[keras.metrics.AUC(num_thresholds=1000, name="auc")],
        jit_compile=False,
    )
    history = model.fit(
        loader.dataset(),
        validation_data=check.dataset(),
        epochs=options.epochs,
        shuffle=False,
        verbose=options.verbose,
    )
    return predict(model, graphs.take(test))[:, 0], [float(value) for value in history.history["val_auc"]]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The numbers of all seeds."""
    jets = open_reader(options.file, "cms_uds_g").read()
    assert isinstance(jets, Jets)  # what this reader gives
    assert jets.label is not None
    recipe = GraphRecipe(
        nodes="candidates",
        edges="knn:8",
        node_features=NODE_FEATURES,
        jet_features=JET_FEATURES,
        coordinates=("delta_r",),
    )
    raw = build_graphs(jets, recipe)
    features, pt, label = table(jets), jets.jets["pt"], jets.label
    result: dict[str, Any] = {
        "jets": len(jets),
        "models": options.models,
        "settings": {name: SETTINGS.get(name, {}) | options.settings for name in options.models},
        "epochs": options.epochs,
        "seeds": [],
    }
    for seed in options.seeds:
        parts = split_by_event(jets.event, (0.75, 0.05, 0.2), seed)
        train, _, test = parts
        reweighting = PtReweighting.fit(pt[train], label[train], PT_EDGES)
        weight = reweighting.weights(pt, label, np.ones(len(pt), np.float32)).astype(np.float32)
        graphs = raw.normalised(raw.take(train).fit_preprocess(recipe))
        middle = (pt[test] >= PT_RANGE[0]) & (pt[test] < PT_RANGE[1])

        def auc(score: np.ndarray, rows: np.ndarray = test[middle], weight: np.ndarray = weight) -> float:
            return round(float(roc_auc(label[rows], score, weight[rows])), 4)

        both = np.concatenate(parts[:2])
        entry: dict[str, Any] = {"seed": seed, "held_out": int(middle.sum())}
        entry["trees"] = auc(trees(features, label, weight, both, seed)[test][middle])
        scores, started = [], time.perf_counter()
        for member in range(options.members):
            for name in options.models:
                score, history = network(name, graphs, weight, parts, options, 100 * seed + member)
                scores.append(score[middle])
                entry.setdefault("validation", []).append([round(value, 4) for value in history])
                entry.setdefault("members", []).append({name: auc(scores[-1])})
                entry["ensemble"] = auc(np.mean(scores, axis=0))
                entry["seconds"] = round(time.perf_counter() - started)
                print(json.dumps(entry), flush=True)
        result["seeds"].append(entry)
        for name in ("trees", "ensemble"):
            result[name] = round(float(np.mean([e[name] for e in result["seeds"]])), 4)
        for name in options.models:
            alone = [m[name] for e in result["seeds"] for m in e["members"] if name in m]
            result[name] = round(float(np.mean(alone)), 4)
        if options.output:
            options.output.write_text(json.dumps(result, indent=1) + "\n")
    return result


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT, help="HDF5 file of jets")
    graph_models = [name for name, entry in MODELS.items() if entry.inputs == "graph"]
    parser.add_argument("--models", nargs="+", choices=graph_models, default=["deep_sets"])
    parser.add_argument("--settings", type=json.loads, default={}, help="settings for all of them, as JSON")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument(
        "--members", type=int, default=1, help="of each model per seed; their mean is the ensemble"
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--decay", type=float, default=0.02, help="weight decay")
    parser.add_argument("--verbose", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    return parser.parse_args()


if __name__ == "__main__":
    print(json.dumps(run(arguments()), indent=1))
