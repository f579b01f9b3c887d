from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_graphs import BLOCKS, EMPTY, STANDARD

from e2e_tf.layers import ScaledLaplacian
from e2e_tf.layers._fast.diagonal import set_loops
from e2e_tf.layers.adjacency import self_loops
from e2e_tf.layers.plain import plain


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape", [(2, 5, 5), (4, 4), (2, 3, 4, 4), (0, 3, 3), (2, 0, 0)])
def test_sets_what_a_selection_sets(shape, dtype):
    a = tf.constant(np.random.default_rng(0).integers(0, 3, shape), dtype)
    for count in (0, 1, -0.25):
        found = []
        for function in (set_loops, self_loops):
            with tf.GradientTape() as tape:
                tape.watch(a)
                set_, total = function(a, count), tf.reduce_sum(function(a, count) ** 2)
            found.append([set_, tape.gradient(total, a)])
        for one, other in zip(*found, strict=True):
            assert one.dtype == dtype
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("largest", [2.0, 1.6])
@pytest.mark.parametrize("graphs", [STANDARD, EMPTY])
def test_laplacian_of_blocks(graphs, largest):
    """Forward and the gradient to the graph, and the kernel is in use."""
    layer = ScaledLaplacian(largest)
    x, a = (tf.constant(part) for part in BLOCKS.feed(graphs))

    def found():
        with tf.GradientTape() as tape:
            tape.watch(a)
            laplacian = layer([x, a])
            loss = tf.reduce_sum(tf.sin(3.0 * laplacian))
        traced = tf.function(lambda: layer([x, a]), autograph=False).get_concrete_function().graph
        kinds = [op.type for op in traced.get_operations()]
        return [laplacian, tape.gradient(loss, a)], "MatrixSetDiagV3" in kinds

    fast, is_fast = found()
    with plain(layer):
        expected, is_plain = found()
    assert (is_fast, is_plain) == (True, False)
    for one, other in zip(fast, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
