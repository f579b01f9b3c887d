"""A score for every edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import activations, initializers

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import as_edges, check_graph, positive
from e2e_tf.layers.pair_mlp import PairMLP

__all__ = ["EdgeScore"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class EdgeScore(keras.layers.Layer):
    r"""Edge classifier: a network on the two nodes of each edge and the features of the edge.

    DeZoort et al., Charged particle tracking via edge-classifying interaction networks,
    https://arxiv.org/abs/2103.16701

    .. math::
        y_{j \to i} = \sigma\big(\mathrm{MLP}(x_i \,\|\, x_j \,\|\, e_{j \to i})\big)

    The first layer of the network is computed once per node. Departure from the paper: this is the head only;
    the interaction network before it is any stack of convolutions.

    Args:
        channels: outputs per edge.
        hidden: units of the hidden layers.
        hidden_activation: their activation.
        activation: of the output, ``sigmoid`` for a probability.
        kernel_initializer: of all matrices.

    Call arguments:
        inputs: ``[x, a]`` or ``[x, a, e]``, one of
            ``x`` (n, F) with ``a = (senders, receivers)``, both int (n_edges,), and ``e`` (n_edges, E);
            ``x`` (B, N, F) with ``a`` (B, N, N), ``a[b, receiver, sender]``, and ``e`` (B, N, N, E).

    Output:
        (n_edges, channels) in the order of the edges, or (B, N, N, channels), 0 where there is no edge.

    Raises:
        InputError: an argument is out of range, ``a`` has none of these forms or does not fit ``x``.
    """

    def __init__(
        self,
        channels: int = 1,
        hidden: Sequence[int] = (64,),
        hidden_activation: Any = "relu",
        activation: Any = "sigmoid",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = positive("channels", channels)
        self.hidden = [positive("hidden", units) for units in hidden]
        self.hidden_activation = activations.get(hidden_activation)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        hidden = len(self.hidden)
        self.mlp = PairMLP(
            [*self.hidden, self.channels],
            [self.hidden_activation] * hidden + [self.activation],
            [True] * (hidden + 1),
            relative=False,
            options={"kernel_initializer": self.kernel_initializer},
            dtype=self.dtype_policy,
            name="mlp",
        )
        self.mlp.build(input_shape[0][-1], input_shape[2][-1] if len(input_shape) > 2 else 0)
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, a, *rest = inputs
        dense = check_graph(x, a)
        receive, send = self.mlp.parts(x)
        if dense:
            h = receive[..., :, None, :] + send[..., None, :, :]
        else:
            senders, receivers, _ = as_edges(a, rows="senders")
            h = tf.gather(receive, receivers) + tf.gather(send, senders)
        if rest:
            (e,) = rest
            if len(e.shape) != len(h.shape):
                raise InputError(
                    f"e must have shape (n_edges, E), or (B, N, N, E) for blocks, got {tuple(e.shape)}"
                )
            h = h + self.mlp.edge_part(e)
        score = self.mlp.finish(h, None, None)
        return score * tf.cast(a > 0, score.dtype)[..., None] if dense else score

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape, graph = input_shape[0], input_shape[1]
        if len(shape) == 3:
            return (*shape[:-1], shape[-2], self.channels)
        edges = graph[0][0] if isinstance(graph[0], (tuple, list)) else None
        return (edges, self.channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "channels": self.channels,
            "hidden": self.hidden,
            "hidden_activation": activations.serialize(self.hidden_activation),
            "activation": activations.serialize(self.activation),
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
