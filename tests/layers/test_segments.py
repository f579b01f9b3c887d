from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from e2e_tf.layers.segments import graph_ids, propagate, segment_max, segment_softmax, segment_sum

VALUES = np.array([[1.0, -1.0], [2.0, 5.0], [4.0, -3.0]], np.float32)
SEGMENT = np.array([3, 0, 3])


def test_sum_and_maximum():
    np.testing.assert_array_equal(segment_sum(VALUES, SEGMENT, 5), [[2, 5], [0, 0], [0, 0], [5, -4], [0, 0]])
    found = segment_max(tf.constant(VALUES), SEGMENT, 5, -9.0)
    np.testing.assert_array_equal(found, [[2, 5], [-9, -9], [-9, -9], [4, -1], [-9, -9]])


def test_softmax():
    found = segment_softmax(tf.constant(VALUES), SEGMENT, 5)
    first = 1 / (1 + np.exp([3.0, -2.0]))
    np.testing.assert_allclose(found, [first, [1, 1], 1 - first], rtol=1e-6)


def test_softmax_of_any_numbers():
    logits = tf.constant([[1e4], [1e4 + 1], [-1e4], [tf.float32.min]])
    found = segment_softmax(logits, np.array([0, 0, 1, 1]), 2)[:, 0]
    np.testing.assert_allclose(found, [1 / (1 + np.e), np.e / (1 + np.e), 1, 0], rtol=1e-5)


def test_propagate_is_the_product_with_the_matrix():
    senders, receivers = np.array([0, 1, 1]), np.array([1, 2, 2])
    np.testing.assert_array_equal(propagate(VALUES, senders, receivers, None), [[0, 0], [1, -1], [4, 10]])
    weights = np.array([1.0, 2.0, 0.5])
    found = propagate(VALUES, senders, receivers, weights)
    np.testing.assert_array_equal(found, [[0, 0], [1, -1], [5, 12.5]])


@pytest.mark.parametrize("counts", [[2, 0, 1, 0], [0, 3], [0, 0], [], [5]])
def test_graphs_of_nodes(counts):
    found = graph_ids(tf.constant(counts, tf.int32), sum(counts))
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, np.repeat(np.arange(len(counts)), counts))
