"""Graphs as they are given to a loader: pairs of arrays, graphs of Spektral with their labels, or a finished batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph import from_spektral_graphs

__all__ = ["as_batch"]


def as_batch(graphs: Any, label: Any, level: Any = None) -> tuple[Any, Any]:
    """One batch of graphs that are given one by one, and their labels.

    Args:
        graphs: ``(x, a)`` or ``(x, a, e)`` of each graph, or graphs of Spektral, also a data set in mixed mode
            (:func:`e2e_tf.graph.from_spektral_graphs` says what ``a`` and ``e`` may be); or anything that has graphs in
            one piece, which stays as it is.
        label: labels; None takes those of the graphs, ``y``, if all of them have it. Those of edges are in the order of
            ``e``.
        level: ``graph``, ``node`` or ``edge``, what ``y`` belongs to; None tells it from its length.

    Returns:
        The batch and the labels.

    Raises:
        InputError: an entry is none of these, or ``y`` fits neither graphs nor nodes nor edges, or several of them.
    """
    if hasattr(graphs, "n_graph"):
        return graphs, label
    if not isinstance(graphs, Iterable):
        raise InputError(
            f"graphs must be a GraphBatch, a store, or a list of (x, a) or of Spektral graphs, not "
            f"{type(graphs).__name__}"
        )
    entries = [_entry(position, one) for position, one in enumerate(graphs)]
    shared = getattr(graphs, "a", None)
    batch = from_spektral_graphs(entries, shared)
    if label is not None:
        return batch, label
    labels = [getattr(one, "y", None) for one in entries]
    there = sum(y is not None for y in labels)
    if there not in (0, len(labels)):
        raise InputError(f"y must be there for all graphs or none, {there} of {len(labels)} have it")
    if not there:
        return batch, None
    if isinstance(level, Mapping):
        raise InputError("labels y of graphs have no names: give level as one of 'graph', 'node' and 'edge'")
    values = [np.asarray(y) for y in labels]
    level = level or _level(batch, values)
    if level == "graph":
        return batch, np.stack([np.atleast_1d(y) for y in values])
    columns = [y.reshape(len(y), -1) if y.ndim else y.reshape(1, 1) for y in values]
    if level == "node":
        return batch, np.concatenate(columns)
    # Edges are sorted as their features are.
    of_edges = [SimpleNamespace(x=one.x, a=one.a, e=y) for one, y in zip(entries, columns, strict=True)]
    return batch, from_spektral_graphs(of_edges, shared).edge_features


def _entry(position: int, one: Any) -> Any:
    """A graph with attributes."""
    if hasattr(one, "x") and hasattr(one, "a"):
        return one
    if isinstance(one, Sequence) and len(one) in (2, 3):
        return SimpleNamespace(x=np.asarray(one[0]), a=one[1], e=one[2] if len(one) == 3 else None)
    raise InputError(
        f"graphs must be (x, a), (x, a, e) or graphs of Spektral, entry {position} is {type(one).__name__}"
    )


def _level(batch: Any, values: Sequence[np.ndarray]) -> str:
    """What the labels belong to, by their lengths."""
    lengths = np.array([len(y) if y.ndim else -1 for y in values])
    fits = [
        level
        for level, fit in (
            ("graph", len({y.shape for y in values}) == 1),
            ("node", np.array_equal(lengths, batch.n_node)),
            ("edge", np.array_equal(lengths, batch.n_edge)),
        )
        if fit
    ]
    if len(fits) != 1:
        shapes = ", ".join(str(y.shape) for y in values[:3])
        found = " and ".join(f"one per {level}" for level in fits) or "neither graphs nor nodes nor edges"
        raise InputError(
            f"labels y of shapes {shapes} fit {found}; say what they are with level='graph', 'node' or 'edge'"
        )
    return fits[0]
