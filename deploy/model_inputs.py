"""Inputs and outputs of any Keras model by the names of an interface, whatever its author called or nested them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from e2e_tf.data.node_inputs import NODE_INPUTS
from e2e_tf.graph import GraphBatch

__all__ = [
    "all_layers",
    "call_model",
    "graph_inputs",
    "integer_limits",
    "joined",
    "node_columns",
    "tensor_names",
    "with_node_columns",
]

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


def node_columns(model: Any) -> dict[str, slice]:
    """Where the inputs of nodes of a model on graphs lie among the columns that a bundle has of a node.

    Args:
        model: a Keras model on disjoint batches.

    Returns:
        Ranges of columns by input: ``x`` first, then those of :data:`e2e_tf.data.node_inputs.NODE_INPUTS` that the
        model takes, one behind the other.
    """
    widths = {tensor.name: int(tensor.shape[-1]) for tensor in model.inputs if len(tensor.shape) > 1}
    found, end = {}, 0
    for name in ("x", *NODE_INPUTS):
        if name in widths:
            found[name] = slice(end, end + widths[name])
            end += widths[name]
    return found


def graph_inputs(model: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """What a model on graphs is fed of the columns that a bundle has.

    Args:
        model: a Keras model on disjoint batches.
        tensors: arrays or tensors by name, among them ``x`` (n, F) with all columns of :func:`node_columns`.

    Returns:
        Those that the model takes, by the names of its inputs.
    """
    columns = node_columns(model)
    wanted = {tensor.name for tensor in model.inputs}
    x = tensors["x"]
    given = {name: x[..., part] for name, part in columns.items()} if len(columns) > 1 else {"x": x}
    return {name: value for name, value in (dict(tensors) | given).items() if name in wanted}


def with_node_columns(model: Any, graphs: GraphBatch, nodes: Mapping[str, np.ndarray]) -> GraphBatch:
    """Graphs whose ``x`` has all columns of :func:`node_columns`.

    Args:
        model: a Keras model on disjoint batches.
        graphs: with the features of nodes alone.
        nodes: further inputs of nodes, float32 (n, width) by name, at least those that the model takes.

    Returns:
        The graphs; the same ones for a model without further inputs.
    """
    more = [nodes[name] for name in node_columns(model) if name != "x"]
    return replace(graphs, x=np.concatenate([graphs.x, *more], axis=1)) if more else graphs


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
