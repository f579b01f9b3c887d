"""The convolutional network of CMS's tau trigger at level 2, on detector objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["LEVEL2_COLUMNS", "Level2CNN", "level2_cnn"]

LEVEL2_COLUMNS = (
    ("deta", "identity"),
    ("dphi", "identity"),
    ("energy", "log"),
    ("pt", "log"),
    ("charge", "identity"),
    ("chi2", "log1p"),
    ("n_pixel_hits", "identity"),
    ("d0", "tanh"),
    ("dz", "tanh"),
    ("from_pv", "identity"),
    ("is_track", "identity"),
    ("is_ecal", "identity"),
    ("is_hcal", "identity"),
)
"""Raw names and transforms of the features that ``Level2CNN.columns`` are, in order."""
_FLAGS = 3  # the last columns


@dataclass(frozen=True)
class Level2CNN:
    """Settings of :func:`level2_cnn`; the defaults are those of CMS.

    Attributes:
        pointwise: filters of the convolutions on each cell alone.
        filters: of the 2 x 2 convolutions, each of which takes one row and one column off the 5 x 5 cells.
        dense: units of the dense layers after them.
        dropout: after each layer.
        clip: largest standardised input.
        columns, median, norm_factor: of the features :data:`LEVEL2_COLUMNS` among ``x``, and their normalisation.
            :func:`e2e_tf.models.fill_settings` knows them from a ``preprocess.json`` of detector objects, and
            trainings call it. Without them they are the first columns of ``x``, not normalised.
    """

    pointwise: tuple[int, ...] = (80, 60, 40, 20)
    filters: tuple[int, ...] = (20, 20, 20, 40)
    dense: tuple[int, ...] = (40, 40, 20)
    dropout: float = 0.0
    clip: float = 5.0
    columns: tuple[int, ...] = ()
    median: tuple[float, ...] = ()
    norm_factor: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("pointwise", "filters", "dense"):
            if any(width < 1 for width in getattr(self, name)):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        if len(self.filters) > 4:
            raise InputError(f"filters must be of at most 4 layers on 5 x 5 cells, not {len(self.filters)}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")
        if not self.clip > 0:
            raise InputError(f"clip must be positive, not {self.clip}")
        if self.columns and len(self.columns) != len(LEVEL2_COLUMNS):
            raise InputError(
                f"columns must be those of {', '.join(raw for raw, _ in LEVEL2_COLUMNS)}, not {self.columns}"
            )


def level2_cnn(
    n_features: int, n_globals: int, settings: Level2CNN | None = None, outputs: Outputs = 1
) -> Any:
    r"""Convolutions on 5 x 5 cells of tracks and calorimeter deposits around a jet, as in CMS's tau trigger.

    CMS, High-level hadronic tau lepton triggers, https://arxiv.org/abs/2602.11359. The quantities of the cells are
    those of ``L2TauTagNNProducer`` of CMSSW, the sizes of the layers those of its training in TauMLTools.

    .. math::
        c = \mathrm{clip}\Big(\frac{q - \mu}{\sigma}\Big), \quad
        h = \mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}_{1 \times 1}(c))) \ \dots, \quad
        h = \mathrm{ReLU}(\mathrm{BN}(\mathrm{conv}_{2 \times 2}(h))) \ \dots, \quad
        y = \sigma(F(h))

    where q are the quantities of :class:`e2e_tf.layers.CellSummaries` in cells of 0.2 x 0.2 within ΔR < 0.5, and those
    of the whole jet (pT and η in place of the level-1 tau's) in every cell; F are dense layers, each followed by a
    batch normalisation.

    Of the 31 quantities of CMS 23 are there with ``jet_features = ["pt", "eta"]``. Left out are the number of vertices,
    which is none of a node, the isolation of level 1, and six that need χ² of calorimeter hits (its mean, energy and
    number of hits with a χ², for both calorimeters). Further departures: HCAL deposits are towers in depth, without
    HO; tracks are those of the whole tracker rather than of the pixel detector, with impact parameters to the chosen
    vertex rather than to the beam spot, as tanh of centimetres; a track counts as one with a vertex if that is the
    chosen one; means and widths that standardise the quantities are running averages of the training (a batch
    normalisation without parameters) rather than numbers found before; axes are of the jet.

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`Level2CNN`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs`; edges are not looked at.

    Raises:
        InputError: a column is not one of ``x``, or ``n_features``, ``n_globals`` or ``outputs`` is not acceptable.
    """
    import keras

    from e2e_tf.layers import CellSummaries, DisjointToBlocks

    s = settings or Level2CNN()
    inputs = disjoint_inputs(n_features, n_globals)
    columns = s.columns or tuple(range(len(LEVEL2_COLUMNS)))
    if any(not 0 <= column < n_features for column in columns):
        raise InputError(f"columns must be of x, 0 to {n_features - 1}, not {columns}")
    # Places must not pass through a shorter type.
    x, _, mask = DisjointToBlocks(name="blocks", dtype="float32")(
        [inputs["x"], inputs["senders"], inputs["receivers"], inputs["n_node"]]
    )
    h = CellSummaries(name="cells", dtype="float32")([_plain(s, columns, x), mask])
    h = keras.layers.BatchNormalization(
        epsilon=1e-8, center=False, scale=False, dtype="float32", name="standardise"
    )(h)
    h = keras.ops.clip(h, -s.clip, s.clip)
    if n_globals:
        everywhere = keras.ops.tile(inputs["u"][:, None, None, :], (1, *h.shape[1:3], 1))
        h = keras.layers.Concatenate(name="join")([h, everywhere])
    for size, widths in ((1, s.pointwise), (2, s.filters)):
        for i, width in enumerate(widths, 1):
            name = f"conv{size}_{i}"
            h = keras.layers.Conv2D(width, size, name=name)(h)
            h = keras.layers.BatchNormalization(name=f"{name}_norm")(h)
            h = _dropped(keras.layers.Activation("relu", name=f"{name}_relu")(h), s.dropout, name)
    h = keras.layers.Flatten(name="flat")(h)
    for i, units in enumerate(s.dense, 1):
        h = keras.layers.Dense(units, activation="relu", name=f"dense_{i}")(h)
        h = keras.layers.BatchNormalization(name=f"dense_{i}_norm")(h)
        h = _dropped(h, s.dropout, f"dense_{i}")
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="level2_cnn")


def _plain(s: Level2CNN, columns: tuple[int, ...], x: Any) -> Any:
    """The columns without normalisation and logarithms, flags as 0 or 1."""
    import keras

    from e2e_tf.layers import RawFeatures

    median, factor = s.median or (0.0,) * len(columns), s.norm_factor or (1.0,) * len(columns)
    raw = RawFeatures(columns, median, factor, dtype="float32", name="raw")(x)
    parts = []
    for i, (_, transform) in enumerate(LEVEL2_COLUMNS[:-_FLAGS]):
        part = raw[..., i : i + 1]
        if transform == "log":
            part = keras.ops.exp(part)
        elif transform == "log1p":
            part = keras.ops.expm1(part)
        parts.append(part)
    parts.append(keras.ops.cast(raw[..., -_FLAGS:] > 0.5, "float32"))
    return keras.ops.concatenate(parts, axis=-1)


def _dropped(h: Any, rate: float, name: str) -> Any:
    import keras

    return keras.layers.Dropout(rate, name=f"{name}_dropout")(h) if rate else h
