"""Classifiers of drawn events."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from model_references import Pass
from references import relu

from e2e_tf.models import MODELS, build_model


def test_event_images_weights() -> None:
    # ResNet50 without its top has 23,587,712 weights and 2048 channels at its end.
    resnet = MODELS["event_images"].parameters - 23_587_712
    assert resnet == (2048 * 1024 + 1024) + (1024 + 1)


def test_backbones_classify_drawn_events(tmp_path: Path) -> None:
    settings = {"backbone": "mobilenetv2", "size": [32, 32], "dense": 8}
    model = build_model("event_images", 3, 0, settings, 3)
    image = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    score = np.asarray(model({"image": image}))
    np.testing.assert_allclose(score.sum(axis=1), 1, rtol=1e-5)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(loaded({"image": image}), score, rtol=1e-5)
    penalty = 0.01 * float(np.sum(model.get_layer("dense").kernel.numpy() ** 2))
    np.testing.assert_allclose(float(sum(model.losses)), penalty, rtol=1e-5)


def test_only_the_last_layers_are_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from e2e_tf.models.backbones import backbone

    net = backbone("mobilenetv2", 32, 32, False)
    net.save_weights(tmp_path / "w.weights.h5")
    path = str(tmp_path / "w.weights.h5")
    model = build_model(
        "event_images", 3, 0, {"backbone": "mobilenetv2", "size": [32, 32], "pretrained": path}, 3
    )
    part = model.get_layer("mobilenetv2")
    assert [layer.trainable for layer in part.layers[-11:]] == [False] + [True] * 10
    for ours, theirs in zip(part.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["mobilenetv2", "resnet50"])
def test_is_the_network_of_keras_with_its_own_scaling(name: str) -> None:
    """Kept networks as they are, pixels from 0 to 255, the mean over places, a dense layer, a softmax."""
    model = build_model("event_images", 3, 2, {"backbone": name, "size": [32, 32], "dense": 4}, 3)
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    u = rng.normal(size=(2, 2)).astype(np.float32)
    module = {"mobilenetv2": "mobilenet_v2", "resnet50": "resnet50"}[name]
    pixels = getattr(keras.applications, module).preprocess_input(image.copy())
    pooled = np.asarray(model.get_layer(name)(pixels)).mean(axis=(1, 2))
    run = Pass(model)
    h = relu(run.dense("dense", np.concatenate([pooled, u], axis=1)))
    logits = run.dense("score", h)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.std(expected[0]) > 1e-3
    np.testing.assert_allclose(model({"image": image, "u": u}), expected, rtol=1e-4, atol=1e-6)
