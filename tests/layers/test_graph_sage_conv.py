from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, SPARSE, STANDARD, Form, flat_rows, run, set_weights
from references import sage

from e2e_tf import InputError
from e2e_tf.layers import GraphSageConv


@pytest.mark.parametrize("how", ["mean", "max", "sum", "min"])
def test_graph_sage_conv(how):
    layer = check_layer(
        lambda: GraphSageConv(4, aggregate=how),
        [EDGES, BLOCKS, SPARSE],
        "node",
        reference=lambda w, g: sage(w, g, how),
        half=24,
    )
    assert [(w.name, tuple(w.shape)) for w in layer.weights] == [("kernel", (10, 4)), ("bias", (4,))]


def test_product():
    # On edges the product does not export: TensorFlow has no scatter that multiplies.
    layer = GraphSageConv(4, aggregate="prod")
    run(layer, EDGES, STANDARD)
    set_weights(layer)
    expected = sage([np.array(w) for w in layer.weights], STANDARD, "prod")
    for form in (EDGES, BLOCKS, SPARSE):
        np.testing.assert_allclose(run(layer, form, STANDARD), expected, atol=2e-6)


def test_own_aggregation_on_edges():
    layer = GraphSageConv(4, aggregate=tf.math.unsorted_segment_max)
    named = GraphSageConv(4, aggregate="max")
    for one in (layer, named):
        run(one, EDGES, STANDARD)
        set_weights(one)
    np.testing.assert_allclose(run(layer, EDGES, STANDARD), run(named, EDGES, STANDARD), atol=1e-6)
    with pytest.raises(InputError, match="dense blocks aggregate must be one of sum, mean"):
        run(layer, BLOCKS, STANDARD)


def test_hand_computed():
    # Node 1 receives from 0: mean (1 + 3) / 2 = 2, so h = (3 + 10 * 2, 1) before it is normalised.
    layer = GraphSageConv(2)
    x = np.array([[1.0], [3.0]], np.float32)
    edges = (np.array([0]), np.array([1]))
    layer([x, edges])
    layer.set_weights([np.array([[1.0, 0.0], [10.0, 0.0]]), np.array([0.0, 1.0])])
    expected = np.array([[11.0, 1.0], [23.0, 1.0]])
    np.testing.assert_allclose(
        layer([x, edges]), expected / np.linalg.norm(expected, axis=1)[:, None], rtol=1e-6
    )


def test_zero_rows_have_finite_gradients():
    form = Form("edges", EDGES.feed, flat_rows)
    layer = GraphSageConv(3)
    run(layer, form, STANDARD)
    layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(form.feed(STANDARD)))
    for gradient in tape.gradient(loss, [w.value for w in layer.weights]):
        assert np.isfinite(gradient.numpy()).all()


def test_errors():
    with pytest.raises(InputError, match="aggregate must be one of sum, mean, max, min, prod, got 'median'"):
        GraphSageConv(4, aggregate="median")
