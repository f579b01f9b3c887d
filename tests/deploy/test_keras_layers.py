"""Layers and operations of Keras one by one: exported and proved, or refused in one sentence.

Layers that take the same input share a model with one output for each, so that an export proves many of them, each
in its own columns. The table in docs/export.md is made from the lists here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.deploy import lowering
from e2e_tf.deploy.export import export
from e2e_tf.deploy.exported import freeze
from e2e_tf.deploy.tensors import tensors_function
from e2e_tf.errors import InputError
from e2e_tf.files import read_json

Layer = Callable[[Any], Any]


def vectors() -> dict[str, Layer]:
    """Of x (B, 6)."""
    from keras import layers, ops

    kinds = ("relu", "gelu", "elu", "selu", "celu", "silu", "softplus", "softsign", "tanh", "sigmoid", "mish")
    kinds += ("exponential", "hard_sigmoid", "hard_silu", "leaky_relu", "relu6", "softmax", "log_softmax")
    return {
        **{f"Activation {kind}": layers.Activation(kind) for kind in kinds},
        "Dense": layers.Dense(4, bias_initializer="random_normal"),
        "PReLU": layers.PReLU(alpha_initializer="random_normal"),
        "ReLU with all options": layers.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.1),
        "Dropout": layers.Dropout(0.2),
        "GaussianNoise": layers.GaussianNoise(0.1),
        "BatchNormalization": layers.BatchNormalization(),
        "UnitNormalization": layers.UnitNormalization(),
        "Normalization": layers.Normalization(mean=np.arange(6) * 0.1, variance=np.ones(6) * 0.3),
        "Rescaling": layers.Rescaling(0.1, 0.5),
        "Discretization": lambda x: ops.cast(layers.Discretization([0.1, 0.5])(x), "float32"),
        "Discretization multi_hot": layers.Discretization([0.1, 0.5], output_mode="multi_hot"),
        "Embedding": lambda x: layers.Embedding(10, 3)(ops.cast(ops.clip(x * 9, 0, 9), "int32")),
        "CategoryEncoding": lambda x: layers.CategoryEncoding(5)(ops.cast(ops.clip(x * 4, 0, 4), "int32")),
        "Add, Subtract, Multiply": lambda x: layers.Multiply()(
            [layers.Add()([x, x]), layers.Subtract()([x, 2 * x])]
        ),
        "Average, Maximum, Minimum": lambda x: layers.Average()(
            [layers.Maximum()([x, 1 - x]), layers.Minimum()([x, 1 - x])]
        ),
        "Dot": lambda x: layers.Dot(1)([x, x]),
        "RepeatVector": layers.RepeatVector(2),
        "ops.argmax, ops.one_hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 6),
        "ops.expm1, ops.log1p": lambda x: ops.expm1(-ops.abs(x)) + ops.log1p(ops.abs(x)),
        "ops.logaddexp, ops.logsumexp": lambda x: ops.logaddexp(x, ops.logsumexp(x, axis=-1, keepdims=True)),
        "ops.sort, ops.top_k": lambda x: ops.concatenate([ops.sort(x, axis=-1), ops.top_k(x, 2)[0]], axis=-1),
        "ops.where, ops.clip, ops.sign": lambda x: ops.where(x > 0.5, ops.clip(x, 0, 0.7), ops.sign(x)),
        "ops.sin, ops.arctan2": lambda x: ops.sin(x) + ops.arctan2(x + 1, x + 2),
        "ops.einsum, ops.cumsum": lambda x: ops.cumsum(ops.einsum("bi,bj->bij", x, x), axis=-1) * 1e-5,
        "ops.searchsorted": lambda x: ops.cast(
            ops.reshape(ops.searchsorted(ops.convert_to_tensor([0.1, 0.5]), ops.reshape(x, (-1,))), (-1, 6)),
            "float32",
        ),
    }


def sequences() -> dict[str, Layer]:
    """Of x (B, 4, 6). Each step of a recurrent layer is exported: one and a masked one see four, the others two."""
    from keras import layers

    return {
        "LSTM": lambda x: layers.LSTM(3)(x[:, 2:]),
        "LSTM of sequences": layers.LSTM(3, return_sequences=True),
        "GRU": lambda x: layers.GRU(3)(x[:, 2:]),
        "SimpleRNN": lambda x: layers.SimpleRNN(3)(x[:, 2:]),
        "Bidirectional": lambda x: layers.Bidirectional(layers.GRU(2, return_sequences=True))(x[:, 2:]),
        "RNN of cells": lambda x: layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)])(x[:, 2:]),
        "Masking before LSTM": lambda x: layers.LSTM(3)(layers.Masking(0.0)(x)),
        "Masking before pooling": lambda x: layers.GlobalAveragePooling1D()(layers.Masking(0.0)(x)),
        "Conv1D": layers.Conv1D(4, 3, padding="same"),
        "Conv1D causal": layers.Conv1D(4, 3, padding="causal", dilation_rate=2),
        "Conv1D in groups": layers.Conv1D(6, 3, groups=3, bias_initializer="random_normal"),
        "SeparableConv1D": layers.SeparableConv1D(4, 3),
        "DepthwiseConv1D": layers.DepthwiseConv1D(3),
        "Conv1DTranspose": layers.Conv1DTranspose(4, 3, strides=2),
        "MaxPooling1D": layers.MaxPooling1D(2),
        "AveragePooling1D": layers.AveragePooling1D(2),
        "GlobalMaxPooling1D": layers.GlobalMaxPooling1D(),
        "UpSampling1D": layers.UpSampling1D(2),
        "ZeroPadding1D": layers.ZeroPadding1D(1),
        "Cropping1D": layers.Cropping1D(1),
        "Permute, Reshape, Flatten": lambda x: layers.Flatten()(
            layers.Reshape((3, 8))(layers.Permute((2, 1))(x))
        ),
        "MultiHeadAttention": lambda x: layers.MultiHeadAttention(2, 4)(x, x),
        "MultiHeadAttention causal": lambda x: layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True),
        "GroupedQueryAttention": lambda x: layers.GroupQueryAttention(4, 4, 2)(x, x),
        "Attention": lambda x: layers.Attention()([x, x]),
        "AdditiveAttention": lambda x: layers.AdditiveAttention()([x, x]),
        "EinsumDense": layers.EinsumDense("abc,cd->abd", output_shape=(4, 5), bias_axes="d"),
        "LayerNormalization": layers.LayerNormalization(),
        "RMSNormalization": layers.RMSNormalization(),
        "GroupNormalization": layers.GroupNormalization(groups=3),
        "TimeDistributed": layers.TimeDistributed(layers.Dense(3)),
        "SpatialDropout1D": layers.SpatialDropout1D(0.2),
    }


def images() -> dict[str, Layer]:
    """Of x (B, 8, 8, 4)."""
    from keras import layers

    return {
        "Conv2D": layers.Conv2D(3, 3, strides=2, padding="same"),
        "Conv2D dilated": layers.Conv2D(3, 3, dilation_rate=2),
        "Conv2D in groups": layers.Conv2D(6, 3, groups=2, activation="relu"),
        "DepthwiseConv2D": layers.DepthwiseConv2D(3, depth_multiplier=2),
        "SeparableConv2D": layers.SeparableConv2D(3, 3),
        "Conv2DTranspose": layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
        "MaxPooling2D": layers.MaxPooling2D(),
        "AveragePooling2D": layers.AveragePooling2D(3, padding="same", strides=2),
        "GlobalMaxPooling2D": layers.GlobalMaxPooling2D(),
        "GlobalAveragePooling2D": layers.GlobalAveragePooling2D(),
        "UpSampling2D": layers.UpSampling2D(),
        "ZeroPadding2D, Cropping2D": lambda x: layers.Cropping2D(2)(layers.ZeroPadding2D(1)(x)),
        "Resizing": layers.Resizing(5, 11),
        "Conv3D": lambda x: layers.Conv3D(2, 2)(layers.Reshape((4, 4, 4, 4))(x)),
        "MaxPooling3D": lambda x: layers.MaxPooling3D(2)(layers.Reshape((4, 4, 4, 4))(x)),
    }


GROUPS: dict[str, tuple[tuple[int, ...], Callable[[], dict[str, Layer]]]] = {
    "vectors": ((6,), vectors),
    "sequences": ((4, 6), sequences),
    "images": ((8, 8, 4), images),
}


def refused() -> dict[str, tuple[tuple[int | None, ...], Layer, str]]:
    """Layers that cannot be exported: input, layer, and what the sentence says."""
    from keras import layers, ops

    def hashed(x: Any) -> Any:
        return ops.cast(layers.Hashing(5)(ops.cast(x * 4, "int64")), "float32")

    return {
        "LSTM, GRU, RNN of a free number of steps": (
            (None, 6),
            layers.LSTM(3),
            "a recurrent layer needs an input whose number of steps is fixed",
        ),
        "Hashing": ((6,), hashed, "no operation for .*StringToHashBucket"),
        "ops.inv": (
            (6,),
            lambda x: ops.inv(ops.einsum("bi,bj->bij", x, x)),
            "no operation for .*MatrixInverse",
        ),
        "ops.cumprod": ((6,), lambda x: ops.cumprod(x, axis=-1), "no operation for .*Cumprod"),
        "ops.erfinv": ((6,), ops.erfinv, "no operation for .*Erfinv"),
    }


def name_of(layer: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", layer).lower()


@pytest.mark.parametrize("group", GROUPS)
def test_layers_agree_column_by_column(group: str, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(1)
    shape, build = GROUPS[group]
    x = keras.Input(shape, name="x")
    outputs = {}
    for label, layer in build().items():
        made = layer(x)
        outputs[name_of(label)] = keras.layers.Flatten()(made) if len(made.shape) > 2 else made
    model = keras.Model(x, outputs)
    manifest = read_json(
        export(model, tmp_path / "bundle", formats=("onnx", "pb"), proof=31) / "manifest.json"
    )
    assert manifest["outputs"][0]["columns"] == {name: outputs[name].shape[-1] for name in sorted(outputs)}
    assert all(found["largest_difference"] < 1e-4 for found in manifest["tested"])
    assert {found["runtime"].split(" (")[0] for found in manifest["tested"]} >= {"frozen graph", "ONNX"}


def test_what_cannot_be_exported_is_one_sentence() -> None:
    import keras

    for label, (shape, layer, message) in refused().items():
        x = keras.Input(shape, name="x")
        y = layer(x)
        model = keras.Model(x, keras.layers.Flatten()(y) if len(y.shape) > 2 else y)
        with pytest.raises(InputError, match=message) as stopped:
            if None in shape:
                import tensorflow as tf

                call = tf.function(
                    lambda v, m=model: m(v), input_signature=[tf.TensorSpec((None, *shape), tf.float32)]
                )
                freeze(call)
            graph, names = freeze(tensors_function(model))
            lowering.convert(graph, names, "score", 18, 8)
        assert "\n" not in str(stopped.value), label


def table() -> str:
    """The table of the guide."""
    lines = ["| layer or operation | |", "|---|---|"]
    for _, build in GROUPS.values():
        lines += [f"| {label} | works |" for label in build()]
    reasons = {
        "LSTM, GRU, RNN of a free number of steps": "refused: a loop; give the input a fixed number of steps",
        "Hashing": "refused: hashes are TensorFlow's own; use an Embedding of integers",
        "ops.inv": "refused: ONNX has no inverse of matrices",
        "ops.cumprod": "refused: ONNX has no running product; use `exp(cumsum(log(x)))`",
        "ops.erfinv": "refused: ONNX has no inverse of erf",
    }
    assert reasons.keys() == refused().keys()
    return "\n".join([*lines, *(f"| {label} | {reason} |" for label, reason in reasons.items())])


def test_the_table_of_the_guide_is_this_one() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    assert table() in guide, table()
