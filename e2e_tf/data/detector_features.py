"""Quantities of the nodes of ``nodes = "detector"``: one node for each track, crystal, tower and cluster of pixels.

The *leading track* is the one of highest pT within ΔR < 0.4 of the jet axis, or of all if none is that near.
Each quantity stands once in :data:`DETECTOR`, with what it is of each kind of object; a kind that lacks it has 0, and
the columns of one-hot flags tell the kinds apart. Columns of the objects are those of :mod:`e2e_tf.data.objects`;
azimuths may have any range. The C++ builder has the same table in ``deploy/cpp/include/e2e_tf/detector.hpp``, and tests
compare both by name and by value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from e2e_tf.data.features import Feature, fraction_of_jet, impact_significance, significance
from e2e_tf.data.grid import wrapped_angle
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS, WRAPPED

__all__ = ["DETECTOR", "DETECTOR_FEATURES", "DetectorQuantity", "Source", "detector_quantities", "node_kinds"]


@dataclass(frozen=True)
class Source:
    """How one kind of objects gives a quantity.

    Attributes:
        formula: of ``columns`` and then ``jet_columns``, float32 arrays (n,).
        columns: of the objects.
        jet_columns: of the jets, repeated for each object.
    """

    formula: Callable[..., np.ndarray]
    columns: tuple[str, ...]
    jet_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class DetectorQuantity:
    """A feature, and how each kind gives it.

    Attributes:
        feature: name, unit, description and transform.
        of: by kind; 0 of the kinds that are not there.
    """

    feature: Feature
    of: Mapping[str, Source]


_JET = np.float32(0.4)  # rad, the radius of jets
_SOFT = np.float32(0.01)  # rad, half a crystal: the leading track itself is no end of the scale
_LEADING = ("pt", "deta", "dphi", "deta_face", "dphi_face", "charge", "dz", "dz_error")


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _cosh(eta: np.ndarray) -> np.ndarray:
    """Rounded from float64: float32 functions of different processors would order equal deposits differently."""
    return np.cosh(eta.astype(np.float64)).astype(np.float32)


def _transverse(energy: np.ndarray, deta: np.ndarray, eta: np.ndarray) -> np.ndarray:
    return energy / _cosh(deta + eta)


def _momentum(pt: np.ndarray, deta: np.ndarray, eta: np.ndarray) -> np.ndarray:
    return pt * _cosh(deta + eta)


def _fraction(energy: np.ndarray, deta: np.ndarray, eta: np.ndarray, jet_pt: np.ndarray) -> np.ndarray:
    return fraction_of_jet(_transverse(energy, deta, eta), jet_pt)


def _apart(dz: np.ndarray, leading: np.ndarray, error: np.ndarray, leading_error: np.ndarray) -> np.ndarray:
    return significance(dz - leading, np.hypot(error, leading_error))


def _from(place: np.ndarray, leading: np.ndarray) -> np.ndarray:
    return wrapped_angle(place - leading)


def _away(deta: np.ndarray, eta: np.ndarray, dphi: np.ndarray, phi: np.ndarray) -> np.ndarray:
    return np.sqrt((deta - eta) ** 2 + wrapped_angle(dphi - phi) ** 2 + _SOFT**2)


def _transverse_over(
    energy: np.ndarray, deta: np.ndarray, leading: np.ndarray, eta: np.ndarray
) -> np.ndarray:
    return significance(_transverse(energy, deta, eta), leading)


_PLACED = ("ecal", "hcal", "pixel")  # at the face where they are anyway


def _flag(kind: str, what: str) -> DetectorQuantity:
    source = Source(np.ones_like, ("deta",))
    return DetectorQuantity(Feature(f"is_{kind}", "", f"1 for {what}"), {kind: source})


def _column(feature: Feature, *kinds: str) -> DetectorQuantity:
    return DetectorQuantity(feature, dict.fromkeys(kinds, Source(_same, (feature.raw,))))


def _at_face(name: str, description: str) -> DetectorQuantity:
    of = {"track": Source(_same, (f"{name}_face",)), **dict.fromkeys(_PLACED, Source(_same, (name,)))}
    return DetectorQuantity(Feature(f"{name}_face", "rad", description, mirror=name[1:]), of)


def _impact(name: str) -> DetectorQuantity:
    feature = impact_significance(name, f"{name} of a track over its uncertainty")
    return DetectorQuantity(feature, {"track": Source(significance, (name, f"{name}_error"))})


def _leading_place(kind: str, name: str) -> str:
    """The column with the leading track's place: at the face for deposits, else at the vertex."""
    return f"leading_{name}_face" if kind in ("ecal", "hcal") else f"leading_{name}"


def _from_leading(name: str, description: str) -> DetectorQuantity:
    of = {kind: Source(_from, (name, _leading_place(kind, name))) for kind in KINDS}
    return DetectorQuantity(Feature(f"{name}_leading", "rad", description, mirror=name[1:]), of)


_CELL = ("energy", "deta")


DETECTOR: tuple[DetectorQuantity, ...] = (
    _flag("track", "a track"),
    _flag("ecal", "a crystal of the electromagnetic calorimeter"),
    _flag("hcal", "a tower of the hadronic calorimeter in one depth"),
    _flag("pixel", "a cluster of pixels that no track uses"),
    DetectorQuantity(
        Feature("pt", "GeV", "transverse momentum of a track, E / cosh η of a deposit", "log"),
        {
            "track": Source(_same, ("pt",)),
            **dict.fromkeys(("ecal", "hcal"), Source(_transverse, _CELL, ("eta",))),
        },
    ),
    DetectorQuantity(
        Feature("pt_fraction", "", "pt over the jet's pT", "log"),
        {
            "track": Source(fraction_of_jet, ("pt",), ("pt",)),
            **dict.fromkeys(("ecal", "hcal"), Source(_fraction, _CELL, ("eta", "pt"))),
        },
    ),
    DetectorQuantity(
        Feature("energy", "GeV", "energy of a deposit, momentum of a track", "log"),
        {
            "track": Source(_momentum, ("pt", "deta"), ("eta",)),
            **dict.fromkeys(("ecal", "hcal"), Source(_same, ("energy",))),
        },
    ),
    _column(
        Feature("deta", "rad", "η relative to the jet axis, of a track at the vertex", mirror="eta"), *KINDS
    ),
    _column(
        Feature("dphi", "rad", "φ relative to the jet axis, of a track at the vertex, wrapped", mirror="phi"),
        *KINDS,
    ),
    DetectorQuantity(
        Feature("delta_r", "rad", "distance to the jet axis, of a track at the vertex"),
        dict.fromkeys(KINDS, Source(np.hypot, ("deta", "dphi"))),
    ),
    _at_face("deta", "η at the front of the ECAL relative to the jet axis"),
    _at_face("dphi", "φ at the front of the ECAL relative to the jet axis, wrapped"),
    _column(Feature("charge", "e", "electric charge of a track", mirror="phi"), "track"),
    _column(Feature("d0", "cm", "transverse impact parameter of a track", "tanh", mirror="phi"), "track"),
    _column(Feature("dz", "cm", "longitudinal impact parameter of a track", "tanh", mirror="eta"), "track"),
    _impact("d0"),
    _impact("dz"),
    DetectorQuantity(
        Feature(
            "dz_leading",
            "cm",
            "dz of a track less that of the leading one",
            "tanh",
            mirror="eta",
        ),
        {"track": Source(np.subtract, ("dz", "leading_dz"))},
    ),
    DetectorQuantity(
        Feature(
            "dz_leading_significance",
            "",
            "dz_leading over the uncertainty of both tracks",
            "signed_log1p",
            mirror="eta",
        ),
        {"track": Source(_apart, ("dz", "leading_dz", "dz_error", "leading_dz_error"))},
    ),
    _from_leading(
        "deta", "η relative to the leading track, of a deposit where that one meets the calorimeter"
    ),
    _from_leading("dphi", "φ relative to the leading track, of a deposit where that one meets it, wrapped"),
    DetectorQuantity(
        Feature("delta_r_leading", "rad", "√(deta_leading² + dphi_leading² + 0.01²)", "log"),
        {
            kind: Source(_away, ("deta", _leading_place(kind, "deta"), "dphi", _leading_place(kind, "dphi")))
            for kind in KINDS
        },
    ),
    DetectorQuantity(
        Feature("pt_over_leading", "", "pt over that of the leading track, 0 without one", "log"),
        {
            "track": Source(significance, ("pt", "leading_pt")),
            **dict.fromkeys(("ecal", "hcal"), Source(_transverse_over, (*_CELL, "leading_pt"), ("eta",))),
        },
    ),
    DetectorQuantity(
        Feature("charge_leading", "", "charge times that of the leading track"),
        {"track": Source(np.multiply, ("charge", "leading_charge"))},
    ),
    _column(Feature("chi2", "", "χ² per degree of freedom of a track", "log1p"), "track"),
    _column(Feature("n_hits", "", "hits of a track"), "track"),
    _column(Feature("n_pixel_hits", "", "pixel hits of a track"), "track"),
    _column(Feature("from_pv", "", "1 for a track of the chosen vertex"), "track"),
    _column(Feature("time", "ns", "time of a crystal", "signed_log1p"), "ecal"),
    _column(Feature("depth", "", "depth of a tower"), "hcal"),
    _column(Feature("layer", "", "layer of a cluster of pixels"), "pixel"),
)
"""Features of detector objects in order."""

DETECTOR_FEATURES: tuple[Feature, ...] = tuple(quantity.feature for quantity in DETECTOR)


def detector_quantities(
    jets: Jets, limits: Mapping[str, int] | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Raw quantities of the detector objects of each jet, kind by kind, within a kind by falling pt.

    Clusters of pixels, which have no pt, go by layer, then by their distance to the axis. Of equal ones the earlier
    comes first.

    Args:
        jets: with objects, and the columns ``pt`` and ``eta``.
        limits: the kinds that become nodes and the number of leading ones that are kept of each, 0 for all; None
            keeps all of every kind.

    Returns:
        ``(quantities, n_node)``: float32 (n,) by raw name, those of :data:`DETECTOR` that at least one kind of the
        sample has; int32 (B,).

    Raises:
        InputError: the sample has no objects but vertices, lacks a kind that ``limits`` names, or lacks a column.
    """
    found = [kind for kind in KINDS if kind in jets.objects]
    if not found:
        raise InputError(
            f"graphs of detector objects need objects ({', '.join(KINDS)}); this sample has none"
        )
    absent = [kind for kind in limits or () if kind not in found]
    if absent:  # not the same as a jet without any: a model would take nothing measured for nothing there
        raise InputError(
            f"max_nodes wants nodes of the kind {', '.join(absent)}, which this sample does not hold; it holds "
            f"{', '.join(found)}"
        )
    wanted = {kind: 0 for kind in KINDS} if limits is None else limits
    leading = _leading_track(jets)
    rows, places, of_kind = [], [], []
    for number, kind in enumerate(KINDS):
        if kind not in found or kind not in wanted:
            continue
        columns = _of_kind(jets, kind, leading)
        owner = jets.objects[kind].owner
        order, rank = _ranked(columns, owner, kind)
        keep = order[rank < wanted[kind]] if wanted[kind] else order
        rows.append({name: values[keep] for name, values in columns.items()})
        places.append(owner[keep])
        of_kind.append(np.full(len(keep), number))
    owner = np.concatenate([*places, np.zeros(0, np.int64)])
    order = np.lexsort((np.concatenate([*of_kind, np.zeros(0, np.int64)]), owner))  # stable within a kind
    names = [q.feature.raw for q in DETECTOR if any(q.feature.raw in columns for columns in rows)]
    quantities = {}
    for name in names:
        parts = [
            columns.get(name, np.zeros(len(place), np.float32))
            for columns, place in zip(rows, places, strict=True)
        ]
        quantities[name] = np.concatenate([*parts, np.zeros(0, np.float32)])[order]
    return quantities, np.bincount(owner, minlength=len(jets)).astype(np.int32)


def _of_kind(jets: Jets, kind: str, leading: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The quantities that objects of one kind have, float32 (n,) by raw name; the flags of the other kinds as 0.

    ``leading`` holds columns of each jet's leading track.
    """
    objects = jets.objects[kind]
    owner = objects.owner
    own = {**_read(objects), **{name: of_jet[owner] for name, of_jet in leading.items()}}
    out = {}
    for quantity in DETECTOR:
        name, source = quantity.feature.raw, quantity.of.get(kind)
        if name.startswith("is_") and source is None:
            out[name] = np.zeros(len(owner), np.float32)
        if source is None or not own.keys() >= set(source.columns):
            continue
        of_object = (own[column] for column in source.columns)
        of_jet = (jets[column][owner].astype(np.float32) for column in source.jet_columns)
        with np.errstate(
            invalid="ignore", over="ignore"
        ):  # what is not finite is no input, see preprocess.py
            values = source.formula(*of_object, *of_jet).astype(np.float32)
        out[name] = wrapped_angle(values) if name in WRAPPED else values
    return out


def _read(objects: Ragged) -> dict[str, np.ndarray]:
    """Columns as float32, azimuths wrapped."""
    columns = {name: values.astype(np.float32) for name, values in objects.columns.items()}
    return {name: wrapped_angle(values) if name in WRAPPED else values for name, values in columns.items()}


def _leading_track(jets: Jets) -> dict[str, np.ndarray]:
    """Columns of each jet's leading track, float32 (B,) by ``leading_<name>``.

    A jet without tracks has 0, so that places are relative to the axis.
    """
    if "track" not in jets.objects:
        return {}
    tracks = jets.objects["track"]
    columns = _read(tracks)
    near = np.hypot(columns["deta"], columns["dphi"]) < _JET
    order = np.lexsort((-columns["pt"], ~near, tracks.owner))
    first = order[tracks.offsets[:-1][tracks.counts > 0]]
    found = {}
    for name in _LEADING:
        if name in columns:
            of_jet = np.zeros(len(jets), np.float32)
            of_jet[tracks.counts > 0] = columns[name][first]
            found[f"leading_{name}"] = of_jet
    return found


def _ranked(columns: Mapping[str, np.ndarray], owner: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows in the order of jets, the leading ones first, and the rank of each within its jet."""
    keys = (columns["delta_r"], columns["layer"]) if kind == "pixel" else (-columns["pt"],)
    order = np.lexsort((*keys, owner))
    counts = np.bincount(owner)
    start = np.cumsum(counts) - counts
    return order, np.arange(len(order)) - start[owner[order]]


def node_kinds(quantities: Mapping[str, np.ndarray]) -> np.ndarray:
    """The kind of each node, from its flags.

    Args:
        quantities: of :func:`detector_quantities`, perhaps of some of the nodes only.

    Returns:
        int64 (n,), indices of :data:`e2e_tf.graph.KINDS`.
    """
    flags = np.stack([quantities[f"is_{kind}"] for kind in KINDS], axis=1)
    return np.argmax(flags, axis=1)
