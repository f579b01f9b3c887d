"""ParticleNet and its lite form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["ParticleNet", "ParticleNetLite", "particle_net"]


@dataclass(frozen=True)
class ParticleNet:
    """Settings of :func:`particle_net`.

    Attributes:
        k: neighbours of a node in every block after the first, and in the first unless ``coordinates`` is
            ``"graph"``.
        channels: units of the three dense layers of each block.
        dense: units of the dense layers after the pooling.
        dropout: after each of them.
        coordinates: where the first block looks for neighbours: ``"graph"``, the edges of the batch, which are
            the nearest in η and φ if the graph is ``knn:<k>``; ``"points"``, the nearest in one more input
            ``points`` float32 (n, 2), Δη and Δφ [rad]; or columns of ``x``, such as ``[3, 4]``.
    """

    k: int = 16
    channels: tuple[tuple[int, ...], ...] = ((64, 64, 64), (128, 128, 128), (256, 256, 256))
    dense: tuple[int, ...] = (256,)
    dropout: float = 0.1
    coordinates: str | tuple[int, ...] = "graph"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"k must be at least 1, not {self.k}")
        if not self.channels or any(not block or min(block) < 1 for block in self.channels):
            raise InputError(f"channels must hold positive numbers for each block, not {self.channels}")
        if any(width < 1 for width in self.dense):
            raise InputError(f"dense must be positive, not {self.dense}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")
        if isinstance(self.coordinates, str):
            if self.coordinates not in ("graph", "points"):
                raise InputError(
                    f"coordinates must be 'graph', 'points' or columns of x, not {self.coordinates!r}"
                )
        elif not self.coordinates or min(self.coordinates) < 0:
            raise InputError(f"coordinates must be columns of x, counted from 0, not {self.coordinates}")


@dataclass(frozen=True)
class ParticleNetLite(ParticleNet):
    """Settings of ParticleNet-Lite: as :class:`ParticleNet`, with k = 7 and two narrower blocks."""

    k: int = 7
    channels: tuple[tuple[int, ...], ...] = ((32, 32, 32), (64, 64, 64))
    dense: tuple[int, ...] = field(default=(128,))


def particle_net(
    n_features: int, n_globals: int, settings: ParticleNet | None = None, outputs: Outputs = 1
) -> Any:
    r"""Edge convolutions on neighbours found anew in every block, on disjoint batches.

    Qu and Gouskos, ParticleNet: Jet Tagging via Particle Clouds, https://arxiv.org/abs/1902.08570

    .. math::
        x'_i = \mathrm{ReLU}\Big(\frac{1}{k} \sum_{j \in \mathrm{kNN}(i)} \mathrm{MLP}(x_i \,\|\, x_j - x_i)
            + \mathrm{BN}(W x_i)\Big)

    The features are batch-normalised; each block is an edge convolution of three dense layers with batch
    normalisation and the mean over the neighbours, plus a shortcut; then the mean over the nodes and a dense
    layer. The first block looks for neighbours in the plane of η and φ, later ones in the block's own features.

    Departures from the paper's code (https://github.com/hqucms/ParticleNet):

    - padding is masked and does not enter means and normalisations; there it lies at a coordinate of 999, is a
      neighbour where a jet has fewer than k + 1 particles, and the mean over nodes divides by the padded length;
    - dense layers inside an edge convolution, but the last, have a bias, which the batch normalisation cancels;
    - with ``n_globals`` the graph-level quantities are joined after the pooling.

    :func:`e2e_tf.models.weaver.load_weaver` reads parameters that were trained in weaver.

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`ParticleNet`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs` and, with
        ``coordinates="points"``, ``points``.

    Raises:
        InputError: a coordinate is no column of ``x``, or ``n_features``, ``n_globals`` or ``outputs`` is not
            acceptable.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks, DynamicEdgeConv, EdgeConv, GlobalAvgPool

    s = settings or ParticleNet()
    columns = s.coordinates if isinstance(s.coordinates, tuple) else ()
    if any(column >= n_features for column in columns):
        raise InputError(f"coordinates must be columns of x, 0 to {n_features - 1}, not {columns}")
    points_input = s.coordinates == "points"
    inputs = disjoint_inputs(n_features, n_globals, {"points": 2} if points_input else None)
    x = inputs["x"]
    if points_input:  # they travel with the features, so that one layer makes all blocks
        x = keras.layers.Concatenate(name="features_and_points", dtype="float32")([x, inputs["points"]])
    # Places that are close to each other are one in a shorter type.
    to_blocks = DisjointToBlocks(name="blocks", dtype=None if s.coordinates == "graph" else "float32")
    x, a, mask = to_blocks([x, inputs["senders"], inputs["receivers"], inputs["n_node"]])
    points = None
    if points_input:
        points, x = x[..., n_features:], x[..., :n_features]
    elif columns:
        points = keras.ops.take(x, columns, axis=-1)
    real, slots = keras.ops.cast(mask, "bool"), keras.ops.expand_dims(mask, -1)
    x = keras.layers.BatchNormalization(name="normalise")(x, mask=real) * slots
    for i, (*hidden, last) in enumerate(s.channels, 1):
        options: dict[str, Any] = {
            "mlp_hidden": hidden,
            "mlp_batchnorm": True,
            "activation": "relu",
            "use_bias": False,
        }
        if i == 1 and points is None:
            y = EdgeConv(last, aggregate="mean", name=f"edge_conv_{i}", **options)([x, a])
        else:
            where = [x, points, mask] if i == 1 else [x, mask]
            y = DynamicEdgeConv(last, k=s.k, aggregate="mean", name=f"edge_conv_{i}", **options)(where)
        shortcut = keras.layers.Dense(last, use_bias=False, name=f"shortcut_{i}")(x)
        shortcut = keras.layers.BatchNormalization(name=f"shortcut_{i}_norm")(shortcut, mask=real)
        x = keras.layers.Activation("relu", name=f"block_{i}")(y + shortcut * slots)
    h = GlobalAvgPool(name="pool")([x, mask])
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i, units in enumerate(s.dense, 1):
        h = keras.layers.Dense(units, activation="relu", name=f"dense_{i}")(h)
        if s.dropout:
            h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="particle_net")
