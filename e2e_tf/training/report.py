"""The table of a run's metrics on the terminal."""

from __future__ import annotations

from typing import Any

from e2e_tf.terminal import output, with_error, with_interval

__all__ = ["metrics_table"]


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
    weighting = (
        "background weighted to the signal's pT spectrum" if metrics["pt_reweighted"] else "classes balanced"
    )
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
            cells = ["-"] * (1 + len(first["overall"]["rejection"]))
            if part["auc"] is not None:
                cells = [with_error(part["auc"]["value"], part["auc"]["error"])]
                cells += [with_interval(entry) for entry in part["rejection"]]
            table.add_row(name if i == 0 else "", where, *cells, end_section=i == len(rows) - 1)
    output().print(table)


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
