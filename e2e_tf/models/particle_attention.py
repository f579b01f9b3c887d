"""A small Particle Transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.activations import gelu
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["ParticleTransformer", "particle_attention"]


@dataclass(frozen=True)
class ParticleTransformer:
    """Settings of :func:`particle_attention`; the paper's are 128, 8 heads, 8 blocks and 2 class blocks.

    Attributes:
        width: features of a node inside the model; ``heads`` must divide it.
        heads: attention heads.
        blocks: particle attention blocks.
        class_blocks: blocks in which a class token attends to all nodes; 0 pools the nodes as ``pooling`` says.
        pooling: ``mean`` or ``sum``, without class blocks. A sum sees how many nodes there are, which neither a mean
            nor a class token does.
        feed_forward: hidden units of a block's dense layers, as a multiple of ``width``.
        embed: units of the dense layers in front, before the last one to ``width``.
        pairs: what enters the attention between two nodes: ``"p4"``, ln kT, ln z, ln ΔR and ln m² from one more
            input ``p4`` float32 (n, 4), pT [GeV], η, φ [rad] and mass [GeV]; four columns of ``x`` that hold
            these as they are; ``"features"``, the same of massless particles, from the normalised features ``pt``
            (its logarithm), ``deta`` and ``dphi`` among ``x``; or ``"graph"``, the number of edges between them.
            ``"p4"`` is exact, ``"features"`` needs no further input, as hand-offs have none.
        pair_columns, pair_median, pair_norm: of these three features with ``"features"``;
            :func:`e2e_tf.models.fill_settings` knows them from a ``preprocess.json``, and trainings call it.
        relative: with ``"features"``, Δη and Δφ enter through the pairs only and are no features of a node, so that
            a mirrored jet is the same, and a turned one nearly so, but for what other features say.
        pair_embed: units of the dense layers on the pair features, unless they are ``"graph"``.
        couplings: add the running couplings at the scale kT to the pair features.
        dense: units of the dense layers after the pooling.
        dropout: in the blocks and after each of the latter.
    """

    width: int = 64
    heads: int = 4
    blocks: int = 3
    class_blocks: int = 1
    pooling: str = "mean"
    feed_forward: int = 2
    embed: tuple[int, ...] = (64,)
    pairs: str | tuple[int, ...] = "graph"
    pair_embed: tuple[int, ...] = (32, 32)
    pair_columns: tuple[int, ...] = ()
    pair_median: tuple[float, ...] = ()
    pair_norm: tuple[float, ...] = ()
    relative: bool = False
    couplings: bool = False
    dense: tuple[int, ...] = ()
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("width", "heads", "blocks", "feed_forward"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.width % self.heads:
            raise InputError(f"heads must divide width, but {self.heads} does not divide {self.width}")
        if self.pooling not in ("mean", "sum"):
            raise InputError(f"pooling must be 'mean' or 'sum', not {self.pooling!r}")
        if self.class_blocks < 0:
            raise InputError(f"class_blocks must not be negative, not {self.class_blocks}")
        for name in ("embed", "pair_embed", "dense"):
            if any(width < 1 for width in getattr(self, name)):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        if isinstance(self.pairs, str):
            if self.pairs not in ("graph", "p4", "features"):
                raise InputError(
                    f"pairs must be 'graph', 'p4', 'features' or four columns of x, not {self.pairs!r}"
                )
        elif len(self.pairs) != 4 or min(self.pairs) < 0:
            raise InputError(f"pairs must be four columns of x: pT, eta, phi, mass; not {self.pairs}")
        if self.relative and self.pairs != "features":
            raise InputError(f"relative needs pairs = 'features', not {self.pairs!r}")
        if self.couplings and self.pairs == "graph":
            raise InputError(
                "couplings need four-momenta: pairs must be 'p4' or four columns of x, not 'graph'"
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")


def particle_attention(
    n_features: int, n_globals: int, settings: ParticleTransformer | None = None, outputs: Outputs = 1
) -> Any:
    """Attention between all nodes of a graph, biased by features of each pair, on disjoint batches.

    Qu, Li and Qian, Particle Transformer for Jet Tagging, https://arxiv.org/abs/2202.03772

    Blocks are as in the paper, with a normalisation before and after the attention; a class token gathers the
    nodes. Departures: the default is smaller; pair features can be those of the graph (see
    :class:`ParticleTransformer`); with ``n_globals`` the graph-level quantities enter every node at the start
    and are joined after the pooling; the paper's scaling of heads and of the residual is left out. A graph
    without nodes gives what the class token alone gives.

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`ParticleTransformer`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs` and, with
        ``pairs="p4"``, ``p4``.

    Raises:
        InputError: a column is not one of ``x``, or those of ``pairs="features"`` are not known.
    """
    import keras

    from e2e_tf.layers import (
        DisjointToBlocks,
        FeatureMomenta,
        GlobalAvgPool,
        GlobalSumPool,
        PairFeatures,
        ParticleAttention,
    )

    s = settings or ParticleTransformer()
    columns = s.pairs if isinstance(s.pairs, tuple) else ()
    if any(column >= n_features for column in columns):
        raise InputError(f"pairs must be columns of x, 0 to {n_features - 1}, not {columns}")
    if s.pairs == "features" and not s.pair_columns:
        raise InputError(
            "pairs = 'features' needs pair_columns, pair_median and pair_norm; fill_settings takes them from a "
            "preprocess.json"
        )
    inputs = disjoint_inputs(n_features, n_globals, {"p4": 4} if s.pairs == "p4" else None)
    x = inputs["x"]
    exact = None if s.pairs == "graph" else "float32"  # momenta lose their digits in a shorter type
    if s.pairs == "p4":  # they travel with the features, so that one layer makes all blocks
        x = keras.layers.Concatenate(name="features_and_p4", dtype="float32")([x, inputs["p4"]])
    x, a, mask = DisjointToBlocks(name="blocks", dtype=exact)(
        [x, inputs["senders"], inputs["receivers"], inputs["n_node"]]
    )
    if s.pairs == "graph":
        pairs = keras.ops.expand_dims(a, -1)
    else:
        if s.pairs == "features":
            undone = s.pair_columns, s.pair_median, s.pair_norm
            p4 = FeatureMomenta(*undone, dtype="float32", name="momenta")(x)
        else:
            p4 = keras.ops.take(x, columns, axis=-1) if columns else x[..., n_features:]
        pairs = PairFeatures(couplings=s.couplings, name="pairs")(p4)
        for i, units in enumerate(s.pair_embed, 1):
            pairs = gelu(keras.layers.Dense(units, name=f"pair_embed_{i}")(pairs))
        x = x[..., :n_features]
        if s.relative:
            kept = [column for column in range(n_features) if column not in s.pair_columns[1:]]
            x = keras.ops.take(x, kept, axis=-1)
    slots = keras.ops.expand_dims(mask, -1)
    if n_globals:
        x = keras.layers.Concatenate(name="with_globals")([x, slots * keras.ops.expand_dims(inputs["u"], 1)])

    def feed_forward(h: Any, name: str) -> Any:
        y = keras.layers.LayerNormalization(name=f"{name}_norm")(h)
        y = gelu(keras.layers.Dense(s.feed_forward * s.width, name=f"{name}_1")(y))
        y = keras.layers.LayerNormalization(name=f"{name}_inner_norm")(y)
        y = keras.layers.Dropout(s.dropout, name=f"{name}_dropout_1")(y)
        y = keras.layers.Dense(s.width, name=f"{name}_2")(y)
        return h + keras.layers.Dropout(s.dropout, name=f"{name}_dropout_2")(y)

    for i, units in enumerate((*s.embed, s.width), 1):
        x = gelu(keras.layers.Dense(units, name=f"embed_{i}")(x))
        x = keras.layers.LayerNormalization(name=f"embed_{i}_norm")(x)
    for i in range(1, s.blocks + 1):
        y = keras.layers.LayerNormalization(name=f"attention_{i}_norm")(x)
        y = ParticleAttention(
            s.heads, s.width // s.heads, s.width, dropout_rate=s.dropout, name=f"attention_{i}"
        )([y, pairs, mask])
        y = keras.layers.LayerNormalization(name=f"attention_{i}_after")(y)
        x = feed_forward(x + keras.layers.Dropout(s.dropout, name=f"attention_{i}_dropout")(y), f"feed_{i}")
    if s.class_blocks:
        # An embedding with one entry is a learned vector; it counts as one more node, so no graph is empty.
        first = keras.ops.expand_dims(inputs["n_node"], 1)
        token = keras.layers.Embedding(1, s.width, name="class_token")(keras.ops.zeros_like(first))
        seen = keras.ops.concatenate([keras.ops.ones_like(token[..., 0]), mask], axis=1)
        seen = keras.ops.expand_dims(keras.ops.cast(seen, "bool"), 1)
        for i in range(1, s.class_blocks + 1):
            both = keras.ops.concatenate([token, x], axis=1)
            both = keras.layers.LayerNormalization(name=f"class_{i}_norm")(both)
            attend = keras.layers.MultiHeadAttention(s.heads, s.width // s.heads, name=f"class_attention_{i}")
            y = attend(both[:, :1], both, attention_mask=seen)
            y = keras.layers.LayerNormalization(name=f"class_{i}_after")(y)
            token = feed_forward(token + y, f"class_feed_{i}")
        h = keras.layers.LayerNormalization(name="pool")(token[:, 0])
    else:
        h = (GlobalSumPool if s.pooling == "sum" else GlobalAvgPool)(name="pool")([x, mask])
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i, units in enumerate(s.dense, 1):
        h = gelu(keras.layers.Dense(units, name=f"dense_{i}")(h))
        h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="particle_attention")
