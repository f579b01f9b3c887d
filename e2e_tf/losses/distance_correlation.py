"""Distance correlation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from e2e_tf.errors import InputError

__all__ = ["DistanceCorrelation", "distance_correlation"]


@keras.saving.register_keras_serializable(package="e2e_tf")
def distance_correlation(x: Any, y: Any, weights: Any = None) -> Any:
    r"""Squared distance correlation of two variables, 0 if and only if they are independent.

    Székely, Rizzo and Bakirov, Measuring and testing dependence by correlation of distances,
    https://arxiv.org/abs/0803.4101; as a penalty: Kasieczka and Shih, DisCo Fever: Robust Networks Through
    Distance Correlation, https://arxiv.org/abs/2001.05310

    .. math::
        \mathrm{dCorr}^2 = \frac{\langle A B \rangle}{\sqrt{\langle A A \rangle \langle B B \rangle}}, \quad
        A_{ij} = |x_i - x_j| - \langle |x_i - x_j| \rangle_j - \langle |x_i - x_j| \rangle_i
            + \langle |x_i - x_j| \rangle_{ij}

    with averages weighted by :math:`w_i / \sum w`. It does not depend on the units of either variable: both are
    divided by their ranges first, so that no square leaves the range of the floating-point numbers. An entry
    of weight 0 has no influence, whatever its values. It holds two n × n matrices, n the entries of the batch.

    Departures from the papers: entries may have weights; a variable whose range is below the resolution of its
    numbers counts as constant.

    Args:
        x: (n,) or (n, 1), for example the score.
        y: (n,) or (n, 1), for example the mass.
        weights: (n,) or (n, 1), not negative; None for 1 each.

    Returns:
        A scalar between 0 and 1, float64 if ``x`` is float64, else float32; 0 if a variable is constant or
        there are no entries. It is computed in float64 if one of both variables is float64.

    Raises:
        InputError: a shape is another, or the numbers of entries differ.
    """
    x, y = _column("x", x), _column("y", y)
    result = x.dtype
    wide = tf.float64 if tf.float64 in (x.dtype, y.dtype) else tf.float32
    w = tf.ones_like(x) if weights is None else _column("weights", weights)
    for name, values in (("y", y), ("weights", w)):
        if None not in (values.shape[0], x.shape[0]) and values.shape[0] != x.shape[0]:
            raise InputError(f"{name} must have as many entries as x ({x.shape[0]}), got {values.shape[0]}")
    w = tf.cast(w, wide)
    counts = w > 0
    total = tf.reduce_sum(w)
    w = w / tf.where(total > 0, total, tf.ones_like(total))
    (a, x_varies), (b, y_varies) = (_centred(values, w, counts, wide) for values in (x, y))

    def average(values: Any) -> Any:
        return tf.tensordot(w, tf.linalg.matvec(values, w), 1)

    variances = average(a * a), average(b * b)
    # Not above 0, rather than 0, would hide what is no number.
    varies = x_varies & y_varies & ~tf.reduce_any([variance <= 0 for variance in variances])
    # The root of a safe number in both branches: the gradient of sqrt at 0 is infinite.
    one, other = (tf.sqrt(tf.where(varies, variance, tf.ones_like(variance))) for variance in variances)
    correlation = average(a * b) / (one * other)
    return tf.cast(tf.where(varies, correlation, tf.zeros_like(correlation)), result)


def _column(name: str, values: Any) -> Any:
    """Entries (n,) in float64 if they come so, else in float32."""
    values = tf.convert_to_tensor(values)
    values = values if values.dtype == tf.float64 else tf.cast(values, tf.float32)
    if len(values.shape) == 2 and values.shape[1] in (1, None):
        values = values[:, 0]
    if len(values.shape) != 1:
        raise InputError(f"{name} must have shape (n,) or (n, 1), got {tuple(values.shape)}")
    return values


def _centred(values: Any, w: Any, counts: Any, dtype: Any) -> tuple[Any, Any]:
    """Distances (n, n) without their means, in units of the range, and whether the variable varies.

    The range needs no gradient: the correlation does not depend on units.
    """
    resolution = 4 * np.finfo(values.dtype.as_numpy_dtype).eps
    values = tf.cast(values, dtype)
    fixed = tf.stop_gradient(values)
    top, bottom = (
        reduce(tf.where(counts, fixed, tf.constant(empty, dtype)))
        for reduce, empty in ((tf.reduce_max, dtype.min), (tf.reduce_min, dtype.max))
    )
    width = top - bottom
    constant = width - resolution * tf.maximum(tf.abs(top), tf.abs(bottom)) <= 0
    # Entries that do not count lie with the lowest: what they hold, infinity included, reaches nothing.
    values = tf.where(counts, values, bottom) - bottom
    values = values / tf.where(constant, tf.ones_like(width), width)
    distance = tf.abs(values[:, None] - values[None, :])
    rows = tf.linalg.matvec(distance, w)
    return distance - rows[:, None] - rows[None, :] + tf.tensordot(rows, w, 1), ~constant


@keras.saving.register_keras_serializable(package="e2e_tf")
class DistanceCorrelation(keras.losses.Loss):
    r"""Squared distance correlation of the predictions and a variable, as a penalty.

    Kasieczka and Shih, DisCo Fever, https://arxiv.org/abs/2001.05310. Add it to a classifier's loss, as the
    loss of a second output with ``loss_weights``: :math:`L = L_{class} + \lambda\, \mathrm{dCorr}^2`. See
    :func:`distance_correlation`.

    Sample weights enter the averages; a weight of 0 leaves an entry out (for example signal, when only
    background must not depend on the mass).

    Args:
        name: of the loss.
        **kwargs: of ``keras.losses.Loss``.

    Call arguments:
        y_true: (n,) or (n, 1), the variable to be independent of, in any unit.
        y_pred: (n,) or (n, 1), the score.
        sample_weight: (n,) or (n, 1), not negative.

    Output:
        A scalar: it is a property of the batch, not of its entries, so no reduction applies.

    Raises:
        InputError: a shape is another, or the numbers of entries differ.
    """

    def __init__(self, name: str = "distance_correlation", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return distance_correlation(y_pred, y_true, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return distance_correlation(y_pred, y_true)
