"""The Particle Transformer, smaller or as published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.activations import gelu
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs
from e2e_tf.models.part_published import class_token, published_blocks

__all__ = ["ParticleTransformer", "particle_attention"]


@dataclass(frozen=True)
class ParticleTransformer:
    """Settings of :func:`particle_attention`; :meth:`published` has the paper's.

    Attributes:
        variant: ``"simple"``, or ``"published"`` for the blocks as the paper's code has them, see
            :func:`particle_attention`; the sizes are those of the other settings in both.
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
            ``"p4"`` is exact, ``"features"`` needs no further input.
        pair_columns, pair_median, pair_norm: of these three features with ``"features"``;
            :func:`e2e_tf.models.fill_settings` knows them from a ``preprocess.json``, and trainings call it.
        relative: with ``"features"``, Δη and Δφ enter through the pairs only and are no features of a node, so that
            a mirrored jet is the same, and a turned one nearly so, but for what other features say.
        pair_embed: units of the dense layers on the pair features, unless they are ``"graph"``.
        couplings: add the running couplings at the scale kT to the pair features.
        dense: units of the dense layers after the pooling.
        dropout: in the blocks and after each of the latter.
    """

    variant: str = "simple"
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

    @classmethod
    def published(cls, **changes: Any) -> ParticleTransformer:
        """The settings of the paper (section 5.1) and its code, 2.14 million parameters for 17 features.

        Args:
            changes: settings that are to be others.

        Returns:
            The settings.
        """
        paper: dict[str, Any] = {
            "variant": "published",
            "width": 128,
            "heads": 8,
            "blocks": 8,
            "class_blocks": 2,
            "feed_forward": 4,
            "embed": (128, 512),
            "pairs": "p4",
            "pair_embed": (64, 64, 64),
            "dropout": 0.1,
        }
        return cls(**(paper | changes))

    def __post_init__(self) -> None:
        if self.variant not in ("simple", "published"):
            raise InputError(f"variant must be 'simple' or 'published', not {self.variant!r}")
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
    r"""Attention between all nodes of a graph, biased by features of each pair, on disjoint batches.

    Qu, Li and Qian, Particle Transformer for Jet Tagging, https://arxiv.org/abs/2202.03772

    .. math::
        A(X) = \mathrm{softmax}\Big(\frac{Q K^\top}{\sqrt d} + U\Big) V, \quad
        X' = X + \mathrm{LN}(A(\mathrm{LN}(X))), \quad
        X'' = X' + \mathrm{FFN}(\mathrm{LN}(X'))

    with queries, keys and values Q, K, V of a head of width d and a bias U of the features of each pair; then a class
    token asks all nodes.

    ``variant = "published"`` is the network of the paper's code (weaver), whose trained parameters
    :func:`e2e_tf.models.weaver.load_weaver` reads. What is left to differ:

    - inputs are (pT, η, φ, m) rather than (px, py, pz, E), and m² of a pair is a sum of positive terms, for its digits;
    - padding takes no part in any batch normalisation, where weaver counts it in that of the inputs;
    - moving variances are those of the batch, not n / (n - 1) of it, and parameters start from Keras' distributions;
    - the graph-level inputs, pair features of the graph, couplings and poolings below, which the paper has not.

    ``variant = "simple"`` departs from the paper further:

    - inputs and pair features are not batch-normalised;
    - each embedding layer is Dense, GELU, LayerNorm (paper: LayerNorm, Dense, GELU);
    - pair features enter the heads of each block through a matrix of that block; in the paper the last layer of the
      pair embedding, shared by all blocks, has one output a head;
    - ε of LayerNorm is 1e-3 (paper: 1e-5);
    - in the feed-forward network dropout comes after the inner LayerNorm (paper: before it);
    - the class token is normalised with the nodes before it asks (paper: it asks as it is), and class blocks have the
      dropout of the others in their feed-forward network (paper: none);
    - attention heads and the residual have no learned factors;
    - kT of a pair is the product of two factors with a floor of 1e-8 each (paper: the product has it);
    - GELU after the dense layers at the end (paper: ReLU).

    In both, with ``n_globals`` the graph-level quantities enter every node at the start and are joined after the
    pooling, and a graph without nodes gives what the class token alone gives.

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`ParticleTransformer`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs` and, with
        ``pairs="p4"``, ``p4`` float32 (n, 4).

    Raises:
        InputError: a column is not one of ``x``, or those of ``pairs="features"`` are not known.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks, FeatureMomenta, PairFeatures

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
        pairs = PairFeatures(couplings=s.couplings, floor_product=s.variant == "published", name="pairs")(p4)
        x = x[..., :n_features]
        if s.relative:
            kept = [column for column in range(n_features) if column not in s.pair_columns[1:]]
            x = keras.ops.take(x, kept, axis=-1)
    slots = keras.ops.expand_dims(mask, -1)
    if n_globals:
        x = keras.layers.Concatenate(name="with_globals")([x, slots * keras.ops.expand_dims(inputs["u"], 1)])
    blocks, activation = (published_blocks, keras.ops.relu) if s.variant == "published" else (_blocks, gelu)
    x, h = blocks(s, x, pairs, mask, inputs["n_node"])
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i, units in enumerate(s.dense, 1):
        h = activation(keras.layers.Dense(units, name=f"dense_{i}")(h))
        h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="particle_attention")


def _blocks(s: ParticleTransformer, x: Any, pairs: Any, mask: Any, n_node: Any) -> tuple[Any, Any]:
    """The simple variant's nodes (B, N, width) and graphs (B, width); arguments of :func:`published_blocks`."""
    import keras

    from e2e_tf.layers import GlobalAvgPool, GlobalSumPool, ParticleAttention

    if s.pairs != "graph":
        for i, units in enumerate(s.pair_embed, 1):
            pairs = gelu(keras.layers.Dense(units, name=f"pair_embed_{i}")(pairs))

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
        token, seen = class_token(s.width, n_node, mask)
        for i in range(1, s.class_blocks + 1):
            both = keras.ops.concatenate([token, x], axis=1)
            both = keras.layers.LayerNormalization(name=f"class_{i}_norm")(both)
            attend = keras.layers.MultiHeadAttention(s.heads, s.width // s.heads, name=f"class_attention_{i}")
            y = attend(both[:, :1], both, attention_mask=seen)
            y = keras.layers.LayerNormalization(name=f"class_{i}_after")(y)
            token = feed_forward(token + y, f"class_feed_{i}")
        return x, keras.layers.LayerNormalization(name="pool")(token[:, 0])
    return x, (GlobalSumPool if s.pooling == "sum" else GlobalAvgPool)(name="pool")([x, mask])
