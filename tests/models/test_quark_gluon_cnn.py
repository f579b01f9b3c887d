"""The quark/gluon image network."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from model_checks import check_dropout, check_paper

from e2e_tf.models import build_model


def test_weights_counted_by_hand() -> None:
    cnn = build_model("quark_gluon_cnn", 3, 2, {"filters": [8, 16], "depth": 1, "dense": [4], "kernel": 3})
    stem = 4 * 4 * 3 * 8 + 8 + 4 * 8

    def block(width: int) -> int:
        depthwise = 9 * width + width + 4 * width
        return depthwise + width * 2 * width + 2 * width + 2 * width * width + width

    head = 2 * 16 + (2 * 32 + 32) + (48 * 4 + 4) + 5
    assert cnn.count_params() == stem + block(8) + (2 * 2 * 8 * 16 + 16) + block(16) + head


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
    for _ in range(81):
        loss = model.train_on_batch(inputs, label)
        if loss < 0.02:
            break
    assert loss < 0.05
    base = np.asarray(model(inputs))
    assert np.abs(np.asarray(model(inputs | {"u": -inputs["u"]})) - base).max() > 1e-3


SETTINGS = {"size": [16, 20], "filters": [5, 6], "depth": 2, "kernel": 3, "dense": [8, 7], "globals_units": 4}


def images(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    pixels = rng.exponential(size=(n, 16, 20, 3)).astype(np.float32)
    return {"image": pixels, "u": rng.normal(size=(n, 2)).astype(np.float32)}


@pytest.mark.parametrize("kernel", [3, 5])
def test_is_that_of_the_docstring(kernel: int) -> None:
    check_paper("quark_gluon_cnn", SETTINGS | {"kernel": kernel}, images(3))


def test_dropout() -> None:
    check_dropout("quark_gluon_cnn", SETTINGS | {"depth": 1, "dropout": 0.3}, images(1))
