"""Attention over dense graphs without an exponential per pair of nodes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from e2e_tf.layers.linear import leaky_relu_gradient

__all__ = ["attend"]

Tensor = Any

_FAINT = 1e-22  # weights below 1e-38 vanish: less than rounding beside one of this
_ONCE = "attention over dense graphs can be differentiated once only"


def attend(receive: Tensor, send: Tensor, values: Tensor, a: Tensor, slope: float) -> Tensor:
    r"""Attention of one head over a dense graph with a loop at every node.

    .. math::
        y_i = \frac{\sum_j P_{ij} h_j}{\sum_j P_{ij}}, \quad
        P_{ij} = a_{ij} \exp(\mathrm{LeakyReLU}(r_i + s_j) - c_i)

    The exponential grows with its argument and LeakyReLU is a maximum, so that with
    :math:`S = \max_j s_j` and :math:`c_i = \mathrm{LeakyReLU}(r_i + S)`

    .. math::
        P_{ij} = a_{ij} \max(u_i e^{s_j - S}, p_i e^{\lambda (s_j - S)}), \quad
        u_i = e^{\min((1 - \lambda)(r_i + S), 0)}, \quad p_i = e^{\min((\lambda - 1)(r_i + S), 0)}:

    two outer products with factors of at most 1 in place of N² exponentials, and what is normalised is N
    rows instead of N² coefficients. Where the loop of some node would get a weight so low that its neighbours'
    could vanish (logits more than 50 below the graph's largest), the exponentials are taken one by one, each
    row shifted by its own maximum. The gradient can be taken once, not of itself.

    Args:
        receive, send: (..., N), the two terms of the logits.
        values: (..., N, C).
        a: (..., N, N), ``a[receiver, sender]`` the number of edges, positive on the diagonal.
        slope: of the LeakyReLU, between 0 and 1.

    Returns:
        (..., N, C).
    """

    @tf.custom_gradient
    def call(receive: Tensor, send: Tensor, values: Tensor, a: Tensor) -> Any:
        top = tf.reduce_max(send, axis=-1, keepdims=True)
        steep = (1.0 - slope) * (receive + top)
        u, p = tf.exp(tf.minimum(steep, 0.0)), tf.exp(tf.minimum(-steep, 0.0))
        v, q = tf.exp(send - top), tf.exp(slope * (send - top))

        def outer(column: Tensor, row: Tensor) -> Tensor:
            # As a matrix product: broadcasting takes three times as long.
            return tf.matmul(column[..., :, None], row[..., None, :])

        def logits() -> Tensor:
            one = tf.ones_like(receive)
            return tf.matmul(tf.stack([receive, one], axis=-1), tf.stack([one, send], axis=-2))

        def factored() -> Tensor:
            return a * tf.maximum(outer(u, v), outer(p, q))

        def one_by_one() -> Tensor:
            x = logits()
            x = tf.where(a > 0, tf.maximum(x, slope * x), x.dtype.min)
            return a * tf.exp(x - tf.reduce_max(x, axis=-1, keepdims=True))

        safe = tf.reduce_all(tf.maximum(u * v, p * q) > _FAINT)
        weights = tf.cond(safe, factored, one_by_one)
        inverse = 1.0 / tf.reduce_sum(weights, axis=-1, keepdims=True)
        output = tf.matmul(weights, values) * inverse

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            scaled = upstream * inverse
            mean = tf.reduce_sum(scaled * output, axis=-1, keepdims=True)
            each = weights * (tf.matmul(scaled, values, transpose_b=True) - mean)
            through = leaky_relu_gradient(each, logits(), slope)
            found = (
                tf.reduce_sum(through, axis=-1),
                tf.reduce_sum(through, axis=-2),
                tf.matmul(weights, scaled, transpose_a=True),
                tf.math.divide_no_nan(each, a),
            )
            return tuple(tf.raw_ops.PreventGradient(input=one, message=_ONCE) for one in found)

        return output, gradient

    return call(receive, send, values, a)
