"""Graph attention without an exponential or a message per pair of nodes, where only the sums are needed.

Each function gives what :class:`e2e_tf.layers.GATConv` computes with a loop at every node and no dropout, before
the activation.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from e2e_tf.layers._fast.csr import CsrPattern
from e2e_tf.layers._fast.diagonal import set_loops
from e2e_tf.layers.linear import leaky_relu, leaky_relu_gradient, linear

__all__ = ["attend", "attention_on_blocks", "attention_on_edges"]

Tensor = Any

_FAINT = 1e-22  # weights below 1e-38 vanish: less than rounding beside one of this


def attention_on_blocks(
    x: Tensor, a: Tensor, terms: Tensor, kernel: Tensor, biases: list[Any], slope: float
) -> list[Tensor]:
    """The output of each head on a dense graph.

    Args:
        x: (..., N, F).
        a: (..., N, N), ``a[receiver, sender]`` the number of edges; its diagonal does not count, each node's own loop
            is added.
        terms: (F, 2 heads), what the features give to the logits as receiver, then as sender.
        kernel: (F, heads, C).
        biases: one of each head, (C,) or None.
        slope: of the LeakyReLU, between 0 and 1.

    Returns:
        (..., N, C) of each head.
    """
    heads, a = kernel.shape[1], set_loops(a)
    parts = tf.unstack(tf.linalg.matrix_transpose(linear(x, terms)), num=2 * heads, axis=-2)
    return [
        attend(parts[head], parts[heads + head], linear(x, kernel[:, head], biases[head]), a, slope)
        for head in range(heads)
    ]


def attention_on_edges(
    x: Tensor,
    senders: Tensor,
    receivers: Tensor,
    terms: Tensor,
    kernel: Tensor,
    biases: list[Any],
    slope: float,
) -> list[Tensor]:
    """The output of each head on edges.

    Args:
        x: (n, F).
        senders, receivers: int (n_edges,); loops among them do not count, each node's own one is added.
        terms, kernel, biases, slope: as in :func:`attention_on_blocks`.

    Returns:
        (n, C) of each head.
    """
    heads, n_nodes = kernel.shape[1], tf.shape(x)[0]
    edges = CsrPattern.of(receivers, senders)
    receivers, senders = edges.rows, edges.columns
    # Every node's own loop is a term of its own, so that no edge is appended.
    keep = tf.cast(senders != receivers, x.dtype)
    parts = tf.unstack(tf.transpose(linear(x, terms)), num=2 * heads)
    outputs = []
    for head in range(heads):
        receive, send = parts[head], parts[heads + head]
        value = linear(x, kernel[:, head], biases[head])
        logits = leaky_relu(tf.gather(receive, receivers) + tf.gather(send, senders), slope)
        loop = leaky_relu(receive + send, slope)
        # The shift cancels in the ratio; no gradient needs to pass through the maximum.
        top = tf.math.unsorted_segment_max(tf.stop_gradient(logits), receivers, n_nodes)
        top = tf.maximum(top, tf.stop_gradient(loop))
        weights, loop = keep * tf.exp(logits - tf.gather(top, receivers)), tf.exp(loop - top)
        total = tf.math.unsorted_segment_sum(weights, receivers, n_nodes) + loop
        received = edges.product(value, weights) + loop[:, None] * value
        outputs.append(received / total[:, None])
    return outputs


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
    row shifted by its own maximum. The derivative to ``a`` is that to its logarithm, 0 where there is no edge.

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
        weights = _exponentials(receive, send, a, slope)
        inverse = 1.0 / tf.reduce_sum(weights, axis=-1, keepdims=True)
        output = tf.matmul(weights, values) * inverse

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            scaled = upstream * inverse
            mean = tf.reduce_sum(scaled * output, axis=-1, keepdims=True)
            each = weights * (tf.matmul(scaled, values, transpose_b=True) - mean)
            of_receive, of_send, of_a = _from_logarithms(each, receive, send, a, slope)
            return of_receive, of_send, tf.matmul(weights, scaled, transpose_a=True), of_a

        return output, gradient

    return call(receive, send, values, a)


def _exponentials(receive: Tensor, send: Tensor, a: Tensor, slope: float) -> Tensor:
    """P of :func:`attend`, each row as if its shift were constant: it cancels in the ratio."""

    @tf.custom_gradient
    def call(receive: Tensor, send: Tensor, a: Tensor) -> Any:
        # No derivative of this is taken by TensorFlow, which has none of a condition in forward mode.
        r, s, edges = tf.stop_gradient(receive), tf.stop_gradient(send), tf.stop_gradient(a)
        top = tf.reduce_max(s, axis=-1, keepdims=True)
        steep = (1.0 - slope) * (r + top)
        u, p = tf.exp(tf.minimum(steep, 0.0)), tf.exp(tf.minimum(-steep, 0.0))
        v, q = tf.exp(s - top), tf.exp(slope * (s - top))

        def factored() -> Tensor:
            return edges * tf.maximum(_outer(u, v), _outer(p, q))

        def one_by_one() -> Tensor:
            x = _logits(r, s)
            x = tf.where(edges > 0, tf.maximum(x, slope * x), x.dtype.min)
            return edges * tf.exp(x - tf.reduce_max(x, axis=-1, keepdims=True))

        safe = tf.reduce_all(tf.maximum(u * v, p * q) > _FAINT)
        weights = tf.cond(safe, factored, one_by_one)

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            # Reached where the gradient of the attention is differentiated in its turn, as is this one then.
            mine = (
                tf.identity(receive),
                tf.identity(send),
                tf.identity(a),
            )  # of the function that is traced now
            return _from_logarithms(upstream * _exponentials(*mine, slope), *mine, slope)

        return weights, gradient

    return call(receive, send, a)


def _from_logarithms(
    each: Tensor, receive: Tensor, send: Tensor, a: Tensor, slope: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients to ``receive``, ``send`` and ``a`` from those to the logarithms of their exponentials."""
    through = leaky_relu_gradient(each, _logits(receive, send), slope)
    return (
        tf.reduce_sum(through, axis=-1),
        tf.reduce_sum(through, axis=-2),
        tf.math.divide_no_nan(each, a),
    )


def _logits(receive: Tensor, send: Tensor) -> Tensor:
    """Sum of every two terms, as a matrix product: broadcasting takes three times as long."""
    one = tf.ones_like(receive)
    return tf.matmul(tf.stack([receive, one], axis=-1), tf.stack([one, send], axis=-2))


def _outer(column: Tensor, row: Tensor) -> Tensor:
    return tf.matmul(column[..., :, None], row[..., None, :])
