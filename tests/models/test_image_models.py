"""Image models and dense ones: weights, scaling, pretrained weights that are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, TRAINING, Head, build_model, training_preset
from e2e_tf.models.backbones import scaled


def test_weights_counted_by_hand() -> None:
    assert build_model("fcn", 400, 0).count_params() == 400 * 256 + 256 + 11 * (256 * 256 + 256) + 257
    joined = build_model("fcn", 10, 3, {"layers": 1, "units": 4}, 3)
    assert joined.count_params() == 13 * 4 + 4 + 4 * 3 + 3
    cnn = build_model("quark_gluon_cnn", 3, 2, {"filters": [8, 16], "depth": 1, "dense": [4], "kernel": 3})
    stem = 4 * 4 * 3 * 8 + 8 + 4 * 8

    def block(width: int) -> int:
        depthwise = 9 * width + width + 4 * width
        return depthwise + width * 2 * width + 2 * width + 2 * width * width + width

    head = 2 * 16 + (2 * 32 + 32) + (48 * 4 + 4) + 5
    assert cnn.count_params() == stem + block(8) + (2 * 2 * 8 * 16 + 16) + block(16) + head


@pytest.fixture(scope="module")
def hybrid() -> Any:
    """The electron/photon hybrid, which takes seconds to build."""
    return build_model("egamma_hybrid", *MODELS["egamma_hybrid"].example, None, {"score": Head()})


@pytest.mark.parametrize("name", ["egamma_hybrid", "quark_gluon_cnn", "fcn", "event_images"])
def test_registry_knows_the_weights(name: str, hybrid: Any) -> None:
    entry = MODELS[name]
    model = hybrid if name == "egamma_hybrid" else build_model(name, *entry.example)
    assert model.count_params() == entry.weights


def test_event_images_weights() -> None:
    # ResNet50 without its top has 23,587,712 weights and 2048 channels at its end.
    resnet = MODELS["event_images"].weights - 23_587_712
    assert resnet == (2048 * 1024 + 1024) + (1024 + 1)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("resnet50", "resnet50"),
        ("densenet121", "densenet"),
        ("inceptionv3", "inception_v3"),
        ("mobilenetv2", "mobilenet_v2"),
        ("efficientnetb2", "efficientnet"),
    ],
)
def test_scaling_is_that_of_the_backbone(name: str, module: str) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, scaled(name, image)) if name != "efficientnetb2" else (lambda x: x)
    expected = getattr(keras.applications, module).preprocess_input(pixels.copy())
    np.testing.assert_allclose(model(pixels), expected, rtol=1e-4, atol=1e-2)


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


def test_pretrained_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **kwargs: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)
    with pytest.raises(InputError, match="pretrained weights of mobilenetv2 cannot be had .*no route.* path"):
        build_model(
            "event_images", 3, 0, {"backbone": "mobilenetv2", "size": [32, 32], "pretrained": True}, 3
        )
    with pytest.raises(InputError, match="there is no missing.h5"):
        build_model("egamma_hybrid", 2, 0, {"pretrained": "missing.h5"})


def test_quark_gluon_cnn_overfits_32_images() -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    settings = {"size": [8, 8], "filters": [16], "depth": 1, "dense": [16], "dropout": 0.0, "kernel": 3}
    model = build_model("quark_gluon_cnn", 3, 2, settings)
    inputs = {
        "image": rng.exponential(size=(32, 8, 8, 3)).astype(np.float32),
        "u": rng.normal(size=(32, 2)).astype(np.float32),
    }
    label = rng.integers(0, 2, (32, 1)).astype(np.float32)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", jit_compile=False)
    model.fit(inputs, label, batch_size=32, epochs=80, verbose=0)
    assert model.train_on_batch(inputs, label) < 0.05
    base = np.asarray(model(inputs))
    assert np.abs(np.asarray(model(inputs | {"u": -inputs["u"]})) - base).max() > 1e-3


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


def test_presets() -> None:
    slides, code = training_preset("graph_net/slides"), training_preset("graph_net/code")
    assert (slides.learning_rate, slides.batch_size, slides.epochs, slides.stop_patience) == (
        1e-3,
        256,
        300,
        15,
    )
    assert (code.learning_rate, code.batch_size, code.epochs, code.stop_patience) == (1e-4, 32, 400, 50)
    net = training_preset("particle_net")
    assert [net.rate(epoch) for epoch in (0, 9, 10, 19, 20, 29)] == [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    assert [type(c).__name__ for c in slides.callbacks()] == ["ReduceLROnPlateau", "EarlyStopping"]
    assert [type(c).__name__ for c in net.callbacks()] == ["LearningRateScheduler"]
    assert {preset.model for preset in TRAINING.values()} <= set(MODELS)
    model = training_preset("fcn").compile(build_model("fcn", 4, 0, {"layers": 1, "units": 4}))
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert model.loss == "binary_crossentropy"
    with pytest.raises(InputError, match="preset must be one of graph_net/slides, .*not 'graph_net'"):
        training_preset("graph_net")


@pytest.mark.parametrize(
    ("name", "features", "settings", "sentence"),
    [
        ("event_images", 1, {}, "n_features must be 3, red, green and blue, not 1"),
        ("event_images", 3, {"backbone": "vgg"}, "backbone must be one of resnet50, "),
        ("event_images", 3, {"backbone": "inceptionv3", "size": [64, 64]}, "size must be at least 75 x 75"),
        ("egamma_hybrid", 2, {"size": [31, 32]}, "size must be at least 32 x 32"),
        ("quark_gluon_cnn", 3, {"size": [8, 8]}, "size must be at least 16 pixels"),
        ("fcn", 0, {}, "n_features must be a positive integer, got 0"),
        ("fcn", 3, {"layers": 0}, "layers must be at least 1, not 0"),
    ],
)
def test_bad_settings(name: str, features: int, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        build_model(name, features, 0, settings)
    assert sentence in str(caught.value)
