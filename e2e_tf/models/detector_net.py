"""The graph network for detector objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import disjoint_inputs

__all__ = ["COLUMNS", "MOMENTA", "DetectorNet", "detector_net", "wanted_columns"]

COLUMNS = (
    ("deta_face", "identity"),
    ("dphi_face", "identity"),
    ("energy", "log"),
    *((f"is_{kind}", "identity") for kind in KINDS),
)
"""Raw names and transforms of the features that ``DetectorNet.columns`` are, in order."""
MOMENTA = (("pt_fraction", "log"), ("deta", "identity"), ("dphi", "identity"), ("charge", "identity"))
"""The same of those that follow in ``columns`` of a model with ``groups``."""
_SHARE = 0.1  # of the sum over nodes, so that tens of nodes give numbers of the order of 1


def wanted_columns(groups: int) -> tuple[tuple[str, str], ...]:
    """Raw names and transforms of the features that ``columns`` are, in order.

    Args:
        groups: of the settings.

    Returns:
        :data:`COLUMNS`, with ``groups`` followed by :data:`MOMENTA`.
    """
    return COLUMNS + MOMENTA if groups else COLUMNS


@dataclass(frozen=True)
class DetectorNet:
    """Settings of :func:`detector_net`.

    Attributes:
        width: features of a node inside the model.
        embed: units of the dense layers in front, before the last one to ``width``; the first of all has weights for
            each kind.
        blocks: interaction networks, each with a residual and a LayerNorm.
        message: units of the layers of a message in each.
        update: hidden units of what a node makes of its messages.
        aggregate: of the messages to a node: ``mean``, ``sum`` or ``max``.
        context: units of the sums over a jet that its nodes are told of after each block
            (:class:`e2e_tf.layers.GraphContext`), 0 for none.
        groups: learned groups of nodes, whose summed momenta, masses, spreads and charges stand beside the pooled
            features (:class:`e2e_tf.layers.MomentumPool`), 0 for none.
        phi: units of the dense layer on a node before the pooling, on the outputs of all blocks beside each other.
        dense: units of the dense layers after the pooling.
        dropout: after each of the latter.
        layout: ``edges`` (edge lists) or ``blocks`` (dense masked blocks); the parameters and numbers are the same.
            Edge lists train twice as fast on graphs of ``knn:8`` and, exported, make messages for the edges only, which
            needs CMSSW_13_1 (ONNX opset 16) or later; the padded interface needs blocks.
        columns, median, norm_factor: of the features :data:`COLUMNS` among ``x``, with ``groups`` also
            :data:`MOMENTA`, and their normalisation.
            :func:`e2e_tf.models.fill_settings` knows them from a ``preprocess.json`` of detector objects, and
            trainings call it. Without them nodes are of one kind and edges have no features.
    """

    width: int = 48
    embed: tuple[int, ...] = (48,)
    blocks: int = 2
    message: tuple[int, ...] = (48, 48)
    update: tuple[int, ...] = (48,)
    aggregate: str = "mean"
    context: int = 0
    groups: int = 0
    phi: int = 96
    dense: tuple[int, ...] = (96, 96)
    dropout: float = 0.1
    layout: str = "edges"
    columns: tuple[int, ...] = ()
    median: tuple[float, ...] = ()
    norm_factor: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("width", "phi"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("blocks", "context", "groups"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must not be negative, not {getattr(self, name)}")
        if not self.message:
            raise InputError("message must have at least one layer")
        for name in ("embed", "message", "update", "dense"):
            if any(width < 1 for width in getattr(self, name)):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        if self.aggregate not in ("mean", "sum", "max"):
            raise InputError(f"aggregate must be 'mean', 'sum' or 'max', not {self.aggregate!r}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")
        if self.layout not in ("blocks", "edges"):
            raise InputError(f"layout must be 'blocks' or 'edges', not {self.layout!r}")
        wanted = wanted_columns(self.groups)
        if self.columns and len(self.columns) != len(wanted):
            raise InputError(
                f"columns must be those of {', '.join(raw for raw, _ in wanted)}, not {self.columns}"
            )


def detector_net(
    n_features: int, n_globals: int, settings: DetectorNet | None = None, outputs: Outputs = 1
) -> Any:
    r"""Interaction networks on tracks, crystals, towers and clusters, told apart, then a sum of each kind.

    Battaglia et al., Interaction Networks, https://arxiv.org/abs/1612.00222; Moreno et al., JEDI-net,
    https://arxiv.org/abs/1908.05318; Shlomi, Battaglia and Vlimant, Graph Neural Networks in Particle Physics,
    https://arxiv.org/abs/2007.13681

    .. math::
        x_i = \mathrm{MLP}_{\kappa_i}(f_i), \quad
        x'_i = \mathrm{LN}\big(x_i + \psi(x_i \,\|\, \tfrac{1}{|N(i)|} \textstyle\sum_j
            \phi_{\kappa_i \kappa_j}(x_i \,\|\, x_j \,\|\, e_{ij}))\big), \quad
        y = F\big(\big\Vert_\kappa \textstyle\sum_{i \in \kappa} \Phi(x_i \,\|\, x'_i \,\|\, \dots) \,\|\, u\big)

    with the kind :math:`\kappa_i` of a node and edge features :math:`e_{ij}` at the front of the calorimeter (place of
    the sender from the receiver, energy over momentum of a track and a deposit: :class:`e2e_tf.layers.FaceRelations`).
    Departures from JEDI-net: a given sparse graph rather than all pairs, kinds, residuals and LayerNorm, features of
    all blocks in the pooling, whose sums are multiplied by 0.1. With ``context`` each node is told of sums over its jet
    before LayerNorm (:class:`e2e_tf.layers.GraphContext`), as in Battaglia et al., https://arxiv.org/abs/1806.01261.
    With ``groups`` F also sees masses of learned groups of nodes (:class:`e2e_tf.layers.MomentumPool`).

    Args:
        n_features: node features F.
        n_globals: graph-level features G, 0 for none.
        settings: see :class:`DetectorNet`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.disjoint_inputs`.

    Raises:
        InputError: a column is not one of ``x``, or ``n_features``, ``n_globals`` or ``outputs`` is not acceptable.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks, GlobalSumPool, GraphContext, InteractionConv, MomentumPool

    s = settings or DetectorNet()
    inputs = disjoint_inputs(n_features, n_globals)
    if any(not 0 <= column < n_features for column in s.columns):
        raise InputError(f"columns must be of x, 0 to {n_features - 1}, not {s.columns}")
    x, a, members = inputs["x"], (inputs["senders"], inputs["receivers"]), inputs["n_node"]
    slots = None
    if s.layout == "blocks":
        # Places must not pass through a shorter type where the features do.
        x, a, members = DisjointToBlocks(name="blocks", dtype="float32" if s.columns else None)(
            [x, *a, members]
        )
        slots = keras.ops.expand_dims(members, -1)
    if s.groups and not s.columns:  # settings of a configuration do not hold them yet
        raise InputError(f"groups = {s.groups} needs columns, those of detector objects")
    kind, graph = None, [a]
    if s.columns:
        kind, e, momenta = _relations(s, x, a, slots)
        graph = [a, e, kind]
    x = _embedded(s, x, kind)
    states = [x]
    for i in range(1, s.blocks + 1):
        conv = InteractionConv(
            s.width,
            s.message,
            s.update,
            s.aggregate,
            kinds=len(KINDS) if kind is not None else 0,
            name=f"interaction_{i}",
        )
        x = conv([x, *graph])
        if s.context:
            kinds, told = (0, [x, members]) if kind is None else (len(KINDS), [x, members, kind])
            x = GraphContext(s.context, kinds, name=f"context_{i}")(told)
        x = keras.layers.LayerNormalization(name=f"norm_{i}")(x)
        states.append(x)
    states = states[0] if len(states) == 1 else keras.layers.Concatenate(name="states")(states)
    h = keras.layers.Dense(s.phi, activation="relu", name="phi")(states)
    if kind is not None:
        h = keras.layers.Concatenate(name="by_kind")([h * kind[..., k : k + 1] for k in range(len(KINDS))])
    h = GlobalSumPool(name="pool")([h, members]) * _SHARE
    joined = [h]
    if s.groups:
        joined.append(MomentumPool(s.groups, name="groups")([states, momenta, members]))
    if n_globals:
        joined.append(inputs["u"])
    if len(joined) > 1:
        h = keras.layers.Concatenate(name="join")(joined)
    for i, units in enumerate(s.dense, 1):
        h = keras.layers.Dense(units, activation="relu", name=f"dense_{i}")(h)
        if s.dropout:
            h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs, x), name="detector_net")


def _relations(s: DetectorNet, x: Any, a: Any, slots: Any) -> tuple[Any, Any, Any]:
    """The kind of each node, one-hot and 0 in empty slots, the features of the edges, and momenta of nodes if any."""
    import keras

    from e2e_tf.layers import FaceRelations, RawFeatures

    raw = RawFeatures(s.columns, s.median, s.norm_factor, dtype="float32", name="raw")(x)
    first = len(COLUMNS)
    kind = keras.ops.cast(raw[..., 3:first] > 0.5, keras.config.dtype_policy().compute_dtype)
    kind = kind if slots is None else kind * slots
    places = keras.ops.concatenate([raw[..., :3], keras.ops.cast(kind, "float32")], axis=-1)
    momenta = None
    if s.groups:
        momenta = keras.ops.concatenate(
            [keras.ops.exp(raw[..., first : first + 1]), raw[..., first + 1 :]], axis=-1
        )
    return kind, FaceRelations(dtype="float32", name="relations")([places, a]), momenta


def _embedded(s: DetectorNet, x: Any, kind: Any) -> Any:
    """Nodes of ``s.width`` features, by layers of which the first has weights for each kind."""
    import keras

    from e2e_tf.layers import KindDense

    for i, units in enumerate((*s.embed, s.width), 1):
        name = f"embed_{i}"
        if i == 1 and kind is not None:
            x = KindDense(units, activation="relu", name=name)([x, kind])
        else:
            x = keras.layers.Dense(units, activation="relu", name=name)(x)
    return x
