"""Targets of graphs, of nodes and of edges: which one an array belongs to, and its rows for some of the graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch

__all__ = ["LEVELS", "Levels"]

LEVELS = ("graph", "node", "edge")


class Levels:
    """How many rows each graph has at each level.

    Args:
        n_node: int (B,), nodes of each graph.
        n_edge: int (B,), edges of each graph.
    """

    def __init__(self, n_node: np.ndarray, n_edge: np.ndarray) -> None:
        self._counts = {"node": n_node, "edge": n_edge}
        self._starts = {
            level: np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
            for level, counts in self._counts.items()
        }
        self.total = {"graph": len(n_node), **{name: int(ends[-1]) for name, ends in self._starts.items()}}

    def find(self, what: str, values: np.ndarray, wanted: str | None = None) -> str:
        """The level that an array belongs to.

        Args:
            what: the array, for messages.
            values: one row per graph, node or edge.
            wanted: the level, where it is known; else the number of rows tells it, of graphs before nodes and edges.

        Returns:
            ``graph``, ``node`` or ``edge``.

        Raises:
            InputError: there is no such level, the array has another number of rows, or nodes and edges are equally
                many; or it holds what is no finite number.
        """
        if wanted is not None and wanted not in LEVELS:
            raise InputError(f"level must be one of {', '.join(LEVELS)}, not {wanted!r}")
        fits = [level for level in LEVELS if len(values) == self.total[level] and wanted in (None, level)]
        if not fits:
            more = [f"{level} ({self.total[level]})" for level in LEVELS[1:] if wanted is None]
            rest = f"; one per {' or '.join(more)} is accepted too" if more else ""
            level = wanted or "graph"
            raise InputError(
                f"{what} must have one entry per {level} ({self.total[level]}), it has {len(values)}{rest}"
            )
        if fits == ["node", "edge"]:
            raise InputError(
                f"{what} has one entry per node and one per edge ({len(values)}); say which with level='node' or 'edge'"
            )
        try:
            finite = np.isfinite(np.asarray(values, np.float32)).all()
        except (TypeError, ValueError) as error:
            raise InputError(f"{what} must be numbers, it has {np.asarray(values).dtype}") from error
        if not finite:
            raise InputError(f"{what} must be finite, it holds NaN or infinity")
        return fits[0]

    def rows(self, level: str, index: np.ndarray) -> np.ndarray:
        """int64: the rows of the given graphs in the given order.

        Args:
            level: ``graph``, ``node`` or ``edge``.
            index: int (k,), graphs.

        Returns:
            int64 (n,), rows of an array of that level.
        """
        if level == "graph":
            return index
        counts = self._counts[level][index].astype(np.int64)
        ends = np.cumsum(counts)
        return np.arange(counts.sum()) + np.repeat(self._starts[level][index] - (ends - counts), counts)

    def level_by_name(
        self, label: Any, weight: Any, wanted: str | Mapping[str, str] | None
    ) -> dict[str, str]:
        """The level of each label; a weight must be of the same.

        Args:
            label: an array, or arrays by name of the output.
            weight: likewise, or None.
            wanted: the level of all labels, or levels by name of the output; None tells them from the lengths.

        Returns:
            Levels by name; of one array under an empty name.

        Raises:
            InputError: as :meth:`find`, or ``wanted`` names an output that has no label.
        """
        labels = label if isinstance(label, Mapping) else {"": label}
        weights = weight if isinstance(weight, Mapping) else dict.fromkeys(labels, weight)
        by_name = wanted if isinstance(wanted, Mapping) else dict.fromkeys(labels, wanted)
        unknown = [name for name in by_name if name not in labels]
        if unknown:
            raise InputError(f"level names {unknown[0]!r}, which has no label; there are {', '.join(labels)}")
        found = {}
        for name, values in labels.items():
            of = f" of {name}" if name else ""
            found[name] = self.find(f"label{of}", values, by_name.get(name))
            if weights.get(name) is not None:
                self.find(f"weight{of}", weights[name], found[name])
        return found

    def take(self, values: Any, level: Mapping[str, str], index: np.ndarray) -> Any:
        """Labels or weights of the given graphs, each at its level.

        Args:
            values: an array, arrays by name, or None.
            level: from :meth:`level_by_name`.
            index: int (k,), graphs.

        Returns:
            What ``values`` is, of these graphs.
        """
        return _each(values, level, lambda part, name: part[self.rows(name, index)])

    @staticmethod
    def padded(values: Any, level: Mapping[str, str], batch: GraphBatch) -> Any:
        """Labels or weights with zeros behind them for the padding of a batch.

        Args:
            values: an array, arrays by name, or None.
            level: from :meth:`level_by_name`.
            batch: with its padding.

        Returns:
            What ``values`` is, with one row per graph, node or edge of the batch.
        """
        room = {"graph": batch.n_graph, "node": len(batch.x), "edge": len(batch.senders)}

        def longer(part: np.ndarray, name: str) -> np.ndarray:
            return np.concatenate([part, np.zeros((room[name] - len(part), *part.shape[1:]), np.float32)])

        return _each(values, level, longer)


def _each(values: Any, level: Mapping[str, str], change: Callable[[np.ndarray, str], np.ndarray]) -> Any:
    if isinstance(values, Mapping):
        return {name: change(part, level[name]) for name, part in values.items()}
    return None if values is None else change(values, level[""])
