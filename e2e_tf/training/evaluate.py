"""Evaluating a run on its test part, beside boosted trees trained on the same split."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.detector_features import node_kinds
from e2e_tf.data.features import HIT_ENERGIES
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.held import held_graphs, held_jets
from e2e_tf.data.jets import Jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.quantities import with_candidate_quantities
from e2e_tf.errors import InputError
from e2e_tf.figure import PlotStyle
from e2e_tf.files import new_file, read_json, write_json
from e2e_tf.graph import KINDS
from e2e_tf.terminal import status, track
from e2e_tf.training.compared import other_scores
from e2e_tf.training.display.nodes import raw_nodes
from e2e_tf.training.examples import Examples
from e2e_tf.training.importance import permutation_importance
from e2e_tf.training.metrics import evaluate_score
from e2e_tf.training.output_metrics import evaluate_outputs
from e2e_tf.training.predict import scorer
from e2e_tf.training.prepare import Prepared, Split, prepare_run
from e2e_tf.training.run import Run, open_run
from e2e_tf.training.run_report import run_report
from e2e_tf.training.start import Start, open_start
from e2e_tf.training.targets import in_units, label_output
from e2e_tf.training.weighting import evaluation_bins

__all__ = ["evaluate"]

_SAMPLED = 300  # test jets that the importance of inputs is measured on


def evaluate(
    run: Run | str | os.PathLike[str],
    *,
    force: bool = False,
    bootstraps: int = 200,
    baselines: bool = True,
    relocate: Mapping[str, str] | None = None,
    beside: Mapping[str, Run] | None = None,
    style: PlotStyle | None = None,
) -> dict[str, Any]:
    """Evaluate a run on its test part and write ``metrics.json``, the plots and ``report.html`` into its folder.

    Args:
        run: a finished run or its folder.
        force: replace results that are there already.
        bootstraps: replicas behind each error.
        baselines: also train boosted trees on high-level features of the same training part; without them, what the
            run started from may have gone.
        relocate: of a run's folder: old path to new path of files or folders of its sample that were moved.
        beside: other runs of one output with the same test part, by the name that tables and plots give them.
        style: labels and formats of the plots; None takes the section ``[plots]`` of the run's configuration.

    Returns:
        What ``metrics.json`` holds: under ``classifiers`` for each what :func:`e2e_tf.training.metrics.evaluate_score`
        returns (none if no output is the label), under ``outputs`` what
        :func:`e2e_tf.training.output_metrics.evaluate_outputs` returns if the configuration has outputs.

    Raises:
        InputError: the run is not finished, its sample or what it started from has gone or changed, it has been
            evaluated already, or one of ``beside`` has another test part.
    """
    run = run if isinstance(run, Run) else open_run(run, relocate)
    if (run.folder / "metrics.json").exists() and not force:
        raise InputError(
            f"{run.folder} has been evaluated already; give --force to replace metrics.json and the plots"
        )
    start = _start_of(run, needed=baselines)
    prepared = prepare_run(run)
    test = prepared.test
    with status("Loading the model"):
        model = run.model()
        score_of = scorer(model)
    found = in_units(run.config, score_of(test.examples), test.jets)
    scores: dict[str, np.ndarray] = {}
    main = label_output(run.config)
    if main is not None:
        scores[run.config.model_name] = (found[main] if run.config.outputs else found)[:, 0]
        if start is not None:
            before = scorer(start.model())(test.examples)[:, 0]
            scores[f"{run.config.model_name} at the start"] = before
        scores |= {name: _of_another(other, test) for name, other in (beside or {}).items()}
        if baselines:
            scores |= _baselines(prepared, run.config.seed)
        scores |= other_scores(run.config.data.compare, test.jets)

    pt = test.jets.columns.get("pt")
    bins = () if pt is None else evaluation_bins(run.config, prepared.pt_edges, pt)
    metrics: dict[str, Any] = {
        "jets": {"test": len(test.jets)},
        "pt_reweighted": prepared.reweighting is not None,
        "classifiers": {},
    }
    for name, score in track(scores.items(), "Evaluating", total=len(scores)):
        metrics["classifiers"][name] = evaluate_score(
            test.label,
            score,
            pt=pt,
            weight=test.weight,
            event=test.jets.event,
            pt_bins=bins,
            bootstraps=bootstraps,
            seed=run.config.seed,
        )
        if prepared.reweighting is not None:
            from e2e_tf.training.metrics import roc_auc

            metrics["classifiers"][name]["auc_unweighted"] = roc_auc(test.label, score)
    if run.config.outputs:
        with status("Evaluating the outputs"):
            metrics["outputs"] = evaluate_outputs(test, run.config, found, bootstraps, run.config.seed)
    # Drawn beside and moved when all is there: a run is evaluated completely or not at all.
    with tempfile.TemporaryDirectory(prefix=".evaluating.", dir=run.folder) as drawn:
        with status("Drawing"):
            _draw(run, prepared, scores, metrics, Path(drawn), style or run.style)
        for picture in sorted(Path(drawn).iterdir()):
            picture.replace(run.folder / picture.name)
    with status("Writing the report"):
        drops, sampled = _importance(run, prepared, model, score_of) if main is not None else ({}, 0)
        text = run_report(run, prepared, scores, found, metrics, drops, sampled, style)
        with new_file(run.folder / "report.html", force=True) as part:
            part.write_text(text, encoding="utf-8")
    write_json(run.folder / "metrics.json", metrics)
    return metrics


def _start_of(run: Run, needed: bool) -> Start | None:
    """What a run of one output started from, whose scores stand beside its own.

    Raises:
        InputError: it is needed and has gone, or another model has its place.
    """
    name, noted = run.config.training.start, run.provenance.get("started_from", {})
    if not name or run.config.outputs:
        return None
    try:
        start = open_start(name, run.base)
        assert start is not None
        if noted and start.identity() != noted:
            raise InputError(
                f"training.start: the model of {name} is another one than {run.folder} started from (its SHA-256 was "
                f"{noted['sha256'][:12]}…, it is {start.identity()['sha256'][:12]}… now)"
            )
    except InputError as error:
        if needed:
            raise InputError(
                f"{error}; put it back, or call evaluate with baselines=False, which leaves it out"
            ) from error
        return None
    return start


def _of_another(run: Run, test: Split) -> np.ndarray:
    """The scores of another run for the same jets."""
    other = prepare_run(run).test
    same = len(other.jets) == len(test.jets) and np.array_equal(other.jets.event, test.jets.event)
    if not same or not np.array_equal(other.label, test.label):
        raise InputError(f"{run.folder} has another test part; sample, split and split_seed must be the same")
    if run.config.outputs:
        raise InputError(f"{run.folder} has several outputs; a run beside another one has a score alone")
    return scorer(run.model())(other.examples)[:, 0]


def _baselines(prepared: Prepared, seed: int) -> dict[str, np.ndarray]:
    from e2e_tf.training.baseline import (
        baseline_score,
        candidate_features,
        detector_features,
        hit_features,
        summary_features,
        train_baseline,
    )

    train, test = prepared.train, prepared.test
    if not isinstance(train.jets, Jets):
        return {}  # of images no quantities are known
    kinds: list[tuple[str, Callable[[Jets], tuple[list[str], np.ndarray]]]] = []
    if train.jets.hits:
        kinds.append(("hits", hit_features))
    if train.jets.candidates is not None:
        known = {"energy", "deta", "dphi", "charge", "pdg_id", "d0"} <= set(train.jets.candidates.columns)
        features = candidate_features if known else summary_features
        kinds.append(("candidates", lambda jets: features(with_candidate_quantities(jets))))
    if train.jets.objects:
        kinds.append(("detector", detector_features))
    scores = {}
    for what, inputs in kinds:
        with status(f"Training boosted trees on {what}"):
            trees = train_baseline(inputs(train.jets)[1], train.label, train.weight, seed)
            scores[f"boosted trees ({what})"] = baseline_score(trees, inputs(test.jets)[1])
    return scores


def _importance(
    run: Run, prepared: Prepared, model: Any, score_of: Callable[..., Any]
) -> tuple[dict[str, tuple[float, float]], int]:
    """What each input contributes, on so many of the first test jets that it takes a few seconds at most."""
    test, preprocess = prepared.test, prepared.preprocess
    rows = np.arange(min(len(test.jets), _SAMPLED))
    label, weight = test.label[rows], test.weight[rows]
    if min(np.bincount(label, weight, 2)) <= 0:
        return {}, 0
    main = label_output(run.config)
    _, graphs = held_graphs(test.graphs.take(rows))
    examples = Examples(
        graphs.batch, nodes=graphs.node_inputs(), rows={name: v[rows] for name, v in test.rows.items()}
    )

    def score(given: Examples) -> np.ndarray:
        found = score_of(given, progress=False)
        return (found[main] if run.config.outputs else found)[:, 0].astype(np.float64)

    jet_features = preprocess.jet_features
    drops = permutation_importance(
        score,
        examples,
        label,
        weight,
        node_names=[feature.raw for feature in preprocess.node_features.features],
        jet_names=[] if jet_features is None else [f"jet {feature.raw}" for feature in jet_features.features],
        takes=[tensor.name for tensor in model.inputs],
        seed=run.config.seed,
    )
    return drops, len(rows)


def _draw(
    run: Run,
    prepared: Prepared,
    scores: dict[str, np.ndarray],
    metrics: dict[str, Any],
    folder: Path,
    style: PlotStyle,
) -> None:
    from e2e_tf.training import plots
    from e2e_tf.training.roc_plot import WORKING_POINTS, plot_roc

    test = prepared.test
    name = run.config.model_name
    kept = run.provenance.get("best_epoch")
    plots.plot_history(_main_history(run), folder / "history.png", kept=kept, style=style)
    if name not in scores:
        return
    curves = {key: (test.label, score, test.weight) for key, score in scores.items()}
    events = dict.fromkeys(curves, test.jets.event)
    # What a network gains is seen beside trees, on the same inputs if there are such.
    trees = [key for key in curves if key.startswith("boosted trees")]
    same = [key for key in trees if key == f"boosted trees ({run.preprocess.nodes})"]
    reference = (same or trees or [""])[-1]
    plot_roc(curves, folder / "roc.png", events=events, reference=reference, style=style)
    classes = _class_names(run, style)
    path, weight = folder / "scores.png", test.weight
    plots.plot_scores(test.label, scores[name], path, weight=weight, names=classes, style=style)
    found = metrics["classifiers"][name]["overall"]["working_points"]
    thresholds = {point["target"]: point["threshold"] for point in found}
    if "pt" in test.jets:
        plots.plot_efficiency(
            test.jets["pt"],
            test.label,
            {
                f"{point} ({target:.0%})": scores[name] >= thresholds[target]
                for point, target in WORKING_POINTS.items()
            },
            folder / "efficiency.png",
            bins=prepared.pt_edges,
            style=style,
        )
    if run.preprocess.nodes in ("hits", "detector") and isinstance(test.jets, Jets):
        _draw_events(run, prepared, scores[name], folder, classes, style)


def _class_names(run: Run, style: PlotStyle) -> tuple[str, str]:
    """What background and signal are called: by ``[plots]``, else by the sections of the samples of this label."""
    found = []
    for label, given, usual in ((0, style.background, "Background"), (1, style.signal, "Signal")):
        sections = [name for name, one in run.config.data.samples.items() if one.label == label]
        found.append(given or ", ".join(sections) or usual)
    return found[0], found[1]


def _main_history(run: Run) -> dict[str, list[float]]:
    """The curves, with those of the output that is the label under the names of a single output."""
    history: dict[str, list[float]] = read_json(run.folder / "history.json")
    main = label_output(run.config)
    if main:
        for key in ("auc", "val_auc"):
            prefix, _, quantity = key.rpartition("_")
            named = f"{prefix}_{main}_{quantity}" if prefix else f"{main}_{quantity}"
            if named in history:
                history[key] = history[named]
    return history


def _draw_events(
    run: Run, prepared: Prepared, score: np.ndarray, folder: Path, classes: tuple[str, str], style: PlotStyle
) -> None:
    """The jet of median score of each class, among those with a graph worth drawing."""
    from e2e_tf.training.event_display import plot_event_display

    test = prepared.test
    for label, file in ((1, "event_signal.png"), (0, "event_background.png")):
        rows = np.flatnonzero((test.label == label) & (test.graphs.batch.n_node >= 10))
        if not len(rows):
            continue
        row = rows[np.argsort(score[rows], kind="stable")[len(rows) // 2]]
        jet = held_jets(test.jets.take(np.array([row])))
        graphs = build_graphs(jet, GraphRecipe.of(run.preprocess))
        places, energy, start = _drawn_nodes(jet, run.preprocess, graphs)
        pt = float(jet["pt"][0])
        plot_event_display(
            folder / file,
            places[:, 0],
            places[:, 1],
            energy,
            graphs.batch.senders,
            graphs.batch.receivers,
            from_vertex=start,
            title=f"{classes[label]}, $p_\\mathrm{{T}}$ = {pt:.0f} GeV, score {score[row]:.2f}",
            style=style,
        )


def _drawn_nodes(
    jet: Jets, preprocess: Preprocess, graphs: GraphData
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Places and energies of the nodes of one jet, and, of detector objects, their places at the vertex."""
    if preprocess.nodes == "hits":
        raw = [feature.raw for feature in graphs.node_features]
        energy = np.expm1(graphs.batch.x[:, [raw.index(name) for name in HIT_ENERGIES]])
        return graphs.positions, energy, None
    names = ("deta_face", "dphi_face", "deta", "dphi", "pt", *(f"is_{kind}" for kind in KINDS))
    columns = raw_nodes(jet, GraphRecipe.of(preprocess), names)
    x = np.stack(list(columns.values()), axis=1)
    kind = node_kinds(columns)
    pt = np.where(kind[:, None] == np.arange(3), x[:, 4:5], 0.0)  # tracks, crystals, towers
    return x[:, :2], pt, x[:, 2:4]
