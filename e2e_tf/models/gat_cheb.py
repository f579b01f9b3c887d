"""The tau tagger of attention and Chebyshev layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["GATCheb", "gat_cheb"]

_POOLS = {
    "mean": "GlobalAvgPool",
    "max": "GlobalMaxPool",
    "sum": "GlobalSumPool",
    "attention": "GlobalAttnSumPool",
}


@dataclass(frozen=True)
class GATCheb:
    """Settings of :func:`gat_cheb`.

    Attributes:
        channels: output width of each attention layer, all heads together.
        heads: heads of each attention layer; each divides its width.
        cheb_channels: output width of each Chebyshev layer.
        cheb_order: number K of Chebyshev polynomials.
        pooling: how the nodes become one row: ``mean``, ``max``, ``sum`` or ``attention`` (a sum with learned
            weights that add up to 1), or several joined by ``+``. A mean does not see how many nodes there are.
        dense: units of the dense layers after the pooling.
        dropout: dropout on attention coefficients and after each dense layer.
        layout: ``blocks`` (dense masked blocks, for graphs up to about 300 nodes) or ``edges`` (edge lists, for
            larger ones); the parameters and the numbers are the same.
    """

    channels: tuple[int, ...] = (32, 64, 128)
    heads: tuple[int, ...] = (1, 2, 4)
    cheb_channels: tuple[int, ...] = (128, 64, 32)
    cheb_order: int = 3
    pooling: str = "mean"
    dense: tuple[int, ...] = (256, 128)
    dropout: float = 0.0
    layout: str = "blocks"

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.heads):
            raise InputError(
                f"channels and heads must have one entry per layer, not {self.channels} and {self.heads}"
            )
        for width, heads in zip(self.channels, self.heads, strict=True):
            if heads < 1 or width < 1 or width % heads:
                raise InputError(
                    f"heads must divide channels, but {heads} heads do not divide {width} channels"
                )
        for name in ("cheb_channels", "dense"):
            if any(width < 1 for width in getattr(self, name)):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        if self.cheb_order < 1:
            raise InputError(f"cheb_order must be at least 1, not {self.cheb_order}")
        names = self.pooling.split("+")
        if not set(names) <= set(_POOLS) or len(set(names)) < len(names):
            raise InputError(
                f"pooling must be one of {', '.join(_POOLS)} or several joined by '+', not {self.pooling!r}"
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")
        if self.layout not in ("blocks", "edges"):
            raise InputError(f"layout must be 'blocks' or 'edges', not {self.layout!r}")


def gat_cheb(n_features: int, n_globals: int, settings: GATCheb | None = None, outputs: Outputs = 1) -> Any:
    r"""Attention layers, Chebyshev layers, a pooling of the nodes, dense layers with jet quantities.

    Velickovic et al., Graph Attention Networks, https://arxiv.org/abs/1710.10903; Defferrard et al., Convolutional
    Neural Networks on Graphs with Fast Localized Spectral Filtering, https://arxiv.org/abs/1606.09375

    .. math::
        X' = \mathrm{ReLU}\big(\big\Vert_h \alpha^h X W^h + b\big), \quad
        X'' = \mathrm{ReLU}\Big(\sum_{k<K} T_k(\tilde L) X' W_k + b\Big)

    The architecture is that of the ML4SCI end-to-end tau studies: GATConv of 32, 64 and 128 channels with 1, 2 and 4
    heads of 32 channels, ChebConv of 128, 64 and 32 channels with K = 3, global average pooling, the jet's own
    quantities joined, Dense 256 and 128. Departures from the papers: attention layers end in ReLU (1710.10903: ELU) and
    have dropout on their coefficients but not on their inputs; the Laplacian is made of (A + Aᵀ) / 2 and scaled with a
    largest eigenvalue of 2 (1606.09375: of an undirected graph, with its own).

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`GATCheb`.
        outputs: 1 gives a sigmoid, more a softmax; see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` whose inputs are a dictionary: ``x`` float32 (n, F), ``senders`` and ``receivers``
        int32 (n_edges,), ``n_node`` int32 (B,) and, if ``n_globals``, ``u`` float32 (B, G); the output
        ``score`` is float32 (B, outputs).

    Raises:
        InputError: ``n_features``, ``n_globals`` or ``outputs`` is not acceptable.
    """
    import keras

    from e2e_tf import layers
    from e2e_tf.layers import ChebConv, DisjointToBlocks, GATConv, ScaledLaplacian

    s = settings or GATCheb()
    inputs = disjoint_inputs(n_features, n_globals)
    x, n_node = inputs["x"], inputs["n_node"]
    if s.layout == "blocks":
        x, a, members = DisjointToBlocks(name="blocks")([x, inputs["senders"], inputs["receivers"], n_node])
    else:
        a, members = (inputs["senders"], inputs["receivers"]), n_node
    laplacian = ScaledLaplacian(name="laplacian")([x, a])
    for i, (width, heads) in enumerate(zip(s.channels, s.heads, strict=True), 1):
        layer = GATConv(width // heads, heads, dropout_rate=s.dropout, activation="relu", name=f"gat_{i}")
        x = layer([x, a])
    for i, width in enumerate(s.cheb_channels, 1):
        x = ChebConv(width, K=s.cheb_order, activation="relu", name=f"cheb_{i}")([x, laplacian])
    pools = s.pooling.split("+")
    rows = [
        getattr(layers, _POOLS[pool])(name="pool" if len(pools) == 1 else f"pool_{pool}")([x, members])
        for pool in pools
    ]
    h = rows[0] if len(rows) == 1 else keras.layers.Concatenate(name="pool")(rows)
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i, units in enumerate(s.dense, 1):
        h = keras.layers.Dense(units, activation="relu", name=f"dense_{i}")(h)
        if s.dropout:
            h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="gat_cheb")
