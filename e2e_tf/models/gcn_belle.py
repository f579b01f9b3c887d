"""The graph network for Belle II decay trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["GCNBelle", "gcn_belle"]


@dataclass(frozen=True)
class GCNBelle:
    """Settings of :func:`gcn_belle`.

    Attributes:
        units: of every layer.
        node_layers, convolutions, dense_layers: numbers of layers on nodes, of graph convolutions, of layers
            after the mean.
        kinds: numbers that a particle's kind can be, 0 to ``kinds`` - 1.
        embedding: what a kind is turned into.
        kind_column: the column of ``x`` that holds the kind, as a whole number; -1 is the last one.
    """

    units: int = 128
    node_layers: int = 3
    convolutions: int = 3
    dense_layers: int = 3
    kinds: int = 541
    embedding: int = 8
    kind_column: int = -1

    def __post_init__(self) -> None:
        for name in ("units", "convolutions", "kinds", "embedding"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("node_layers", "dense_layers"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative, not {getattr(self, name)}")
        if self.kind_column < -1:
            raise InputError(f"kind_column must be a column of x, or -1 for the last, not {self.kind_column}")


def gcn_belle(n_features: int, n_globals: int, settings: GCNBelle | None = None, outputs: Outputs = 1) -> Any:
    r"""Embedded particle kinds, dense layers, graph convolutions on the decay tree, mean, dense layers.

    Benato et al., Shared Data and Algorithms for Deep Learning in Fundamental Physics,
    https://arxiv.org/abs/2107.00656; Kipf and Welling, https://arxiv.org/abs/1609.02907

    .. math::
        X' = \mathrm{ReLU}\big(D^{-1/2} (A + 1) D^{-1/2} X W + b\big)

    The graph is mother to daughter and back (:func:`e2e_tf.graph.parents`). Departures from the published
    model: every particle has a loop in the normalised adjacency, a root too; the mean is over the particles,
    not over padding as well; the kind must not be normalised.

    Args:
        n_features: node features F, the kind included.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`GCNBelle`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs`.

    Raises:
        InputError: there is no such column, or none besides it.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks, Embedding, GCNConv, GlobalAvgPool, NormalizedAdjacency

    s = settings or GCNBelle()
    column = n_features - 1 if s.kind_column == -1 else s.kind_column
    if column >= n_features or n_features < 2:
        raise InputError(
            f"kind_column must be one of at least two columns of x (n_features is {n_features}), "
            f"not {s.kind_column}"
        )
    inputs = disjoint_inputs(n_features, n_globals)
    # Kinds are whole numbers up to some hundreds, which bfloat16 does not hold.
    x, a, mask = DisjointToBlocks(name="blocks", dtype="float32")(
        [inputs["x"], inputs["senders"], inputs["receivers"], inputs["n_node"]]
    )
    a = NormalizedAdjacency(name="adjacency")([x, a])
    kind = keras.ops.clip(keras.ops.cast(keras.ops.round(x[..., column]), "int32"), 0, s.kinds - 1)
    rest = keras.ops.take(x, [i for i in range(n_features) if i != column], axis=-1)
    embedded = Embedding(s.kinds, s.embedding, name="embedding")(kind)
    x = keras.layers.Concatenate(name="features")([embedded, rest])
    for i in range(1, s.node_layers + 1):
        x = keras.layers.Dense(s.units, activation="relu", name=f"node_{i}")(x)
    for i in range(1, s.convolutions + 1):
        x = GCNConv(s.units, activation="relu", name=f"gcn_{i}")([x, a])
    h = GlobalAvgPool(name="pool")([x, mask])
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i in range(1, s.dense_layers + 1):
        h = keras.layers.Dense(s.units, activation="relu", name=f"dense_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="gcn_belle")
