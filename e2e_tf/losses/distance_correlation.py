"""Distance correlation."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError

__all__ = ["DistanceCorrelation", "distance_correlation"]

_TINY = 1e-12  # of the product of the variances, below which a variable counts as constant


@keras.saving.register_keras_serializable(package="e2e_tf")
def distance_correlation(x: Any, y: Any, weights: Any = None) -> Any:
    r"""Squared distance correlation of two variables, 0 if and only if they are independent.

    Kasieczka and Shih, DisCo Fever: Robust Networks Through Distance Correlation,
    https://arxiv.org/abs/2001.05310

    .. math::
        \mathrm{dCorr}^2 = \frac{\langle A B \rangle}{\sqrt{\langle A A \rangle \langle B B \rangle}}, \quad
        A_{ij} = |x_i - x_j| - \langle |x_i - x_j| \rangle_j - \langle |x_i - x_j| \rangle_i
            + \langle |x_i - x_j| \rangle_{ij}

    with averages weighted by :math:`w_i / \sum w`. It holds two n × n matrices, n the entries of the batch.

    Args:
        x: (n,) or (n, 1), for example the score.
        y: (n,) or (n, 1), for example the mass.
        weights: (n,) or (n, 1), not negative; None for 1 each.

    Returns:
        A scalar between 0 and 1; 0 if a variable is constant or there are no entries.

    Raises:
        InputError: a shape is another, or the numbers of entries differ.
    """
    x, y = _column("x", x), _column("y", y)
    w = tf.ones_like(x) if weights is None else _column("weights", weights)
    for name, values in (("y", y), ("weights", w)):
        if None not in (values.shape[0], x.shape[0]) and values.shape[0] != x.shape[0]:
            raise InputError(f"{name} must have as many entries as x ({x.shape[0]}), got {values.shape[0]}")
    total = tf.reduce_sum(w)
    w = w / tf.where(total > 0, total, 1.0)
    a, b = _centred(x, w), _centred(y, w)

    def average(values: Any) -> Any:
        return tf.tensordot(w, tf.linalg.matvec(values, w), 1)

    variance = average(a * a) * average(b * b)
    varies = variance > _TINY
    # The root of a safe number in both branches: the gradient of sqrt at 0 is infinite.
    return tf.where(varies, average(a * b) / tf.sqrt(tf.where(varies, variance, 1.0)), 0.0)


def _column(name: str, values: Any) -> Any:
    values = tf.cast(tf.convert_to_tensor(values), tf.float32)
    if len(values.shape) == 2 and values.shape[1] in (1, None):
        values = values[:, 0]
    if len(values.shape) != 1:
        raise InputError(f"{name} must have shape (n,) or (n, 1), got {tuple(values.shape)}")
    return values


def _centred(values: Any, w: Any) -> Any:
    distance = tf.abs(values[:, None] - values[None, :])
    rows = tf.linalg.matvec(distance, w)
    return distance - rows[:, None] - rows[None, :] + tf.tensordot(rows, w, 1)


@keras.saving.register_keras_serializable(package="e2e_tf")
class DistanceCorrelation(keras.losses.Loss):
    r"""Squared distance correlation of the predictions and a variable, as a penalty.

    Add it to a classifier's loss, as the loss of a second output with ``loss_weights``:
    :math:`L = L_{class} + \lambda\, \mathrm{dCorr}^2`. See :func:`distance_correlation`.

    Sample weights enter the averages; a weight of 0 leaves an entry out (for example signal, when only
    background must not depend on the mass).

    Call arguments:
        y_true: (n,) or (n, 1), the variable to be independent of.
        y_pred: (n,) or (n, 1), the score.
        sample_weight: (n,) or (n, 1).

    Output:
        A scalar: it is a property of the batch, not of its entries, so no reduction applies.
    """

    def __init__(self, name: str = "distance_correlation", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return distance_correlation(y_pred, y_true, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return distance_correlation(y_pred, y_true)
