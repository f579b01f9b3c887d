"""Momenta of nodes from their normalised features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers.raw_features import RawFeatures

__all__ = ["FeatureMomenta"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class FeatureMomenta(RawFeatures):
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
        self, columns: Sequence[int], median: Sequence[float], norm_factor: Sequence[float], **kwargs: Any
    ) -> None:
        for name, values in (("columns", columns), ("median", median), ("norm_factor", norm_factor)):
            if len(values) != 3:
                raise InputError(f"{name} must be three numbers, of pT, Δη and Δφ, got {tuple(values)}")
        super().__init__(columns, median, norm_factor, **kwargs)

    def call(self, inputs: Any) -> Any:
        log_pt, deta, dphi = tf.unstack(self.raw(inputs), axis=-1)
        momenta = tf.stack([tf.exp(log_pt), deta, dphi, tf.zeros_like(deta)], axis=-1)
        return tf.cast(momenta, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], 4)
