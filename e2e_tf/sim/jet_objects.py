"""Detector objects around jets, as the columns of a file."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.around import leading_first, rows_near, rows_of_jets
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Ragged
from e2e_tf.data.objects import OBJECTS
from e2e_tf.sim.candidates import Candidates
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.kinematics import pt_eta_phi, ranges
from e2e_tf.sim.objects import Crystals, PixelClusters, Segments, TrackObjects
from e2e_tf.sim.precision import round_mantissa
from e2e_tf.sim.vertices import Vertices

__all__ = ["candidates_of_jets", "objects_of_jets"]


def candidates_of_jets(
    candidates: Candidates,
    jets: ReconstructedJets,
    radius: float,
    origin: np.ndarray | None,
    exact: bool = False,
) -> Ragged:
    """Candidates around each jet axis, by falling pT.

    Args:
        candidates: by rising event.
        jets: the jets.
        radius: largest ΔR from the axis.
        origin: int8 (candidates,), the column ``from_pv``; None leaves it out.
        exact: keep all bits of float32, of which files keep ten.

    Returns:
        The columns of a file.
    """
    first = np.searchsorted(candidates.event, jets.event)
    counts = np.searchsorted(candidates.event, jets.event, side="right") - first
    jet = np.repeat(np.arange(len(jets)), counts)
    row = ranges(first, counts)
    pt, eta, phi = pt_eta_phi(candidates.momentum[row])
    deta = eta - jets.eta[jet]
    dphi = delta_phi(phi, jets.phi[jet])
    near = np.flatnonzero(np.hypot(deta, dphi) < radius)
    order = near[np.lexsort((-pt[near], jet[near]))]
    row = row[order]
    energies = {
        "pt": pt[order],
        "deta": deta[order],
        "dphi": dphi[order],
        "energy": candidates.momentum[row, 3],
    }
    impact = {name: getattr(candidates, name)[row] for name in ("d0", "dz", "d0_error", "dz_error")}
    columns = {
        name: column.astype(np.float32) if exact else round_mantissa(column)
        for name, column in (energies | impact).items()
    }
    columns |= {"pdg_id": candidates.pdg_id[row], "charge": candidates.charge[row]}
    if origin is not None:
        columns["from_pv"] = origin[row]
    return Ragged.from_counts(columns, np.bincount(jet[order], minlength=len(jets)))


def objects_of_jets(
    jets: ReconstructedJets,
    tracks: TrackObjects,
    crystals: Crystals,
    segments: Segments,
    pixels: PixelClusters,
    vertices: Vertices,
    radius: float,
    exact: bool = False,
) -> dict[str, Ragged]:
    """The columns of every kind; tracks and calorimeters by falling transverse momentum.

    Args:
        jets: the jets, by rising event.
        tracks, crystals, segments, pixels: of all their events.
        vertices: of the events from 0 on, the chosen one of each first.
        radius: objects up to this ΔR from the axis are kept; of a track its direction or its place at the ECAL
            counts. A jet has all vertices of its event.
        exact: keep all bits of float32, of which files keep ten.

    Returns:
        The columns of each kind of objects, by its name.
    """
    axes = (jets.event, jets.eta, jets.phi)

    def near(objects: Crystals | Segments | PixelClusters) -> tuple[np.ndarray, np.ndarray]:
        return rows_near(objects.event, [(objects.eta, objects.phi)], axes, radius)

    both = [(tracks.eta, tracks.phi), (tracks.eta_face, tracks.phi_face)]
    found = {
        "track": _tracks(tracks, jets, *rows_near(tracks.event, both, axes, radius)),
        "ecal": _cells("ecal", crystals, jets, *near(crystals)),
        "hcal": _cells("hcal", segments, jets, *near(segments)),
        "pixel": _pixels(pixels, jets, *near(pixels)),
        "vertex": _vertices(vertices, jets),
    }
    return {
        kind: _ragged(kind, columns, jet, order, len(jets), exact)
        for kind, (columns, jet, order) in found.items()
    }


_Rows = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]
"""Columns of a kind of objects, the jet of each, and the order in which they go, jet by jet."""


def _relative(
    eta: np.ndarray, phi: np.ndarray, jets: ReconstructedJets, jet: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return eta - jets.eta[jet], delta_phi(phi, jets.phi[jet])


def _ragged(
    kind: str, columns: dict[str, np.ndarray], jet: np.ndarray, order: np.ndarray, count: int, exact: bool
) -> Ragged:
    """The columns of a kind in the given order, which must go jet by jet; floats in reduced precision but for exact."""
    stored = {}
    for column in OBJECTS[kind]:
        values = columns[column.name][order]
        whole = exact or column.dtype != "float32"
        stored[column.name] = values.astype(column.dtype) if whole else round_mantissa(values)
    return Ragged.from_counts(stored, np.bincount(jet, minlength=count))


def _tracks(tracks: TrackObjects, jets: ReconstructedJets, jet: np.ndarray, row: np.ndarray) -> _Rows:
    own = tracks.take(row)
    deta, dphi = _relative(own.eta, own.phi, jets, jet)
    deta_face, dphi_face = _relative(own.eta_face, own.phi_face, jets, jet)
    columns = {"pt": own.pt, "deta": deta, "dphi": dphi, "deta_face": deta_face, "dphi_face": dphi_face}
    names = ("charge", "d0", "dz", "d0_error", "dz_error", "chi2", "n_hits", "n_pixel_hits", "from_pv")
    columns |= {name: getattr(own, name) for name in names}
    return columns, jet, leading_first("track", columns, jet)


def _cells(
    kind: str, cells: Crystals | Segments, jets: ReconstructedJets, jet: np.ndarray, row: np.ndarray
) -> _Rows:
    own = cells.take(row)
    deta, dphi = _relative(own.eta, own.phi, jets, jet)
    columns = {"energy": own.energy, "deta": deta, "dphi": dphi}
    if isinstance(own, Crystals):
        columns["time"] = own.time
    else:
        columns["depth"] = own.depth
    return columns, jet, leading_first(kind, {"energy": own.energy, "eta": own.eta}, jet)


def _pixels(pixels: PixelClusters, jets: ReconstructedJets, jet: np.ndarray, row: np.ndarray) -> _Rows:
    own = pixels.take(row)
    deta, dphi = _relative(own.eta, own.phi, jets, jet)
    columns = {"deta": deta, "dphi": dphi, "layer": own.layer}
    return columns, jet, leading_first("pixel", columns, jet)


def _vertices(vertices: Vertices, jets: ReconstructedJets) -> _Rows:
    jet, row = rows_of_jets(vertices.event, jets.event)
    own = vertices.take(row)
    chosen = vertices.z[vertices.chosen]  # one of every event
    columns = {"z": own.z - chosen[own.event], "sum_pt2": own.sum_pt2, "n_tracks": own.n_tracks}
    return columns, jet, np.arange(len(jet))
