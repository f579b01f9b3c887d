"""Outputs of a Keras model by name, and side by side in one tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.deploy.interface import OUTPUT, check_inputs, is_graph_model
from e2e_tf.errors import InputError

__all__ = ["joined_outputs"]


def joined_outputs(model: Any) -> tuple[Any, dict[str, int]]:
    """A model of one output, and how many columns of it each output of ``model`` has.

    Args:
        model: a Keras model of one or several outputs.

    Returns:
        The model with its outputs side by side (B, C), and the columns of each output by name: its key where the
        model has a dictionary of outputs, else its layer's name, with its place in the list where a layer gives
        several.

    Raises:
        InputError: the model has no fixed inputs, an output is not (B, C), two outputs get the same name, or an input
            cannot be passed.
    """
    import keras

    model = _functional(model)
    check_inputs(model)
    outputs = dict(zip(_output_names(model), model.outputs, strict=True))
    for name, tensor in outputs.items():
        if len(tensor.shape) != 2 or tensor.shape[-1] is None:
            raise InputError(f"an output must have shape (B, C), {name} of this model has {tensor.shape}")
    if is_graph_model(model):
        # Rows of nodes and of edges look like those of graphs until there are some: 3 nodes, 1 edge, 2 graphs.
        rows = {"senders": 1, "receivers": 1, "n_node": 2, "u": 2}
        tried = {t.name: np.zeros((rows.get(t.name, 3), *t.shape[1:]), t.dtype) for t in model.inputs}
        tried["n_node"] += np.array([1, 2], tried["n_node"].dtype)
        for name, values in zip(outputs, keras.tree.flatten(model(tried, training=False)), strict=True):
            if values.shape[0] != 2:
                raise InputError(
                    f"an output must be one of graphs; {name} of this model is one of nodes or edges"
                )
    columns = {name: int(tensor.shape[-1]) for name, tensor in outputs.items()}
    if isinstance(model.output, keras.KerasTensor):
        return model, columns
    (score, *others) = outputs.values()
    if others:
        name, taken = OUTPUT, {layer.name for layer in model.layers}
        while name in taken:  # as a head may be called
            name += "_"
        score = keras.layers.Concatenate(name=name, dtype="float32")([score, *others])
    return keras.Model(model.input, score, name=model.name), columns


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


def _functional(model: Any) -> Any:
    """A model whose inputs and outputs are known: of a ``Sequential`` the same layers as a functional one."""
    import keras

    if isinstance(model, keras.Sequential) and model.built:
        return keras.Model(model.inputs, model.outputs[0], name=model.name)
    if not getattr(model, "inputs", None) or not hasattr(model, "output_names"):
        raise InputError(
            f"the model {model.name} ({type(model).__name__}) has no fixed inputs and outputs; build it with "
            "keras.Input and keras.Model, or call it on a keras.Input in such a model"
        )
    return model
