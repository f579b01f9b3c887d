"""Random batches of graphs, and their comparison."""

from __future__ import annotations

import dataclasses

import numpy as np

from e2e_tf.graph import GraphBatch


def make(n_node, seed=0, edge_features=True, u=True):
    """Graphs with random directed edges, about half of all pairs."""
    rng = np.random.default_rng(seed)
    start = np.cumsum(n_node) - n_node
    ends = [np.empty((0, 2), int)]
    for first, n in zip(start, n_node, strict=True):
        ends.append(first + np.argwhere(rng.random((n, n)) < 0.5))
    ends = rng.permutation(np.concatenate(ends))
    return GraphBatch.from_edges(
        x=rng.normal(size=(sum(n_node), 3)),
        senders=ends[:, 0],
        receivers=ends[:, 1],
        n_node=np.array(n_node, int),
        # The features name the edge, so that any disorder shows.
        edge_features=ends.astype(np.float32) if edge_features else None,
        u=rng.normal(size=(len(n_node), 2)) if u else None,
    )


# Empty graphs at the start, in the middle and at the end, and one with a node but no edges.
N_NODE = [0, 3, 0, 0, 5, 1, 4, 0]


def assert_same(a, b):
    for field in dataclasses.fields(GraphBatch):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if left is None or right is None:
            assert left is right, field.name
        else:
            assert left.dtype == right.dtype, field.name
            np.testing.assert_array_equal(left, right, err_msg=field.name)
