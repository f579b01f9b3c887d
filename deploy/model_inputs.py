"""Inputs and outputs of any Keras model by the names of an interface, whatever its author called or nested them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["all_layers", "call_model", "integer_limits", "joined", "tensor_names"]

_TAKEN = ("score",)  # what the output is called
_HELD = {"bool": 2, "int8": 128, "uint8": 256}


def all_layers(model: Any) -> list[Any]:
    """The layers of a model, those inside of others included.

    Args:
        model: a Keras model.

    Returns:
        Keras layers, models among them.
    """
    found: list[Any] = model._flatten_layers(include_self=False, recursive=True)
    return found


def tensor_names(model: Any) -> dict[str, Any]:
    """Inputs of a model by names that every runtime takes.

    Letters, digits, ``_`` and ``.`` stay, others become ``_``. A name that begins otherwise, is taken by the output
    or is there already gets ``input_`` before or a number behind it.

    Args:
        model: a Keras model.

    Returns:
        The symbolic tensors of the inputs by name, in the order of ``model.inputs``.
    """
    names: dict[str, Any] = {}
    for tensor in model.inputs:
        name = re.sub(r"[^A-Za-z0-9_.]", "_", tensor.name)
        if not re.match(r"[A-Za-z0-9]", name) or name in _TAKEN:
            name = f"input_{name.strip('_') or len(names)}"
        stem, count = name, 2
        while name in names:
            name, count = f"{stem}_{count}", count + 1
        names[name] = tensor
    return names


def call_model(model: Any, tensors: Mapping[str, Any]) -> Any:
    """What a model gives, its outputs side by side.

    Args:
        model: a Keras model that takes no graphs.
        tensors: (B, ...) by the names of :func:`tensor_names`; they are cast to the types of the inputs.

    Returns:
        float32 (B, C).
    """
    import keras
    import tensorflow as tf

    known = tensor_names(model)
    flat = [tf.cast(tensors[name], tensor.dtype) for name, tensor in known.items()]
    inputs = (
        flat[0] if isinstance(model, keras.Sequential) else keras.tree.pack_sequence_as(model.input, flat)
    )
    return joined(model(inputs, training=False))


def joined(outputs: Any) -> Any:
    """The outputs of a call of a model side by side, in the order of ``model.outputs``.

    Args:
        outputs: a tensor (B, C) or (B,), or a list or dictionary of such.

    Returns:
        (B, C).
    """
    import keras
    import tensorflow as tf

    flat = [part if len(part.shape) == 2 else part[:, None] for part in keras.tree.flatten(outputs)]
    return flat[0] if len(flat) == 1 else tf.concat([tf.cast(part, tf.float32) for part in flat], axis=-1)


def integer_limits(model: Any) -> dict[str, int]:
    """Below which number the values of integer inputs must lie, where embeddings or their type say so.

    Args:
        model: a Keras model.

    Returns:
        By the name of the input: the length of the shortest table of the model's embeddings, or what a type of 8 bits
        or fewer holds.
    """
    import keras

    tables = [layer.input_dim for layer in all_layers(model) if isinstance(layer, keras.layers.Embedding)]
    whole = {name: str(t.dtype) for name, t in tensor_names(model).items() if "float" not in str(t.dtype)}
    held = {name: _HELD[kind] for name, kind in whole.items() if kind in _HELD}
    if not tables:
        return held
    return held | {name: min([*tables, held.get(name, tables[0])]) for name in whole}
