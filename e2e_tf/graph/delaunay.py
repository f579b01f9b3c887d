"""The Delaunay graph, unique and exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import Period, as_counts, as_offsets, as_period, as_points, larger, order_by_graph

__all__ = ["DELAUNAY_RESOLUTION", "delaunay", "to_lattice"]

DELAUNAY_RESOLUTION = 2.0**-13  # rad when points are (η, φ): 143 lattice points to a crystal


def to_lattice(points: Any, resolution: float = DELAUNAY_RESOLUTION) -> np.ndarray:
    """Round points onto a square lattice: ``floor(x / resolution + 0.5)`` in float64, of float32 points.

    Args:
        points: (n, 2) positions.
        resolution: pitch of the lattice in the unit of ``points``.

    Returns:
        int64 (n, 2).

    Raises:
        InputError: ``points`` is not of shape (n, 2) or not finite, or ``resolution`` is not positive.
    """
    points = _plane(as_points(points))
    return _round(points.astype(np.float64), resolution)


def _plane(points: np.ndarray) -> np.ndarray:
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"points must have shape (n, 2), Delaunay graphs are planar, got {points.shape}")
    return points


def _round(points: np.ndarray, resolution: float) -> np.ndarray:
    if isinstance(resolution, bool) or not isinstance(resolution, int | float) or not 0 < resolution < np.inf:
        raise InputError(f"resolution must be a positive number, got {resolution!r}")
    with np.errstate(over="ignore"):
        scaled = np.floor(points / resolution + 0.5)
    if scaled.size and np.abs(scaled).max() > 2.0**53:
        raise InputError(
            f"points must be below 2^53 in units of resolution={resolution!r}, got {np.abs(points).max():.6g}"
        )
    return scaled.astype(np.int64)


def delaunay(
    points: Any, n_node: Any, *, period: Period = None, resolution: float = DELAUNAY_RESOLUTION
) -> tuple[np.ndarray, np.ndarray]:
    """Link two nodes where some circle through both has no node of their graph strictly inside.

    That is the union of all Delaunay triangulations, so it depends neither on the order of the nodes nor on
    how ties are broken: nodes on one empty circle are all linked to each other (a full pixel grid becomes the
    8-connected grid), nodes on one line to the next on either side. Nodes at the same place are linked to
    each other and to the same neighbours, which is what the definition says of them.

    Everything is decided in exact integer arithmetic. Integer ``points`` are taken as they are (crystal rows
    and columns); others are first rounded by :func:`to_lattice`.

    Args:
        points: (n, 2) positions: integers, or numbers in the unit of ``resolution``.
        n_node: integers (B,), nodes of each graph.
        period: length at which coordinates that are not integers wrap, see :func:`e2e_tf.graph.knn`; each
            graph is cut open at the widest gap between its nodes (of equal gaps: the one that holds the end
            of the range, else the lowest). Nodes on opposite sides of the cut are not linked across it.
        resolution: pitch of the lattice for points that are not integers. A graph that spans more than 2^15 lattice
            points in a dimension, 4 rad by default, has twice the pitch, or four times, until it fits.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), both directions of every edge, absolute node indices
        sorted by receiver, then sender.

    Raises:
        InputError: an argument has the wrong shape or type, a point is not finite, or a graph of integer points spans
            more than 2^15 = 32,768 of them in a dimension.
    """
    array = np.asarray(points)
    if array.dtype.kind in "iu":
        array = _plane(array)
        if array.size and (array.max() >= 2**53 or array.min() <= -(2**53)):
            raise InputError(f"points must be within 2^53 of zero, got {array.min()} to {array.max()}")
        lattice = array.astype(np.int64)
        offsets = as_offsets(as_counts(n_node, len(array)))
        if period is not None:
            raise InputError(f"period must be None for integer points, which do not wrap, got {period!r}")
    else:
        array = _plane(as_points(array))
        offsets = as_offsets(as_counts(n_node, len(array)))
        places = array.astype(np.float64)
        for dimension, length in enumerate(as_period(period, 2)):
            if length > 0:
                places[:, dimension] = _unwrapped(places[:, dimension], offsets, length)
        lattice = _fitted(places, offsets, resolution)
    return _linked(np.ascontiguousarray(lattice), offsets)


def _linked(lattice: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The edges of points on a lattice."""
    from e2e_tf.graph._kernels import delaunay as kernel

    size = int(np.diff(offsets).max(initial=0)) + 1
    work = np.empty((18, 6 * size), np.int64)
    pairs, lists = 8 * size, 16 * size
    senders, receivers = np.empty((2, max(16, 8 * len(lattice))), np.int32)
    state = np.zeros(5, np.int64)
    while True:
        found = kernel.delaunay(
            *(lattice, offsets, len(offsets) - 1, *work, *np.empty((2, pairs), np.int64), pairs),
            *(
                np.empty(2 * pairs, np.int64),
                np.empty(lists, np.int64),
                lists,
                senders,
                receivers,
                len(senders),
                state,
            ),
        )
        graph, used, *needed = state.tolist()
        if found == kernel.DONE:
            return senders[:used].copy(), receivers[:used].copy()
        if found == kernel.TOO_WIDE:
            span = np.ptp(lattice[offsets[graph] : offsets[graph + 1]], axis=0).tolist()
            raise InputError(
                f"points must span at most {kernel.MAX_SPAN} lattice points in each dimension of a graph; graph "
                f"{graph} spans {span}"
            )
        pairs, lists = (
            room if more <= room else max(2 * room, more)
            for room, more in ((pairs, needed[0]), (lists, needed[1]))
        )
        if needed[2] > len(senders):
            senders, receivers = (larger(ends, used, needed[2]) for ends in (senders, receivers))


def _unwrapped(values: np.ndarray, offsets: np.ndarray, period: float) -> np.ndarray:
    """Coordinates on a circle laid out on a line: the circle is cut at the widest gap between the points of a graph."""
    out = values.copy()
    outside = (out < -0.5 * period) | (out >= 0.5 * period)
    out[outside] -= period * np.floor(out[outside] / period + 0.5)
    if not len(out):
        return out
    sizes = np.diff(offsets)
    starts, counts = offsets[:-1][sizes > 0], sizes[sizes > 0]
    ordered = out[order_by_graph(out, sizes)]
    gaps = np.empty(len(out))  # before each point
    gaps[1:] = ordered[1:] - ordered[:-1]
    gaps[starts] = ordered[starts] + period - ordered[starts + counts - 1]
    widest = np.flatnonzero(gaps == np.repeat(np.maximum.reduceat(gaps, starts), counts))
    cuts = ordered[widest[np.searchsorted(widest, starts)]]
    out[out < np.repeat(cuts, counts)] += period
    return out


def _fitted(places: np.ndarray, offsets: np.ndarray, resolution: float) -> np.ndarray:
    """Lattice points, of graphs that are too wide on a coarser lattice.

    A soft track may curl to the far side of the detector: one such node must not end a job.
    """
    from e2e_tf.graph._kernels import delaunay as kernel

    lattice = _round(places, resolution)
    some = np.flatnonzero(np.diff(offsets) > 0)
    if not len(some):
        return lattice
    starts = offsets[some]
    spans = np.maximum.reduceat(lattice, starts) - np.minimum.reduceat(lattice, starts)
    for graph in some[spans.max(axis=1) > kernel.MAX_SPAN]:
        rows, pitch = slice(offsets[graph], offsets[graph + 1]), float(resolution)
        while np.ptp(lattice[rows], axis=0).max() > kernel.MAX_SPAN:
            pitch *= 2
            lattice[rows] = _round(places[rows], pitch)
    return lattice
