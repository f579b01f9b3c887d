"""Momenta of nodes from their normalised features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import number

__all__ = ["FeatureMomenta"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class FeatureMomenta(keras.layers.Layer):
    r"""Massless momenta of nodes from three of their features, whose normalisation is undone.

    .. math::
        p_T = \exp(x_a / s_a + m_a), \quad \Delta\eta = x_b / s_b + m_b, \quad \Delta\phi = x_c / s_c + m_c

    with the columns a, b, c, the medians m and the factors s of ``preprocess.json``. A model that needs momenta
    beside features, such as one with :class:`PairFeatures`, then takes no input of its own for them, and nothing
    can differ between the two. What normalisation has clamped stays clamped. All is computed in float32 at least;
    give ``dtype="float32"`` to keep its digits under another policy.

    Args:
        columns: of ln(pT / GeV), Δη and Δφ [rad] in the features.
        median, norm_factor: of these columns.

    Call arguments:
        inputs: ``x`` (..., F), normalised.

    Output:
        (..., 4): pT (GeV), Δη, Δφ (rad) relative to the jet axis, and a mass of 0.

    Raises:
        InputError: not three columns with their numbers, a column is not one of ``x``, or a factor is 0.
    """

    def __init__(
        self,
        columns: Sequence[int],
        median: Sequence[float],
        norm_factor: Sequence[float],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Momenta must not pass through float16: 70 TeV is its largest number, 0.05 % its resolution.
        self.autocast = False
        self.columns = tuple(int(column) for column in columns)
        self.median = tuple(number("median", value, -math.inf) for value in median)
        self.norm_factor = tuple(number("norm_factor", value) for value in norm_factor)
        for name in ("columns", "median", "norm_factor"):
            if len(getattr(self, name)) != 3:
                raise InputError(f"{name} must be three numbers, of pT, Δη and Δφ, got {getattr(self, name)}")
        if min(self.columns) < 0:
            raise InputError(f"columns must not be negative, got {self.columns}")
        if 0 in self.norm_factor:
            raise InputError(f"norm_factor must not be 0, got {self.norm_factor}")

    def build(self, input_shape: Any) -> None:
        if input_shape[-1] is not None and max(self.columns) >= input_shape[-1]:
            raise InputError(f"columns must be of x, 0 to {input_shape[-1] - 1}, got {self.columns}")
        self.built = True

    def call(self, inputs: Any) -> Any:
        x = tf.cast(inputs, tf.float64 if self.compute_dtype == "float64" else tf.float32)
        parts = zip(self.columns, self.median, self.norm_factor, strict=True)
        log_pt, deta, dphi = (x[..., column] / norm + middle for column, middle, norm in parts)
        momenta = tf.stack([tf.exp(log_pt), deta, dphi, tf.zeros_like(deta)], axis=-1)
        return tf.cast(momenta, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 4)

    def get_config(self) -> dict[str, Any]:
        own = {"columns": self.columns, "median": self.median, "norm_factor": self.norm_factor}
        return {**super().get_config(), **own}
