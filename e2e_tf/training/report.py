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
    """ROC-AUC and background rejection of every classifier, overall and in pT bins."""
    from rich.table import Table

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


def agreement_table(agreements: Sequence[Any]) -> bool:
    """Largest difference per runtime; True if all are within the tolerance."""
    from rich.table import Table

    from deploy.verify import TOLERANCE

    table = Table(title=f"Scores against Keras, tolerance {TOLERANCE:g}", title_justify="left")
    table.add_column("runtime")
    table.add_column("jets", justify="right")
    table.add_column("largest difference", justify="right")
    table.add_column("at nodes", justify="right")
    table.add_column("")
    for a in agreements:
        table.add_row(
            a.runtime, str(a.jets), f"{a.difference:.1e}", str(a.where), "agrees" if a.passed else "DIFFERS"
        )
    _console().print(table)
    return all(a.passed for a in agreements)
