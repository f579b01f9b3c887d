"""Sizes and padding of batches, so that few shapes occur and XLA compiles few programs."""

from __future__ import annotations

import numpy as np

from e2e_tf.graph import GraphBatch

__all__ = ["batch_cuts", "pad_batch", "padded_size"]


def padded_size(size: int) -> int:
    """A size rounded up to at most three bits after the leading one: eight sizes per factor of two.

    Args:
        size: a number of nodes, edges or graphs.

    Returns:
        The rounded size, at least ``size``.
    """
    step = 1 << max(0, int(size).bit_length() - 4)
    return -(-int(size) // step) * step


def batch_cuts(n_node: np.ndarray, batch_size: int, budget: int) -> list[int]:
    """Where a new batch begins, because it would have too many graphs or nodes.

    Args:
        n_node: integers (B,), nodes of each graph in order.
        batch_size: graphs of a batch at most.
        budget: nodes of a batch at most, unless one graph alone has more.

    Returns:
        The places between graphs.
    """
    cuts, start, nodes = [], 0, 0
    for position, count in enumerate(n_node.tolist()):
        if position > start and (position - start == batch_size or nodes + count > budget):
            cuts.append(position)
            start, nodes = position, 0
        nodes += count
    return cuts


def pad_batch(batch: GraphBatch, n_graph: int = 0) -> GraphBatch:
    """The batch with padding after it, so that few shapes occur and XLA compiles few programs.

    Nodes, edges and graphs are rounded up by :func:`padded_size`. The padding nodes are shared out among
    padding graphs, one for every eight graphs, so that none is much larger than the mean graph, which dense
    blocks would pay for; padding edges are loops on padding nodes. Real graphs come first and stay as they
    are; the others must get weight 0.

    Args:
        batch: the graphs.
        n_graph: make room for this many graphs even if the batch has fewer.

    Returns:
        The batch with padding nodes, edges and graphs at its end.
    """
    room = max(n_graph, batch.n_graph, 1)
    extra = -(-room // 8)
    empty = room - batch.n_graph
    n_node, n_edge = len(batch.x), len(batch.senders)
    # At least one padding node, or padding edges would have to join real ones.
    nodes = padded_size(n_node + 1) - n_node
    edges = padded_size(n_edge) - n_edge
    share = np.full(extra, nodes // extra, np.int32)
    share[: nodes % extra] += 1
    loops = n_node + np.sort(np.arange(edges, dtype=np.int32) % np.int32(nodes))
    loops = loops.astype(np.int32)
    per_graph = np.diff(np.searchsorted(loops, n_node + np.concatenate([[0], np.cumsum(share)])))

    def rows(values: np.ndarray | None, count: int) -> np.ndarray | None:
        if values is None:
            return None
        return np.concatenate([values, np.zeros((count, values.shape[1]), values.dtype)])

    x = rows(batch.x, nodes)
    assert x is not None  # a batch has node features
    return GraphBatch(
        x=x,
        senders=np.concatenate([batch.senders, loops]),
        receivers=np.concatenate([batch.receivers, loops]),
        n_node=np.concatenate([batch.n_node, np.zeros(empty, np.int32), share]),
        n_edge=np.concatenate([batch.n_edge, np.zeros(empty, np.int32), per_graph]).astype(np.int32),
        edge_features=rows(batch.edge_features, edges),
        u=rows(batch.u, empty + extra),
    )
