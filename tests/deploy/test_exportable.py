"""Layers in a form that every runtime has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import e2e_tf.deploy.exportable
from e2e_tf.deploy.export import export
from e2e_tf.deploy.exportable import LARGEST, check_size, exportable, in_float32
from e2e_tf.deploy.exported import freeze
from e2e_tf.errors import InputError
from e2e_tf.files import read_json


def layers() -> tuple[Any, list[Any]]:
    """A model with a recurrent layer inside of another and convolutions in groups, and these layers."""
    import keras

    keras.utils.set_random_seed(3)
    x = keras.Input((8, 6), name="x")
    lstm = keras.layers.LSTM(3)
    convolutions = [
        keras.layers.Conv1D(
            4, 3, groups=2, padding="causal", activation="relu", bias_initializer="random_normal"
        ),
        keras.layers.Conv1D(6, 3, groups=3, use_bias=False),
    ]
    y = x
    for layer in convolutions:
        y = layer(y if layer.groups == 2 else keras.layers.Concatenate()([y, x, x[..., :2]]))
    joined = keras.layers.Concatenate()([keras.layers.Bidirectional(lstm)(x), keras.layers.Flatten()(y)])
    return keras.Model(x, keras.layers.Dense(2)(joined)), convolutions


def test_numbers_stay_and_layers_are_as_before_afterwards() -> None:
    model, convolutions = layers()
    x = np.random.default_rng(0).normal(size=(5, 8, 6)).astype(np.float32)
    wanted = model(x)
    with exportable(model):
        assert all("call" in vars(layer) for layer in convolutions)
        found = model(x)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    assert not any("call" in vars(layer) for layer in convolutions)
    np.testing.assert_array_equal(model(x), wanted)


def test_a_free_number_of_steps_is_refused_by_the_name_of_the_layer() -> None:
    """Also deep inside, and of a layer that was built for any number it is the one that it gets that counts."""
    import keras
    import tensorflow as tf

    inner = keras.Sequential(
        [keras.Input((None, 3)), keras.layers.Bidirectional(keras.layers.GRU(2, name="deep"))]
    )
    x = keras.Input((4, 3))
    model = keras.Model(x, inner(x))
    values = np.ones((2, 4, 3), np.float32)
    with exportable(model):
        found = np.asarray(model(values))
        free = tf.function(
            inner, input_signature=[tf.TensorSpec((None, None, 3), tf.float32)], autograph=False
        )
        with pytest.raises(
            InputError, match=r"the recurrent layer \w*deep \(GRU\) is unrolled.*\.Masking\(\)$"
        ):
            freeze(free)
    np.testing.assert_allclose(found, model(values), rtol=0, atol=1e-6)


def test_a_model_of_single_precision_is_the_model_itself() -> None:
    model, _ = layers()
    assert in_float32(model) == (model, "")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_half_precision_is_exported_in_float32(tmp_path: Path, policy: str) -> None:
    import keras

    keras.utils.set_random_seed(4)
    x = keras.Input((6,), name="x", dtype="float32")
    y = keras.layers.LayerNormalization(dtype=policy)(
        keras.layers.Dense(8, activation="gelu", dtype=policy)(x)
    )
    model = keras.Model(x, keras.layers.Dense(2, dtype=policy, name="kind")(y))
    folder = export(model, tmp_path / "bundle", formats=("onnx",), proof=20)
    manifest = read_json(folder / "manifest.json")
    assert manifest["model"]["policy"] == policy
    assert all(found["largest_difference"] < 1e-5 for found in manifest["tested"])
    with np.load(folder / "inputs.npz") as inputs, np.load(folder / "outputs.npz") as outputs:
        found, rounded = outputs["2/score"], np.asarray(model(inputs["2/x"]), np.float32)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - rounded).max() < 0.1  # the parameters are the same, the arithmetic is finer


def test_a_model_that_no_file_can_hold_is_refused_before_it_is_frozen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keras

    assert 1.9 * 2**30 < LARGEST < 2**31
    x = keras.Input((3,))
    inner = keras.Model(x, keras.layers.Dense(2000, name="wide")(x), name="whole")
    model = keras.Model(x, keras.layers.Dense(2)(inner(x)), name="large")
    check_size(model)
    monkeypatch.setattr(e2e_tf.deploy.exportable, "LARGEST", 32_000)
    with pytest.raises(
        InputError,
        match=r"^the parameters of large take 4\.47e-05 GiB in float32, most of them, 2\.98e-05 GiB, in wide "
        r"\(Dense\); .* 2\.98e-05 GiB at most, .* make this layer smaller",
    ):
        check_size(model)
