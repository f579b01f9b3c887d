"""Graph attention."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from spektral.layers.convolutional.gat_conv import GATConv as SpektralGATConv

from e2e_tf.errors import InputError
from e2e_tf.layers._fast import use_fast
from e2e_tf.layers._fast.attention import attention_on_blocks, attention_on_edges
from e2e_tf.layers.adjacency import (
    add_self_loops,
    as_edges,
    attention_bias,
    check_graph,
    masked_softmax,
    number,
    positive,
    self_loops,
)
from e2e_tf.layers.linear import heads_inside, join_heads, leaky_relu, linear
from e2e_tf.layers.segments import segment_softmax, segment_sum

__all__ = ["GATConv"]

_LEAK = 0.2  # slope of the LeakyReLU in the paper


@keras.saving.register_keras_serializable(package="e2e_tf")
class GATConv(SpektralGATConv):
    r"""Graph attention, Spektral's ``GATConv`` on Keras 3 and exportable.

    Veličković et al., Graph Attention Networks, https://arxiv.org/abs/1710.10903

    .. math::
        x'_i = \sigma\Big(\sum_{j \in N(i) \cup \{i\}} \alpha_{ij} W x_j + b\Big), \quad
        \alpha_{ij} = \mathrm{softmax}_j\, \mathrm{LeakyReLU}(a_s^T W x_i + a_n^T W x_j)

    Same constructor, parameters (names, shapes, order) and numbers as ``spektral.layers.GATConv``. Departures:
    no mask is applied (padded slots send nothing, because no edge leaves them); ``get_config`` also keeps
    ``add_self_loops``, which Spektral loses; dense blocks hold multiplicities, so that an edge listed twice
    counts twice in both forms; without self loops, a node that receives nothing gives ``activation(bias)``.
    The gradient to dense blocks is 0 where there is no edge.

    Args:
        channels: output channels of one head.
        attn_heads: number of heads.
        concat_heads: concatenate the heads (else average them).
        dropout_rate: dropout on the attention coefficients.
        return_attn_coef: also return the coefficients, per edge (self loops last) or dense.
        add_self_loops: every node also attends to itself, once.
        activation, use_bias, kernel_initializer, ...: as in Spektral.

    Call arguments:
        inputs: ``[x, a]``, one of
            ``x`` (B, N, F) with ``a`` (B, N, N), ``a[b, receiver, sender]`` the number of such edges;
            ``x`` (n, F) with ``a = (senders, receivers)``, both int (n_edges,);
            ``x`` (n, F) with a sparse ``a`` (n, n) whose rows are senders, as Spektral's layer reads it.

    Output:
        (B, N, C) or (n, C) with C = ``channels * attn_heads`` if ``concat_heads`` else ``channels``.

    Raises:
        InputError: an argument is out of range, ``a`` has none of these forms or does not fit ``x``.
    """

    fast = True  # False computes as it stands in _blocks and _edges, see e2e_tf.layers.plain

    def __init__(self, channels: int, attn_heads: int = 1, *args: Any, **kwargs: Any) -> None:
        positive("channels", channels)
        positive("attn_heads", attn_heads)
        super().__init__(channels, attn_heads, *args, **kwargs)
        if not 0 <= number("dropout_rate", self.dropout_rate) < 1:
            raise InputError(f"dropout_rate must be in [0, 1), got {self.dropout_rate!r}")

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        # Spektral's has the dtype of the variables, which is not that of the computation in mixed precision.
        self.dropout = keras.layers.Dropout(self.dropout_rate, dtype=self.dtype_policy)

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        x, a = inputs
        dense = check_graph(x, a)
        if self._sums_suffice(training) and use_fast(self, x.dtype, xla=dense, gpu=dense):
            return self.activation(self._fast(x, a, dense))
        output, coefficients = (self._blocks if dense else self._edges)(x, a, training)
        if self.use_bias:
            output = output + tf.cast(self.bias, output.dtype)
        output = self.activation(output)
        return (output, coefficients) if self.return_attn_coef else output

    def _blocks(self, x: Any, a: Any, training: Any) -> tuple[Any, Any]:
        bias = attention_bias(self_loops(a) if self.add_self_loops else a, x.dtype)
        terms = tf.matmul(self._terms(x.dtype), x, transpose_a=True, transpose_b=True)
        receive, send = tf.split(terms, 2, axis=-2)  # (B, heads, N)
        logits = leaky_relu(receive[..., :, None] + send[..., None, :], _LEAK)
        alpha = masked_softmax(logits, bias[..., None, :, :])
        if not self.add_self_loops:
            # A row without edges has a softmax over nothing; its sum must be 0, as on edges.
            some = tf.reduce_any(a > 0, axis=-1, keepdims=True)
            alpha = alpha * tf.cast(some[..., None, :, :], x.dtype)
        h = self._values(x)
        output = tf.matmul(self.dropout(alpha, training=training), h)  # (B, heads, N, C)
        output = join_heads(output) if self.concat_heads else _mean(tf.unstack(output, axis=-3))
        return output, (heads_inside(alpha) if self.return_attn_coef else None)

    def _edges(self, x: Any, a: Any, training: Any) -> tuple[Any, Any]:
        senders, receivers, _ = as_edges(a, rows="senders")
        n_nodes = tf.shape(x)[0]
        keep = tf.ones_like(senders, tf.bool)
        if self.add_self_loops:
            senders, receivers, keep = add_self_loops(senders, receivers, n_nodes)
        receive, send = tf.split(linear(x, self._terms(x.dtype)), 2, axis=-1)  # (n, heads)
        logits = leaky_relu(tf.gather(receive, receivers) + tf.gather(send, senders), _LEAK)
        logits = tf.where(keep[:, None], logits, tf.constant(x.dtype.min, x.dtype))
        alpha = segment_softmax(logits, receivers, n_nodes)
        width = self.attn_heads * self.channels
        h = tf.reshape(linear(x, tf.reshape(self.kernel, (-1, width))), (-1, self.attn_heads, self.channels))
        message = self.dropout(alpha, training=training)[..., None] * tf.gather(h, senders)
        output = segment_sum(message, receivers, n_nodes)  # (n, heads, C)
        output = tf.reshape(output, (-1, width)) if self.concat_heads else _mean(tf.unstack(output, axis=1))
        return output, alpha[..., None]

    def _values(self, x: Any) -> Any:
        """W x of each head on blocks, (..., heads, N, C)."""
        if self.attn_heads == 1:
            # As a product of batches TensorFlow multiplies by other memory: oneDNN takes a batch of 1 for one of B.
            return linear(x, self.kernel[:, 0])[..., None, :, :]
        return tf.matmul(x[..., None, :, :], tf.transpose(tf.cast(self.kernel, x.dtype), (1, 0, 2)))

    def _terms(self, dtype: Any) -> Any:
        """(F, 2 heads): a_s^T W of each head, then a_n^T W, the two terms of the logits as one product."""
        own = tf.reduce_sum(self.kernel * tf.transpose(self.attn_kernel_self, (2, 1, 0)), axis=-1)
        other = tf.reduce_sum(self.kernel * tf.transpose(self.attn_kernel_neighs, (2, 1, 0)), axis=-1)
        return tf.cast(tf.concat([own, other], axis=1), dtype)

    def _sums_suffice(self, training: Any) -> bool:
        """Every node has a coefficient, its own, and nobody asks for single ones or drops them."""
        dropped = self.dropout_rate > 0 and training is not None and training is not False
        return self.add_self_loops and not (dropped or self.return_attn_coef)

    def _fast(self, x: Any, a: Any, dense: bool) -> Any:
        # The coefficients of a node add up to 1: a bias of the values is one of the output.
        biases = [None] * self.attn_heads
        if self.use_bias:
            biases = (
                tf.split(self.bias, self.attn_heads) if self.concat_heads else [self.bias] * self.attn_heads
            )
        parameters = (self._terms(x.dtype), tf.convert_to_tensor(self.kernel), biases, _LEAK)
        if dense:
            heads = attention_on_blocks(x, tf.cast(a, x.dtype), *parameters)
        else:
            self.supports_jit = False  # XLA has no sparse matrices, and is slower without
            senders, receivers, _ = as_edges(a, rows="senders")
            heads = attention_on_edges(x, senders, receivers, *parameters)
        return tf.concat(heads, axis=-1) if self.concat_heads else _mean(heads)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape, graph = input_shape
        output = (*shape[:-1], self.output_dim)
        if not self.return_attn_coef:
            return output
        dense = len(graph) > 0 and not isinstance(graph[0], (tuple, list)) and len(graph) == len(shape)
        return output, ((*graph[:-1], self.attn_heads, graph[-1]) if dense else (None, self.attn_heads, 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "add_self_loops": self.add_self_loops}


def _mean(heads: list[Any]) -> Any:
    # ONNX Runtime's ReduceMean keeps the axis when there are no nodes.
    return tf.add_n(heads) / len(heads)
