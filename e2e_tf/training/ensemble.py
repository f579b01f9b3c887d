"""The mean of several models as one Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["ensemble"]


def ensemble(models: Sequence[Any], name: str = "ensemble") -> Any:
    """One Keras model whose outputs are the means of the members' outputs.

    It is saved, loaded and exported like any other; the members' parameters are copied.

    Args:
        models: functional models with the same outputs, such as one per seed. They may take different inputs, such
            as ``p4`` or none; those of one name must be the same.
        name: of the new model.

    Returns:
        A ``keras.Model`` with all of the members' inputs, and their outputs.

    Raises:
        InputError: there are no models, their outputs differ, or an input of one name does.
    """
    import keras

    models = list(models)
    if not models:
        raise InputError("models must hold at least one model, got none")
    first = models[0]
    inputs: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for i, model in enumerate(models):
        ours = _signature(model.inputs)
        theirs = {name: known[name] for name in ours if name in known}
        if any(ours[name] != other for name, other in theirs.items()):
            raise InputError(
                f"models must have the same inputs; model {i} has {ours}, those before have {theirs}"
            )
        if _outputs(model) != _outputs(first):
            raise InputError(
                f"models must have the same outputs; model {i} has {_outputs(model)}, model 0 has {_outputs(first)}"
            )
        for tensor in model.inputs:
            if tensor.name not in inputs:
                inputs[tensor.name] = keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name)
        known |= ours
    members = []
    for i, model in enumerate(models, 1):
        # A copy with its own name: two layers of one name cannot be in a model, and the caller's stay as they are.
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        copy.name = f"member_{i}"
        members.append(copy({tensor.name: inputs[tensor.name] for tensor in model.inputs}))
    if isinstance(members[0], dict):
        outputs: Any = {key: _mean([m[key] for m in members], key) for key in members[0]}
    else:
        outputs = _mean(members, "score")
    return keras.Model(inputs, outputs, name=name)


def _mean(tensors: list[Any], name: str) -> Any:
    import keras

    if len(tensors) == 1:
        return keras.layers.Identity(name=name)(tensors[0])
    return keras.layers.Average(name=name)(tensors)


def _signature(tensors: Any) -> dict[str, Any]:
    return {tensor.name: (tuple(tensor.shape), str(tensor.dtype)) for tensor in tensors}


def _outputs(model: Any) -> Any:
    structure = model.output
    return (
        {key: tuple(t.shape) for key, t in structure.items()}
        if isinstance(structure, dict)
        else tuple(structure.shape)
    )
