"""Graph attention."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from spektral.layers.convolutional.gat_conv import GATConv as SpektralGATConv

from e2e_tf.errors import InputError
from e2e_tf.layers._fast.attention import attend
from e2e_tf.layers._fast.choice import has_products
from e2e_tf.layers._fast.csr import CsrPattern
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
from e2e_tf.layers.exporting import is_exporting
from e2e_tf.layers.linear import join_heads, leaky_relu, linear
from e2e_tf.layers.segments import segment_max, segment_sum

__all__ = ["GATConv"]

_LEAK = 0.2  # slope of the LeakyReLU in the paper


@keras.saving.register_keras_serializable(package="e2e_tf")
class GATConv(SpektralGATConv):
    r"""Graph attention, Spektral's ``GATConv`` on Keras 3 and exportable.

    Veličković et al., Graph Attention Networks, https://arxiv.org/abs/1710.10903

    .. math::
        x'_i = \sigma\Big(\sum_{j \in N(i) \cup \{i\}} \alpha_{ij} W x_j + b\Big), \quad
        \alpha_{ij} = \mathrm{softmax}_j\, \mathrm{LeakyReLU}(a_s^T W x_i + a_n^T W x_j)

    Same constructor, weights (names, shapes, order) and numbers as ``spektral.layers.GATConv``. Departures:
    no mask is applied (padded slots send nothing, because no edge leaves them); ``get_config`` also keeps
    ``add_self_loops``, which Spektral loses; dense blocks hold multiplicities, so that an edge listed twice
    counts twice in both forms; without self loops, a node that receives nothing gives ``activation(bias)``.
    On dense blocks without dropout the gradient can be taken once, not of itself (that raises).

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
        coefficients = None
        if dense and self._only_sums(x, training):
            return self.activation(self._attend(x, a))
        plain = self.add_self_loops and self.concat_heads and not self.return_attn_coef
        if dense and plain and is_exporting() and self.attn_heads > 1 and len(x.shape) == 3:
            output = self._heads_at_once(x, a)
        elif dense:
            output, coefficients = self._call_blocks(x, a, training)
        elif self._only_sums(x, training) and has_products(x.dtype):
            return self.activation(self._attend_edges(x, a))
        else:
            output, coefficients = self._call_edges(x, a, training)
        if self.use_bias:
            output = output + tf.cast(self.bias, output.dtype)
        output = self.activation(output)
        return (output, coefficients) if self.return_attn_coef else output

    def _only_sums(self, x: Any, training: Any) -> bool:
        """Nobody asks for single coefficients, each row has one, and the numbers hold their exponentials."""
        still = self.dropout_rate == 0 or training is None or training is False
        wide = x.dtype in (tf.float32, tf.float64)
        return self.add_self_loops and still and wide and not (self.return_attn_coef or is_exporting())

    def _attend(self, x: Any, a: Any) -> Any:
        heads = self.attn_heads
        a = self_loops(tf.cast(a, x.dtype))
        terms = tf.linalg.matrix_transpose(linear(x, tf.concat(self._attention_kernels(), axis=1)))
        terms = tf.unstack(terms, num=2 * heads, axis=-2)
        biases = self._biases()
        outputs = [
            attend(terms[head], terms[heads + head], linear(x, self.kernel[:, head], biases[head]), a, _LEAK)
            for head in range(heads)
        ]
        return self._join(outputs)

    def _attention_kernels(self) -> tuple[Any, Any]:
        # a^T W x = (W^T a)^T x: two (F, heads) products instead of two passes over (n, heads, channels).
        own = tf.reduce_sum(self.kernel * tf.transpose(self.attn_kernel_self, (2, 1, 0)), axis=-1)
        other = tf.reduce_sum(self.kernel * tf.transpose(self.attn_kernel_neighs, (2, 1, 0)), axis=-1)
        return own, other

    def _call_blocks(self, x: Any, a: Any, training: Any) -> tuple[Any, Any]:
        bias = attention_bias(self_loops(a) if self.add_self_loops else a, x.dtype)
        own, other = self._attention_kernels()
        receive, send = linear(x, own), tf.linalg.matrix_transpose(linear(x, other))
        outputs, coefficients = [], []
        # A head at a time: one pass over all heads needs transposes of (B, N, heads, channels) on the way in
        # and out, which cost more than the products they would join.
        for head in range(self.attn_heads):
            logits = leaky_relu(receive[..., head : head + 1] + send[..., head : head + 1, :], _LEAK)
            alpha = masked_softmax(logits, bias)
            if not self.add_self_loops:
                # A row without edges has a softmax over nothing; its sum must be 0, as in the edge form.
                alpha = alpha * tf.cast(tf.reduce_any(a > 0, axis=-1, keepdims=True), x.dtype)
            coefficients.append(alpha)
            outputs.append(tf.matmul(self.dropout(alpha, training=training), linear(x, self.kernel[:, head])))
        if self.concat_heads:
            output = outputs[0] if self.attn_heads == 1 else tf.concat(outputs, axis=-1)
        else:
            output = tf.add_n(outputs) / self.attn_heads
        return output, (tf.stack(coefficients, axis=-2) if self.return_attn_coef else None)

    def _heads_at_once(self, x: Any, a: Any) -> Any:
        """All heads in one pass: fewer operations, but TensorFlow is slower at it."""
        bias = attention_bias(self_loops(a), x.dtype)
        kernels = tf.transpose(tf.concat(self._attention_kernels(), axis=1))
        receive, send = tf.split(tf.matmul(kernels, x, transpose_b=True), 2, axis=1)
        logits = leaky_relu(receive[..., None] + send[:, :, None, :], _LEAK)
        alpha = masked_softmax(logits, bias[:, None])
        value = tf.matmul(x[:, None], tf.transpose(tf.cast(self.kernel, x.dtype), (1, 0, 2)))
        return join_heads(tf.matmul(alpha, value))

    def _attend_edges(self, x: Any, a: Any) -> Any:
        self.supports_jit = False  # XLA has no sparse matrices, and is slower without
        heads, n_nodes = self.attn_heads, tf.shape(x)[0]
        senders, receivers, _ = as_edges(a, rows="senders")
        edges = CsrPattern.of(receivers, senders)
        receivers, senders = edges.rows, edges.columns
        # Every node's own loop is a term of its own, so that no edge is appended.
        keep = tf.cast(senders != receivers, x.dtype)
        outputs = []
        own, other = self._attention_kernels()
        terms = tf.unstack(tf.transpose(linear(x, tf.concat([own, other], axis=1))), num=2 * heads)
        biases = self._biases()
        for head in range(heads):
            receive, send = terms[head], terms[heads + head]
            value = linear(x, self.kernel[:, head], biases[head])
            logits = leaky_relu(tf.gather(receive, receivers) + tf.gather(send, senders), _LEAK)
            loop = leaky_relu(receive + send, _LEAK)
            # The shift cancels in the ratio; no gradient needs to pass through the maximum.
            top = tf.math.unsorted_segment_max(tf.stop_gradient(logits), receivers, n_nodes)
            top = tf.maximum(top, tf.stop_gradient(loop))
            weights, loop = keep * tf.exp(logits - tf.gather(top, receivers)), tf.exp(loop - top)
            total = tf.math.unsorted_segment_sum(weights, receivers, n_nodes) + loop
            received = edges.product(value, weights) + loop[:, None] * value
            outputs.append(received / total[:, None])
        return self._join(outputs)

    def _biases(self) -> list[Any]:
        """What each head's values get: the coefficients of a row add up to 1, so that the output gets it too."""
        if not self.use_bias:
            return [None] * self.attn_heads
        return tf.split(self.bias, self.attn_heads) if self.concat_heads else [self.bias] * self.attn_heads

    def _join(self, outputs: list[Any]) -> Any:
        if self.attn_heads == 1:
            return outputs[0]
        return tf.concat(outputs, axis=-1) if self.concat_heads else tf.add_n(outputs) / self.attn_heads

    def _call_edges(self, x: Any, a: Any, training: Any) -> tuple[Any, Any]:
        heads, channels = self.attn_heads, self.channels
        senders, receivers, _ = as_edges(a, rows="senders")
        n_nodes = tf.shape(x)[0]
        keep = None
        if self.add_self_loops:
            senders, receivers, keep = add_self_loops(senders, receivers, n_nodes)
        own, other = self._attention_kernels()
        h = tf.reshape(linear(x, tf.reshape(self.kernel, (-1, heads * channels))), (-1, heads, channels))
        logits = tf.gather(linear(x, own), receivers) + tf.gather(linear(x, other), senders)
        logits = leaky_relu(logits, _LEAK)
        lowest = x.dtype.min
        if keep is not None:
            logits = tf.where(keep[:, None], logits, tf.constant(lowest, x.dtype))
        # The shift cancels in the ratio; no gradient needs to pass through the maximum.
        top = segment_max(tf.stop_gradient(logits), receivers, n_nodes, lowest)
        weights = tf.exp(logits - tf.gather(top, receivers))
        total = segment_sum(weights, receivers, n_nodes)
        coefficients = weights / tf.gather(total, receivers)
        message = self.dropout(coefficients, training=training)[..., None] * tf.gather(h, senders)
        output = segment_sum(message, receivers, n_nodes)
        if self.concat_heads:
            output = tf.reshape(output, (-1, heads * channels))
        else:
            # ONNX Runtime's ReduceMean keeps the axis when there are no nodes.
            output = tf.add_n(tf.unstack(output, axis=1)) / heads
        return output, coefficients[..., None]

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape, graph = input_shape
        output = (*shape[:-1], self.output_dim)
        if not self.return_attn_coef:
            return output
        dense = len(graph) > 0 and not isinstance(graph[0], (tuple, list)) and len(graph) == len(shape)
        return output, ((*graph[:-1], self.attn_heads, graph[-1]) if dense else (None, self.attn_heads, 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "add_self_loops": self.add_self_loops}
