"""The electron/photon hybrid."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from model_references import Pass, egamma_front
from references import relu, sigmoid

from e2e_tf.models import MODELS, Head, build_model


@pytest.fixture(scope="module")
def hybrid() -> Any:
    """The electron/photon hybrid, which takes seconds to build."""
    return build_model("egamma_hybrid", *MODELS["egamma_hybrid"].example, None, {"score": Head()})


def test_registry_knows_the_weights(hybrid: Any) -> None:
    assert hybrid.count_params() == MODELS["egamma_hybrid"].parameters


def test_egamma_reads_both_channels(hybrid: Any) -> None:
    model = hybrid
    image = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 2)).astype(np.float32)
    # An EfficientNet without training flattens everything, so look at what enters it.
    front = keras.Model(model.inputs, model.get_layer("reduce").output)
    base = np.asarray(front([image]))
    assert base.shape == (2, 32, 32, 3)
    for channel in (0, 1):
        other = image.copy()
        other[..., channel] = 0
        assert np.abs(np.asarray(front([other])) - base).max() > 1e-3
    assert model.get_layer("dense").units == 256
    assert model.get_layer("reduce").filters == 3


def test_front_is_a_residual_block(hybrid: Any) -> None:
    """What enters EfficientNetB2, in inference and with the statistics of the batch."""
    rng = np.random.default_rng(7)
    for layer in hybrid.layers:
        if layer.name.startswith(("residual_", "shortcut", "reduce")):
            for weight in layer.weights:
                moved = weight.numpy() + rng.normal(0, 0.2, weight.shape)
                weight.assign(np.abs(moved) + 0.3 if "variance" in weight.path else moved)
    image = rng.uniform(0, 1, (2, 32, 32, 2)).astype(np.float32)
    front = keras.Model(hybrid.inputs, hybrid.get_layer("to_pixels").output)
    for training in (False, True):
        expected = egamma_front(Pass(hybrid, training), image)
        assert np.std(expected) > 0.1
        np.testing.assert_allclose(front([image], training=training), expected, rtol=1e-4, atol=1e-3)


def test_what_follows_efficientnet() -> None:
    """Pooling, the graph-level inputs, a dense layer with its penalty, the score; dropout around it."""
    model = build_model("egamma_hybrid", 2, 3, {"dense": 4, "dropout": 0.3})
    rng = np.random.default_rng(7)
    features = rng.normal(size=(2, 1, 1, 1408)).astype(np.float32)
    u = rng.normal(size=(2, 3)).astype(np.float32)
    top = keras.Model([model.get_layer("pool").input, model.input["u"]], model.output)
    h = np.concatenate([features[:, 0, 0], u], axis=1)
    run = Pass(model)
    expected = sigmoid(run.dense("score", relu(run.dense("dense", h))))
    np.testing.assert_allclose(top([features, u]), expected, rtol=1e-5)
    penalty = 1e-4 * float(np.sum(model.get_layer("dense").kernel.numpy() ** 2))
    assert float(sum(model.losses)) == pytest.approx(penalty, rel=1e-5)
    places = {"dropout_1": ["join"], "dropout_2": ["dense"]}
    for name, before in places.items():
        layer = model.get_layer(name)
        assert layer.rate == 0.3
        assert [operation.name for operation in _before(layer)] == before


def _before(layer: Any) -> list[Any]:
    return [tensor._keras_history.operation for tensor in layer._inbound_nodes[0].input_tensors]
