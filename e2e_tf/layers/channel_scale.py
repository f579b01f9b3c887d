"""Learned factors of groups of channels."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import positive

__all__ = ["ChannelScale"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class ChannelScale(keras.layers.Layer):
    r"""Multiplies each group of neighbouring channels by a learned factor, 1 at the start.

    Shleifer, Weston and Ott, NormFormer, https://arxiv.org/abs/2110.09456, whose scaling of attention heads (one group
    a head) and of residuals (one group a channel) the Particle Transformer takes over, https://arxiv.org/abs/2202.03772

    .. math::
        y_c = w_{\lfloor c G / C \rfloor}\, x_c

    Args:
        groups: number G of factors; it divides the number C of channels.

    Call arguments:
        inputs: float (..., C).

    Output:
        (..., C).

    Raises:
        InputError: ``groups`` is not positive or does not divide the channels.
    """

    def __init__(self, groups: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = positive("groups", groups)

    def build(self, input_shape: Any) -> None:
        if input_shape[-1] % self.groups:
            raise InputError(f"groups must divide the {input_shape[-1]} channels, got {self.groups}")
        self.factors = self.add_weight(shape=(self.groups,), initializer="ones", name="factors")
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs * tf.repeat(tf.cast(self.factors, inputs.dtype), inputs.shape[-1] // self.groups)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}
