"""Some of the features of nodes, without their normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import number

__all__ = ["RawFeatures"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class RawFeatures(keras.layers.Layer):
    r"""Columns of the features whose normalisation is undone, the transform (a logarithm) left.

    .. math::
        y_c = x_{a_c} / s_c + m_c

    with the columns a, the medians m and the factors s of ``preprocess.json``. What normalisation has clamped stays
    clamped. All is computed in float32 at least; give ``dtype="float32"`` to keep its digits under another policy.

    Args:
        columns: of the features.
        median, norm_factor: of these columns.

    Call arguments:
        inputs: ``x`` (..., F), normalised.

    Output:
        (..., C), C the number of columns.

    Raises:
        InputError: the columns and their numbers differ in number, a column is not one of ``x``, or a factor is 0.
    """

    def __init__(
        self, columns: Sequence[int], median: Sequence[float], norm_factor: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.autocast = False  # places at the calorimeter must not pass through float16
        self.columns = tuple(int(column) for column in columns)
        self.median = tuple(number("median", value, -math.inf) for value in median)
        self.norm_factor = tuple(number("norm_factor", value) for value in norm_factor)
        if not self.columns or not len(self.columns) == len(self.median) == len(self.norm_factor):
            raise InputError(
                "columns, median and norm_factor must be equally many, at least one, "
                f"got {len(self.columns)}, {len(self.median)} and {len(self.norm_factor)}"
            )
        if min(self.columns) < 0:
            raise InputError(f"columns must not be negative, got {self.columns}")
        if 0 in self.norm_factor:
            raise InputError(f"norm_factor must not be 0, got {self.norm_factor}")

    def build(self, input_shape: Any) -> None:
        if input_shape[-1] is not None and max(self.columns) >= input_shape[-1]:
            raise InputError(f"columns must be of x, 0 to {input_shape[-1] - 1}, got {self.columns}")
        self.built = True

    def call(self, inputs: Any) -> Any:
        return tf.cast(self.raw(inputs), self.compute_dtype)

    def raw(self, inputs: Any) -> Any:
        """The columns (..., C) without normalisation, in float32 at least.

        Args:
            inputs: (..., F).

        Returns:
            (..., C), float32 or float64.
        """
        x = tf.cast(inputs, tf.float64 if self.compute_dtype == "float64" else tf.float32)
        parts = zip(self.columns, self.median, self.norm_factor, strict=True)
        return tf.stack([x[..., column] / norm + middle for column, middle, norm in parts], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], len(self.columns))

    def get_config(self) -> dict[str, Any]:
        own = {"columns": self.columns, "median": self.median, "norm_factor": self.norm_factor}
        return {**super().get_config(), **own}
