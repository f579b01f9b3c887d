"""What a graph holds as a whole, told to each of its nodes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import activations, initializers

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import positive
from e2e_tf.layers.pooling import nodes_of

__all__ = ["GraphContext"]

_SHARE = 0.1  # of the sum over nodes, so that tens of nodes give numbers of the order of 1


@keras.saving.register_keras_serializable(package="e2e_tf")
class GraphContext(keras.layers.Layer):
    r"""Adds to each node a function of sums over all nodes of its graph, kinds of nodes apart.

    Battaglia et al., Relational inductive biases, deep learning, and graph networks,
    https://arxiv.org/abs/1806.01261, of which this is the update of the graph and what nodes make of it

    .. math::
        g_\kappa = 0.1 \sum_{i \in \kappa} \sigma(x_i W + b), \quad
        x'_i = x_i + \big(\Vert_\kappa\, g_\kappa\big) V + c

    Edges tell a node of its neighbours; this tells it in one step of the jet: how much energy there is, and where. V
    and c are 0 at the start, where the layer changes nothing. Departures from the paper: no features of edges in the
    sum, which is over kinds apart, and no memory of g between layers.

    Args:
        units: columns of W.
        kinds: number of kinds of nodes K, 0 if nodes are of one kind.
        activation: σ.
        kernel_initializer: of W.

    Call arguments:
        inputs: ``[x, members]`` or, with ``kinds``, ``[x, members, kind]``, one of
            ``x`` (B, N, F), ``members`` (B, N), 1 for a node and 0 for an empty slot, and ``kind`` (B, N, K);
            ``x`` (n, F), ``members`` int (B,), the nodes of each graph, and ``kind`` (n, K).
            ``kind`` is one-hot.

    Output:
        The shape of ``x``. Empty slots are changed too.

    Raises:
        InputError: ``units`` or ``kinds`` is out of range, ``kind`` has not ``kinds`` columns, or ``members`` does not
            fit ``x``.
    """

    def __init__(
        self,
        units: int,
        kinds: int = 0,
        activation: Any = "relu",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive("units", units)
        self.kinds = 0 if kinds == 0 and not isinstance(kinds, bool) else positive("kinds", kinds)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        found = len(input_shape) - 2
        if found != bool(self.kinds) or (self.kinds and input_shape[2][-1] != self.kinds):
            wanted = f"x, members and kind, of {self.kinds} columns" if self.kinds else "x and members"
            raise InputError(
                f"with kinds = {self.kinds} the inputs are {wanted}; got {len(input_shape)}, the last of shape "
                f"{tuple(input_shape[-1])}"
            )
        channels = input_shape[0][-1]
        self.pool = keras.layers.Dense(
            self.units,
            activation=self.activation,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="pool",
        )
        self.pool.build((None, channels))
        self.send = keras.layers.Dense(
            channels, kernel_initializer="zeros", dtype=self.dtype_policy, name="send"
        )
        self.send.build((None, max(self.kinds, 1) * self.units))
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, members = inputs[:2]
        h = self.pool(x)
        if self.kinds:
            kind = tf.cast(inputs[2], h.dtype)
            h = tf.concat([h * kind[..., k : k + 1] for k in range(self.kinds)], axis=-1)
        # Sums of many nodes leave the range of float16.
        h = h if h.dtype in (tf.float32, tf.float64) else tf.cast(h, tf.float32)
        nodes = nodes_of(members, x, h)
        total = tf.cast(nodes.total(h) * _SHARE, x.dtype)
        return x + nodes.spread(self.send(total))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "kinds": self.kinds,
            "activation": activations.serialize(self.activation),
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
