"""The loss of an auxiliary task."""

from __future__ import annotations

from typing import Any

import keras

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import number

__all__ = ["AuxiliaryLoss"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class AuxiliaryLoss(keras.layers.Layer):
    r"""The identity of a score, that adds the loss of another prediction of the model while it is trained.

    .. math::
        y = s, \quad L \leftarrow L + \lambda \,\langle h(p - q) \rangle, \quad
        h(d) = \begin{cases} d^2 / 2 & |d| \le 1 \\ |d| - 1/2 & |d| > 1 \end{cases}

    with predictions p, their targets q and the mean over all entries of a batch (Huber, Ann. Math. Statist. 35, 73).
    The targets are an input of the model. In validation and prediction the layer does nothing.

    Args:
        factor: λ, finite and not negative.

    Call arguments:
        inputs: ``[s, p, q]``; p and q have one shape.
        training: whether the loss is added.

    Output:
        s.

    Raises:
        InputError: ``factor`` is negative or not a finite number, or there are not three inputs.
    """

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = number("factor", factor)

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 3:
            raise InputError(
                f"inputs must be a score, a prediction and its target, not {len(input_shape)} tensors"
            )
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        score, predicted, target = inputs
        if training:
            # A mean needs a longer type than a mixed-precision policy computes in.
            distance = keras.ops.abs(keras.ops.cast(predicted, "float32") - keras.ops.cast(target, "float32"))
            near = keras.ops.minimum(distance, 1.0)
            self.add_loss(self.factor * keras.ops.mean(near * (distance - 0.5 * near)))
        return score

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}
