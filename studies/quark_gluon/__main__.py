"""Quark against gluon jets: the library's models beside boosted trees, alone and together.

    python -m studies.quark_gluon FOLDER [--data fullsim energyflow] [--models deep_sets particle_attention]
        [--seeds 1 2 3] [--epochs 20] [--members 1] [--pretrain 0] [--inside] [--save]

Of each data set a fifth is held out, another one for every seed; networks and trees learn from the rest, by schedules
that look at no other jets. Every training leaves a file in FOLDER (``fullsim-deep_sets-1.npz``) with its scores of the
held-out jets, and one that is there with the same settings is not trained again: a run that was stopped goes on where
it was. At the end stands what each reaches alone and, per seed, with the mean of their scores.

- ``fullsim``: jets of CMS full simulation, read by `e2e_tf.data.readers.cms_uds_g`, which says where such jets come
  from. Trained at every pT with gluon jets weighted to the quarks' pT spectrum, evaluated between 50 and 200 GeV with
  such weights. The trees see the jet's own quantities, hand-made sums over the same candidates and the columns of the
  tracks. The truth is never an input.
- ``energyflow``: 12,500 jets of Pythia 8 at 500 to 550 GeV with their ten leading constituents, evaluated without
  weights. The trees see the same ten constituents and sums over them.

``--members 5`` trains each model five times per seed and adds the mean of the five; ``--save`` writes all networks of
a seed as one Keras model with their mean. With ``--pretrain 50000`` the networks of ``energyflow`` learn first from so
many jets that ``generate.py`` makes by the recipe of that set, and then at a lower rate from the set itself; 10,000
further ones measure the first step, and trees that learn from both at once are added. ``--inside`` leaves the held-out
fifth of seed 1 alone and evaluates on thirds of the other jets, which is how settings are chosen.
"""

from __future__ import annotations

import argparse
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from e2e_tf.data.graphs import build_graphs
from e2e_tf.data.weights import PtReweighting
from e2e_tf.files import new_file
from e2e_tf.models import MODELS
from e2e_tf.training.ensemble import ensemble
from e2e_tf.training.metrics import background_efficiency, roc_auc
from studies.quark_gluon.networks import SETTINGS, VARIANTS, Training, parts_of, tree_scores
from studies.quark_gluon.tasks import GENERATED_FILE, TASKS

EFFICIENCIES = (0.5, 0.7, 0.9)  # of quarks


def evaluate(truth: np.ndarray, weight: np.ndarray, in_range: np.ndarray, *scores: np.ndarray) -> np.ndarray:
    """ROC-AUC and 1/ε_B at :data:`EFFICIENCIES` of the mean of several scores; truth and weight of jets in range.

    The rejection is at most the number of gluons.
    """
    score = np.mean(scores, axis=0)[in_range]
    passing = background_efficiency(truth, score, EFFICIENCIES, weight)
    return np.array([roc_auc(truth, score, weight), *1 / np.maximum(passing, 1 / np.sum(truth == 0))])


def run_task(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train what is missing of one data set; how well trees, every model and means do, by seed."""
    task = TASKS[name]
    jets = task.read()
    label, pt = jets.label, jets["pt"]
    assert label is not None  # these formats have labels
    raw = build_graphs(jets, task.recipe)
    features = task.table(jets)
    generated = options.pretrain if task.generated else 0
    if task.generated and generated:
        more = task.generated(options.folder, generated + GENERATED_FILE)
        raw_more = build_graphs(more, task.recipe)
        normalisation = raw_more.take(np.arange(generated)).fit_preprocess(task.recipe)
        graphs_more = raw_more.normalised(normalisation)
        first, check = (graphs_more.take(r) for r in np.split(np.arange(len(more)), [generated]))
        features_more = task.table(more)[:generated]
    found: dict[str, list[np.ndarray]] = {}
    for seed in options.seeds:
        learned, evaluated = parts_of(jets.event, seed, options.inside)
        stem = options.folder / (f"{name}-inside" if options.inside else name)
        weight = np.ones(len(pt), np.float32)
        if task.pt_edges:
            reweighting = PtReweighting.fit(pt[learned], label[learned], task.pt_edges)
            weight = reweighting.weights(pt, label, weight).astype(np.float32)
        in_range = (pt[evaluated] >= task.evaluated[0]) & (pt[evaluated] < task.evaluated[1])
        truth, evaluated_weight = label[evaluated][in_range], weight[evaluated][in_range]
        value = partial(evaluate, truth, evaluated_weight, in_range)
        table = features[learned], label[learned], weight[learned]
        rows = {"trees": value(tree_scores(stem, "trees", table, features[evaluated], seed))}
        if generated:
            table = (
                np.concatenate([table[0], features_more]),
                np.concatenate([table[1], first.label]),
                np.concatenate([table[2], first.weight]),
            )
            score = tree_scores(stem, "trees-generated", table, features[evaluated], seed)
            rows["trees, generated jets too"] = value(score)
        else:
            normalisation = raw.take(learned).fit_preprocess(task.recipe)
        graphs = raw.normalised(normalisation)
        ours, theirs = graphs.take(learned), graphs.take(evaluated)
        scores: dict[Path, np.ndarray] = {}
        for model in options.models:
            settings = SETTINGS.get(model, {}) | task.settings.get(model, {}) | options.settings
            trainings = [
                Training(stem, model, settings, options.epochs, seed, member, generated)
                for member in range(1, options.members + 1)
            ]
            start = [t.first(first, check) if generated else None for t in trainings]
            own = {
                t.path: t.scores(ours, weight[learned], theirs, begin)
                for t, begin in zip(trainings, start, strict=True)
            }
            after = ", after generated jets" if generated else ""
            rows[model + after] = np.mean([value(s) for s in own.values()], axis=0)
            if len(own) > 1:
                rows[f"{model}{after}, mean of {len(own)}"] = value(*own.values())
            scores |= own
        if len(options.models) > 1:
            rows["mean of all networks"] = value(*scores.values())
        if options.save:
            networks = [keras.models.load_model(path.with_suffix(".keras"), compile=False) for path in scores]
            ensemble(networks).save(options.folder / f"{stem.name}-together-{seed}.keras")
        for row, numbers in rows.items():
            print(f"{name}, seed {seed}, {row}: {numbers[0]:.4f}", flush=True)
            found.setdefault(row, []).append(numbers)
    summary = {}
    for row, values in found.items():
        spread = np.std(values, axis=0, ddof=len(values) > 1)
        summary[row] = np.stack([np.mean(values, axis=0), spread], axis=1).round(4).tolist()
    return {
        "jets": len(jets),
        "auc": {row: [round(float(one[0]), 4) for one in values] for row, values in found.items()},
        "mean and spread over seeds": summary,  # of the AUC and of the rejection at each efficiency
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="for the results, created; what is there is used")
    graph_models = [name for name, entry in MODELS.items() if entry.inputs == "graph"]
    parser.add_argument("--data", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument(
        "--models",
        nargs="*",
        choices=[*graph_models, *VARIANTS],
        default=["deep_sets", "particle_attention"],
        help="none for the trees alone",
    )
    parser.add_argument("--settings", type=json.loads, default={}, help="settings for all of them, as JSON")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--members", type=int, default=1, help="trainings of each model per seed")
    parser.add_argument(
        "--pretrain", type=int, default=0, help="generated jets that networks learn from first"
    )
    parser.add_argument(
        "--inside", action="store_true", help="evaluate among the jets that seed 1 learns from"
    )
    parser.add_argument("--save", action="store_true", help="save the networks of a seed as one")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.data:
        result = run_task(name, options)
        text = json.dumps(result, indent=1)
        print(text)
        kind = "-inside" * options.inside + "-pretrained" * bool(options.pretrain)
        with new_file(options.folder / f"{name}{kind}.json", force=True) as part:
            part.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
