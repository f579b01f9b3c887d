"""Interaction network on a given graph, with features of edges and kinds of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import activations, initializers

from e2e_tf.errors import InputError
from e2e_tf.layers._fast import use_fast
from e2e_tf.layers._fast.neighbours import neighbour_slots
from e2e_tf.layers.adjacency import as_edges, check_graph, positive
from e2e_tf.layers.aggregate import AGGREGATIONS, aggregate_edges, aggregate_slots
from e2e_tf.layers.padded import take_nodes
from e2e_tf.layers.pair_mlp import PairMLP

__all__ = ["InteractionConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class InteractionConv(keras.layers.Layer):
    r"""Messages along edges by a network on both ends and the edge, then a network on each node and what it receives.

    Battaglia et al., Interaction Networks for Learning about Objects, Relations and Physics,
    https://arxiv.org/abs/1612.00222; Moreno et al., JEDI-net, https://arxiv.org/abs/1908.05318

    .. math::
        m_i = \mathrm{AGGREGATE}_{j \in N(i)}\, \phi(x_i \,\|\, x_j \,\|\, e_{ij}), \quad
        x'_i = x_i + \psi(x_i \,\|\, m_i)

    The first layer of φ is made of products of nodes and of edges, :math:`W_1 x_i + W_2 x_j + W_3 e_{ij} + b`, so that
    no array of edges times 2 F + E is made. With ``kinds`` its bias is :math:`b + b_{\kappa_i \kappa_j}`, one for each
    kind of receiver and sender, so that an edge from a track to a crystal is another than one back or between two
    crystals. Departures from the papers: the residual (without ``residual`` there is none); a mean by default, in
    JEDI-net a sum over all pairs; no global features. A node that receives nothing has m = 0.

    Args:
        channels: output channels; those of the input with ``residual``.
        message: units of the layers of φ.
        update: units of the hidden layers of ψ, whose last layer has ``channels`` and no activation.
        aggregate: ``sum``, ``mean``, ``max`` or ``min``.
        activation: after each layer of φ and each hidden layer of ψ.
        residual: add the node itself.
        kinds: number of kinds of nodes K, 0 if nodes are of one kind.
        kernel_initializer: of all matrices.

    Call arguments:
        inputs: ``[x, a]``, ``[x, a, e]`` or, with ``kinds``, ``[x, a, e, kind]``, one of
            ``x`` (B, N, F), ``a`` (B, N, N) with ``a[b, receiver, sender]`` the number of such edges, ``e``
            (B, N, N, E) and ``kind`` (B, N, K);
            ``x`` (n, F), ``a = (senders, receivers)``, both int (n_edges,), ``e`` (n_edges, E) and ``kind`` (n, K).
            ``kind`` is one-hot.

    Output:
        (B, N, channels) or (n, channels).

    Raises:
        InputError: an argument is out of range, the width of ``x`` is not ``channels`` with ``residual``, ``kind`` has
            not ``kinds`` columns, or ``a`` has none of these forms or does not fit ``x``.
    """

    fast = True  # False makes a message for all pairs of nodes of a dense graph, see e2e_tf.layers.plain

    def __init__(
        self,
        channels: int,
        message: Sequence[int] = (32, 32),
        update: Sequence[int] = (32,),
        aggregate: str = "mean",
        activation: Any = "relu",
        residual: bool = True,
        kinds: int = 0,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = positive("channels", channels)
        self.message = tuple(positive("message", units) for units in message)
        self.update = tuple(positive("update", units) for units in update)
        if not self.message:
            raise InputError("message must have at least one layer")
        if aggregate not in AGGREGATIONS[:-1]:
            raise InputError(f"aggregate must be one of {', '.join(AGGREGATIONS[:-1])}, got {aggregate!r}")
        self.aggregate = aggregate
        self.activation = activations.get(activation)
        self.residual = bool(residual)
        self.kinds = 0 if kinds == 0 and not isinstance(kinds, bool) else positive("kinds", kinds)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        features = input_shape[0][-1]
        if self.residual and features != self.channels:
            raise InputError(f"residual needs x of {self.channels} channels, got {features}")
        accepted = (4,) if self.kinds else (2, 3)
        if len(input_shape) not in accepted or (self.kinds and input_shape[3][-1] != self.kinds):
            wanted = f"x, a, e and kind, of {self.kinds} columns" if self.kinds else "x, a and perhaps e"
            raise InputError(
                f"with kinds = {self.kinds} the inputs are {wanted}; got {len(input_shape)}, the last of shape "
                f"{tuple(input_shape[-1])}"
            )
        edge_features = input_shape[2][-1] if len(input_shape) > 2 else 0
        options = {"kernel_initializer": self.kernel_initializer, "bias_initializer": initializers.Zeros()}
        self.messages = PairMLP(
            self.message,
            [self.activation] * len(self.message),
            [True] * len(self.message),
            relative=False,
            options=options,
            dtype=self.dtype_policy,
            name="messages",
        )
        self.messages.build(features, edge_features)
        self.updates, width = [], features + self.message[-1]
        for i, units in enumerate((*self.update, self.channels), 1):
            layer = keras.layers.Dense(
                units,
                activation=self.activation if i <= len(self.update) else None,
                kernel_initializer=self.kernel_initializer.clone(),
                dtype=self.dtype_policy,
                name=f"update_{i}",
            )
            layer.build((None, width))
            self.updates.append(layer)
            width = units
        if self.kinds:
            self.kind_bias = self.add_weight(
                shape=(self.kinds, self.kinds, self.message[0]), initializer="zeros", name="kind_bias"
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, a = inputs[:2]
        e = inputs[2] if len(inputs) > 2 else None
        code = tf.argmax(inputs[3], axis=-1, output_type=tf.int32) if self.kinds else None
        if not check_graph(x, a):
            h = self._received(x, self._on_edges(x, a, e, code))
        elif len(x.shape) == 2:  # one graph
            e, code = (None if part is None else part[None] for part in (e, code))
            h = self._received(x, self._on_blocks(x[None], a[None], e, code)[0])
        else:
            h = self._received(x, self._on_blocks(x, a, e, code))
        return x + h if self.residual else h

    def _received(self, x: Any, messages: Any) -> Any:
        h = tf.concat([x, messages], axis=-1)
        for layer in self.updates:
            h = layer(h)
        return h

    def _parts(self, x: Any, code: Any) -> tuple[Any, Any]:
        """What a node adds to the first layer of φ as receiver (..., H), and as sender (..., K, H) to each kind."""
        receive, send = self.messages.parts(x)
        send = send[..., None, :]
        if code is not None:
            to_kind = tf.transpose(tf.cast(self.kind_bias, x.dtype), (1, 0, 2))  # (sender, receiver, H)
            send = send + tf.gather(to_kind, code)
        return receive, send

    def _on_edges(self, x: Any, a: Any, e: Any, code: Any) -> Any:
        senders, receivers, _ = as_edges(a, rows="senders")
        receive, send = self._parts(x, code)
        row = senders
        if code is not None:
            row = tf.cast(senders, tf.int32) * self.kinds + tf.gather(code, receivers)
        h = tf.gather(receive, receivers) + tf.gather(tf.reshape(send, (-1, self.message[0])), row)
        if e is not None:
            h = h + self.messages.edge_part(e)
        h = self.messages.finish(h, None, None)
        return aggregate_edges(h, receivers, tf.shape(x)[0], self.aggregate)

    def _on_blocks(self, x: Any, a: Any, e: Any, code: Any) -> Any:
        weight = tf.cast(a, x.dtype)
        receive, send = self._parts(x, code)  # (B, N, H), (B, N, K, H)
        if use_fast(self, xla=False, gpu=True):
            weight, index = neighbour_slots(weight)
            slot = index if code is None else index * self.kinds + code[..., None]
            shape = tf.shape(send)
            send = take_nodes(tf.reshape(send, (shape[0], -1, self.message[0])), slot)
            if e is not None:
                pair = tf.range(shape[1])[:, None] * shape[1] + index
                e = take_nodes(tf.reshape(e, (shape[0], -1, e.shape[-1])), pair)
        elif code is None:
            send = tf.transpose(send, (0, 2, 1, 3))
        else:
            send = tf.gather(tf.transpose(send, (0, 2, 1, 3)), code, batch_dims=1)
        h = receive[..., None, :] + send
        if e is not None:
            h = h + self.messages.edge_part(e)
        h = self.messages.finish(h, weight, None)
        return aggregate_slots(h, weight, self.aggregate)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "message": self.message,
            "update": self.update,
            "aggregate": self.aggregate,
            "activation": activations.serialize(self.activation),
            "residual": self.residual,
            "kinds": self.kinds,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
