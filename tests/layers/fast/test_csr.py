from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from e2e_tf.layers._fast.csr import CsrMatrix, CsrPattern

N = 7
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
TURNED = pytest.mark.parametrize("transposed", [False, True])
TRACED = pytest.mark.parametrize("traced", [False, True])


def edges(kind):
    """Rows, columns and weights of a matrix (N, N), some places twice."""
    rng = np.random.default_rng(3)
    rows, columns = rng.integers(0, N, 12), rng.integers(0, N, 12)
    weights = rng.normal(size=12)
    if kind == "sorted":
        rows = np.sort(rows)
    elif kind == "both directions":
        rows, columns = np.concatenate([rows, columns]), np.concatenate([columns, rows])
        weights = np.concatenate([weights, weights])
    elif kind == "odd":
        rows, columns, weights = rows[:-1], columns[:-1], weights[:-1]
    elif kind == "one":
        rows, columns, weights = rows[:1], columns[:1], weights[:1]
    elif kind == "none":
        rows, columns, weights = rows[:0], columns[:0], weights[:0]
    return rows.astype(np.int32), columns.astype(np.int32), weights


def agree(product, dense, sources, traced, dtype):
    """Forward and the gradient to all sources, of a product and of the dense product."""

    def call(function):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            result = function()
            loss = tf.reduce_sum(tf.sin(3.0 * result))
        return [result, *map(tf.convert_to_tensor, tape.gradient(loss, sources))]

    found = (tf.function(call, autograph=False) if traced else call)(product)
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for one, other in zip(found, call(dense), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@DTYPES
@TURNED
@TRACED
@pytest.mark.parametrize("kind", ["any order", "sorted", "both directions", "odd", "one", "none"])
def test_products_of_edges(kind, traced, transposed, dtype):
    rows, columns, weights = edges(kind)
    values = tf.constant(np.random.default_rng(4).normal(size=(N, 3)), dtype)
    weights = tf.constant(weights, dtype)
    place = tf.constant(np.stack([rows, columns], axis=1))
    order = np.argsort(rows, kind="stable")
    rows, columns = tf.constant(rows), tf.constant(columns)

    def dense():
        return tf.matmul(tf.scatter_nd(place, weights, (N, N)), values, transpose_a=transposed)

    def with_matrix():
        return CsrMatrix.of(rows, columns, weights, N).product(values, transposed)

    agree(with_matrix, dense, [values, weights], traced, dtype)

    def with_pattern():
        # Its weights come in the order of its rows.
        return CsrPattern.of(rows, columns).product(values, tf.gather(weights, order), transposed)

    agree(with_pattern, dense, [values, weights], traced, dtype)


@DTYPES
@TRACED
def test_graphs_without_nodes(traced, dtype):
    """TensorFlow divides by the number of rows, which ends the process; sizes are free where a layer is traced."""
    given = tf.zeros((0,), tf.int32), tf.zeros((0,), dtype), tf.zeros((0, 3), dtype)

    def call(ends, weights, values):
        one = CsrMatrix.of(ends, ends, weights, tf.shape(values)[0]).product(values)
        return one, CsrPattern.of(ends, ends).product(values, weights, transposed=True)

    free = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in given]
    for found in (tf.function(call, input_signature=free, autograph=False) if traced else call)(*given):
        assert found.shape == (0, 3)


def test_layers_of_a_function_share_what_is_sorted_and_made():
    rows, columns, weights = edges("any order")
    rows, columns = tf.constant(rows), tf.constant(columns)
    weights, values = tf.constant(weights), tf.ones((N, 2), tf.float64)

    @tf.function(autograph=False)
    def call():
        result = values
        for _ in range(3):
            result = CsrMatrix.of(rows, columns, weights, N).product(result)
        return result

    kinds = [op.type for op in call.get_concrete_function().graph.get_operations()]
    assert kinds.count("SparseMatrixMatMul") == 6  # M and, if it is M + Mᵀ, Mᵀ
    assert kinds.count("SparseTensorToCSRSparseMatrix") == 2


def test_a_number_of_entries_that_is_known_and_odd():
    """Its two halves, which are compared, differ in length."""
    signature = [tf.TensorSpec((5,), tf.int32), tf.TensorSpec((5,), tf.int32), tf.TensorSpec((5,))]

    @tf.function(input_signature=signature, autograph=False)
    def call(rows, columns, weights):
        return CsrMatrix.of(rows, columns, weights, 3).product(tf.eye(3))

    rows, columns = np.array([0, 2, 1, 0, 2], np.int32), np.array([1, 2, 0, 0, 1], np.int32)
    weights = np.arange(1, 6, dtype=np.float32)
    np.testing.assert_array_equal(call(rows, columns, weights), [[4, 1, 0], [3, 0, 0], [0, 5, 2]])


def test_vectorised_maps_are_refused_by_name():
    """TensorFlow stacks no CSR matrices; the plain formula maps."""
    rows, columns, _ = edges("any order")
    values = tf.ones((N, 2))

    def call(weights):
        return CsrPattern.of(rows, columns).product(values, weights)

    with pytest.raises(ValueError, match="SparseTensorToCSRSparseMatrix"):
        tf.vectorized_map(call, tf.ones((2, 12)))
