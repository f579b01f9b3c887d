"""The scaled Laplacian that Chebyshev layers propagate with, from the raw edges."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers._fast import use_fast
from e2e_tf.layers._fast.diagonal import set_loops
from e2e_tf.layers._fast.segments import sum_numbers
from e2e_tf.layers.adjacency import as_edges, check_graph, number, self_loops, weighted_spec
from e2e_tf.layers.segments import segment_sum

__all__ = ["ScaledLaplacian"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class ScaledLaplacian(keras.layers.Layer):
    r"""Scaled Laplacian of a graph, inside the model so that nothing is precomputed differently in C++.

    .. math::
        \tilde L = \frac{2}{\lambda_{max}} (1 - D^{-1/2} S D^{-1/2}) - 1, \quad
        S = (A + A^T)/2 \text{ without loops}

    Kipf and Welling (https://arxiv.org/abs/1609.02907) take :math:`\lambda_{max} = 2`, the largest value a
    normalised Laplacian can have; the diagonal then vanishes. An undirected graph keeps its adjacency
    (S = A); an edge that runs in one direction only counts one half. A node without edges has
    :math:`D^{-1/2} = 0`, as in ``spektral.utils.normalized_laplacian``.

    Args:
        lambda_max: largest eigenvalue of the normalised Laplacian, 0 < ``lambda_max``.

    Call arguments:
        inputs: ``[x, a]`` as for :class:`GATConv`; ``x`` only tells the number of nodes.

    Output:
        (B, N, N) for dense blocks, else ``(senders, receivers, weights)`` with each edge in both directions.

    Raises:
        InputError: ``lambda_max`` is not positive, ``a`` has none of the forms or does not fit ``x``.
    """

    fast = True  # False sets the diagonal and adds up degrees as other runtimes can, see e2e_tf.layers.plain

    def __init__(self, lambda_max: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not number("lambda_max", lambda_max) > 0:
            raise InputError(f"lambda_max must be positive, got {lambda_max!r}")
        self.lambda_max = float(lambda_max)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, a = inputs
        return self._blocks(x, a) if check_graph(x, a) else self._edges(x, a)

    def _blocks(self, x: Any, a: Any) -> Any:
        a = tf.cast(a, x.dtype)
        loops = set_loops if use_fast(self, xla=True, gpu=True) else self_loops
        twice = loops(a + tf.linalg.matrix_transpose(a), 0)  # 2 S; the factor cancels
        inverse_root = _inverse_root(tf.reduce_sum(twice, axis=-1, keepdims=True))
        scale = 2.0 / self.lambda_max
        # The outer product as a matrix product: broadcasting takes three times as long.
        laplacian = twice * tf.matmul(-scale * inverse_root, inverse_root, transpose_b=True)
        return laplacian if self.lambda_max == 2.0 else loops(laplacian, scale - 1.0)

    def _edges(self, x: Any, a: Any) -> Any:
        senders, receivers, _ = as_edges(a, rows="receivers")
        n_nodes = tf.shape(x)[0]
        half = 0.5 * tf.cast(senders != receivers, x.dtype)
        both_senders = tf.concat([senders, receivers], axis=0)
        both_receivers = tf.concat([receivers, senders], axis=0)
        weights = tf.concat([half, half], axis=0)
        total = sum_numbers if use_fast(self, xla=True, gpu=True) else segment_sum
        inverse_root = _inverse_root(total(weights, both_receivers, n_nodes))
        scale = 2.0 / self.lambda_max
        weights = (
            -scale * tf.gather(inverse_root, both_receivers) * weights * tf.gather(inverse_root, both_senders)
        )
        if self.lambda_max != 2.0:
            loop = tf.range(tf.cast(n_nodes, senders.dtype), dtype=senders.dtype)
            both_senders = tf.concat([both_senders, loop], axis=0)
            both_receivers = tf.concat([both_receivers, loop], axis=0)
            weights = tf.concat([weights, tf.fill(tf.shape(loop), tf.constant(scale - 1.0, x.dtype))], axis=0)
        return both_senders, both_receivers, weights

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        return weighted_spec(inputs[1], self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "lambda_max": self.lambda_max}


def _inverse_root(degree: Any) -> Any:
    # A node without edges multiplies zeros only, so that any finite number will do.
    return tf.math.rsqrt(tf.maximum(degree, 1e-4 if degree.dtype == tf.float16 else 1e-30))
