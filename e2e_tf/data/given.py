"""Graphs as they are given to a loader: pairs of arrays, graphs of Spektral with their labels, or a finished batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from e2e_tf.data.levels import Levels
from e2e_tf.errors import InputError
from e2e_tf.graph import from_spektral_graphs

__all__ = ["as_batch", "as_columns"]


def as_batch(graphs: Any, label: Any, level: Any = None, weight: Any = None) -> tuple[Any, Any, Any]:
    """One batch of graphs that are given one by one, with their labels and weights.

    Args:
        graphs: ``(x, a)`` or ``(x, a, e)`` of each graph, or graphs of Spektral, also a data set in mixed mode
            (:func:`e2e_tf.graph.from_spektral_graphs` says what ``a`` and ``e`` may be); or anything that has graphs in
            one piece, which stays as it is.
        label: labels, or labels by name; None takes those of the graphs, ``y``, if all of them have it. Those of edges
            are in the order of ``e``, graph by graph, one for each entry of ``a`` that is not zero.
        level: ``graph``, ``node`` or ``edge``, what labels belong to, or by name; None tells it from their length.
        weight: of the labels, in their order.

    Returns:
        The batch, the labels and the weights; those of edges in the order of the edges of the batch.

    Raises:
        InputError: an entry is none of these, ``y`` fits neither graphs nor nodes nor edges, or several of them, or
            there are labels of edges and ``a`` is in another order than ``e`` would be.
    """
    if hasattr(graphs, "n_graph"):
        return graphs, label, weight
    if not isinstance(graphs, Iterable):
        raise InputError(
            f"graphs must be a GraphBatch, a store, or a list of (x, a) or of Spektral graphs, not "
            f"{type(graphs).__name__}"
        )
    entries = [_entry(position, one) for position, one in enumerate(graphs)]
    shared = getattr(graphs, "a", None)
    batch = from_spektral_graphs(entries, shared)
    try:
        if label is None:
            label, level = _own_labels(batch, entries, level)
            if label is None:
                return batch, None, weight
        levels = Levels(batch.n_node, batch.n_edge).level_by_name(label, weight, level)
    except InputError as error:
        stored = sum(_stored(one.a if shared is None else shared) for one in entries)
        zeros = stored - int(batch.n_edge.sum())
        if not zeros or stored not in _rows(label, entries):
            raise
        raise InputError(
            f"{error}; a stores {zeros} zeros, which are no edges and have no labels: call its eliminate_zeros() "
            "before labels are made"
        ) from error
    if "edge" not in levels.values():
        return batch, label, weight
    order = _order_of_edges(batch, entries, shared)
    if isinstance(label, Mapping):
        weights = weight if isinstance(weight, Mapping) else dict.fromkeys(label, weight)
        edges = [name for name, of in levels.items() if of == "edge"]
        label = {**label, **{name: np.asarray(label[name])[order] for name in edges}}
        sorted_ = {name: np.asarray(weights[name])[order] for name in edges if weights.get(name) is not None}
        return batch, label, None if weight is None else {**weights, **sorted_}
    return batch, np.asarray(label)[order], None if weight is None else np.asarray(weight)[order]


def _own_labels(batch: Any, entries: Sequence[Any], level: Any) -> tuple[Any, Any]:
    """The labels ``y`` of graphs, graph by graph, and their level; None where there are none."""
    labels = [getattr(one, "y", None) for one in entries]
    there = sum(y is not None for y in labels)
    if there not in (0, len(labels)):
        raise InputError(f"y must be there for all graphs or none, {there} of {len(labels)} have it")
    if not there:
        return None, level
    if isinstance(level, Mapping):
        raise InputError("labels y of graphs have no names: give level as one of 'graph', 'node' and 'edge'")
    values = [np.asarray(y) for y in labels]
    level = level or _level(batch, values)
    if level == "graph":
        return np.stack([np.atleast_1d(y) for y in values]), level
    return np.concatenate([as_columns(np.atleast_1d(y)) for y in values]), level


def _order_of_edges(batch: Any, entries: Sequence[Any], shared: Any) -> np.ndarray:
    """int64 (n_edges,): of each edge of a batch, its place among those of all graphs in row-major order."""
    counts = batch.n_edge.astype(np.int64)
    numbered = [
        SimpleNamespace(x=one.x, a=one.a, e=np.arange(count)[:, None])
        for one, count in zip(entries, counts, strict=True)
    ]
    place = from_spektral_graphs(numbered, shared).edge_features
    assert place is not None
    return place[:, 0].astype(np.int64) + np.repeat(np.cumsum(counts) - counts, counts)


def _stored(a: Any) -> int:
    """Entries of an adjacency, of a sparse one with the zeros that it stores."""
    if hasattr(a, "dense_shape"):  # a tf.SparseTensor
        return len(a.values)
    return int(a.nnz if hasattr(a, "nnz") else np.count_nonzero(a)) if a is not None else 0


def _rows(label: Any, entries: Sequence[Any]) -> set[int]:
    """How many rows labels have, given together or with the graphs."""
    if label is None:
        return {sum(np.size(y) and len(np.atleast_1d(y)) for y in (getattr(one, "y", ()) for one in entries))}
    return {len(values) for values in (label.values() if isinstance(label, Mapping) else [label])}


def as_columns(values: np.ndarray) -> np.ndarray:
    """Labels with one row each, also if there are none.

    Args:
        values: (n,) or (n, ...).

    Returns:
        (n, k).
    """
    return values.reshape(len(values), int(np.prod(values.shape[1:])))


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
