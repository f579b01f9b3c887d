"""The graph network of ErUm-Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["GraphNet", "graph_net"]


@dataclass(frozen=True)
class GraphNet:
    """Settings of :func:`graph_net`; how it is trained is in :mod:`e2e_tf.models.presets`.

    Attributes:
        units: of every layer.
        node_layers: dense layers on each node.
        convolutions: graph convolutions.
        dense_layers: dense layers after the mean; the last one has ``last_dropout``.
        dropout: after each convolution and dense layer.
        last_dropout: after the last dense layer.
        batch_norm: after each convolution and dense layer.
        prelu: PReLU on top of each layer's ReLU.
        padded_nodes: 0 for disjoint batches of any size; else the number N of slots of padded arrays, as the
            published model takes them: inputs ``features`` (N, F) and ``adj_matrix`` (N, N), a slope of PReLU
            for each slot and channel, and means over all slots, padding included.
    """

    units: int = 256
    node_layers: int = 3
    convolutions: int = 3
    dense_layers: int = 7
    dropout: float = 0.2
    last_dropout: float = 0.1
    batch_norm: bool = True
    prelu: bool = True
    padded_nodes: int = 0

    def __post_init__(self) -> None:
        for name in ("units", "convolutions"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("node_layers", "dense_layers", "padded_nodes"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("dropout", "last_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} must be in [0, 1), not {getattr(self, name)}")


def graph_net(n_features: int, n_globals: int, settings: GraphNet | None = None, outputs: Outputs = 1) -> Any:
    r"""Dense layers on the nodes, convolutions with the adjacency as it is, mean, dense layers.

    Benato et al., Shared Data and Algorithms for Deep Learning in Fundamental Physics,
    https://arxiv.org/abs/2107.00656

    .. math::
        X' = \mathrm{PReLU}(\mathrm{BN}(\mathrm{ReLU}((A + 1)(X W + b))))

    On disjoint batches the loops are added inside, and the graph must not have any; PReLU has one slope per
    channel and padding enters neither means nor normalisations, so the parameters of the published model, which
    does otherwise, only fit with ``padded_nodes`` (whose adjacency brings its own loops).

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`GraphNet`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs`, or the padded ones.

    Raises:
        InputError: graph-level features, or outputs of nodes or edges, with ``padded_nodes``; or ``n_features``,
            ``n_globals`` or ``outputs`` is not acceptable.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks, GlobalAvgPool

    s = settings or GraphNet()
    if s.padded_nodes:
        if n_globals:
            raise InputError(f"padded_nodes has no graph-level inputs: n_globals must be 0, not {n_globals}")
        inputs = {
            "features": keras.Input((s.padded_nodes, n_features), name="features"),
            "adj_matrix": keras.Input((s.padded_nodes, s.padded_nodes), name="adj_matrix"),
        }
        x, a, mask, real, slots = inputs["features"], inputs["adj_matrix"], None, None, 1.0
    else:
        inputs = disjoint_inputs(n_features, n_globals)
        x, a, mask = DisjointToBlocks(name="blocks")(
            [inputs["x"], inputs["senders"], inputs["receivers"], inputs["n_node"]]
        )
        real, slots = keras.ops.cast(mask, "bool"), keras.ops.expand_dims(mask, -1)

    def dense(h: Any, name: str) -> Any:
        return keras.layers.Dense(s.units, activation="relu", name=name)(h)

    def slope(h: Any, name: str, shared: list[int] | None) -> Any:
        return keras.layers.PReLU(shared_axes=shared, name=f"{name}_prelu")(h) if s.prelu else h

    for i in range(1, s.node_layers + 1):
        x = slope(dense(x, f"node_{i}"), f"node_{i}", [1])
    for i in range(1, s.convolutions + 1):
        h = keras.layers.Dense(s.units, name=f"conv_{i}")(x)
        summed = keras.ops.matmul(a, h)
        x = keras.layers.Activation("relu", name=f"conv_{i}_relu")(summed if real is None else summed + h)
        if s.batch_norm:
            x = keras.layers.BatchNormalization(name=f"conv_{i}_norm")(x, mask=real) * slots
        x = slope(x, f"conv_{i}", [1] if real is not None else None)
        if s.dropout:
            x = keras.layers.Dropout(s.dropout, name=f"conv_{i}_dropout")(x)
    if mask is None:
        h = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    else:
        h = GlobalAvgPool(name="pool")([x, mask])
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i in range(1, s.dense_layers + 1):
        h = dense(h, f"dense_{i}")
        if s.batch_norm:
            h = keras.layers.BatchNormalization(name=f"dense_{i}_norm")(h)
        h = slope(h, f"dense_{i}", None)
        rate = s.last_dropout if i == s.dense_layers else s.dropout
        if rate:
            h = keras.layers.Dropout(rate, name=f"dense_{i}_dropout")(h)
    nodes = None if mask is None else x
    return keras.Model(inputs, add_heads(outputs, h, inputs, nodes), name="graph_net")
