"""Dense adjacency matrices as the ErUm-Data (pd4ml) data sets define them, arXiv 2107.00656."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph.grid import grid
from e2e_tf.graph.knn import knn

__all__ = ["image_adjacency", "knn_adjacency", "mother_adjacency"]


def knn_adjacency(points: Any, mask: Any, k: int = 7, *, compat: bool = False) -> np.ndarray:
    """Adjacency of the k nearest neighbours in zero-padded clouds, with a diagonal of ones.

    With ``compat=True`` it is the matrix their reference models were trained on: padded points are at (0, 0),
    the jet axis, and are searched like real ones; of the k + 1 nearest the first is dropped as the point
    itself; rows and columns of padded points are then cleared and the matrix transposed. A real point
    therefore keeps between 0 and k real neighbours, and ``a @ x`` sums over the points that chose it, not
    over those it chose. Where points coincide, which of them is dropped is theirs by chance; here it is the
    one of lowest index.

    With ``compat=False`` only real points are searched and ``a[i, j]`` is 1 where j is one of the k nearest
    of i, so ``a @ x`` sums over a point and its neighbours; it is as asymmetric as nearness is.

    Args:
        points: numbers (B, N, D), such as Δη and Δφ [rad].
        mask: (B, N), not zero where a point is real.
        k: neighbours of a point.
        compat: reproduce their rule.

    Returns:
        int8 (B, N, N); rows and columns of padded points are zero.

    Raises:
        InputError: shapes disagree, ``k`` is not positive, or a real point is not finite.
    """
    points = np.asarray(points, np.float64)
    real = np.asarray(mask) != 0
    if points.ndim != 3 or real.shape != points.shape[:2]:
        raise InputError(
            f"points must have shape (B, N, D) and mask (B, N), got {points.shape} and {np.shape(mask)}"
        )
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k must be a positive integer, got {k!r}")
    if not np.isfinite(points[real]).all():
        raise InputError("points must be finite where mask is not zero, got NaN or infinity")
    size, n = real.shape
    adjacency = np.zeros((size, n, n), np.int8)
    if not compat:
        graph, slot = np.nonzero(real)
        senders, receivers = knn(points[real], real.sum(axis=1), k)
        adjacency[graph[receivers], slot[receivers], slot[senders]] = 1
        adjacency[graph, slot, slot] = 1
        return adjacency
    points = np.where(real[:, :, None], points, 0.0).astype(np.float32)  # their precision decides near ties
    diagonal = np.arange(n)
    for cloud in range(size):
        squares = (points[cloud] ** 2).sum(axis=1)
        distances = squares[:, None] - 2 * points[cloud] @ points[cloud].T + squares[None, :]
        nearest = np.argsort(distances, axis=1, kind="stable")[:, 1 : k + 1]
        adjacency[cloud, diagonal[:, None], nearest] = 1
    adjacency[:, diagonal, diagonal] = 1
    adjacency *= (real[:, :, None] & real[:, None, :]).astype(np.int8)
    return adjacency.transpose(0, 2, 1).copy()


def image_adjacency(rows: int, columns: int) -> np.ndarray:
    """Adjacency of an image's pixels, each linked to the up to eight around it, without loops.

    Args:
        rows: rows of the image.
        columns: columns of the image.

    Returns:
        int8 (rows * columns, rows * columns), symmetric; pixel (row, column) is ``row * columns + column``.

    Raises:
        InputError: a number is not a positive integer.
    """
    senders, receivers = grid(rows, columns)
    adjacency = np.zeros((rows * columns, rows * columns), np.int8)
    adjacency[receivers, senders] = 1
    return adjacency


def mother_adjacency(mothers: Any) -> np.ndarray:
    """Adjacency of decay trees: one-hot mothers plus the transpose, and a loop on particles with a mother.

    Args:
        mothers: integers (B, N), index of each particle's mother, -1 for none and for padding. A particle may
            be given as its own mother, which adds nothing to its loop.

    Returns:
        int8 (B, N, N) of zeros and ones, symmetric. A particle without a mother has no loop, a root with
        daughters neither.

    Raises:
        InputError: ``mothers`` is not of integers (B, N), or an index is out of range.
    """
    array = np.asarray(mothers)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise InputError(
            f"mothers must be integers of shape (B, N), got {array.dtype} with shape {array.shape}"
        )
    array = array.astype(np.int64)
    size, n = array.shape
    if array.size and (array.min() < -1 or array.max() >= n):
        raise InputError(f"mothers must be from -1 to {n - 1}, got {array.min()} to {array.max()}")
    adjacency = np.zeros((size, n, n), np.int8)
    graph, daughter = np.nonzero(array >= 0)
    mother = array[graph, daughter]
    adjacency[graph, daughter, mother] = 1
    adjacency[graph, mother, daughter] = 1
    adjacency[graph, daughter, daughter] = 1
    return adjacency
