"""Chebyshev convolution."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from spektral.layers.convolutional.cheb_conv import ChebConv as SpektralChebConv

from e2e_tf.layers.adjacency import as_edges, is_dense
from e2e_tf.layers.ops import segment_sum

__all__ = ["ChebConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class ChebConv(SpektralChebConv):
    r"""Chebyshev convolution, Spektral's ``ChebConv`` on Keras 3 and exportable.

    Defferrard et al., Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering,
    https://arxiv.org/abs/1606.09375

    .. math::
        X' = \sigma\Big(\sum_{k=0}^{K-1} T_k(\tilde L)\, X W_k + b\Big), \quad
        T_0 = 1,\; T_1 = \tilde L,\; T_k = 2 \tilde L T_{k-1} - T_{k-2}

    Same constructor, weights (names, shapes, order) and numbers as ``spektral.layers.ChebConv``. When there
    are fewer channels than features, the features are multiplied by the kernels first and the recurrence runs
    from the highest order down (Clenshaw), so that only ``channels`` columns are propagated. Departure: no
    mask is applied (padded slots neither send nor receive).

    Args:
        channels: output channels.
        K: number of Chebyshev polynomials; ``K - 1`` is the reach in edges.
        activation, use_bias, kernel_initializer, ...: as in Spektral.

    Call arguments:
        inputs: ``[x, l]`` with ``l`` the scaled Laplacian (see :class:`ScaledLaplacian`), one of
            ``x`` (B, N, F) with ``l`` (B, N, N);
            ``x`` (n, F) with ``l = (senders, receivers, weights)``;
            ``x`` (n, F) with a sparse ``l`` (n, n).

    Output:
        (B, N, channels) or (n, channels).

    Raises:
        ValueError: ``K`` is not positive, ``l`` has none of these forms or edges come without weights.
    """

    def __init__(self, channels: int, K: int = 1, **kwargs: Any) -> None:
        if K < 1:
            raise ValueError(f"K must be a positive integer. Received: K={K}")
        super().__init__(channels, K=K, **kwargs)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, laplacian = inputs
        propagate = self._propagation(x, laplacian)
        if self.channels < x.shape[-1]:
            output = self._narrow(x, propagate)
        else:
            output = self._wide(x, propagate)
        if self.use_bias:
            output = output + tf.cast(self.bias, output.dtype)
        return self.activation(output)

    def _narrow(self, x: Any, propagate: Any) -> Any:
        kernel = tf.transpose(self.kernel, (1, 0, 2))
        y = tf.matmul(x, tf.reshape(kernel, (-1, self.K * self.channels)))
        terms = tf.split(y, self.K, axis=-1) if self.K > 1 else [y]
        following, after = terms[-1], None  # b_{k+1}, b_{k+2} of Clenshaw's recurrence
        if self.K == 1:
            return following
        for term in terms[-2:0:-1]:
            current = term + 2.0 * propagate(following)
            if after is not None:
                current = current - after
            following, after = current, following
        output = terms[0] + propagate(following)
        return output if after is None else output - after

    def _wide(self, x: Any, propagate: Any) -> Any:
        terms = [x]
        if self.K > 1:
            terms.append(propagate(x))
        for _ in range(2, self.K):
            terms.append(2.0 * propagate(terms[-1]) - terms[-2])
        stacked = tf.concat(terms, axis=-1) if self.K > 1 else x
        return tf.matmul(stacked, tf.reshape(self.kernel, (-1, self.channels)))

    @staticmethod
    def _propagation(x: Any, laplacian: Any) -> Any:
        if is_dense(laplacian):
            return lambda values: tf.matmul(tf.cast(laplacian, values.dtype), values)
        senders, receivers, weights = as_edges(laplacian, rows="receivers")
        if weights is None:
            raise ValueError("ChebConv needs the weights of the scaled Laplacian: (senders, receivers, weights)")
        n_nodes = tf.shape(x)[0]

        def propagate(values: Any) -> Any:
            message = tf.gather(values, senders) * tf.cast(weights, values.dtype)[:, None]
            return segment_sum(message, receivers, n_nodes)

        return propagate

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)
