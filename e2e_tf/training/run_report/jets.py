"""The best and the worst jets of each class."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.data.features import UNITS
from e2e_tf.data.held import held_graphs
from e2e_tf.page import Cell, Section, table
from e2e_tf.training.display import display_html, drawn_jets
from e2e_tf.training.prepare import Prepared

__all__ = ["best_and_worst", "examples"]

_EACH = 3  # jets of each class at each end


def best_and_worst(label: np.ndarray, score: np.ndarray, each: int = _EACH) -> list[tuple[str, int]]:
    """Jets that are taken for what they are most surely, and those that are taken for the other class.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,).
        each: of each class at each end.

    Returns:
        What they are and their rows, those of the signal first.
    """
    found = []
    for value, name in ((1, "signal"), (0, "background")):
        rows = np.flatnonzero(label == value)
        ranked = rows[np.argsort(score[rows] * (1 if value else -1), kind="stable")]  # the worst first
        best, worst = ranked[::-1][:each], ranked[: min(each, max(len(ranked) - each, 0))]
        found += [(f"best {name}", int(row)) for row in best]
        found += [(f"worst {name}", int(row)) for row in worst]
    return found


def examples(prepared: Prepared, score: np.ndarray) -> Section:
    """The best and the worst jets of the test part, in a table and, where nodes have places, drawn.

    Args:
        prepared: the data of the run.
        score: float (n,) of the test part.

    Returns:
        The section.
    """
    test, preprocess = prepared.test, prepared.preprocess
    chosen = best_and_worst(test.label, score)
    rows = np.array([row for _, row in chosen], int)
    jets = test.jets.take(rows)
    columns = {**jets.columns, **jets.truth}
    columns = {name: column for name, column in columns.items() if name not in ("ieta", "iphi")}
    head = ["", "score", "event", "nodes", *(f"{n} [{UNITS[n]}]" if UNITS.get(n) else n for n in columns)]
    lines: list[list[Any]] = []
    for i, (what, row) in enumerate(chosen):
        line = [what, Cell(f"{score[row]:.5f}", float(score[row])), int(jets.event[i])]
        lines.append(
            [*line, int(test.graphs.batch.n_node[row]), *(column[i].item() for column in columns.values())]
        )
    shown = ""
    _, graphs = held_graphs(test.graphs.take(rows))
    if preprocess.nodes != "pixels" and not np.isnan(graphs.positions).any():
        titles = [f"{what}, score {score[row]:.4f}" for what, row in chosen]
        facts = [
            ", ".join(
                f"{name} {jets[name][i]:.3g} {UNITS.get(name, '')}".strip()
                for name in jets.columns
                if name in UNITS
            )
            for i in range(len(rows))
        ]
        shown = display_html(drawn_jets(jets, preprocess), titles, facts)
    return Section("Best and worst jets", table(head, lines) + shown)
