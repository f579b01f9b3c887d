"""Tensor helpers shared by the layers; every one exports to ONNX and takes the number of segments explicitly.

An empty segment gives 0 for sums and means. Nothing here is inferred from values or from the last id, so that
graphs without nodes and nodes without edges keep their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import tensorflow as tf

__all__ = [
    "block_index",
    "exporting",
    "from_blocks",
    "graph_ids",
    "is_exporting",
    "join_heads",
    "leaky_relu",
    "linear",
    "nearest",
    "node_mask",
    "propagate",
    "segment_max",
    "segment_sum",
    "split_heads",
    "take_nodes",
    "to_blocks",
]

Tensor = Any

_EXPORTING = ContextVar("exporting", default=False)


@contextmanager
def exporting() -> Iterator[None]:
    """What is traced inside is for inference in other runtimes only.

    Layers then take the form with the fewest operations, where TensorFlow's gradient wants another one. The
    numbers are the same but for rounding.
    """
    token = _EXPORTING.set(True)
    try:
        yield
    finally:
        _EXPORTING.reset(token)


def is_exporting() -> bool:
    """Inside :func:`exporting`."""
    return _EXPORTING.get()


def linear(x: Tensor, kernel: Tensor) -> Tensor:
    """Product of the last axis of ``x`` (..., F) with ``kernel`` (F, C), as one matrix product.

    TensorFlow multiplies a batch by a matrix batch entry by batch entry, and its gradient holds one (F, C)
    matrix per entry before it sums them; flat, both passes take about two thirds of the time.
    """
    kernel = tf.cast(kernel, x.dtype)
    if len(x.shape) == 2:
        return tf.matmul(x, kernel)
    flat = tf.matmul(tf.reshape(x, (-1, kernel.shape[0])), kernel)
    lead = [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape[:-1])]
    return tf.reshape(flat, [*lead, kernel.shape[1]])


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """``x`` where positive, else ``slope * x`` with 0 < slope < 1, as a maximum.

    On a CPU TensorFlow is quicker at the maximum than at LeakyRelu, but quicker at the gradient of LeakyRelu
    than at that of the maximum, so each pass takes the better one.
    """

    @tf.custom_gradient
    def call(values: Tensor) -> Any:
        def gradient(upstream: Tensor) -> Tensor:
            return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=values, alpha=slope)

        return tf.maximum(values, tf.cast(slope, values.dtype) * values), gradient

    return call(x)


def segment_sum(values: Tensor, segment: Tensor, n_segments: Tensor) -> Tensor:
    """Sum of the rows of each segment.

    Args:
        values: (n, ...).
        segment: int (n,), the segment of each row, in any order.
        n_segments: scalar int.

    Returns:
        (n_segments, ...), 0 for an empty segment.
    """
    shape = tf.concat([[n_segments], tf.shape(values)[1:]], axis=0)
    # Exports to one ScatterND with reduction; unsorted_segment_sum becomes 22 nodes with TopK and Unique.
    return tf.tensor_scatter_nd_add(tf.zeros(shape, values.dtype), segment[:, None], values)


def segment_max(values: Tensor, segment: Tensor, n_segments: Tensor, empty: float) -> Tensor:
    """Maximum of the rows of each segment, and ``empty`` where it has none (a lower bound of all values).

    Args and returns: as :func:`segment_sum`.
    """
    shape = tf.concat([[n_segments], tf.shape(values)[1:]], axis=0)
    start = tf.fill(shape, tf.cast(empty, values.dtype))
    return tf.tensor_scatter_nd_max(start, segment[:, None], values)


def propagate(values: Tensor, senders: Tensor, receivers: Tensor, weights: Tensor | None) -> Tensor:
    """Product of a matrix, given as edges, with node features (n, F): each node sums what is sent to it."""
    message = tf.gather(values, senders)
    if weights is not None:
        message = message * tf.cast(weights, values.dtype)[:, None]
    return segment_sum(message, receivers, tf.shape(values)[0])


def graph_ids(n_node: Tensor, n_nodes: Tensor) -> Tensor:
    """int32 (n_nodes,): the graph of each node, from the counts int32 (B,)."""
    ends = tf.cumsum(n_node)
    return tf.reduce_sum(tf.cast(tf.range(n_nodes)[:, None] >= ends[None, :], tf.int32), axis=1)


def block_index(n_node: Tensor) -> tuple[Tensor, Tensor]:
    """Where the slots of padded blocks lie in the flat node array.

    Args:
        n_node: int32 (B,).

    Returns:
        ``(index, mask)``, both (B, N) with N the largest count, at least 1: int32 rows of the flat array
        (n for an empty slot, one past the last), and True for a slot that holds a node.
    """
    start = tf.cumsum(n_node, exclusive=True)
    size = tf.maximum(tf.reduce_max(tf.concat([n_node, [1]], axis=0)), 1)
    slot = tf.range(size)
    mask = slot[None, :] < n_node[:, None]
    return tf.where(mask, start[:, None] + slot[None, :], tf.reduce_sum(n_node)), mask


def to_blocks(values: Tensor, index: Tensor) -> Tensor:
    """Rows (n, F) of the flat array on padded blocks (B, N, F), 0 in empty slots."""
    return tf.gather(tf.pad(values, [[0, 1], [0, 0]]), index)


def from_blocks(blocks: Tensor, n_node: Tensor) -> Tensor:
    """Rows (n, F) of padded blocks (B, N, F) in the flat order; the inverse of :func:`to_blocks`."""
    size = tf.shape(blocks)[1]
    graph = graph_ids(n_node, tf.reduce_sum(n_node))
    start = tf.cumsum(n_node, exclusive=True)
    node = tf.range(tf.shape(graph)[0]) - tf.gather(start, graph)
    return tf.gather(tf.reshape(blocks, (-1, blocks.shape[-1])), graph * size + node)


def node_mask(members: Tensor, dtype: Any) -> tuple[Tensor, Tensor]:
    """``(mask, count)`` of padded blocks: 1 for a node (B, N), and the nodes of each graph, int32 (B,)."""
    # Counted in float32: bfloat16 counts to 256 only.
    count = tf.cast(tf.reduce_sum(tf.cast(members, tf.float32), axis=1), tf.int32)
    return tf.cast(members, dtype), count


def split_heads(values: Tensor, heads: int) -> Tensor:
    """(B, N, heads * C) as (B, heads, N, C)."""
    if heads == 1:
        # tf2onnx makes a reshape of transposes that move an axis of 1, and gets its shape wrong.
        return values[:, None]
    shape = tf.shape(values)
    values = tf.reshape(values, [shape[0], shape[1], heads, values.shape[-1] // heads])
    return tf.transpose(values, (0, 2, 1, 3))


def join_heads(values: Tensor) -> Tensor:
    """(B, heads, N, C) as (B, N, heads * C)."""
    heads, channels = values.shape[1], values.shape[-1]
    if heads == 1:
        return tf.squeeze(values, axis=1)
    values = tf.transpose(values, (0, 2, 1, 3))
    shape = tf.shape(values)
    return tf.reshape(values, [shape[0], shape[1], heads * channels])


def nearest(points: Tensor, mask: Tensor, k: int, loops: bool) -> tuple[Tensor, Tensor]:
    """The ``k`` nearest nodes of each node, within its graph.

    Args:
        points: (B, N, D).
        mask: (B, N), 1 for a node; nodes come first in each block.
        k: neighbours of a node, fewer where the graph has fewer.
        loops: a node is its own neighbour, the nearest.

    Returns:
        ``(index, valid)``, both (B, N, min(k, N)): int32 slots in the block, and bool, True for a neighbour.
        Of equally distant nodes the one of lower index comes first.
    """
    points = tf.cast(points, tf.float32) if points.dtype != tf.float64 else points
    size = points.shape[1] if points.shape[1] is not None else tf.shape(points)[1]
    _, count = node_mask(mask, points.dtype)
    slot = tf.range(size)
    present = slot[None, :] < count[:, None]
    if points.shape[-1] <= _DIRECT:
        # A column at a time, so that no (B, N, N, D) array is held.
        columns = tf.unstack(points, axis=-1)
        squares = [tf.math.squared_difference(c[:, :, None], c[:, None, :]) for c in columns]
        distance = tf.add_n(squares)
    else:
        # |x - y|² = |x|² + |y|² - 2 xy loses digits far from the origin, so the origin is the graph's mean.
        weight = tf.cast(present, points.dtype)[:, :, None]
        centre = tf.reduce_sum(points * weight, axis=1, keepdims=True)
        points = points - centre / tf.maximum(tf.reduce_sum(weight, axis=1, keepdims=True), 1)
        norm = tf.reduce_sum(tf.square(points), axis=-1)
        product = tf.matmul(points, points, transpose_b=True)
        distance = norm[:, :, None] + norm[:, None, :] - 2.0 * product
    same = slot[:, None] == slot[None, :]
    worst = points.dtype.max
    distance = tf.where(same, tf.constant(-1.0 if loops else worst, points.dtype), distance)
    distance = tf.where(present[:, None, :], distance, tf.constant(worst, points.dtype))
    # The node itself, when it is no neighbour, sorts before empty slots or after them; either way it comes
    # after the other nodes, and the count says how many of those there are.
    width = min(k, size) if isinstance(size, int) else tf.minimum(k, size)
    index = tf.math.top_k(-distance, width).indices
    others = count if loops else count - 1
    valid = present[:, :, None] & (tf.range(width)[None, None, :] < others[:, None, None])
    return index, valid


def take_nodes(values: Tensor, index: Tensor) -> Tensor:
    """Rows of each block: (B, N, F) at slots (B, N, k) gives (B, N, k, F)."""
    size = tf.shape(values)[1]
    first = tf.range(tf.shape(values)[0]) * size
    return tf.gather(tf.reshape(values, (-1, values.shape[-1])), first[:, None, None] + index)


_DIRECT = 4  # dimensions up to which squared differences are summed one by one
