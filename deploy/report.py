"""The table of agreements between runtimes on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e2e_tf.terminal import output

__all__ = ["agreement_document", "agreement_table", "closure_document", "closure_table"]


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


def closure_table(closure: Any) -> None:
    """Print the agreement of a CMSSW package's scores and the efficiencies of its working points.

    Args:
        closure: a :class:`e2e_tf.deploy.closure.Closure`.
    """
    from rich.table import Table

    agreement_table([closure.agreement])
    if not closure.efficiencies:
        return
    table = Table(title="Taus in events that pass", title_justify="left")
    table.add_column("working point")
    for name in ("package", "Python", "error", "of the training"):
        table.add_column(name, justify="right")
    table.add_column("")
    for point in closure.efficiencies:
        numbers = (point.found, point.expected, point.error, point.stated)
        verdict = "DIFFERS" if point.failed else "agrees"
        table.add_row(point.name, *(f"{number:.3f}" for number in numbers), verdict)
    output().print(table)


def closure_document(closure: Any) -> dict[str, Any]:
    """What :func:`closure_table` shows, for JSON.

    Args:
        closure: a :class:`e2e_tf.deploy.closure.Closure`.

    Returns:
        ``agrees``, ``module``, ``scores`` as in the manifest, and ``efficiencies``, an entry for each working point.
    """
    return {
        "agrees": not closure.failed,
        "module": closure.module,
        "scores": closure.agreement.to_dict(),
        "efficiencies": [
            {
                "name": point.name,
                "package": point.found,
                "python": point.expected,
                "error": point.error,
                "training": point.stated,
                "agrees": not point.failed,
            }
            for point in closure.efficiencies
        ],
    }
