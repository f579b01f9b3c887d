"""Attention between all particles of a graph, with pair features."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import initializers

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import attention_bias, check_members, masked_softmax, number, positive
from e2e_tf.layers.linear import join_heads, linear, split_heads
from e2e_tf.layers.padded import block_index, from_blocks, node_mask, to_blocks

__all__ = ["ParticleAttention"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class ParticleAttention(keras.layers.Layer):
    r"""Multi-head attention on the full graph, the logits shifted by features of the pair.

    Qu, Li and Qian, Particle Transformer for Jet Tagging, https://arxiv.org/abs/2202.03772

    .. math::
        x'_i = W_o \big[\textstyle\sum_j \alpha^h_{ij} V^h x_j\big]_h + b_o, \quad
        \alpha^h_{ij} = \mathrm{softmax}_j\Big(
            \frac{(Q^h x_i + b_q)^T (K^h x_j + b_k)}{\sqrt{d}} + u_h^T e_{ij}\Big)

    Departure from the paper: pair features enter each head through one linear map :math:`u_h`. The paper's four-layer
    network on pairs, shared by all blocks, is Dense layers between :class:`PairFeatures` and this layer; with one
    output a head it enters as it is (``project_pairs=False``, :math:`u_h^T e_{ij} = e_{ijh}`).

    Args:
        heads: number of heads.
        key_dim: channels d of one head.
        channels: output channels, ``heads * key_dim`` if None.
        dropout_rate: dropout on the attention coefficients.
        kernel_initializer: of the five matrices.
        project_pairs: pair features enter through a matrix (P, heads); else P = heads, and each shifts its head.

    Call arguments:
        inputs: ``[x, pairs, members]``, one of
            ``x`` (B, N, F) with ``members`` the mask (B, N), nodes first;
            ``x`` (n, F) with ``members`` the counts ``n_node`` int (B,);
            ``pairs`` (B, N, N, P) in both, ``pairs[b, receiver, sender]``, N the largest count.

    Output:
        (B, N, channels), 0 in empty slots, or (n, channels).

    Raises:
        InputError: an argument is out of range, the ranks do not go together, the counts do not add up, or there is
            not one pair feature a head where they are not projected.
    """

    def __init__(
        self,
        heads: int,
        key_dim: int,
        channels: int | None = None,
        dropout_rate: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        project_pairs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.heads = positive("heads", heads)
        self.key_dim = positive("key_dim", key_dim)
        self.channels = heads * key_dim if channels is None else positive("channels", channels)
        if not 0 <= number("dropout_rate", dropout_rate) < 1:
            raise InputError(f"dropout_rate must be in [0, 1), got {dropout_rate!r}")
        self.dropout_rate = float(dropout_rate)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.project_pairs = bool(project_pairs)

    def build(self, input_shape: Any) -> None:
        shape, pairs, _ = input_shape
        if not self.project_pairs and pairs[-1] != self.heads:
            raise InputError(f"pairs must have one feature a head ({self.heads}), got {pairs[-1]}")
        width = self.heads * self.key_dim
        sizes = {
            "query": (shape[-1], width),
            "key": (shape[-1], width),
            "value": (shape[-1], width),
            "output": (width, self.channels),
        }
        self.kernels, self.biases = {}, {}
        for name, size in sizes.items():
            self.kernels[name] = self.add_weight(
                shape=size, initializer=self.kernel_initializer.clone(), name=f"{name}_kernel"
            )
            self.biases[name] = self.add_weight(shape=size[1:], initializer="zeros", name=f"{name}_bias")
        if self.project_pairs:
            self.pair_kernel = self.add_weight(
                shape=(pairs[-1], self.heads), initializer=self.kernel_initializer.clone(), name="pair_kernel"
            )
        self.dropout = keras.layers.Dropout(self.dropout_rate, dtype=self.dtype_policy)
        self.built = True

    def call(self, inputs: Any, training: Any = None) -> Any:
        x, pairs, members = inputs
        if len(pairs.shape) != 4:
            raise InputError(f"pairs must have shape (B, N, N, P), got {tuple(pairs.shape)}")
        if check_members(x, members):
            return self._blocks(x, pairs, members, training)
        n_node = tf.cast(members, tf.int32)
        index, mask = block_index(n_node)
        return from_blocks(self._blocks(to_blocks(x, index), pairs, mask, training), n_node)

    def _blocks(self, x: Any, pairs: Any, mask: Any, training: Any) -> Any:
        present, _ = node_mask(mask, x.dtype)
        query, key, value = (
            split_heads(self._dense(x, name), self.heads) for name in ("query", "key", "value")
        )
        logits = tf.matmul(query * self.key_dim**-0.5, key, transpose_b=True)
        shift = linear(pairs, self.pair_kernel) if self.project_pairs else tf.cast(pairs, x.dtype)
        logits = logits + tf.transpose(shift, (0, 3, 1, 2))
        alpha = masked_softmax(logits, attention_bias(present, x.dtype)[:, None, None, :])
        output = join_heads(tf.matmul(self.dropout(alpha, training=training), value))
        return self._dense(output, "output") * present[:, :, None]

    def _dense(self, x: Any, name: str) -> Any:
        return linear(x, self.kernels[name]) + tf.cast(self.biases[name], x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "key_dim": self.key_dim,
            "channels": self.channels,
            "dropout_rate": self.dropout_rate,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "project_pairs": self.project_pairs,
        }
