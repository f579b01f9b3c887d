"""Layers in a form that every runtime has: no loops, grouped convolutions, splines between pixels or half precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from e2e_tf.deploy.model_inputs import all_layers
from e2e_tf.errors import InputError

__all__ = ["check_size", "exportable", "in_float32"]

LARGEST = (1 << 31) - (16 << 20)  # bytes of parameters; the files, of 2 GiB at most, hold a graph beside them

_HALVES = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def check_size(model: Any) -> None:
    """Check that the parameters of a model fit into one file of ONNX and of TensorFlow.

    Args:
        model: a Keras model.

    Raises:
        InputError: they do not.
    """
    size = 4 * int(model.count_params())
    if size > LARGEST:
        large = max(
            (layer for layer in all_layers(model) if not hasattr(layer, "layers")),
            key=lambda layer: int(layer.count_params()),
        )
        raise InputError(
            f"the parameters of {model.name} take {size / 2**30:.3g} GiB in float32, most of them, "
            f"{4 * int(large.count_params()) / 2**30:.3g} GiB, in {large.name} ({type(large).__name__}); files of ONNX "
            f"and frozen graphs hold {LARGEST / 2**30:.3g} GiB at most, and cms::Ort reads one file: make this layer "
            "smaller, or split the model into several"
        )


@contextmanager
def exportable(model: Any) -> Iterator[None]:
    """Within, recurrent layers are unrolled, convolutions in groups are one convolution for each group, and images are
    resized by products with matrices where the interpolation is more than linear.

    TensorFlow runs the first as a loop, which ONNX's rules of the converter do not know, and the second as a
    function of XLA; the third ONNX Runtime does not know. The numbers are the same but for rounding.

    Args:
        model: a Keras model.

    Yields:
        Nothing; what is traced within the block has none of these. Recurrent layers refuse a free number of steps.
    """
    import keras

    unrolled = [
        layer for layer in all_layers(model) if isinstance(layer, keras.layers.RNN) and not layer.unroll
    ]
    grouped = [
        layer for layer in all_layers(model) if getattr(layer, "groups", 1) > 1 and hasattr(layer, "filters")
    ]
    for layer in unrolled:
        layer.unroll = True
        layer.call = _of_known_length(layer)
    resizing = [layer for layer in all_layers(model) if isinstance(layer, keras.layers.Resizing)]
    resizing = [layer for layer in resizing if _needs_matrices(layer)]
    for layer in grouped:
        layer.call = _by_groups(layer)
    for layer in resizing:
        layer.call = _by_matrices(layer)
    try:
        yield
    finally:
        for layer in unrolled:
            layer.unroll = False
        for layer in (*unrolled, *grouped, *resizing):
            del layer.call


def _of_known_length(layer: Any) -> Callable[..., Any]:
    """The call of a recurrent layer, which refuses a free number of steps by the name of the layer."""
    call = layer.call

    def checked(sequences: Any, *args: Any, **kwargs: Any) -> Any:
        if sequences.shape[1] is None:
            raise InputError(
                f"the recurrent layer {layer.name} ({type(layer).__name__}) is unrolled, so its number of steps must "
                "be fixed, which that of the nodes of a graph is not; on nodes use attention, convolutions or pooling, "
                "or give the model fixed tensors, such as keras.Input((50, 6)) with keras.layers.Masking()"
            )
        return call(sequences, *args, **kwargs)

    return checked


def _by_groups(layer: Any) -> Callable[[Any], Any]:
    """The call of a convolution, one group of channels after the other."""
    from keras import ops

    def call(inputs: Any) -> Any:
        padding = layer.padding
        if padding == "causal":
            before = [(layer.kernel_size[0] - 1) * layer.dilation_rate[0], 0]
            steps = [before, [0, 0]] if layer.data_format == "channels_last" else [[0, 0], before]
            inputs, padding = ops.pad(inputs, [[0, 0], *steps]), "valid"
        axis = -1 if layer.data_format == "channels_last" else 1
        parts = zip(
            ops.split(inputs, layer.groups, axis=axis),
            ops.split(layer.kernel, layer.groups, axis=-1),
            strict=True,
        )
        convolved = [
            ops.conv(
                part,
                kernel,
                strides=list(layer.strides),
                padding=padding,
                dilation_rate=layer.dilation_rate,
                data_format=layer.data_format,
            )
            for part, kernel in parts
        ]
        outputs = ops.concatenate(convolved, axis=axis)
        if layer.use_bias:
            ones = (1,) * (layer.rank + 1)
            shape = (*ones, layer.filters) if axis == -1 else (1, layer.filters, *ones[1:])
            outputs = outputs + ops.reshape(layer.bias, shape)
        return outputs if layer.activation is None else layer.activation(outputs)

    return call


def _needs_matrices(layer: Any) -> bool:
    """Whether an image is resized in another way than by its nearest pixels, and as a whole."""
    plain = layer.interpolation == "nearest" or (layer.interpolation == "bilinear" and not layer.antialias)
    return not (plain or layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio)


def _by_matrices(layer: Any) -> Callable[..., Any]:
    """The call of a layer that resizes images: a pixel is a sum over rows and columns with fixed weights."""
    from keras import ops

    last = layer.data_format == "channels_last"

    def call(images: Any, **kwargs: Any) -> Any:
        values = ops.transpose(images, (0, 3, 1, 2)) if last else images
        rows, columns = (
            _weights(layer, size, wanted)
            for size, wanted in zip(values.shape[2:], (layer.height, layer.width), strict=True)
        )
        resized = ops.matmul(ops.matmul(rows, values), columns.T)
        return ops.transpose(resized, (0, 2, 3, 1)) if last else resized

    return call


def _weights(layer: Any, size: int, wanted: int) -> np.ndarray:
    """float32 (wanted, size): what each of the rows of an image counts in each of the new ones."""
    import tensorflow as tf
    from keras import ops

    with tf.init_scope():  # at once, not in the function that is traced
        one_each = ops.reshape(ops.eye(size), (1, size, size, 1))
        made = ops.image.resize(
            one_each,
            (wanted, size),
            interpolation=layer.interpolation,
            antialias=layer.antialias,
            data_format="channels_last",
        )
        return np.asarray(made)[0, :, :, 0]


def in_float32(model: Any) -> tuple[Any, str]:
    """The same model with the policy float32, where it was built in half or mixed precision.

    Parameters of mixed precision are float32 already; only what is computed with them changes.

    Args:
        model: a Keras model.

    Returns:
        The model, and the policy that it had; the model itself and an empty name where none of its layers has
        half precision.

    Raises:
        InputError: a layer cannot be made again in float32.
    """
    import keras

    policies = {layer.dtype_policy.name for layer in all_layers(model) if hasattr(layer, "dtype_policy")}
    found = sorted(policies & set(_HALVES))
    if not found:
        return model, ""
    config = _without_halves(keras.saving.serialize_keras_object(model))
    try:
        made = keras.saving.deserialize_keras_object(config)
        made.set_weights([weight.numpy().astype(_single(weight.dtype)) for weight in model.weights])
    except (TypeError, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise InputError(
            f"the model of policy {found[0]} cannot be made again in float32: {first}"
        ) from error
    return made, found[0]


def _single(dtype: Any) -> str:
    return "float32" if str(dtype) in _HALVES else str(dtype)


def _without_halves(value: Any, key: str = "") -> Any:
    """A configuration in which no data type or policy is half precision."""
    if isinstance(value, dict):
        if "Policy" in str(value.get("class_name")):
            return {**value, "config": {**value["config"], "name": _full(value["config"]["name"])}}
        return {name: _without_halves(part, str(name)) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_halves(part, key) for part in value)
    return _full(value) if key in ("dtype", "output_dtype") else value


def _full(name: Any) -> Any:
    return "float32" if name in _HALVES else name
