"""Models with an auxiliary task for their training, and what is left of them after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e_tf.data.content import CONTENT, CONTENT_INPUT
from e2e_tf.errors import InputError
from e2e_tf.models.heads import Head, Outputs, as_heads

__all__ = ["auxiliary_heads", "with_auxiliary", "without_auxiliary"]

_HEAD, _LOSS = "learnt_content", "auxiliary_loss"


def auxiliary_heads(outputs: Outputs) -> dict[str, Head]:
    """The outputs that a model with the task is built with.

    Args:
        outputs: its own, see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        Its own heads by name, and that of the task.

    Raises:
        InputError: an output has the name of the task's head.
    """
    own = as_heads(outputs)
    if _HEAD in own:
        raise InputError(f"an output cannot be called {_HEAD}, as that of training.auxiliary_loss is")
    return own | {_HEAD: Head("regression", len(CONTENT))}


def with_auxiliary(model: Any, outputs: Outputs, factor: float) -> Any:
    """The model that is trained: it has an input for the targets of the task, whose loss it adds itself.

    Args:
        model: built with :func:`auxiliary_heads`.
        outputs: its own.
        factor: of the loss.

    Returns:
        A ``keras.Model`` with the inputs of ``model`` and ``jet_content`` (B, 54), and its own outputs.
    """
    import keras

    from e2e_tf.layers import AuxiliaryLoss

    target = keras.Input((len(CONTENT),), name=CONTENT_INPUT, dtype="float32")
    found = dict(model.output)
    predicted = found.pop(_HEAD)
    first = next(iter(as_heads(outputs)))
    found[first] = AuxiliaryLoss(factor, name=_LOSS)([found[first], predicted, target])
    inputs = {tensor.name: tensor for tensor in (*model.inputs, target)}
    return keras.Model(inputs, found if isinstance(outputs, Mapping) else found[first], name=model.name)


def without_auxiliary(model: Any) -> Any:
    """The model without its auxiliary task, with the same layers and parameters.

    Args:
        model: of :func:`with_auxiliary`, or any other.

    Returns:
        A ``keras.Model`` with its own inputs and outputs only, not compiled; ``model`` itself if it has no task.
    """
    import keras

    inputs = {tensor.name: tensor for tensor in getattr(model, "inputs", None) or ()}
    if inputs.pop(CONTENT_INPUT, None) is None:  # a layer may have any name in a model of somebody's own
        return model
    loss = model.get_layer(_LOSS)
    score, given = loss.input[0], loss.output
    if isinstance(model.output, Mapping):
        outputs = {name: score if tensor is given else tensor for name, tensor in model.output.items()}
    else:
        outputs = score
    return keras.Model(inputs, outputs, name=model.name)
