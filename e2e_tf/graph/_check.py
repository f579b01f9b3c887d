"""Checks of arguments that every graph builder shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = [
    "Period",
    "as_counts",
    "as_offsets",
    "as_period",
    "as_points",
    "edges_per_graph",
    "larger",
    "order_by_graph",
]

Period = float | Sequence[float | None] | None


def as_counts(n_node: Any, rows: int | None = None, what: str = "points", name: str = "n_node") -> np.ndarray:
    """Counts of nodes or edges as int64 (B,).

    Args:
        n_node: integers (B,).
        rows: what they must add up to; None for any sum.
        what: what the rows are, for the message.
        name: of the argument, for the message.

    Returns:
        int64 (B,).

    Raises:
        InputError: not integers of rank 1, one is negative, or they do not add up to ``rows``.
    """
    counts = np.asarray(n_node)
    if counts.ndim != 1 or (counts.size and not np.issubdtype(counts.dtype, np.integer)):
        raise InputError(
            f"{name} must be integers of rank 1, one per graph, got {counts.dtype} with shape {counts.shape}"
        )
    counts = counts.astype(np.int64)
    if counts.size and counts.min() < 0:
        raise InputError(f"{name} must not be negative, got {counts.min()} for graph {counts.argmin()}")
    if rows is not None and counts.sum() != rows:
        raise InputError(f"{name} must add up to the rows of {what}, {rows}, got a sum of {counts.sum()}")
    return counts


def as_offsets(counts: np.ndarray) -> np.ndarray:
    """Where the rows of each graph begin and end.

    Args:
        counts: integers (B,).

    Returns:
        int64 (B + 1,): rows ``offsets[i]:offsets[i + 1]`` belong to graph ``i``.
    """
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def as_points(points: Any, name: str = "points") -> np.ndarray:
    """Coordinates as float32 (n, D), C order.

    Args:
        points: numbers (n, D), D >= 1.
        name: of the argument, for the message.

    Returns:
        float32 (n, D).

    Raises:
        InputError: not numbers of this shape, or one is not finite in float32.
    """
    array = np.asarray(points)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu":
        raise InputError(
            f"{name} must be numbers of shape (n, D) with D >= 1, got {array.dtype} with shape {array.shape}"
        )
    with np.errstate(over="ignore"):  # what does not fit becomes infinite and is refused
        array = np.ascontiguousarray(array, np.float32)
    finite = np.isfinite(array)
    if not finite.all():
        raise InputError(
            f"{name} must be finite, got {array[~finite][0]} in row {np.argwhere(~finite)[0, 0]}"
        )
    return array


def as_period(period: Period, dimensions: int) -> np.ndarray:
    """Lengths at which coordinates wrap.

    Args:
        period: one length for all dimensions, one (or None) per dimension, or None for no wrap.
        dimensions: D.

    Returns:
        float64 (D,), 0 where a dimension does not wrap.

    Raises:
        InputError: the number of lengths is not D, or one is not positive and finite.
    """
    if period is None:
        return np.zeros(dimensions)
    values = [period] * dimensions if isinstance(period, int | float) else list(period)
    if len(values) != dimensions:
        raise InputError(f"period must be one value or None per dimension ({dimensions}), got {len(values)}")
    result = np.array([0.0 if value is None else value for value in values], np.float64)
    wrong = ~np.isfinite(result) | (result < 0) | np.array([value == 0 for value in values], bool)
    if wrong.any():
        raise InputError(f"period must be positive and finite, or None for no wrap, got {values}")
    return result


def edges_per_graph(receivers: np.ndarray, n_node: np.ndarray) -> np.ndarray:
    """Number of edges of each graph, of edges that are sorted by receiver.

    Args:
        receivers: int32 (n_edges,), absolute node indices in ascending order.
        n_node: integers (B,), nodes of each graph.

    Returns:
        int32 (B,).
    """
    offsets = as_offsets(as_counts(n_node))
    return np.diff(np.searchsorted(receivers, offsets)).astype(np.int32)


def larger(ends: np.ndarray, used: int, needed: int) -> np.ndarray:
    """An array with more room for what a kernel has not found yet.

    Args:
        ends: (n, ...), of which the first ``used`` are filled.
        used: number of entries to keep.
        needed: number of entries for which there must be room.

    Returns:
        (m, ...), at least twice as long.
    """
    more = np.empty((max(2 * len(ends), needed), *ends.shape[1:]), ends.dtype)
    more[:used] = ends[:used]
    return more


def order_by_graph(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The order that sorts the values of each graph.

    Args:
        values: numbers (n,), graph after graph.
        sizes: integers (B,), how many belong to each graph.

    Returns:
        int64 (n,), of equal values in any order.
    """
    # Sorted, then stably by graph: with integers of 16 bits that is several times quicker than a sort by both.
    order = np.argsort(values)
    graph = np.repeat(np.arange(len(sizes), dtype=np.min_scalar_type(len(sizes))), sizes)
    return order[np.argsort(graph[order], kind="stable")]
