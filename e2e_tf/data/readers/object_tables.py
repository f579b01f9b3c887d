"""Detector objects from collections of a tree: which branches, and what follows from those that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from e2e_tf.data.around import Axes, objects_around
from e2e_tf.data.jets import Ragged
from e2e_tf.data.readers.nano_events import Source
from e2e_tf.data.readers.particles import charge_of
from e2e_tf.data.readers.tables import flat, row_counts
from e2e_tf.data.track_columns import (
    impact_parameters,
    place_at_face,
    usual_errors,
    usual_hits,
    usual_pixel_hits,
)
from e2e_tf.errors import InputError

__all__ = ["SPELLINGS", "ObjectSource", "jet_axes", "objects_of_tree"]

_PLACE = {"eta": ("eta",), "phi": ("phi",)}
_ENERGY = {"energy": ("energy", "E", "e"), **_PLACE}
SPELLINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "track": {
        "pt": ("pt",),
        **_PLACE,
        "charge": ("charge", "q"),
        "eta_face": ("eta_face", "etaAtECAL"),
        "phi_face": ("phi_face", "phiAtECAL"),
        "d0": ("d0", "dxy"),
        "dz": ("dz",),
        "d0_error": ("d0_error", "d0Error", "d0Err", "dxyError", "dxyErr"),
        "dz_error": ("dz_error", "dzError", "dzErr"),
        "chi2": ("normChi2", "normalizedChi2", "chi2"),
        "n_hits": ("n_hits", "nHits", "numberOfHits", "numberOfValidHits", "nValidHits"),
        "n_pixel_hits": ("n_pixel_hits", "nPixelHits", "numberOfPixelHits", "numberOfValidPixelHits"),
        "from_pv": ("from_pv", "fromPV"),
    },
    "ecal": {**_ENERGY, "time": ("time",)},
    "hcal": {**_ENERGY, "depth": ("depth",)},
    "pixel": {**_PLACE, "layer": ("layer",)},
    "vertex": {"z": ("z",), "sum_pt2": ("sum_pt2", "sumPt2"), "n_tracks": ("n_tracks", "nTracks")},
}
"""Columns of each kind and the names that branches may have for them, after the collection's name."""

_NEEDED = {
    "track": ("pt", "eta", "phi"),
    "ecal": ("energy", "eta", "phi"),
    "hcal": ("energy", "eta", "phi"),
    "pixel": ("eta", "phi", "layer"),
    "vertex": ("z",),
}
_BARREL = 1.479
_CLOSEST_PV = (
    2  # fromPV of CMS: 3 used in the fit of the vertex, 2 nearest to it, 1 nearest to another, 0 away
)


class ObjectSource(Source):
    """Branches of events, or of jets where a tree has one in each entry.

    Args:
        jets: name of the collection of jets.
        arguments: as of :class:`~e2e_tf.data.readers.nano_events.Source`.
    """

    def __init__(self, jets: str, *arguments: Any) -> None:
        self._jets = f"{jets}_"
        super().__init__(*arguments)

    def branch(self, name: str) -> Any:
        """One branch; of jets and of vertices one number becomes a list of one.

        Args:
            name: of the branch.

        Returns:
            ``awkward.Array``, one entry for each of the tree.
        """
        array = super().branch(name)
        return array[:, np.newaxis] if name.startswith(self._jets) and array.ndim == 1 else array


@dataclass
class _Rows:
    """Rows of a collection.

    Attributes:
        columns: (rows,) by name.
        entry: int64 (rows,), of the tree.
        jet: int64 (rows,), where the file lists them jet by jet; else None.
    """

    columns: dict[str, np.ndarray] = field(default_factory=dict)
    entry: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    jet: np.ndarray | None = None

    def keep(self, mask: np.ndarray) -> _Rows:
        columns = {name: values[mask] for name, values in self.columns.items()}
        return _Rows(columns, self.entry[mask], None if self.jet is None else self.jet[mask])


def jet_axes(jets: Mapping[str, np.ndarray], counts: np.ndarray) -> Axes:
    """Axes of jets, with the entry of the tree as their event.

    Args:
        jets: ``eta`` and ``phi`` (jets,).
        counts: int64 (entries,), jets of each.

    Returns:
        Event, η and φ (jets,).
    """
    entry = np.repeat(np.arange(len(counts)), counts)
    return entry, jets["eta"].astype(np.float64), jets["phi"].astype(np.float64)


def objects_of_tree(
    source: Source,
    collections: Mapping[str, str],
    axes: Axes,
    radius: float,
    min_ecal: Sequence[float],
    min_hcal: float,
    fill: bool,
) -> dict[str, Ragged]:
    """Objects of each kind around the jets.

    Args:
        source: the branches.
        collections: kind to the name of its collection.
        axes: of :func:`jet_axes`.
        radius: largest ΔR from the axis; rows that the file lists jet by jet belong to their jet, however far.
        min_ecal: lowest energy of a crystal in barrel and endcaps [GeV].
        min_hcal: lowest energy of a tower in one depth [GeV].
        fill: columns of tracks that are not there are filled by the rules of :mod:`e2e_tf.data.readers.ispy`, and
            clusters of pixels, where no collection is named, are none.

    Returns:
        The objects of each jet by kind.

    Raises:
        InputError: a branch is missing, or columns of a collection disagree in length.
    """
    found = {}
    for kind, collection in collections.items():
        rows = _vertices(source, collection) if kind == "vertex" else _rows(source, kind, collection, axes)
        columns = rows.columns
        # NaN stays, so that it is found and refused.
        if kind == "track":
            rows = _tracks(source, collection, rows.keep(~(columns["pt"] <= 0)), fill)
        elif kind == "ecal":
            least = np.where(np.abs(columns["eta"]) < _BARREL, min_ecal[0], min_ecal[1])
            rows = rows.keep(~(columns["energy"] <= least))
        elif kind == "hcal":
            rows = rows.keep(~(columns["energy"] <= min_hcal))
        if rows.jet is None:
            found[kind] = objects_around(kind, rows.entry, rows.columns, axes, radius)
        else:
            own = (np.arange(len(axes[0])), axes[1], axes[2])
            found[kind] = objects_around(kind, rows.jet, rows.columns, own, np.inf)
    if fill and "pixel" not in found:
        none = {name: np.zeros(0) for name in _NEEDED["pixel"]}
        found["pixel"] = objects_around("pixel", np.zeros(0, np.int64), none, axes, radius)
    return found


def _branches(source: Source, kind: str, collection: str) -> dict[str, str]:
    """Column to branch, of the columns that are there."""
    found = {}
    for column, spellings in SPELLINGS[kind].items():
        names = [f"{collection}_{spelling}" for spelling in spellings]
        there = next((name for name in names if name in source.names), None)
        if there is not None:
            found[column] = there
        elif column in _NEEDED[kind]:
            own = sorted(name for name in source.names if name.startswith(f"{collection}_"))
            raise InputError(
                f"{source.path} has no branch {' or '.join(names)}, which objects of the kind {kind} need; "
                f"--option names.{names[0]}=BRANCH gives another. "
                f"Of {collection} there are: {', '.join(own) or 'none'}"
            )
    return found


def _rows(source: Source, kind: str, collection: str, axes: Axes) -> _Rows:
    names = _branches(source, kind, collection)
    if kind == "track":  # of what follows from other branches
        more = ("pdgId", "ndof", "vx", "vy", "vz")
        names |= {name: b for name in more if (b := f"{collection}_{name}") in source.names}
    first = source.branch(next(iter(names.values())))
    rows = _Rows()
    if first.ndim == 3:
        counts = row_counts(first)
        jets = np.bincount(axes[0], minlength=len(counts))
        if (counts != jets).any():
            entry = int(np.argmax(counts != jets))
            raise InputError(
                f"{source.path}: {names[next(iter(names))]} must have one list for each jet, in entry "
                f"{source.start + entry} it has {counts[entry]} and there are {jets[entry]} jets"
            )
        rows.jet = np.repeat(np.arange(len(axes[0])), _layout(first))
        rows.entry = axes[0][rows.jet]
    elif first.ndim == 2:
        rows.entry = np.repeat(np.arange(len(first)), row_counts(first))
    else:
        raise InputError(
            f"{source.path}: {names[next(iter(names))]} must hold a list in each entry, or a list for each jet"
        )
    layout = _layout(first)
    for column, name in names.items():
        array = source.branch(name)
        if array.ndim != first.ndim or not np.array_equal(_layout(array), layout):
            raise InputError(
                f"{source.path}: branches of {collection} must have as many values as each other in every list; "
                f"{name} and {names[next(iter(names))]} have not"
            )
        rows.columns[column] = flat(array, np.float64)
    if kind == "track":
        _spelled(rows.columns, names)
    return rows


def _layout(array: Any) -> np.ndarray:
    """int64, lengths of the innermost lists of a jagged array."""
    import awkward

    return flat(awkward.num(array, axis=-1), np.int64)


def _spelled(columns: dict[str, np.ndarray], names: Mapping[str, str]) -> None:
    """Columns of tracks whose branches mean something else by another name."""
    freedom, pdg_id = columns.get("ndof"), columns.pop("pdgId", None)
    if "charge" not in columns and pdg_id is not None:
        columns["charge"] = charge_of(pdg_id.astype(np.int64)).astype(np.float64)
    if freedom is not None and names.get("chi2", "").endswith("_chi2"):
        columns["chi2"] = columns["chi2"] / np.maximum(freedom, 1)
    if names.get("from_pv", "").endswith("_fromPV"):
        columns["from_pv"] = columns["from_pv"] >= _CLOSEST_PV


def _tracks(source: Source, collection: str, rows: _Rows, fill: bool) -> _Rows:
    """Tracks with their impact parameters and places at the ECAL, as far as the file does not have them."""
    columns = rows.columns
    freedom = columns.pop("ndof", None)
    if "charge" not in columns:
        raise InputError(
            f"{source.path} has no branch {collection}_charge or {collection}_pdgId, which objects of the kind track "
            f"need; --option names.{collection}_charge=BRANCH gives another"
        )
    vertex = np.zeros((len(rows.entry), 3))
    known = all(f"PV_{axis}" in source.names for axis in "xyz")
    if known:
        chosen = np.stack([flat(source.branch(f"PV_{axis}"), np.float64) for axis in "xyz"], 1)
        vertex = chosen[rows.entry]
    point = [columns.pop(name, None) for name in ("vx", "vy", "vz")]
    eta, phi = columns["eta"], columns["phi"]
    if all(axis is not None for axis in point):
        place = np.stack(point, 1)  # type: ignore[arg-type]
        if known and not {"d0", "dz"} <= columns.keys():
            columns["d0"], columns["dz"] = impact_parameters(phi, eta, place, vertex)
    else:
        # Beyond the tracker an impact parameter has no meaning for the helix.
        d0, dz = (columns.get(name, np.zeros(len(eta))) for name in ("d0", "dz"))
        d0 = np.clip(d0, -100.0, 100.0)
        place = vertex + np.stack([-d0 * np.sin(phi), d0 * np.cos(phi), dz], 1)
    if fill and {"d0", "dz"} <= columns.keys():
        _fill(columns, place[:, 2], freedom)
    if not {"eta_face", "phi_face"} <= columns.keys():
        place[:, 2] = np.clip(place[:, 2], -300.0, 300.0)
        with np.errstate(invalid="ignore", over="ignore"):
            columns["eta_face"], columns["phi_face"] = place_at_face(
                columns["charge"], columns["pt"], eta, phi, place / 100
            )
    return rows


def _fill(columns: dict[str, np.ndarray], z: np.ndarray, freedom: np.ndarray | None) -> None:
    """What a fit usually gives, for columns that the file lacks.

    Args:
        columns: of tracks, (n,) each; they are added here.
        z: (n,), place along the beam [cm].
        freedom: (n,), degrees of freedom of the fits; None where they are not known, nor the hits then.
    """
    pt, eta = columns["pt"], columns["eta"]
    for name, errors in zip(("d0_error", "dz_error"), usual_errors(pt, eta), strict=True):
        columns.setdefault(name, errors)
    pixels = columns.setdefault("n_pixel_hits", usual_pixel_hits(eta, z, columns["d0"]))
    if freedom is not None:
        columns.setdefault("n_hits", usual_hits(freedom, pixels))


def _vertices(source: Source, collection: str) -> _Rows:
    """Vertices, the chosen one first: ``PV`` where the tree has it, else the collection's first."""
    names = _branches(source, "vertex", collection)
    arrays = {column: source.branch(name) for column, name in names.items()}
    arrays = {column: a[:, np.newaxis] if a.ndim == 1 else a for column, a in arrays.items()}
    counts = row_counts(arrays["z"])
    entry = np.repeat(np.arange(len(counts)), counts)
    z = flat(arrays["z"], np.float64)
    if collection != "PV" and "PV_z" in source.names:
        chosen = flat(source.branch("PV_z"), np.float64)
        return _Rows(
            {"z": np.concatenate([np.zeros(len(counts)), z - chosen[entry]])},
            np.concatenate([np.arange(len(counts)), entry]),
        )
    first = (np.cumsum(counts) - counts)[entry]
    columns = {column: flat(a, np.float64) for column, a in arrays.items() if column != "z"}
    return _Rows({"z": z - z[first], **columns}, entry)
