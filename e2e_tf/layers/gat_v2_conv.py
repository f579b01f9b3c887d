"""Graph attention whose scores look at both nodes together, with features of edges."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import activations, initializers

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import (
    add_self_loops,
    as_edges,
    attention_bias,
    check_graph,
    diagonal,
    masked_softmax,
    number,
    positive,
    self_loops,
)
from e2e_tf.layers.linear import join_heads, leaky_relu, linear, split_heads
from e2e_tf.layers.segments import segment_softmax, segment_sum

__all__ = ["GATv2Conv"]

_LEAK = 0.2  # slope of the LeakyReLU, as in GAT


@keras.saving.register_keras_serializable(package="e2e_tf")
class GATv2Conv(keras.layers.Layer):
    r"""Graph attention with dynamic scores.

    Brody, Alon and Yahav, How Attentive are Graph Attention Networks?, https://arxiv.org/abs/2105.14491

    .. math::
        x'_i = \sigma\Big(\sum_{j \in N(i) \cup \{i\}} \alpha_{ij} (W_s x_j + b_s) + b\Big), \quad
        \alpha_{ij} = \mathrm{softmax}_j\, a^T \mathrm{LeakyReLU}(W_r x_i + b_r + W_s x_j + b_s + W_e e_{ij})

    The non-linearity comes before the product with a, so that each node may rank the others in an order of its own,
    which :class:`GATConv` cannot. Departures: :math:`W_r` and :math:`W_s` are two matrices (the paper's own code may
    share them), features of edges enter the scores, as in PyTorch Geometric, and a loop that is added has features of 0
    (there: the mean of those a node receives). An edge listed twice counts twice. Without added loops a node that
    receives nothing gives σ(b).

    Args:
        channels: output channels of one head.
        attn_heads: number of heads, concatenated.
        add_self_loops: every node also attends to itself, once.
        dropout_rate: dropout on the attention coefficients.
        activation: as in Keras.
        kernel_initializer: of all matrices.

    Call arguments:
        inputs: ``[x, a]`` or ``[x, a, e]``, one of
            ``x`` (B, N, F), ``a`` (B, N, N) with ``a[b, receiver, sender]`` the number of such edges and ``e``
            (B, N, N, E);
            ``x`` (n, F), ``a = (senders, receivers)``, both int (n_edges,), and ``e`` (n_edges, E).

    Output:
        (B, N, C) or (n, C) with C = ``channels * attn_heads``.

    Raises:
        InputError: an argument is out of range, ``a`` has none of these forms or does not fit ``x``.
    """

    def __init__(
        self,
        channels: int,
        attn_heads: int = 1,
        add_self_loops: bool = True,
        dropout_rate: float = 0.0,
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = positive("channels", channels)
        self.attn_heads = positive("attn_heads", attn_heads)
        self.add_self_loops = bool(add_self_loops)
        if not 0 <= number("dropout_rate", dropout_rate) < 1:
            raise InputError(f"dropout_rate must be in [0, 1), got {dropout_rate!r}")
        self.dropout_rate = float(dropout_rate)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        width = self.channels * self.attn_heads
        shapes = {"receiver": input_shape[0][-1], "sender": input_shape[0][-1]}
        if len(input_shape) > 2:
            shapes["edge"] = input_shape[2][-1]
        self.kernels = {
            name: self.add_weight(
                shape=(rows, width), initializer=self.kernel_initializer.clone(), name=f"{name}_kernel"
            )
            for name, rows in shapes.items()
        }
        self.biases = {
            name: self.add_weight(shape=(width,), initializer="zeros", name=f"{name}_bias")
            for name in ("receiver", "sender", "output")
        }
        self.attention = self.add_weight(
            shape=(self.attn_heads, self.channels),
            initializer=self.kernel_initializer.clone(),
            name="attention",
        )
        self.dropout = keras.layers.Dropout(self.dropout_rate, dtype=self.dtype_policy)
        self.built = True

    def call(self, inputs: Any, training: Any = None) -> Any:
        x, a = inputs[:2]
        e = inputs[2] if len(inputs) > 2 else None
        if e is not None:
            e = linear(e, self.kernels["edge"])
        receive = linear(x, self.kernels["receiver"], self.biases["receiver"])
        send = linear(x, self.kernels["sender"], self.biases["sender"])
        if not check_graph(x, a):
            output = self._edges(receive, send, a, e, training)
        elif len(x.shape) == 2:  # one graph
            e = None if e is None else e[None]
            output = self._blocks(receive[None], send[None], a[None], e, training)[0]
        else:
            output = self._blocks(receive, send, a, e, training)
        return self.activation(output + tf.cast(self.biases["output"], output.dtype))

    def _scores(self, h: Any) -> Any:
        """(..., heads) of the sums (..., heads * channels), by one product."""
        blocks = self.attention[:, :, None] * tf.eye(self.attn_heads, dtype=self.attention.dtype)[:, None, :]
        kernel = tf.reshape(blocks, (self.attn_heads * self.channels, self.attn_heads))
        return linear(leaky_relu(h, _LEAK), kernel)

    def _blocks(self, receive: Any, send: Any, a: Any, e: Any, training: Any) -> Any:
        if self.add_self_loops:
            if e is not None:
                e = tf.where(diagonal(a)[:, :, None], tf.zeros((), e.dtype), e)
            a = self_loops(a)
        h = receive[:, :, None, :] + send[:, None, :, :]
        logits = tf.transpose(self._scores(h if e is None else h + e), (0, 3, 1, 2))  # (B, heads, N, N)
        alpha = masked_softmax(logits, attention_bias(a, h.dtype)[:, None])
        if not self.add_self_loops:
            # A row without edges has a softmax over nothing; its sum must be 0, as on edges.
            some = tf.reduce_any(a > 0, axis=-1, keepdims=True)
            alpha = alpha * tf.cast(some[:, None], h.dtype)
        alpha = self.dropout(alpha, training=training)
        return join_heads(tf.matmul(alpha, split_heads(send, self.attn_heads)))

    def _edges(self, receive: Any, send: Any, a: Any, e: Any, training: Any) -> Any:
        senders, receivers, _ = as_edges(a, rows="senders")
        n_nodes, keep = tf.shape(send)[0], None
        if self.add_self_loops:
            senders, receivers, keep = add_self_loops(senders, receivers, n_nodes)
            e = None if e is None else tf.concat([e, tf.zeros_like(send)], axis=0)
        sent = tf.gather(send, senders)
        h = tf.gather(receive, receivers) + sent
        logits = self._scores(h if e is None else h + e)
        if keep is not None:
            logits = tf.where(keep[:, None], logits, tf.constant(logits.dtype.min, logits.dtype))
        alpha = self.dropout(segment_softmax(logits, receivers, n_nodes), training=training)
        message = alpha[..., None] * tf.reshape(sent, (-1, self.attn_heads, self.channels))
        return tf.reshape(segment_sum(message, receivers, n_nodes), (-1, self.attn_heads * self.channels))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels * self.attn_heads)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "attn_heads": self.attn_heads,
            "add_self_loops": self.add_self_loops,
            "dropout_rate": self.dropout_rate,
            "activation": activations.serialize(self.activation),
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
