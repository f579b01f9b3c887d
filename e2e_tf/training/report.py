"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["agreement_table", "metrics_table", "say"]


def _console() -> Any:
    from rich.console import Console

    # Results go to standard output, at a fixed width where it is not a terminal.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


def say(text: str) -> None:
    """One line on standard output."""
    _console().print(text, soft_wrap=True)


def with_error(value: float, error: float | None, is_limit: bool = False) -> str:
    """A value with two digits of its error: 0.9512 ± 0.0046, 84 ± 11, or > 120."""
    if is_limit:
        return f"> {value:.0f}"
    if error is None or not error > 1e-6:
        return f"{value:.4g}"
    from math import floor, log10

    digits = max(0, 1 - floor(log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def metrics_table(metrics: dict[str, Any]) -> None:
    """ROC-AUC and background rejection of every classifier, overall and in pT bins; then the outputs."""
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
    for name, judged in metrics["classifiers"].items():
        rows = [("all", judged["overall"])]
        rows += [(f"{part['low']:g}-{part['high']:g}", part) for part in judged["pt_bins"]]
        for i, (where, part) in enumerate(rows):
            cells = ["-"] * (1 + len(first["overall"]["rejection"]))
            if part["auc"] is not None:
                cells = [with_error(part["auc"]["value"], part["auc"]["error"])]
                cells += [with_error(r["value"], r["error"], r["is_limit"]) for r in part["rejection"]]
            table.add_row(name if i == 0 else "", where, *cells, end_section=i == len(rows) - 1)
    _console().print(table)


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
    _console().print(table)


def agreement_table(agreements: Sequence[Any]) -> bool:
    """Largest difference per runtime; True if no runtime that must agree differs by more than its tolerance."""
    from rich.table import Table

    table = Table(title="Scores against Keras", title_justify="left")
    table.add_column("runtime")
    table.add_column("jets", justify="right")
    table.add_column("largest difference", justify="right")
    table.add_column("allowed", justify="right")
    table.add_column("at nodes", justify="right")
    table.add_column("")
    for a in agreements:
        found = ("-",) * 4
        if not a.missing:
            found = (str(a.jets), f"{a.difference:.1e}", f"{a.tolerance:g}", str(a.where))
        table.add_row(a.runtime, *found, a.verdict + ("" if a.required else " (reported only)"))
    _console().print(table)
    return not any(a.failed for a in agreements)
