"""The table of agreements between runtimes on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e2e_tf.terminal import output

__all__ = ["agreement_document", "agreement_table"]


def agreement_table(agreements: Sequence[Any]) -> bool:
    """Print the largest difference of every runtime.

    Args:
        agreements: of a validation.

    Returns:
        True if no runtime that must agree differs by more than its tolerance.
    """
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
            found = (str(a.jets), f"{a.difference:.1e}", f"{a.tolerance:.3g}", str(a.where))
        table.add_row(a.runtime, *found, a.verdict + ("" if a.required else " (reported only)"))
    output().print(table)
    return not any(a.failed for a in agreements)


def agreement_document(agreements: Sequence[Any]) -> dict[str, Any]:
    """What :func:`agreement_table` shows, for JSON.

    Args:
        agreements: of a validation.

    Returns:
        ``agrees``, false where the validation fails, and ``runtimes``, an entry each as in the manifest, with
        ``verdict``: ``agrees``, ``DIFFERS``, or why nothing was run.
    """
    return {
        "agrees": not any(a.failed for a in agreements),
        "runtimes": [{**a.to_dict(), "verdict": a.verdict} for a in agreements],
    }
