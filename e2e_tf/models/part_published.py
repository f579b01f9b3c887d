"""The Particle Transformer as published: its blocks, for :func:`e2e_tf.models.particle_attention`.

Names of layers are those of the smaller variant where both have them; :mod:`e2e_tf.models.weaver` maps weaver's names
to them.
"""

from __future__ import annotations

from typing import Any

from e2e_tf.models.activations import gelu

__all__ = ["class_token", "published_blocks"]

_BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}  # PyTorch's defaults, in Keras' sense of momentum
_LAYER_NORM = {"epsilon": 1e-5}


def published_blocks(s: Any, x: Any, pairs: Any, mask: Any, n_node: Any) -> tuple[Any, Any]:
    r"""Everything between the inputs and the dense layers, in the order of the paper's code.

    Inputs and pair features are batch-normalised over what exists; embedding (LayerNorm, Dense, GELU) of nodes and
    (1 x 1 convolution, BatchNorm, GELU) of pairs, one number a head at the end; then blocks of

    .. math::
        y = x + \mathrm{Drop}(\mathrm{LN}(c \odot \mathrm{MHA}(\mathrm{LN}(x), U))), \quad
        x' = w \odot y + \mathrm{Drop}(W_2\, \mathrm{LN}(\mathrm{Drop}(\mathrm{GELU}(W_1 \mathrm{LN}(y)))))

    with a factor c a head and w a channel; class blocks are the same, without dropout and pair features, and the class
    token asks as it is, while keys and values are normalised.

    Args:
        s: a :class:`e2e_tf.models.particle_attention.ParticleTransformer`.
        x: (B, N, F), node features.
        pairs: (B, N, N, P), pair features.
        mask: (B, N), 1 where a slot holds a node.
        n_node: int (B,).

    Returns:
        Nodes (B, N, width) and graphs (B, width).
    """
    import keras

    from e2e_tf.layers import ChannelScale, GlobalAvgPool, GlobalSumPool, ParticleAttention

    real, slots = keras.ops.cast(mask, "bool"), keras.ops.expand_dims(mask, -1)

    def norm(name: str) -> Any:
        return keras.layers.LayerNormalization(name=name, **_LAYER_NORM)

    def feed_forward(h: Any, name: str, rate: float) -> Any:
        y = gelu(keras.layers.Dense(s.feed_forward * s.width, name=f"{name}_1")(norm(f"{name}_norm")(h)))
        y = norm(f"{name}_inner_norm")(keras.layers.Dropout(rate, name=f"{name}_dropout_1")(y))
        y = keras.layers.Dense(s.width, name=f"{name}_2")(y)
        y = keras.layers.Dropout(rate, name=f"{name}_dropout_2")(y)
        return y + ChannelScale(s.width, name=f"{name}_residual")(h)

    x = keras.layers.BatchNormalization(name="input_norm", **_BATCH_NORM)(x, mask=real)
    for i, units in enumerate((*s.embed, s.width), 1):
        x = gelu(keras.layers.Dense(units, name=f"embed_{i}")(norm(f"embed_{i}_norm")(x)))
    x = x * slots
    shift = _pair_embedding(s, pairs, real)
    for i in range(1, s.blocks + 1):
        y = norm(f"attention_{i}_norm")(x)
        y = ParticleAttention(
            s.heads,
            s.width // s.heads,
            s.width,
            dropout_rate=s.dropout,
            project_pairs=False,
            name=f"attention_{i}",
        )([y, shift, mask])
        y = norm(f"attention_{i}_after")(ChannelScale(s.heads, name=f"attention_{i}_heads")(y))
        y = keras.layers.Dropout(s.dropout, name=f"attention_{i}_dropout")(y)
        x = feed_forward(x + y, f"feed_{i}", s.dropout)
    if not s.class_blocks:
        pool = GlobalSumPool if s.pooling == "sum" else GlobalAvgPool
        return x, norm("pool_norm")(pool(name="pool")([x, mask]))
    token, seen = class_token(s.width, n_node, mask)
    for i in range(1, s.class_blocks + 1):
        both = norm(f"class_{i}_norm")(keras.ops.concatenate([token, x], axis=1))
        attend = keras.layers.MultiHeadAttention(s.heads, s.width // s.heads, name=f"class_attention_{i}")
        y = ChannelScale(s.heads, name=f"class_{i}_heads")(attend(token, both, attention_mask=seen))
        token = feed_forward(token + norm(f"class_{i}_after")(y), f"class_feed_{i}", 0.0)
    return x, norm("pool")(token[:, 0])


def _pair_embedding(s: Any, pairs: Any, real: Any) -> Any:
    """(B, N, N, heads): pair features through 1 x 1 convolutions with batch normalisation.

    Of two particles' features both directions are the same: each pair counts once in the statistics, as in weaver. The
    graph's edges have directions, and all count.
    """
    import keras

    ops = keras.ops
    counted = ops.logical_and(ops.expand_dims(real, 2), ops.expand_dims(real, 1))
    if s.pairs != "graph":
        place = ops.cumsum(ops.ones_like(real, dtype="int32"), axis=1)
        counted = ops.logical_and(counted, ops.expand_dims(place, 2) >= ops.expand_dims(place, 1))
    h = keras.layers.BatchNormalization(name="pair_norm", **_BATCH_NORM)(pairs, mask=counted)
    for i, units in enumerate((*s.pair_embed, s.heads), 1):
        h = keras.layers.Dense(units, name=f"pair_embed_{i}")(h)
        h = keras.layers.BatchNormalization(name=f"pair_embed_{i}_norm", **_BATCH_NORM)(h, mask=counted)
        h = gelu(h)
    return h


def class_token(width: int, n_node: Any, mask: Any) -> tuple[Any, Any]:
    """A learned vector that asks all nodes of its graph, and itself, so that no graph is empty.

    Touvron et al., Going deeper with Image Transformers, https://arxiv.org/abs/2103.17239, section 3

    Args:
        width: its channels.
        n_node: int (B,).
        mask: (B, N), 1 where a slot holds a node.

    Returns:
        The vector (B, 1, width) and what it sees, bool (B, 1, 1 + N).
    """
    import keras

    from e2e_tf.layers import Embedding

    first = keras.ops.expand_dims(n_node, 1)
    # An embedding with one entry is a learned vector.
    token = Embedding(1, width, name="class_token")(keras.ops.zeros_like(first))
    seen = keras.ops.concatenate([keras.ops.ones_like(token[..., 0]), mask], axis=1)
    return token, keras.ops.expand_dims(keras.ops.cast(seen, "bool"), 1)
