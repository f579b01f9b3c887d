"""Outputs of a Keras model by name, and side by side in one tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.deploy.interface import OUTPUT, check_inputs, is_graph_model
from e2e_tf.errors import InputError

__all__ = ["functional", "joined_outputs"]


def joined_outputs(model: Any) -> tuple[Any, dict[str, int]]:
    """A model of one output, and how many columns of it each output of ``model`` has.

    Args:
        model: a Keras model of one or several outputs.

    Returns:
        The model with its outputs side by side (B, C), and the columns of each output by name: its key where the
        model has a dictionary of outputs, else its layer's name, with its place in the list where a layer gives
        several. An output of one number for each entry, (B,), is one column.

    Raises:
        InputError: the model has no fixed inputs, an output is neither (B, C) nor (B,) or not what Keras says it is,
            two outputs get the same name, or an input cannot be passed.
    """
    import keras

    model = functional(model)
    check_inputs(model)
    outputs = dict(zip(_output_names(model), model.outputs, strict=True))
    for name, tensor in outputs.items():
        if len(tensor.shape) not in (1, 2) or None in tensor.shape[1:]:
            raise InputError(
                f"an output must have shape (B, C) or (B,), {name} of this model has {tensor.shape}; end it with a "
                "layer that gives so, such as keras.layers.Flatten() or keras.layers.Reshape((1,))"
            )
    for (name, tensor), shape in zip(outputs.items(), _shapes(model), strict=True):
        if shape[:1] != (2,) and is_graph_model(model):
            raise InputError(
                f"an output must be one of graphs; {name} of this model is one of nodes or edges"
            )
        if shape[:1] != (2,):
            raise InputError(
                f"an output must have a row for each entry; {name} of this model has {shape[0] if shape else 1} for 2"
            )
        if shape != (2, *tensor.shape[1:]):
            gives, says = (
                (f"{shape[-1]} columns", tensor.shape[-1])
                if len(shape) == len(tensor.shape) == 2
                else (shape, tensor.shape)
            )
            raise InputError(
                f"the output {name} of this model gives {gives} where Keras says {says}; correct compute_output_shape "
                "of the layer that gives it"
            )
    columns = {
        name: int(tensor.shape[-1]) if len(tensor.shape) == 2 else 1 for name, tensor in outputs.items()
    }
    if isinstance(model.output, keras.KerasTensor) and len(model.output.shape) == 2:
        return model, columns
    (score, *others) = (
        tensor if len(tensor.shape) == 2 else keras.layers.Reshape((1,))(tensor)
        for tensor in outputs.values()
    )
    if others:
        name, taken = OUTPUT, {layer.name for layer in model.layers}
        while name in taken:  # as a head may be called
            name += "_"
        score = keras.layers.Concatenate(name=name, dtype="float32")([score, *others])
    return keras.Model(model.input, score, name=model.name), columns


def _shapes(model: Any) -> list[tuple[int, ...]]:
    """Of the outputs of a model, called on two graphs, or two entries of zeros; of free inputs what Keras says."""
    import keras

    if any(None in tensor.shape[1:] for tensor in model.inputs):
        return [(2, *tensor.shape[1:]) for tensor in model.outputs]
    rows = dict.fromkeys((tensor.name for tensor in model.inputs), 2)
    if is_graph_model(model):
        # Rows of nodes and of edges look like those of graphs until there are some: 3 nodes, 1 edge, 2 graphs.
        rows |= {name: {"senders": 1, "receivers": 1, "n_node": 2, "u": 2}.get(name, 3) for name in rows}
    kinds = [np.float32 if "float" in str(t.dtype) else t.dtype for t in model.inputs]
    tried = [np.zeros((rows[t.name], *t.shape[1:]), k) for t, k in zip(model.inputs, kinds, strict=True)]
    if is_graph_model(model):
        counts = tried[[t.name for t in model.inputs].index("n_node")]
        counts += np.array([1, 2], counts.dtype)
    found = model(keras.tree.pack_sequence_as(model.input, tried), training=False)
    return [tuple(values.shape) for values in keras.tree.flatten(found)]


def _output_names(model: Any) -> list[str]:
    """Names of the outputs of a model in the order of ``model.outputs``, no two the same."""
    import keras

    paths = [path for path, _ in keras.tree.flatten_with_path(model.output)]
    places = ["_".join(map(str, path)) for path in paths]
    by_key = [any(isinstance(part, str) for part in path) for path in paths]
    layers = model.output_names
    names = [
        place if keyed else f"{layer}_{place}" if layers.count(layer) > 1 else layer
        for place, keyed, layer in zip(places, by_key, layers, strict=True)
    ]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise InputError(
                f"the outputs of a model must have different names; those of {layers[names.index(name)]} and "
                f"{layers[i]} are both called {name}"
            )
    return names


def functional(model: Any) -> Any:
    """A model whose inputs and outputs are known.

    Args:
        model: a Keras model.

    Returns:
        Of a ``Sequential`` the same layers as a functional one, else the model.

    Raises:
        InputError: it has none.
    """
    import keras

    if isinstance(model, keras.Sequential) and model.built:
        return keras.Model(model.inputs, model.outputs[0], name=model.name)
    if not getattr(model, "inputs", None) or not hasattr(model, "output_names"):
        raise InputError(
            f"the model {model.name} ({type(model).__name__}) has no fixed inputs and outputs; build it with "
            "keras.Input and keras.Model, or call it on a keras.Input in such a model"
        )
    return model
