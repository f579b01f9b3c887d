"""Pixels linked to the pixels around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import as_counts, as_offsets, larger, order_by_graph

__all__ = ["grid", "grid8"]


def grid(rows: int, columns: int, n_graph: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Link every pixel of full images to the up to eight pixels around it (the Moore neighbourhood).

    Args:
        rows: rows of an image.
        columns: columns of an image; pixel (row, column) is node ``row * columns + column``.
        n_graph: number of images.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), absolute node indices sorted by receiver, then sender.

    Raises:
        InputError: a number is not a positive integer (``n_graph`` may be 0).
    """
    for name, value, least in (("rows", rows, 1), ("columns", columns, 1), ("n_graph", n_graph, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name} must be an integer of at least {least}, got {value!r}")
    row, column = np.divmod(np.arange(rows * columns), columns)
    senders = np.empty((rows * columns, 8), np.int64)
    inside = np.empty((rows * columns, 8), bool)
    around = [(dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if (dr, dc) != (0, 0)]
    for slot, (dr, dc) in enumerate(around):
        senders[:, slot] = (row + dr) * columns + column + dc
        inside[:, slot] = (row + dr >= 0) & (row + dr < rows) & (column + dc >= 0) & (column + dc < columns)
    receivers = np.repeat(np.arange(rows * columns), inside.sum(axis=1))
    shift = np.arange(n_graph)[:, None] * (rows * columns)
    return (
        (senders[inside] + shift).reshape(-1).astype(np.int32),
        (receivers + shift).reshape(-1).astype(np.int32),
    )


def grid8(cells: Any, n_node: Any) -> tuple[np.ndarray, np.ndarray]:
    """Link pixels of sparse images that touch, sides or corners; nodes in the same pixel are linked too.

    Args:
        cells: integers (n, 2), row and column of each node.
        n_node: integers (B,), nodes of each graph.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), absolute node indices sorted by receiver, then sender.

    Raises:
        InputError: an argument has the wrong shape or type.
    """
    from e2e_tf.graph._kernels import grid as kernel

    array = np.asarray(cells)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise InputError(
            f"cells must be integers of shape (n, 2), got {array.dtype} with shape {array.shape}"
        )
    if array.size and np.abs(array.astype(np.int64)).max() >= 2**30:
        raise InputError(f"cells must be within 2^30 of zero, got {np.abs(array.astype(np.int64)).max()}")
    offsets = as_offsets(as_counts(n_node, len(array), "cells"))
    sizes = np.diff(offsets)
    keys = array[:, 0].astype(np.int64) * kernel.ROW + array[:, 1]
    order = order_by_graph(keys, sizes)
    senders, receivers = np.empty((2, max(16, 8 * len(array))), np.int32)
    state = np.zeros(3, np.int64)
    while True:
        kernel.grid8(
            *(keys, order, keys[order], offsets, len(sizes), state, len(senders), senders, receivers),
        )
        used, done = state[:2].tolist()
        if done == len(sizes):
            return senders[:used].copy(), receivers[:used].copy()
        senders, receivers = (larger(ends, used, used + int(sizes.max())) for ends in (senders, receivers))
