"""Chebyshev convolution."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from spektral.layers.convolutional.cheb_conv import ChebConv as SpektralChebConv

from e2e_tf.errors import InputError
from e2e_tf.layers._fast import use_fast
from e2e_tf.layers._fast.csr import CsrMatrix
from e2e_tf.layers.adjacency import as_edges, check_graph, positive
from e2e_tf.layers.linear import linear
from e2e_tf.layers.segments import propagate

__all__ = ["ChebConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class ChebConv(SpektralChebConv):
    r"""Chebyshev convolution, Spektral's ``ChebConv`` on Keras 3 and exportable.

    Defferrard et al., Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering,
    https://arxiv.org/abs/1606.09375

    .. math::
        X' = \sigma\Big(\sum_{k=0}^{K-1} T_k(\tilde L)\, X W_k + b\Big), \quad
        T_0 = 1,\; T_1 = \tilde L,\; T_k = 2 \tilde L T_{k-1} - T_{k-2}

    Same constructor, parameters (names, shapes, order) and numbers as ``spektral.layers.ChebConv``. Unless there
    are more channels than features, the features are multiplied by the kernels first and the recurrence runs
    from the highest order down (Clenshaw), so that only ``channels`` columns are propagated. Departure: no mask
    is applied (padded slots neither send nor receive).

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
        InputError: ``channels`` or ``K`` is not positive, ``l`` has none of these forms or does not fit
            ``x``, or edges come without weights.
    """

    fast = True  # False propagates without sparse kernels, see e2e_tf.layers.plain

    def __init__(self, channels: int, K: int = 1, *args: Any, **kwargs: Any) -> None:
        super().__init__(positive("channels", channels), positive("K", K), *args, **kwargs)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        x, laplacian = inputs
        propagate = self._propagation(x, laplacian)
        return self.activation((self._narrow if self._is_narrow(x) else self._wide)(x, propagate))

    def _is_narrow(self, x: Any) -> bool:
        """The narrower of input and output is propagated."""
        if self.channels == x.shape[-1]:
            # As much work either way: TensorFlow is quicker at K products, other runtimes at one of them.
            return use_fast(self, xla=True, gpu=True)
        return self.channels < x.shape[-1]

    def _kernels(self) -> list[Any]:
        """Kernels of the powers of the Laplacian for K <= 3, else of the Chebyshev polynomials."""
        kernels = tf.unstack(tf.convert_to_tensor(self.kernel), num=self.K)
        if self.K != 3:
            return list(kernels)
        # T_2 = 2 L² - 1 is folded into the kernels: no scaling and no subtraction is left for the nodes.
        return [kernels[0] - kernels[2], kernels[1], 2.0 * kernels[2]]

    def _narrow(self, x: Any, propagate: Any) -> Any:
        """The kernels first, then b_k = X W_k + 2 L b_{k+1} - b_{k+2} down to X' = X W_0 + L b_1 - b_2 (Clenshaw)."""
        first, *others = self._kernels()
        terms = [linear(x, first, self._bias()), *(linear(x, kernel) for kernel in others)]
        following, after = terms[-1], None  # b_{k+1}, b_{k+2} of Clenshaw's recurrence
        if self.K <= 3:
            for term in terms[-2::-1]:
                following = term + propagate(following)
            return following
        for term in terms[-2:0:-1]:
            current = term + 2.0 * propagate(following)
            if after is not None:
                current = current - after
            following, after = current, following
        return terms[0] + propagate(following) - after

    def _wide(self, x: Any, propagate: Any) -> Any:
        """T_0 X, ..., T_{K-1} X, then one product with all kernels."""
        terms = [x]
        for k in range(1, self.K):
            if k == 1 or self.K == 3:
                terms.append(propagate(terms[-1]))
            else:
                terms.append(2.0 * propagate(terms[-1]) - terms[-2])
        stacked = tf.concat(terms, axis=-1) if self.K > 1 else x
        return linear(stacked, tf.concat(self._kernels(), axis=0), self._bias())

    def _bias(self) -> Any:
        """What the first product adds on its way."""
        return self.bias if self.use_bias else None

    def _propagation(self, x: Any, laplacian: Any) -> Any:
        """The product of the scaled Laplacian with node features, as a function of them."""
        if check_graph(x, laplacian):
            matrix = tf.cast(laplacian, x.dtype)
            return lambda values: tf.matmul(matrix, values)
        senders, receivers, weights = as_edges(laplacian, rows="receivers")
        if weights is None:
            raise InputError(
                "ChebConv takes edges with the weights of the scaled Laplacian, "
                "(senders, receivers, weights); got (senders, receivers)"
            )
        weights = tf.cast(weights, x.dtype)
        if use_fast(self, x.dtype, xla=False, gpu=False):
            self.supports_jit = False  # XLA has no sparse matrices, and is slower without
            return CsrMatrix.of(receivers, senders, weights, tf.shape(x)[0]).product
        return lambda values: propagate(values, senders, receivers, weights)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)
