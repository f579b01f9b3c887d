"""Detector objects of whole events: tracks, crystals, towers, pixel clusters and vertices, before jets are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.sim.table import Table

__all__ = ["Crystals", "PixelClusters", "Segments", "TrackObjects", "VertexObjects"]


@dataclass(frozen=True)
class TrackObjects(Table):
    """Reconstructed tracks of several events.

    Attributes:
        event: int64 (n,).
        pt, eta, phi: float64 (n,) at the point of closest approach [GeV, rad].
        charge: int8 (n,), in units of e.
        d0, dz: float64 (n,), impact parameters to the chosen vertex [cm], CMS signs (d0 = (−x py + y px) / pT).
        d0_error, dz_error: float64 (n,) [cm].
        chi2: float64 (n,), of the fit, per degree of freedom.
        n_hits, n_pixel_hits: int8 (n,), all hits of the track, and those in the pixel detector.
        from_pv: int8 (n,), 1 where the chosen vertex is the nearest of the event's along the beam, else 0.
        eta_face, phi_face: float64 (n,), where the track's helix meets the ECAL, seen from the detector's centre
            [rad]; the direction itself where it does not.
        origin: int64 (n,), row of the particle that left most of the hits; −1 for a fake track.
        pdg_id: int32 (n,), of that particle, 0 for a fake track.
    """

    event: np.ndarray
    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    charge: np.ndarray
    d0: np.ndarray
    dz: np.ndarray
    d0_error: np.ndarray
    dz_error: np.ndarray
    chi2: np.ndarray
    n_hits: np.ndarray
    n_pixel_hits: np.ndarray
    from_pv: np.ndarray
    eta_face: np.ndarray
    phi_face: np.ndarray
    origin: np.ndarray
    pdg_id: np.ndarray


@dataclass(frozen=True)
class VertexObjects(Table):
    """Reconstructed vertices of several events, by rising event, the chosen one of each event first.

    Attributes:
        event: int64 (n,).
        z: float64 (n,), along the beam, relative to the event's chosen vertex [cm].
        sum_pt2: float64 (n,), of its tracks [GeV²].
        n_tracks: int16 (n,).
    """

    event: np.ndarray
    z: np.ndarray
    sum_pt2: np.ndarray
    n_tracks: np.ndarray


@dataclass(frozen=True)
class Crystals(Table):
    """ECAL crystals above threshold, by rising key.

    Attributes:
        key: int64 (n,), of the cell in the detector's grid.
        event: int64 (n,).
        eta, phi: float64 (n,), of the crystal's middle, seen from the detector's centre [rad].
        energy: float64 (n,) [GeV].
        time: float64 (n,), later than light from the detector's centre at the mean time of collisions [ns].
    """

    key: np.ndarray
    event: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    energy: np.ndarray
    time: np.ndarray


@dataclass(frozen=True)
class Segments(Table):
    """Depth segments of HCAL towers above threshold, by rising key and depth.

    Attributes:
        key: int64 (n,), of the tower in the detector's grid.
        event: int64 (n,).
        eta, phi: float64 (n,), of the tower's middle, seen from the detector's centre [rad].
        energy: float64 (n,) [GeV].
        depth: int8 (n,), 1 for the innermost.
    """

    key: np.ndarray
    event: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    energy: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True)
class PixelClusters(Table):
    """Clusters in the first pixel layers that no track uses.

    Attributes:
        event: int64 (n,).
        eta, phi: float64 (n,), seen from the event's chosen vertex [rad].
        layer: int8 (n,), 1 for the innermost.
    """

    event: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    layer: np.ndarray
