from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.padding import batch_cuts, pad_batch, padded_size
from e2e_tf.graph import GraphBatch


@pytest.mark.parametrize(
    ("size", "expected"), [(0, 0), (1, 1), (7, 7), (15, 15), (16, 16), (17, 18), (100, 104), (9000, 9216)]
)
def test_padded_sizes_by_hand(size, expected):
    assert padded_size(size) == expected


def test_padded_sizes_are_few_and_close():
    sizes = {padded_size(n) for n in range(1000, 16000)}
    assert len(sizes) <= 8 * 5
    assert all(n <= padded_size(n) <= 1.125 * n for n in range(16, 5000))


def test_padding_comes_after_the_batch(make_jets):
    batch = build_graphs(make_jets(20, empty=(3, -1)), GraphRecipe(edges="knn:4")).batch
    padded = pad_batch(batch, 24)
    padded.check()
    assert padded.n_graph == 24 + 3
    assert len(padded.x) == padded_size(len(batch.x) + 1)
    assert len(padded.senders) == padded_size(len(batch.senders))
    real = padded.take(np.arange(20))
    for name in ("x", "senders", "receivers", "n_node", "n_edge", "u"):
        np.testing.assert_array_equal(getattr(real, name), getattr(batch, name))
    assert padded.n_node[20:24].tolist() == [0] * 4
    assert np.all(padded.senders[len(batch.senders) :] >= len(batch.x))
    assert not padded.x[len(batch.x) :].any()


def test_padding_nothing():
    nothing = GraphBatch(
        x=np.zeros((0, 2), np.float32),
        senders=np.zeros(0, np.int32),
        receivers=np.zeros(0, np.int32),
        n_node=np.zeros(0, np.int32),
        n_edge=np.zeros(0, np.int32),
    )
    padded = pad_batch(nothing)
    padded.check()
    assert (len(padded.x), padded.n_graph) == (1, 2)


def test_batches_end_before_they_have_too_many_graphs_or_nodes():
    assert batch_cuts(np.array([3, 3, 3, 9, 1, 1, 1, 1]), 3, 7) == [2, 3, 4, 7]
    assert batch_cuts(np.array([], np.int64), 3, 7) == []
