"""Detector objects of whole events, before jets are known: tracks, crystals, towers and pixel clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.table import Table, columns_of
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.flight import CONVERSION, PRIMARY, RADIATION
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.tracking import RecoTracks, face_of_tracks
from e2e_tf.sim.vertices import Vertices

__all__ = ["Crystals", "PixelClusters", "Segments", "TrackObjects", "track_objects"]


@dataclass(frozen=True)
class TrackObjects(RecoTracks):
    """Reconstructed tracks with what the calorimeters and identification ask of them.

    Attributes:
        eta_face, phi_face: float64 (n,), where the track's helix meets the ECAL, seen from the detector's centre
            [rad]; the direction itself where it does not.
        pdg_id: int32 (n,), of the particle that left the hits, 0 for a fake track.
    """

    eta_face: np.ndarray
    phi_face: np.ndarray
    pdg_id: np.ndarray


def track_objects(
    tracks: RecoTracks, vertices: Vertices, particles: Particles, detector: Detector = CMS
) -> TrackObjects:
    """Tracks with their place at the ECAL and the kind of particle behind them.

    Args:
        tracks: of several events; ``origin`` points to rows of ``particles``.
        vertices: of the same events.
        particles: generated ones.
        detector: size of the ECAL.

    Returns:
        The same tracks. What a conversion makes is an electron; what decays and nuclear interactions make counts as a
        hadron.
    """
    face = face_of_tracks(tracks, vertices, detector)
    generated = np.append(particles.pdg_id, 0)[tracks.origin]
    electron = np.isin(tracks.process, (CONVERSION, RADIATION))
    kind = np.select(
        [tracks.origin < 0, tracks.process == PRIMARY, electron], [0, generated, 11], 211
    ).astype(np.int32)
    return TrackObjects(
        **columns_of(tracks),
        eta_face=np.where(face.reached, face.eta, tracks.eta),
        phi_face=np.where(face.reached, face.phi, tracks.phi),
        pdg_id=kind,
    )


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
