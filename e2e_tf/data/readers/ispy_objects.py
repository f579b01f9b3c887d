"""Detector objects of iSpy events; see `e2e_tf.data.readers.ispy` for where each column comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from e2e_tf.data.around import Axes, objects_around
from e2e_tf.data.jets import Ragged
from e2e_tf.data.readers.ispy_events import IspyEvent
from e2e_tf.data.track_columns import (
    impact_parameters,
    place_at_face,
    usual_errors,
    usual_hits,
    usual_pixel_hits,
)

__all__ = ["IspyContents", "jet_objects", "object_columns"]

_ECAL = ("EBRecHits", "EERecHits")
_HCAL = ("HBRecHits", "HERecHits")
_POSITION = ("pos.0", "pos.1", "pos.2")
_FAR = 5.0  # standard deviations in z, beyond which a track is none of a vertex, as in the simulation

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class IspyContents:
    """What the events of a file hold for detector objects; older writers left out some fields.

    Attributes:
        tracks: tracks have a place and a charge; there are no track objects without.
        chi2: tracks have χ² and degrees of freedom.
        vertices: there are vertices.
        valid: vertices say whether their fit is valid; others are left out.
        time: crystals have a time.
        depth: towers have the number of their cell, which says its depth.
    """

    tracks: bool
    chi2: bool
    vertices: bool
    valid: bool
    time: bool
    depth: bool

    @classmethod
    def of(cls, event: IspyEvent) -> IspyContents:
        """What an event declares.

        Args:
            event: any of the file.

        Returns:
            Its contents.
        """
        return cls(
            tracks=event.has("Tracks", "pt", "eta", "phi", "charge", "pos"),
            chi2=event.has("Tracks", "chi2", "ndof"),
            vertices=event.has("Vertices", "pos", "ndof"),
            valid=event.has("Vertices", "isValid"),
            time=all(event.has(name, "time") for name in _ECAL),
            depth=all(event.has(name, "detid") for name in _HCAL),
        )


def object_columns(
    event: IspyEvent, contents: IspyContents, min_ecal: Sequence[float], min_hcal: float, fill: bool
) -> dict[str, Columns]:
    """Detector objects of an event, their places as seen from the detector's centre.

    Args:
        event: the event.
        contents: of the file.
        min_ecal: lowest energy of a crystal in barrel and endcaps [GeV].
        min_hcal: lowest energy of a tower in one depth [GeV].
        fill: columns that no file holds are filled by the rules of :mod:`e2e_tf.data.readers.ispy`.

    Returns:
        By kind, columns (n,) with the names that :func:`e2e_tf.data.around.objects_around` takes.

    Raises:
        InputError: a collection or field is missing, or a number is not finite.
    """
    found = {"ecal": _crystals(event, contents, min_ecal), "hcal": _towers(event, contents, min_hcal)}
    if fill:
        none = np.zeros(0)
        found["pixel"] = {"eta": none, "phi": none, "layer": none}
    vertices = _fitted(event, contents) if contents.vertices else None
    if contents.tracks:
        found["track"] = _tracks(event, contents, vertices, fill)
    if vertices is not None:
        found["vertex"] = _vertices(vertices, found.get("track"))
    return found


def jet_objects(found: Mapping[str, Columns], axes: np.ndarray) -> dict[str, Ragged]:
    """The objects of an event around jets.

    Args:
        found: of :func:`object_columns`.
        axes: float64 (jets, 3), pT, η and φ.

    Returns:
        By kind.
    """
    jets: Axes = (np.zeros(len(axes), np.int64), axes[:, 1], axes[:, 2])
    objects = {}
    for kind, columns in found.items():
        event = np.zeros(len(next(iter(columns.values()))), np.int64)
        stored = {name: values for name, values in columns.items() if (kind, name) != ("track", "z")}
        objects[kind] = objects_around(kind, event, stored, jets)
    return objects


def _crystals(event: IspyEvent, contents: IspyContents, least: Sequence[float]) -> Columns:
    fields = ("energy", "eta", "phi", *(("time",) if contents.time else ()))
    tables = [event.finite((name,), fields) for name in _ECAL]
    kept = [table[table[:, 0] > low] for table, low in zip(tables, least, strict=True)]
    return dict(zip(fields, np.concatenate(kept).T, strict=True))


def _towers(event: IspyEvent, contents: IspyContents, least: float) -> Columns:
    fields = ("energy", "eta", "phi", *(("detid",) if contents.depth else ()))
    table = event.finite(_HCAL, fields)
    columns = dict(zip(fields, table[table[:, 0] > least].T, strict=True))
    if contents.depth:
        cell = columns.pop("detid").astype(np.int64)
        # Two forms of HcalDetId: bit 24 tells the later one, which has four bits for the depth.
        columns["depth"] = np.where(cell & (1 << 24), (cell >> 20) & 15, (cell >> 14) & 31)
    return columns


def _fitted(event: IspyEvent, contents: IspyContents) -> np.ndarray:
    """float64 (vertices, 4): place [m] and degrees of freedom of valid vertices; the centre where there is none."""
    fields = (*_POSITION, "ndof", *(("isValid",) if contents.valid else ()))
    table = event.finite(("Vertices",), fields, "vertices")
    found = table[table[:, 4] != 0, :4] if contents.valid else table
    return found if len(found) else np.zeros((1, 4))


def _tracks(
    event: IspyEvent, contents: IspyContents, vertices: np.ndarray | None, fill: bool
) -> dict[str, np.ndarray]:
    fields = ("pt", "eta", "phi", "charge", *_POSITION, *(("chi2", "ndof") if contents.chi2 else ()))
    table = event.finite(("Tracks",), fields, "tracks")
    table = table[table[:, 0] > 0]
    pt, eta, phi, charge = table[:, :4].T
    point = table[:, 4:7]
    columns = {"pt": pt, "eta": eta, "phi": phi, "charge": charge, "z": 100 * point[:, 2]}
    columns["eta_face"], columns["phi_face"] = place_at_face(charge, pt, eta, phi, point)
    if contents.chi2:
        chi2, freedom = table[:, 7:].T
        columns["chi2"] = chi2 / np.maximum(freedom, 1)
    if vertices is not None:
        d0, dz = impact_parameters(phi, eta, point, vertices[0, :3])
        nearest = np.argmin(np.abs(point[:, 2:] - vertices[:, 2]), axis=1)
        columns |= {"d0": 100 * d0, "dz": 100 * dz, "from_pv": nearest == 0}
    if fill and vertices is not None:
        columns["d0_error"], columns["dz_error"] = usual_errors(pt, eta)
        pixels = usual_pixel_hits(eta, columns["z"], columns["d0"])
        columns["n_pixel_hits"] = pixels
        if contents.chi2:
            columns["n_hits"] = usual_hits(freedom, pixels)
    return columns


def _vertices(vertices: np.ndarray, tracks: Columns | None) -> Columns:
    place, freedom = vertices[:, 2], vertices[:, 3]
    # An adaptive fit without the beam: degrees of freedom are 2 Σw − 3, with Σw the tracks by their weights.
    columns = {"z": 100 * (place - place[0]), "n_tracks": np.rint(np.maximum(freedom + 3, 0) / 2)}
    if tracks is not None:
        off = np.abs(tracks["z"][:, None] - 100 * place)
        nearest = np.argmin(off, axis=1)
        near = off.min(axis=1) < _FAR * usual_errors(tracks["pt"], tracks["eta"])[1]
        columns["sum_pt2"] = np.bincount(nearest[near], tracks["pt"][near] ** 2, len(vertices))
    return columns
