"""Layers and operations of Keras one by one: exported and proved, or refused in one sentence.

Layers that take the same input share a model with one output for each, so that an export proves many of them, each
in its own columns. The table in docs/export.md is made from the lists here, and every layer of Keras is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from e2e_tf.deploy import lowering
from e2e_tf.deploy.export import export
from e2e_tf.deploy.exportable import exportable
from e2e_tf.deploy.exported import freeze
from e2e_tf.deploy.interface import TensorInfo
from e2e_tf.deploy.lowering.session import run_model
from e2e_tf.errors import InputError
from e2e_tf.files import read_json

Layer = Callable[[Any], Any]
NEWEST = "AdaptiveAveragePooling1D"  # came after Keras 3.11, as ReversibleEmbedding


def vectors() -> dict[str, Layer]:
    """Of x (B, 6)."""
    from keras import layers, ops

    kinds = ("relu", "gelu", "elu", "selu", "celu", "silu", "softplus", "softsign", "tanh", "sigmoid", "mish")
    kinds += ("exponential", "hard_sigmoid", "hard_silu", "leaky_relu", "relu6", "softmax", "log_softmax")
    kinds += ("hard_shrink", "hard_tanh", "log_sigmoid", "soft_shrink", "sparse_plus", "sparse_sigmoid")
    kinds += ("sparsemax", "squareplus", "tanh_shrink")
    new = {}
    if hasattr(layers, NEWEST):
        new["ReversibleEmbedding"] = lambda x: layers.ReversibleEmbedding(10, 3)(
            ops.cast(ops.clip(x * 9, 0, 9), "int32")
        )
    return {
        **{f"Activation {kind}": layers.Activation(kind) for kind in kinds},
        "Dense": layers.Dense(4, bias_initializer="random_normal"),
        "ELU, LeakyReLU, Softmax": lambda x: layers.Softmax()(layers.ELU()(layers.LeakyReLU()(x))),
        "PReLU": layers.PReLU(alpha_initializer="random_normal"),
        "ReLU with all options": layers.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.1),
        "Dropout, AlphaDropout, GaussianDropout": lambda x: layers.Dropout(0.2)(
            layers.AlphaDropout(0.2)(layers.GaussianDropout(0.2)(x))
        ),
        "GaussianNoise, ActivityRegularization, Identity": lambda x: layers.GaussianNoise(0.1)(
            layers.ActivityRegularization(0.1)(layers.Identity()(x))
        ),
        "SpectralNormalization": layers.SpectralNormalization(layers.Dense(3)),
        "BatchNormalization": layers.BatchNormalization(),
        "UnitNormalization": layers.UnitNormalization(),
        "Normalization": layers.Normalization(mean=np.arange(6) * 0.1, variance=np.ones(6) * 0.3),
        "Rescaling": layers.Rescaling(0.1, 0.5),
        "Discretization": lambda x: ops.cast(layers.Discretization([0.1, 0.5])(x), "float32"),
        "Discretization multi_hot": layers.Discretization([0.1, 0.5], output_mode="multi_hot"),
        "Embedding": lambda x: layers.Embedding(10, 3)(ops.cast(ops.clip(x * 9, 0, 9), "int32")),
        **new,
        "CategoryEncoding": lambda x: layers.CategoryEncoding(5)(ops.cast(ops.clip(x * 4, 0, 4), "int32")),
        "Add, Subtract, Multiply": lambda x: layers.Multiply()(
            [layers.Add()([x, x]), layers.Subtract()([x, 2 * x])]
        ),
        "Average, Maximum, Minimum": lambda x: layers.Average()(
            [layers.Maximum()([x, 1 - x]), layers.Minimum()([x, 1 - x])]
        ),
        "Concatenate": lambda x: layers.Concatenate()([x, 2 * x]),
        "Dot": lambda x: layers.Dot(1)([x, x]),
        "RepeatVector": layers.RepeatVector(2),
        "ops.argmax, ops.one_hot": lambda x: ops.one_hot(ops.argmax(x, axis=-1), 6),
        "ops.expm1, ops.log1p": lambda x: ops.expm1(-ops.abs(x)) + ops.log1p(ops.abs(x)),
        "ops.logaddexp, ops.logsumexp": lambda x: ops.logaddexp(x, ops.logsumexp(x, axis=-1, keepdims=True)),
        "ops.sort, ops.top_k": lambda x: ops.concatenate([ops.sort(x, axis=-1), ops.top_k(x, 2)[0]], axis=-1),
        "ops.where, ops.clip, ops.sign": lambda x: ops.where(x > 0.5, ops.clip(x, 0, 0.7), ops.sign(x)),
        "ops.sin, ops.arctan2": lambda x: ops.sin(x) + ops.arctan2(x + 1, x + 2),
        "ops.einsum, ops.cumsum": lambda x: ops.cumsum(ops.einsum("bi,bj->bij", x, x), axis=-1) * 1e-5,
        "ops.mod, ops.floor_divide": lambda x: (
            ops.mod(x, 0.3) + ops.cast(ops.floor_divide(ops.cast(9 * x, "int32"), 2), "float32")
        ),
        "ops.searchsorted": lambda x: ops.cast(
            ops.reshape(ops.searchsorted(ops.convert_to_tensor([0.1, 0.5]), ops.reshape(x, (-1,))), (-1, 6)),
            "float32",
        ),
    }


def sequences() -> dict[str, Layer]:
    """Of x (B, 4, 6). Each step of a recurrent layer is exported: one and a masked one see four, the others two."""
    from keras import layers

    new = {}
    if hasattr(layers, NEWEST):
        new = {
            "AdaptiveAveragePooling1D": layers.AdaptiveAveragePooling1D(3),
            "AdaptiveMaxPooling1D": layers.AdaptiveMaxPooling1D(3),
        }
    return {
        "LSTM": lambda x: layers.LSTM(3)(x[:, 2:]),
        "LSTM of sequences": layers.LSTM(3, return_sequences=True),
        "GRU": lambda x: layers.GRU(3)(x[:, 2:]),
        "SimpleRNN": lambda x: layers.SimpleRNN(3)(x[:, 2:]),
        "Bidirectional": lambda x: layers.Bidirectional(layers.GRU(2, return_sequences=True))(x[:, 2:]),
        "RNN of GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells": lambda x: layers.RNN(
            layers.StackedRNNCells([layers.GRUCell(2), layers.LSTMCell(2), layers.SimpleRNNCell(2)])
        )(x[:, 2:]),
        "ConvLSTM1D": lambda x: layers.ConvLSTM1D(2, 2)(layers.Reshape((2, 4, 3))(x)),
        "Masking before LSTM": lambda x: layers.LSTM(3)(layers.Masking(0.0)(x)),
        "Masking before GlobalAveragePooling1D": lambda x: layers.GlobalAveragePooling1D()(
            layers.Masking(0.0)(x)
        ),
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
        **new,
    }


def images() -> dict[str, Layer]:
    """Of x (B, 8, 8, 4)."""
    from keras import layers

    def solid(x: Any) -> Any:
        return layers.Reshape((4, 4, 4, 4))(x)

    def augmented(x: Any) -> Any:
        for change in (layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1)):
            x = change(x)
        return x

    new = {}
    if hasattr(layers, NEWEST):
        new = {
            "AdaptiveAveragePooling2D": layers.AdaptiveAveragePooling2D(3),
            "AdaptiveMaxPooling2D": layers.AdaptiveMaxPooling2D((2, 3)),
            "AdaptiveAveragePooling3D": lambda x: layers.AdaptiveAveragePooling3D(2)(solid(x)),
            "AdaptiveMaxPooling3D": lambda x: layers.AdaptiveMaxPooling3D(2)(solid(x)),
        }
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
        "Resizing bicubic": layers.Resizing(5, 11, interpolation="bicubic"),
        "Resizing lanczos3, lanczos5, antialias": lambda x: layers.Concatenate()(
            [
                layers.Resizing(3, 11, interpolation="lanczos3")(x),
                layers.Resizing(3, 11, interpolation="lanczos5", antialias=True)(x),
                layers.Resizing(3, 11, antialias=True)(x),
            ]
        ),
        "CenterCrop": layers.CenterCrop(5, 5),
        "SpatialDropout2D": layers.SpatialDropout2D(0.2),
        "ConvLSTM2D": lambda x: layers.ConvLSTM2D(2, 2)(layers.Reshape((2, 4, 4, 8))(x)),
        "Conv3D": lambda x: layers.Conv3D(2, 2)(solid(x)),
        "Conv3DTranspose": lambda x: layers.Conv3DTranspose(2, 2)(solid(x)),
        "ConvLSTM3D": lambda x: layers.ConvLSTM3D(2, 2)(layers.Reshape((2, 4, 4, 2, 4))(x)),
        "MaxPooling3D": lambda x: layers.MaxPooling3D(2)(solid(x)),
        "AveragePooling3D": lambda x: layers.AveragePooling3D(2)(solid(x)),
        "GlobalAveragePooling3D": lambda x: layers.GlobalAveragePooling3D()(solid(x)),
        "GlobalMaxPooling3D": lambda x: layers.GlobalMaxPooling3D()(solid(x)),
        "UpSampling3D": lambda x: layers.UpSampling3D()(solid(x)),
        "ZeroPadding3D, Cropping3D, SpatialDropout3D": lambda x: layers.SpatialDropout3D(0.2)(
            layers.Cropping3D(2)(layers.ZeroPadding3D(1)(solid(x)))
        ),
        "RandomFlip, RandomRotation, RandomZoom": augmented,
        **new,
    }


GROUPS: dict[str, tuple[tuple[int, ...], Callable[[], dict[str, Layer]]]] = {
    "vectors": ((6,), vectors),
    "sequences": ((4, 6), sequences),
    "images": ((8, 8, 4), images),
}


def refused() -> dict[str, tuple[tuple[int | None, ...], Layer, str]]:
    """Layers that cannot be exported: input, layer, and what the sentence says."""
    from keras import layers, ops

    def whole(x: Any) -> Any:
        return ops.cast(x * 4, "int64")

    def number(x: Any) -> Any:
        return ops.cast(x, "float32")

    def spectrum(x: Any) -> Any:
        return layers.MelSpectrogram(
            fft_length=16, sequence_stride=8, num_mel_bins=4, sampling_rate=100, min_freq=1, max_freq=50
        )(x)

    return {
        "LSTM, GRU, RNN of a free number of steps": (
            (None, 6),
            layers.LSTM(3),
            r"the recurrent layer lstm\w* \(LSTM\) is unrolled, so its number of steps must be fixed",
        ),
        "ops.map, ops.scan, ops.while_loop, ops.cond": (
            (6,),
            lambda x: ops.map(lambda row: 2 * row, x),
            "holds a loop or a branch in .* use operations on whole tensors",
        ),
        "Hashing": (
            (6,),
            lambda x: number(layers.Hashing(5)(whole(x))),
            "no operation for .*StringToHashBucket",
        ),
        "HashedCrossing": (
            (6,),
            lambda x: number(layers.HashedCrossing(5)((whole(x[:, :1]), whole(x[:, 1:2])))),
            "no operation for SparseCross",
        ),
        "IntegerLookup": (
            (6,),
            lambda x: number(layers.IntegerLookup(vocabulary=[1, 3])(whole(x))),
            "no operation for LookupTableFind",
        ),
        "MelSpectrogram, STFTSpectrogram": ((24,), spectrum, "no operation for .*RFFT"),
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
    if group == "sequences":
        attention_of_all_layers_can_be_fused(tmp_path / "bundle", manifest)


def attention_of_all_layers_can_be_fused(bundle: Path, manifest: dict[str, Any]) -> None:
    """Two of MultiHeadAttention, with and without a mask, GroupedQueryAttention and Attention."""
    plain = onnx.load(bundle / "model.onnx")
    infos = [TensorInfo(entry["name"], tuple(entry["shape"])) for entry in manifest["inputs"]]
    fused, count = lowering.fused_attention(plain, infos)
    assert count == 4
    for jets in (1, 5):
        x = np.random.default_rng(jets).normal(size=(jets, 4, 6)).astype(np.float32)
        np.testing.assert_allclose(run_model(fused, {"x": x}), run_model(plain, {"x": x}), rtol=0, atol=1e-5)


def test_what_cannot_be_exported_is_one_sentence() -> None:
    import keras
    import tensorflow as tf

    for label, (shape, layer, message) in refused().items():
        x = keras.Input(shape, name="x")
        y = layer(x)
        model = keras.Model(x, keras.layers.Flatten()(y) if len(y.shape) > 2 else y)
        with pytest.raises(InputError, match=message) as stopped:
            with exportable(model):
                spec = tf.TensorSpec((None, *shape), tf.float32, "x")
                call = tf.function(lambda v, m=model: m(v), input_signature=[spec], autograph=False)
                graph, names = freeze(call)
            lowering.convert(graph, names, "score", 18, 8)
        assert "\n" not in str(stopped.value), label


def table() -> str:
    """The table of the guide."""
    lines = ["| layer or operation | |", "|---|---|"]
    for _, build in GROUPS.values():
        lines += [f"| {label} | works |" for label in build()]
    reasons = {
        "LSTM, GRU, RNN of a free number of steps": "refused: a loop; give the input a fixed number of steps",
        "ops.map, ops.scan, ops.while_loop, ops.cond": "refused: loops and branches; use operations on whole tensors",
        "Hashing": "refused: hashes are TensorFlow's own; use an Embedding of integers",
        "HashedCrossing": "refused, as Hashing",
        "IntegerLookup": "refused: ONNX has no tables of keys; use an Embedding of integers from 0",
        "MelSpectrogram, STFTSpectrogram": "refused: no rule for Fourier transforms; make spectra before the model",
        "ops.inv": "refused: ONNX has no inverse of matrices",
        "ops.cumprod": "refused: ONNX has no running product; use `exp(cumsum(log(x)))`",
        "ops.erfinv": "refused: ONNX has no inverse of erf",
    }
    assert reasons.keys() == refused().keys()
    reasons |= {
        "StringLookup, TextVectorization": "refused: inputs are float32; use an Embedding of integers",
        "Activation glu": "refused: Keras gives half of the columns that it says; use `ops.glu` in a layer of your own",
        "Lambda": "refused: a file of a model holds no Python code safely; write a registered layer",
    }
    return "\n".join([*lines, *(f"| {label} | {reason} |" for label, reason in reasons.items())])


def test_the_table_of_the_guide_is_this_one() -> None:
    import keras

    guide = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    assert not set(table().splitlines()) - set(guide.splitlines()), table()
    if hasattr(keras.layers, NEWEST):
        assert table() in guide, table()


def test_every_layer_of_keras_is_in_the_table() -> None:
    """Once, whatever it is also called; those that do nothing in an exported model stand below it."""
    import keras

    known = {
        kind.__name__
        for kind in vars(keras.layers).values()
        if isinstance(kind, type) and issubclass(kind, keras.layers.Layer)
    }
    bases = {"Layer", "Wrapper", "InputLayer", "Pipeline", "MaxNumBoundingBoxes"}
    frameworks = {"FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"}
    training = {"AugMix", "AutoContrast", "CutMix", "Equalization", "MixUp", "RandAugment", "Solarization"}
    training |= {"ContrastLimitedAdaptiveHistogramEqualization"}
    training |= {name for name in known if name.startswith("Random")}
    assert known - set(re.findall(r"\w+", table())) - bases - frameworks - training == set()
