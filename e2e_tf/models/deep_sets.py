"""Deep sets, the particle-flow network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["DeepSets", "deep_sets"]


@dataclass(frozen=True)
class DeepSets:
    """Settings of :func:`deep_sets`; the defaults are the particle-flow network of the second paper.

    Attributes:
        phi: units of the dense layers on each node.
        dense: units of the dense layers on the pooled nodes.
        pool: ``sum``, ``mean`` or ``max``.
        dropout: after each of the latter.
    """

    phi: tuple[int, ...] = (100, 100, 256)
    dense: tuple[int, ...] = (100, 100, 100)
    pool: str = "sum"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("phi", "dense"):
            if any(width < 1 for width in getattr(self, name)):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        if self.pool not in ("sum", "mean", "max"):
            raise InputError(f"pool must be 'sum', 'mean' or 'max', not {self.pool!r}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")


def deep_sets(n_features: int, n_globals: int, settings: DeepSets | None = None, outputs: Outputs = 1) -> Any:
    r"""Dense layers on each node, a sum over the nodes, dense layers; edges are not looked at.

    Zaheer et al., Deep Sets, https://arxiv.org/abs/1703.06114; Komiske, Metodiev and Thaler, Energy Flow
    Networks, https://arxiv.org/abs/1810.05165

    .. math::
        y = F\Big(\sum_i \Phi(x_i)\Big)

    Departures from the second paper, where a setting says so: a mean or maximum in place of the sum, dropout. With
    ``n_globals`` the graph-level quantities are joined after the pooling.

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`DeepSets`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs`.

    Raises:
        InputError: ``n_features``, ``n_globals`` or ``outputs`` is not acceptable.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks, GlobalAvgPool, GlobalMaxPool, GlobalSumPool

    s = settings or DeepSets()
    inputs = disjoint_inputs(n_features, n_globals)
    x, _, mask = DisjointToBlocks(name="blocks")(
        [inputs["x"], inputs["senders"], inputs["receivers"], inputs["n_node"]]
    )
    for i, units in enumerate(s.phi, 1):
        x = keras.layers.Dense(units, activation="relu", name=f"phi_{i}")(x)
    pool = {"sum": GlobalSumPool, "mean": GlobalAvgPool, "max": GlobalMaxPool}[s.pool]
    h = pool(name="pool")([x, mask])
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i, units in enumerate(s.dense, 1):
        h = keras.layers.Dense(units, activation="relu", name=f"dense_{i}")(h)
        if s.dropout:
            h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="deep_sets")
