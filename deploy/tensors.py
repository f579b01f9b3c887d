"""The ``tensors`` interface: a model on images and other tensors, by its own inputs."""

from __future__ import annotations

from typing import Any

from e2e_tf.deploy.interface import OUTPUT, TensorInfo, check_tensors, tensor_specs
from e2e_tf.deploy.model_inputs import call_model, integer_limits, tensor_names
from e2e_tf.errors import InputError

__all__ = ["tensors_function", "tensors_infos"]


def tensors_infos(model: Any) -> tuple[list[TensorInfo], TensorInfo]:
    """The inputs and the output of the ``tensors`` interface.

    Args:
        model: a Keras model on images or other tensors.

    Returns:
        The model's own inputs (B, ...) by the names of :func:`~e2e_tf.deploy.model_inputs.tensor_names`, and the
        output ``score`` (B, C).

    Raises:
        InputError: an input has no fixed shape behind the batch, or cannot be passed as float32.
    """
    check_tensors(model)
    for tensor in model.inputs:
        if None in tensor.shape[1:] or len(tensor.shape) < 2:
            raise InputError(
                f"the tensors interface takes inputs (B, ...) of fixed shape; {tensor.name} of this model has "
                f"{tensor.shape}; give it a fixed one, such as keras.Input((50, 6)), and mask what is empty"
            )
    limits = integer_limits(model)
    infos = [
        TensorInfo(
            name,
            ("B", *tensor.shape[1:]),
            keras="" if tensor.name == name else tensor.name,
            below=limits.get(name, 0),
        )
        for name, tensor in tensor_names(model).items()
    ]
    return infos, TensorInfo(OUTPUT, ("B", model.output_shape[-1]))


def tensors_function(model: Any) -> Any:
    """A ``tf.function`` with the ``tensors`` interface around a Keras model.

    Args:
        model: a Keras model on images or other tensors.

    Returns:
        The function; it takes float32 tensors in the order of the model's inputs and gives (B, C).

    Raises:
        InputError: the model does not fit the interface.
    """
    import tensorflow as tf

    infos, _ = tensors_infos(model)

    @tf.function(input_signature=tensor_specs(infos), autograph=False)
    def score(*tensors: Any) -> Any:
        return call_model(model, {info.name: t for info, t in zip(infos, tensors, strict=True)})

    return score
