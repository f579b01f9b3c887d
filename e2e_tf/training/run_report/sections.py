"""The sections of the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from e2e_tf.data.features import UNITS
from e2e_tf.data.held import held_graphs
from e2e_tf.data.preprocess import Normalisation
from e2e_tf.files import read_json
from e2e_tf.page import Cell, Plot, Section, details, facts, plots, table
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.prepare import Prepared, Split
from e2e_tf.training.report import absent_class, reweighted_where
from e2e_tf.training.roc_plot import WORKING_POINTS
from e2e_tf.training.run import Run
from e2e_tf.training.run_report.curves import calibration, confusion, histories, importances, rejection
from e2e_tf.training.run_report.quantities import distribution, efficiency, response
from e2e_tf.training.targets import positive_column

__all__ = [
    "configuration",
    "curves",
    "data",
    "importance",
    "numbers",
    "outputs",
    "provenance",
    "scores_by_class",
    "training",
    "working_points",
]

CLASSES = ("background", "signal")
PILEUP = ("n_pileup", "npv", "n_vertices", "rho")
"""Columns that tell how much pileup there is, the best first."""
_SAMPLED = 20000  # graphs that stay on disk of which the distributions are drawn
_POINT = "Medium"  # the working point that efficiencies are drawn at
_TARGET = WORKING_POINTS[_POINT]


def configuration(run: Run) -> Section:
    """What was asked for: the settings of each part of ``config.json``.

    Args:
        run: the run.

    Returns:
        The section.
    """
    config = run.config.model_dump(mode="json")
    rows = [
        (part, name, _text(value))
        for part, values in config.items()
        if isinstance(values, Mapping)
        for name, value in values.items()
    ]
    rows = [("", "seed", str(run.config.seed)), *rows]
    return Section("Configuration", table(["section", "key", "value"], rows))


def data(prepared: Prepared) -> Section:
    """Counts of the three parts, and distributions of every input by class with the weights of training.

    Args:
        prepared: the data of the run.

    Returns:
        The section.
    """
    rows = []
    for name in ("train", "validation", "test"):
        part: Split = getattr(prepared, name)
        batch, label = part.graphs.batch, part.jets.label
        row: list[Any] = [name, len(part.jets), len(np.unique(part.jets.event))]
        for value in (1, 0):
            chosen = np.zeros(len(part.jets), bool) if label is None else label == value
            row += [int(chosen.sum()), float(part.weight[chosen].sum())]
        edges = held_graphs(part.graphs, _SAMPLED)[1].batch.n_edge
        rows.append([*row, float(batch.n_node.mean()), float(edges.mean())])
    head = [
        "part",
        "jets",
        "events",
        "signal",
        "Σ weights",
        "background",
        "Σ weights",
        "nodes per jet",
        "edges per jet",
    ]
    part = prepared.train
    classes = _classes(part)
    drawn = []
    for name, column in part.jets.columns.items():
        if name not in ("ieta", "iphi") and np.issubdtype(np.asarray(column).dtype, np.number):
            values = np.asarray(column, np.float64)
            parts = {title: (values[mask], part.weight[mask]) for title, mask in classes.items()}
            drawn.append(distribution(f"jet {name}", parts, unit=UNITS.get(name, "")))
    inputs = _inputs(prepared, classes)
    text = (
        "<h3>Jets</h3><p class='dim'>Training part, unit area, with the weights of training.</p>"
        + plots(*drawn)
        + "<h3>Inputs of the network</h3><p class='dim'>After the transform and before the scaling; each node counts "
        "with the weight of its jet. Values are clipped where the normalisation clips them.</p>"
        + plots(*inputs)
    )
    return Section("Data", table(head, rows, sortable=False) + text)


def _inputs(prepared: Prepared, classes: Mapping[str, np.ndarray]) -> list[Plot]:
    part, preprocess = prepared.train, prepared.preprocess
    chosen, graphs = held_graphs(part.graphs, _SAMPLED)
    batch, weight = graphs.batch, part.weight[chosen]
    classes = {title: mask[chosen] for title, mask in classes.items()}
    owner = np.repeat(np.arange(batch.n_graph), batch.n_node)
    drawn = []
    groups: list[tuple[str, Normalisation | None, np.ndarray | None, np.ndarray]] = [
        ("node", preprocess.node_features, batch.x, owner),
        ("graph", preprocess.jet_features, batch.u, np.arange(batch.n_graph)),
    ]
    for what, normalisation, values, owner in groups:
        if normalisation is None or values is None:
            continue
        for i, feature in enumerate(normalisation.features):
            column = values[:, i] / normalisation.norm_factor[i] + normalisation.median[i]
            parts = {
                title: (column[mask[owner]], weight[owner][mask[owner]]) for title, mask in classes.items()
            }
            unit = "" if feature.transform != "identity" else feature.unit
            shown = feature.raw if feature.transform == "identity" else f"{feature.transform}({feature.raw})"
            drawn.append(distribution(f"{what}: {shown}", parts, unit=unit, log=True))
    return drawn


def _classes(part: Split) -> dict[str, np.ndarray]:
    label = part.jets.label
    if label is None:
        return {"all": np.ones(len(part.jets), bool)}
    return {CLASSES[value]: label == value for value in (1, 0)}


def training(run: Run) -> Section:
    """The curves of the training.

    Args:
        run: the run.

    Returns:
        The section.
    """
    known = run.provenance
    best = known.get("best_epoch")
    lines = [f"Best epoch {best + 1} (dotted)"] if best is not None else []
    if "training_seconds" in known:
        lines.append(f"{known['training_seconds']:g} s")
    lines.append(f"{known.get('parameters', 0):,} parameters")
    return Section(
        "Training",
        f"<p>{', '.join(lines)}.</p>" + plots(*histories(read_json(run.folder / "history.json"), best)),
    )


def numbers(metrics: Mapping[str, Any]) -> Section:
    """ROC-AUC and rejections of every classifier, overall and in bins of pT.

    Args:
        metrics: what :func:`e2e_tf.training.evaluate.evaluate` returns.

    Returns:
        The section.
    """
    found = metrics["classifiers"]
    levels = [entry["efficiency"] for entry in next(iter(found.values()))["overall"]["rejection"]]
    head = [
        "classifier",
        "jet pT [GeV]",
        "signal",
        "background",
        "ROC-AUC",
        *(f"1/ε_B at {e:.0%}" for e in levels),
    ]
    rows = []
    for name, result in found.items():
        parts = [("all", result["overall"])]
        parts += [(f"{part['low']:g}–{part['high']:g}", part) for part in result["pt_bins"]]
        for where, part in parts:
            row: list[Any] = [name, where, part["signal"], part["background"]]
            if part["auc"] is None:
                row += [Cell(absent_class(part))] + [Cell("-")] * len(levels)
            else:
                row.append(Cell(with_error(part["auc"]["value"], part["auc"]["error"]), part["auc"]["value"]))
                row += [Cell(with_interval(entry), entry["value"]) for entry in part["rejection"]]
            rows.append(row)
    weighting = (
        f"the background is weighted to the signal's pT spectrum{reweighted_where(metrics)}"
        if metrics["pt_reweighted"]
        else "classes are balanced"
    )
    note = (
        f"<p class='dim'>Test part, {metrics['jets']['test']} jets; {weighting}. ± is one standard error of "
        "the bootstrap; two arms are the 68.3 % interval where fewer than 30 background jets pass; &gt; is a limit "
        "at 95 % where none passes.</p>"
    )
    return Section("Results", note + table(head, rows))


def curves(prepared: Prepared, scores: Mapping[str, np.ndarray], metrics: Mapping[str, Any]) -> Section:
    """Rejection and ROC with bands, and efficiencies against pT, η and pileup at 70 % of the signal.

    Args:
        prepared: the data of the run.
        scores: of the test part, by classifier.
        metrics: as :func:`numbers`.

    Returns:
        The section.
    """
    test = prepared.test
    drawn = plots(
        *rejection({name: (test.label, s, test.weight) for name, s in scores.items()}, test.jets.event)
    )
    passed = {}
    for name, score in scores.items():
        points = metrics["classifiers"][name]["overall"]["working_points"]
        threshold = next(p["threshold"] for p in points if p["target"] == _TARGET)
        passed[name] = score >= threshold
    columns = {**test.jets.columns, **test.jets.truth}
    against: list[str] = [name for name in ("pt", "eta") if name in columns]
    against += [name for name in PILEUP if name in columns][:1]
    parts = []
    for name in against:
        values = np.asarray(columns[name], np.float64)
        if np.ptp(values) > 0:
            parts += efficiency(f"jet {name}", values, test.label, passed, unit=UNITS.get(name, ""))
    pileup = "" if any(name in columns for name in PILEUP) else " This sample does not know its pileup."
    note = (
        f"<h3>Efficiencies at the {_POINT} working point, {_TARGET:.0%} of the signal</h3><p class='dim'>Counted test "
        "jets in bins of about as many jets each, with the intervals of Clopper and Pearson (68.3 %)."
        f"{pileup}</p>"
    )
    return Section("Curves", drawn + note + plots(*parts))


def scores_by_class(prepared: Prepared, score: np.ndarray) -> Section:
    """Distributions of the score by class, and its calibration.

    Args:
        prepared: the data of the run.
        score: float (n,) of the test part.

    Returns:
        The section.
    """
    test = prepared.test
    classes = _classes(test)
    parts = {title: (score[mask], test.weight[mask]) for title, mask in classes.items()}
    drawn = [distribution("score", parts, log=True, height=380)]
    if score.min() >= 0 and score.max() <= 1:
        drawn.append(calibration(test.label, score.astype(np.float64), test.weight.astype(np.float64))[0])
    return Section("Score", plots(*drawn))


def working_points(metrics: Mapping[str, Any]) -> Section:
    """Thresholds of every classifier with what passes them, those of the first one, the run's own, in bins of pT too.

    Args:
        metrics: as :func:`numbers`.

    Returns:
        The section.
    """
    rows = []
    names = {efficiency: name for name, efficiency in WORKING_POINTS.items()}
    parts = [(name, "all", result["overall"]) for name, result in metrics["classifiers"].items()]
    own, found = next(iter(metrics["classifiers"].items()))
    parts += [(own, f"{part['low']:g}–{part['high']:g}", part) for part in found["pt_bins"]]
    for name, pt, part in parts:
        entries = {entry["efficiency"]: entry for entry in part["rejection"] or ()}
        for point in part["working_points"] or ():  # none where a class has no jets, as Results shows
            entry = entries[point["target"]]
            rows.append(
                [
                    name,
                    pt,
                    Cell(f"{names.get(point['target'], '')} {point['target']:.0%}".strip(), point["target"]),
                    Cell(f"{point['threshold']:.6g}", point["threshold"]),
                    Cell(f"{point['signal_efficiency']:.2%}", point["signal_efficiency"]),
                    Cell(f"{point['background_efficiency']:.3%}", point["background_efficiency"]),
                    Cell(with_interval(entry), entry["value"]),
                ]
            )
    head = [
        "classifier",
        "jet pT [GeV]",
        "working point",
        "score ≥",
        "signal efficiency",
        "background efficiency",
        "1/ε_B",
    ]
    return Section("Working points", table(head, rows))


def outputs(
    run: Run, prepared: Prepared, found: Mapping[str, np.ndarray], metrics: Mapping[str, Any]
) -> Section:
    """Outputs of a configuration that has several: numbers, confusions, responses.

    Args:
        run: the run.
        prepared: the data of the run.
        found: predictions of the test part by output, regressed ones in units.
        metrics: as :func:`numbers`.

    Returns:
        The section.
    """
    rows: list[list[Any]] = []
    drawn: list[Plot] = []
    test = prepared.test
    for name, entry in metrics["outputs"].items():
        output = run.config.outputs[name]
        for key, value in entry.items():
            several = value if key == "auc" and entry["kind"] == "multiclass" else {"": value}
            for member, one in several.items():
                if isinstance(one, dict) and "value" in one and one["value"] is not None:
                    what = f"{key.replace('_', ' ')} {member}".strip()
                    shown = Cell(with_error(one["value"], one["error"]), one["value"])
                    rows.append([name, entry["kind"], entry["jets"], what, shown])
        if "confusion" in entry:
            drawn.append(confusion(name, entry["confusion"], output.classes))
        if entry["kind"] == "regression" and entry["jets"]:
            chosen = np.flatnonzero(test.targets[name].weight > 0)
            true = test.targets[name].value[chosen].astype(np.float64)
            if output.relative_to:
                true = true * positive_column(name, output.relative_to, test.jets.take(chosen), chosen >= 0)
            unit = UNITS.get(output.column, "")
            drawn += response(name, true, found[name][chosen, 0].astype(np.float64), unit)
    head = ["output", "kind", "jets with it", "quantity", "value"]
    return Section("Outputs", table(head, rows) + plots(*drawn))


def importance(drops: Mapping[str, tuple[float, float]], jets: int) -> Section:
    """What each input contributes.

    Args:
        drops: from :func:`e2e_tf.training.importance.permutation_importance`.
        jets: of the test part that it was measured on.

    Returns:
        The section.
    """
    ranked = sorted(drops.items(), key=lambda item: -item[1][0])
    rows = [
        (
            name,
            Cell(with_error(*drop), drop[0]),
            Cell(f"{drop[0] / drop[1]:.1f}", drop[0] / drop[1]) if drop[1] else None,
        )
        for name, drop in ranked
    ]
    note = (
        f"<p class='dim'>An input is shuffled among {jets} test jets, and the AUC is taken again. What another input "
        "says as well loses nothing; errors are those of the difference.</p>"
    )
    return Section(
        "Importance of inputs",
        note + plots(importances(drops, "AUC")) + table(["input", "loss of AUC", "loss / error"], rows),
    )


def provenance(run: Run) -> Section:
    """Where the numbers come from: data, versions, seeds.

    Args:
        run: the run.

    Returns:
        The section.
    """
    known = run.provenance
    source = known.get("data", {})
    entries = [(name, source[name]) for name in ("sample", "file", "sha256") if name in source]
    entries += [(name, known[name]) for name in ("seed", "best_epoch", "parameters") if name in known]
    entries += [(f"version of {name}", value) for name, value in known.get("versions", {}).items()]
    return Section("Provenance", facts(entries) + details("provenance.json", _text(known, indent=1)))


def _text(value: Any, indent: int | None = None) -> str:
    import json

    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, indent=indent)
    return "" if value is None else str(value)
