"""Graph attention."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from spektral.layers.convolutional.gat_conv import GATConv as SpektralGATConv

from e2e_tf.layers.adjacency import add_self_loops, as_edges, is_dense
from e2e_tf.layers.ops import segment_max, segment_sum

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
        ValueError: ``a`` has none of these forms, or the ranks of ``x`` and ``a`` do not go together.
    """

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        x, a = inputs
        if is_dense(a):
            output, coefficients = self._call_blocks(x, a, training)
        else:
            output, coefficients = self._call_edges(x, a, training)
        if self.use_bias:
            output = output + tf.cast(self.bias, output.dtype)
        output = self.activation(output)
        return (output, coefficients) if self.return_attn_coef else output

    def _attention_kernels(self) -> tuple[Any, Any]:
        # a^T W x = (W^T a)^T x: two (F, heads) products instead of two passes over (n, heads, channels).
        own = tf.reduce_sum(self.kernel * tf.transpose(self.attn_kernel_self, (2, 1, 0)), axis=-1)
        other = tf.reduce_sum(self.kernel * tf.transpose(self.attn_kernel_neighs, (2, 1, 0)), axis=-1)
        return own, other

    def _call_blocks(self, x: Any, a: Any, training: Any) -> tuple[Any, Any]:
        if len(x.shape) != len(a.shape):
            raise ValueError(
                f"x and dense blocks a must have the same rank. Received: x.shape={x.shape}, a.shape={a.shape}"
            )
        heads, channels = self.attn_heads, self.channels
        size = tf.shape(x)[-2]
        nodes = tf.range(size)
        diagonal = nodes[:, None] == nodes[None, :]
        if self.add_self_loops:
            a = tf.where(diagonal, tf.ones((), a.dtype), a)
        # log of the multiplicity: 0 for one edge, log 2 for an edge listed twice, a large negative for none.
        floor = tf.constant(-6e4 if x.dtype == tf.float16 else -1e9, x.dtype)
        bias = tf.maximum(tf.math.log(tf.cast(a, x.dtype)), floor)
        kernel = tf.reshape(self.kernel, (-1, heads * channels))
        own, other = self._attention_kernels()
        h = tf.matmul(x, kernel)
        logit_own, logit_other = tf.matmul(x, own), tf.matmul(x, other)
        if heads == 1:
            logits = logit_own + tf.linalg.matrix_transpose(logit_other)
        else:
            lead = tf.shape(x)[:-1]
            h = self._heads_first(tf.reshape(h, tf.concat([lead, [heads, channels]], axis=0)))
            logits = tf.linalg.matrix_transpose(logit_own)[..., :, None]
            logits = logits + tf.linalg.matrix_transpose(logit_other)[..., None, :]
            bias = bias[..., None, :, :]
        coefficients = tf.nn.softmax(tf.nn.leaky_relu(logits, alpha=_LEAK) + bias, axis=-1)
        if not self.add_self_loops:
            # A row without edges has a uniform softmax over nothing; its sum must be 0, as in the edge form.
            some = tf.cast(tf.reduce_any(a > 0, axis=-1), x.dtype)
            coefficients = coefficients * (some[..., None] if heads == 1 else some[..., None, :, None])
        output = tf.matmul(self.dropout(coefficients, training=training), h)
        if heads == 1:
            return output, coefficients[..., :, None, :]
        if self.concat_heads:
            output = self._heads_first(output)
            output = tf.reshape(output, tf.concat([tf.shape(output)[:-2], [heads * channels]], axis=0))
        else:
            output = tf.reduce_mean(output, axis=-3)
        return output, self._heads_first(coefficients)

    @staticmethod
    def _heads_first(values: Any) -> Any:
        """Swap the third and second axis from the end: (..., N, H, C) <-> (..., H, N, C)."""
        rank = len(values.shape)
        order = [*range(rank - 3), rank - 2, rank - 3, rank - 1]
        return tf.transpose(values, order)

    def _call_edges(self, x: Any, a: Any, training: Any) -> tuple[Any, Any]:
        if len(x.shape) != 2:
            raise ValueError(f"x must have shape (n, F) when the graph is given as edges. Received: {x.shape}")
        heads, channels = self.attn_heads, self.channels
        senders, receivers, _ = as_edges(a, rows="senders")
        n_nodes = tf.shape(x)[0]
        keep = None
        if self.add_self_loops:
            senders, receivers, keep = add_self_loops(senders, receivers, n_nodes)
        own, other = self._attention_kernels()
        h = tf.reshape(tf.matmul(x, tf.reshape(self.kernel, (-1, heads * channels))), (-1, heads, channels))
        logits = tf.gather(tf.matmul(x, own), receivers) + tf.gather(tf.matmul(x, other), senders)
        logits = tf.nn.leaky_relu(logits, alpha=_LEAK)
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
            output = tf.reduce_mean(output, axis=-2)
        return output, coefficients[..., None]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "add_self_loops": self.add_self_loops}
