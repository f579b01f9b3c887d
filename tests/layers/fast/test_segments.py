from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_graphs import EMPTY, STANDARD

from e2e_tf.layers import DisjointToBlocks
from e2e_tf.layers._fast.segments import sum_numbers
from e2e_tf.layers.plain import plain
from e2e_tf.layers.segments import segment_sum


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_numbers(dtype):
    values = tf.constant(np.random.default_rng(0).normal(size=9), dtype)
    segment = tf.constant([0, 2, 2, 5, 0, 1, 1, 1, 5])  # none in 3 and 4
    found = []
    for function in (sum_numbers, segment_sum):
        with tf.GradientTape() as tape:
            tape.watch(values)
            total = function(values, segment, 6)
            loss = tf.reduce_sum(total**3)
        found.append([total, tape.gradient(loss, values)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("graphs", [STANDARD, EMPTY])
def test_counts_of_edges(graphs, dtype):
    layer = DisjointToBlocks(dtype=dtype)
    inputs = [tf.constant(part) for part in (graphs.x, graphs.senders, graphs.receivers, graphs.n_node)]
    counted = layer(inputs)[1]
    assert counted.dtype == dtype
    np.testing.assert_array_equal(counted, graphs.dense())
    with plain(layer):
        np.testing.assert_array_equal(layer(inputs)[1], counted)
