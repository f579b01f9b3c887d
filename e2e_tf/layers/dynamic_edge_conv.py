"""Edge convolution on the nearest neighbours, found inside the model."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.adjacency import check_members, positive
from e2e_tf.layers.aggregate import aggregate_slots
from e2e_tf.layers.edge_conv import EdgeConv
from e2e_tf.layers.neighbours import nearest
from e2e_tf.layers.padded import block_index, from_blocks, node_mask, take_nodes, to_blocks

__all__ = ["DynamicEdgeConv"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class DynamicEdgeConv(EdgeConv):
    r"""Edge convolution on the k nearest neighbours in feature space, found anew in every call.

    Wang et al., Dynamic Graph CNN for Learning on Point Clouds, https://arxiv.org/abs/1801.07829; Qu and
    Gouskos, ParticleNet, https://arxiv.org/abs/1902.08570

    .. math::
        x'_i = \mathrm{AGGREGATE}_{j \in \mathrm{kNN}(i)}\, \mathrm{MLP}(x_i \,\|\, x_j - x_i)

    Neighbours are taken within a graph and by count: a graph of at most ``k`` nodes is fully linked, and a
    node without neighbours gives 0. Of equally distant nodes the one of lower index is taken. No gradient
    passes through the choice of neighbours. Departures from ParticleNet: there is no shortcut connection (add
    a Dense layer's output), and padding does not sit at a far coordinate, it is masked.

    Args:
        channels: output channels.
        k: neighbours of a node.
        mlp_hidden, mlp_activation, mlp_batchnorm, activation, ...: as in :class:`EdgeConv`.
        aggregate: ``mean`` as in ParticleNet, ``max`` as in the first paper, ``sum``, ``min`` or ``prod``.
        loops: a node is its own neighbour, one of the ``k``, as in the first paper and PyTorch Geometric.

    Call arguments:
        inputs: ``[x, members]`` or ``[x, points, members]``; the neighbours are the nearest in ``points``,
            or in ``x`` without them. One of
            ``x`` (B, N, F), ``points`` (B, N, D) with ``members`` the mask (B, N), nodes first;
            ``x`` (n, F), ``points`` (n, D) with ``members`` the counts ``n_node`` int (B,).

    Output:
        (B, N, channels) or (n, channels).

    Raises:
        InputError: an argument is out of range, the ranks do not go together or the counts do not add up.
    """

    def __init__(
        self,
        channels: int,
        k: int = 16,
        mlp_hidden: Any = None,
        mlp_activation: Any = "relu",
        aggregate: Any = "mean",
        *args: Any,
        loops: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(channels, mlp_hidden, mlp_activation, aggregate, *args, **kwargs)
        self.k = positive("k", k)
        self.loops = bool(loops)

    def call(self, inputs: Any, training: Any = None) -> Any:
        x, *others, members = inputs
        blocks = check_members(x, members)
        points = others[0] if others else x
        check_members(points, members)
        if blocks:
            return self._blocks(x, points, members, training)
        n_node = tf.cast(members, tf.int32)
        index, mask = block_index(n_node)
        points = to_blocks(points, index)
        return from_blocks(self._blocks(to_blocks(x, index), points, mask, training), n_node)

    def _blocks(self, x: Any, points: Any, mask: Any, training: Any) -> Any:
        index, valid = nearest(tf.stop_gradient(points), mask, self.k, self.loops)
        present, _ = node_mask(mask, x.dtype)
        weight = tf.cast(valid, x.dtype) * present[:, :, None]
        receive, send = self.mlp.parts(x)
        message = self.mlp.finish(receive[:, :, None, :] + take_nodes(send, index), weight, training)
        return aggregate_slots(message, weight, self.agg)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k, "loops": self.loops}
