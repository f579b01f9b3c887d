"""The table of a run's metrics on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e_tf.terminal import output, with_error, with_interval

__all__ = ["absent_class", "metrics_table", "reweighted_where"]


def metrics_table(metrics: dict[str, Any]) -> None:
    """ROC-AUC and background rejection of every classifier, overall and in pT bins; then the outputs.

    Args:
        metrics: what :func:`e2e_tf.training.evaluate.evaluate` returns.
    """
    from rich.table import Table

    if metrics.get("outputs"):
        _outputs_table(metrics)
    if not metrics["classifiers"]:
        return
    weighting = "classes balanced"
    if metrics["pt_reweighted"]:
        weighting = f"background weighted to the signal's pT spectrum{reweighted_where(metrics)}"
    table = Table(title=f"Test part, {metrics['jets']['test']} jets, {weighting}", title_justify="left")
    table.add_column("classifier")
    table.add_column("jet pT [GeV]")
    table.add_column("ROC-AUC", justify="right")
    first = next(iter(metrics["classifiers"].values()))
    for entry in first["overall"]["rejection"]:
        table.add_column(f"1/ε_B at {entry['efficiency']:.0%}", justify="right")
    for name, found in metrics["classifiers"].items():
        rows = [("all", found["overall"])]
        rows += [(f"{part['low']:g}-{part['high']:g}", part) for part in found["pt_bins"]]
        for i, (where, part) in enumerate(rows):
            cells = [absent_class(part)] + ["-"] * len(first["overall"]["rejection"])
            if part["auc"] is not None:
                cells = [with_error(part["auc"]["value"], part["auc"]["error"])]
                cells += [with_interval(entry) for entry in part["rejection"]]
            table.add_row(name if i == 0 else "", where, *cells, end_section=i == len(rows) - 1)
    output().print(table)


def absent_class(part: Mapping[str, Any]) -> str:
    """Why a bin of pT has no ROC-AUC.

    Args:
        part: an entry of ``pt_bins`` in the metrics of a classifier.

    Returns:
        ``no background``, ``no signal``, ``no jets``, or ``-`` for another reason.
    """
    absent = tuple(name for name in ("signal", "background") if part[name] == 0)
    return {("signal",): "no signal", ("background",): "no background", (): "-"}.get(absent, "no jets")


def reweighted_where(metrics: Mapping[str, Any]) -> str:
    """What to add to the words that the background has the signal's pT spectrum: no weight makes up for absent jets.

    Args:
        metrics: what :func:`e2e_tf.training.evaluate.evaluate` returns.

    Returns:
        Nothing, or ``, where it has jets`` if a bin of pT has signal and no background.
    """
    bins = next(iter(metrics["classifiers"].values()))["pt_bins"]
    return ", where it has jets" if any(part["signal"] and not part["background"] for part in bins) else ""


def _outputs_table(metrics: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(title=f"Outputs, test part, {metrics['jets']['test']} jets", title_justify="left")
    for column in ("output", "jets with it", "quantity", "value"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for name, entry in metrics["outputs"].items():
        rows = []
        for key, value in entry.items():
            if key == "auc" and entry["kind"] == "multiclass":
                rows += [(f"ROC-AUC of {member}", one) for member, one in value.items()]
            elif isinstance(value, dict):
                rows.append(("ROC-AUC" if key == "auc" else key.replace("_", " "), value))
        for i, (what, one) in enumerate(rows or [("", {"value": None, "error": None})]):
            text = "-" if one["value"] is None else with_error(one["value"], one["error"])
            first = (name, str(entry["jets"])) if i == 0 else ("", "")
            table.add_row(*first, what, text, end_section=i == len(rows) - 1)
    output().print(table)
