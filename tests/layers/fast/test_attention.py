from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_graphs import BLOCKS, EDGES, STANDARD, set_weights

from e2e_tf.layers import GATConv
from e2e_tf.layers._fast.attention import attend
from e2e_tf.layers.plain import plain


def plain_attention(receive, send, values, a, slope=0.2):
    x = receive[..., :, None] + send[..., None, :]
    x = tf.maximum(x, slope * x)
    x = tf.where(a > 0, x + tf.math.log(tf.where(a > 0, a, 1)), x.dtype.min)
    return tf.matmul(tf.nn.softmax(x, axis=-1), values)


# Logits near each other (factors), as far apart as float32 holds (one by one), and in between.
@pytest.mark.parametrize(("scale", "one_by_one"), [(1, False), (6, False), (30, True), (1e4, True)])
def test_attention_is_the_softmax_for_any_logits(scale, one_by_one):
    rng = np.random.default_rng(3)
    parts = [rng.normal(size=shape) for shape in ((2, 9), (2, 9), (2, 9, 4))]
    parts[:2] = [scale * part for part in parts[:2]]
    a = rng.integers(0, 3, (2, 9, 9)) * (rng.random((2, 9, 9)) < 0.4) + np.eye(9)
    upstream = rng.normal(size=(2, 9, 4))
    found = {}
    for dtype, call in ((tf.float32, lambda *p: attend(*p, 0.2)), (tf.float64, plain_attention)):
        tensors = [tf.constant(part, dtype) for part in (*parts, a)]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            output = call(*tensors)
            loss = tf.reduce_sum(output * tf.cast(upstream, dtype))
        found[dtype] = [output, *tape.gradient(loss, tensors)]
    for ours, exact in zip(found[tf.float32], found[tf.float64], strict=True):
        np.testing.assert_allclose(ours, exact, rtol=2e-5, atol=2e-5 * max(1, np.abs(exact).max()))
    # What the shortcut alone would divide by, in float32.
    r, s = (part.astype(np.float32) for part in parts[:2])
    own = np.where(r + s > 0, r + s, 0.2 * (r + s))
    top = r + s.max(axis=-1, keepdims=True)
    assert (np.exp(own - np.where(top > 0, top, 0.2 * top)).min() < 1e-22) == one_by_one


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", [BLOCKS, EDGES])
@pytest.mark.parametrize("concat", [True, False])
def test_is_the_formula_of_the_layer(form, dtype, concat):
    """Forward, and the gradient to features, graph and every weight."""
    layer = GATConv(3, 2, concat_heads=concat, dropout_rate=0.0, dtype=dtype)
    x, a = tf.nest.map_structure(tf.constant, form.feed(STANDARD))
    x, a = tf.cast(x, dtype), tf.cast(a, dtype) if form.blocks else a
    layer([x, a])
    set_weights(layer)

    def found():
        with tf.GradientTape() as tape:
            tape.watch([x, a] if form.blocks else x)
            output = form.rows(layer([x, a]), STANDARD)
            loss = tf.reduce_sum(tf.sin(3.0 * output))
        sources = [x, *([a] if form.blocks else []), *layer.trainable_weights]
        return [output, *tape.gradient(loss, sources)]

    fast = found()
    with plain(layer):
        expected = found()
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    for one, other in zip(fast, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_of_a_dense_graph_holds_no_exponential_per_pair():
    """So that the kernel, and not the formula, is what the tests above compare."""
    layer, x, a = GATConv(3, dropout_rate=0.0), tf.ones((1, 7, 2)), tf.ones((1, 7, 7))
    layer([x, a])

    def softmaxes():
        graph = tf.function(lambda: layer([x, a]), autograph=False).get_concrete_function().graph
        return [op.type for op in graph.get_operations()].count("Softmax")

    assert softmaxes() == 0
    with plain(layer):
        assert softmaxes() == 1
