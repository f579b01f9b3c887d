"""GravNet."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import activations, initializers

from e2e_tf.layers.adjacency import check_members, positive
from e2e_tf.layers.aggregate import aggregate_slots
from e2e_tf.layers.linear import linear
from e2e_tf.layers.neighbours import nearest
from e2e_tf.layers.padded import block_index, from_blocks, node_mask, take_nodes, to_blocks

__all__ = ["GravNetConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GravNetConv(keras.layers.Layer):
    r"""Convolution on nearest neighbours in a learned space, weighted by their distance in it.

    Qasim et al., Learning representations of irregular particle-detector geometry with distance-weighted
    graph networks, https://arxiv.org/abs/1902.07987

    .. math::
        s_i = W_s x_i + b_s, \quad h_i = W_h x_i + b_h, \quad
        m_{ij} = e^{-10 \|s_i - s_j\|^2} h_j \text{ for } j \in \mathrm{kNN}(s_i)

        x'_i = \sigma\big(W_o \big[x_i \,\|\, \mathrm{mean}_j\, m_{ij} \,\|\, \max_j m_{ij}\big] + b_o\big)

    Neighbours are taken within a graph and by count; a node without neighbours gathers 0. Gradients reach the
    learned space through the distances, not through the choice of neighbours. Departure from the paper: the
    output activation is chosen (the paper's is tanh).

    Args:
        channels: output channels.
        k: neighbours of a node.
        space_dim: dimensions S of the learned space.
        propagate_dim: features P that are gathered.
        activation: of the output.
        loops: a node is its own neighbour, one of the ``k``, as in PyTorch Geometric.
        kernel_initializer: of the three matrices.

    Call arguments:
        inputs: ``[x, members]``, one of
            ``x`` (B, N, F) with ``members`` the mask (B, N), nodes first;
            ``x`` (n, F) with ``members`` the counts ``n_node`` int (B,).

    Output:
        (B, N, channels) or (n, channels).

    Raises:
        InputError: an argument is out of range, the ranks do not go together or the counts do not add up.
    """

    def __init__(
        self,
        channels: int,
        k: int = 40,
        space_dim: int = 4,
        propagate_dim: int = 22,
        activation: Any = None,
        loops: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = positive("channels", channels)
        self.k = positive("k", k)
        self.space_dim = positive("space_dim", space_dim)
        self.propagate_dim = positive("propagate_dim", propagate_dim)
        self.activation = activations.get(activation)
        self.loops = bool(loops)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        features = input_shape[0][-1]
        sizes = {
            "space": (features, self.space_dim),
            "propagate": (features, self.propagate_dim),
            "output": (features + 2 * self.propagate_dim, self.channels),
        }
        self.kernels, self.biases = {}, {}
        for name, size in sizes.items():
            self.kernels[name] = self.add_weight(
                shape=size, initializer=self.kernel_initializer.clone(), name=f"{name}_kernel"
            )
            self.biases[name] = self.add_weight(shape=size[1:], initializer="zeros", name=f"{name}_bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, members = inputs
        if check_members(x, members):
            return self._blocks(x, members)
        n_node = tf.cast(members, tf.int32)
        index, mask = block_index(n_node)
        return from_blocks(self._blocks(to_blocks(x, index), mask), n_node)

    def _blocks(self, x: Any, mask: Any) -> Any:
        space, gathered = self._dense(x, "space"), self._dense(x, "propagate")
        index, valid = nearest(tf.stop_gradient(space), mask, self.k, self.loops)
        present, _ = node_mask(mask, x.dtype)
        weight = tf.cast(valid, x.dtype) * present[:, :, None]
        offset = space[:, :, None, :] - take_nodes(space, index)
        potential = tf.exp(-10.0 * tf.reduce_sum(tf.square(offset), axis=-1, keepdims=True))
        message = potential * take_nodes(gathered, index)
        mean, top = aggregate_slots(message, weight, "mean"), aggregate_slots(message, weight, "max")
        return self.activation(self._dense(tf.concat([x, mean, top], axis=-1), "output"))

    def _dense(self, x: Any, name: str) -> Any:
        return linear(x, self.kernels[name]) + tf.cast(self.biases[name], x.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "k": self.k,
            "space_dim": self.space_dim,
            "propagate_dim": self.propagate_dim,
            "activation": activations.serialize(self.activation),
            "loops": self.loops,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
