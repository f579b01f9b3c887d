from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from references import softmax

from e2e_tf import InputError
from e2e_tf.layers.adjacency import (
    add_self_loops,
    as_edges,
    attention_bias,
    check_graph,
    check_members,
    masked_softmax,
    number,
    positive,
    self_loops,
)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("far", [0.0, -6e4, 6e4])
def test_no_logit_is_below_a_masked_one(dtype, far):
    # Three edges, one of them double, and two pairs without an edge whose logits are the largest.
    logits = tf.constant([[far, far - 512, far - 1024, 6e4, 6e4]], dtype)
    a = tf.constant([[1.0, 2.0, 1.0, 0.0, 0.0]], dtype)
    found = masked_softmax(logits, attention_bias(a, logits.dtype))
    assert found.dtype == dtype
    kept = np.array(tf.cast(logits, tf.float64))[0, :3] + np.log([1, 2, 1])
    np.testing.assert_allclose(np.array(tf.cast(found, tf.float64))[0], [*softmax(kept), 0, 0], atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_multiplicities_weigh_and_a_row_without_edges_is_finite(dtype):
    bias = attention_bias(tf.constant([[1.0, 3.0], [0.0, 0.0]], dtype), tf.as_dtype(dtype))
    found = masked_softmax(tf.zeros((2, 2), dtype), bias)
    np.testing.assert_allclose(found[0], [0.25, 0.75], rtol=1e-6 if dtype != "float16" else 1e-3)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_self_loops(dtype):
    a = tf.constant([[[3.0, 1.0], [0.0, 0.0]]], dtype)
    for count in (1, 0, 0.1):
        found = self_loops(a, count)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, np.array([[[count, 1], [0, count]]], dtype))
    senders, receivers, keep = (np.array(t) for t in add_self_loops(np.array([0, 1]), np.array([0, 0]), 3))
    kept = sorted(zip(senders[keep].tolist(), receivers[keep].tolist(), strict=True))
    assert kept == [(0, 0), (1, 0), (1, 1), (2, 2)]


def test_rows_of_a_sparse_matrix():
    matrix = tf.SparseTensor([[0, 2], [1, 0]], [5.0, 6.0], (3, 3))
    for rows, senders, receivers in (("senders", [0, 1], [2, 0]), ("receivers", [2, 0], [0, 1])):
        found = as_edges(matrix, rows)
        for part, expected in zip(found, (senders, receivers, [5, 6]), strict=True):
            np.testing.assert_array_equal(part, expected)


def test_errors():
    x, blocks = tf.zeros((2, 3, 4)), tf.zeros((2, 3, 3))
    assert check_graph(x, blocks)
    assert not check_graph(x[0], (tf.zeros(5, tf.int32), tf.zeros(5, tf.int32)))
    with pytest.raises(InputError, match="must have the same rank"):
        check_graph(x, blocks[0])
    with pytest.raises(InputError, match=r"must have shape \(..., N, N\)"):
        check_graph(x, tf.zeros((2, 4, 4)))
    with pytest.raises(InputError, match="when the graph is given as edges"):
        check_graph(x, (tf.zeros(5, tf.int32), tf.zeros(5, tf.int32)))
    assert check_members(x, tf.ones((2, 3)))
    with pytest.raises(InputError, match="mask must have shape"):
        check_members(x, tf.ones((2, 4)))
    with pytest.raises(InputError, match="n_node must add up to the nodes of x"):
        check_members(x[0], tf.constant([1, 1]))
    for wrong in (0, True, 1.0, None):
        with pytest.raises(InputError, match="k must be a positive integer"):
            positive("k", wrong)
    for wrong in (-1, float("inf"), "a", True):
        with pytest.raises(InputError, match="w must be a finite number of at least 0"):
            number("w", wrong)
