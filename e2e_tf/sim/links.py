"""Which calorimeter clusters tracks meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.helix import propagate
from e2e_tf.sim.clustering import Clustered, cells_at
from e2e_tf.sim.detector import CMS, PARTICLE_FLOW, Detector, ParticleFlow
from e2e_tf.sim.kinematics import four_momentum, ranges
from e2e_tf.sim.objects import TrackObjects

__all__ = ["Links", "link_tracks"]


@dataclass(frozen=True)
class Links:
    """Links of n tracks with clusters; −1 stands for none.

    Attributes:
        ecal: int64 (n,), the nearest of the ECAL's clusters that the track meets.
        hcal: int64 (n,), the nearest of the HCAL's.
        ecal_track: int64 (clusters of the ECAL,), the nearest of the tracks that meet each.
        ecal_distance: float64 (clusters of the ECAL,), ΔR to that track, infinite without one.
        brems_track, brems: int64 (m,), tracks and clusters where photons radiated by an electron would arrive.
    """

    ecal: np.ndarray
    hcal: np.ndarray
    ecal_track: np.ndarray
    ecal_distance: np.ndarray
    brems_track: np.ndarray
    brems: np.ndarray


def link_tracks(
    tracks: TrackObjects,
    ecal: Clustered,
    hcal: Clustered,
    vertex_z: np.ndarray,
    detector: Detector = CMS,
    numbers: ParticleFlow = PARTICLE_FLOW,
) -> Links:
    """Link tracks to clusters of which a cell, or a neighbour of one, is where the track meets the calorimeter.

    Args:
        tracks: of several events.
        ecal, hcal: clusters of the same events.
        vertex_z: float64 (events,), z of the chosen vertices [m].
        detector: size of the HCAL.
        numbers: how far from the track bremsstrahlung may be.

    Returns:
        The nearest partners of both sides.
    """
    start = np.zeros((len(tracks), 3))
    start[:, 2] = np.clip(vertex_z[tracks.event] + tracks.dz / 100, -1.0, 1.0)
    momentum = four_momentum(tracks.pt, tracks.eta, tracks.phi, 0.0)
    face = propagate(
        tracks.charge.astype(np.float64), momentum, start, detector.hcal_radius, detector.hcal_half_length
    )
    track, cluster, distance = _met(ecal, tracks.event, tracks.eta_face, tracks.phi_face)
    by_track = _nearest(track, cluster, distance, len(tracks))
    by_cluster = _nearest(cluster, track, distance, len(ecal.clusters))
    least = np.full(len(ecal.clusters), np.inf)
    np.minimum.at(least, cluster, distance)

    reached = np.flatnonzero(face.reached)
    behind, tower, away = _met(hcal, tracks.event[reached], face.eta[reached], face.phi[reached])
    in_hcal = _nearest(reached[behind], tower, away, len(tracks))
    return Links(by_track, in_hcal, by_cluster, least, *_bremsstrahlung(tracks, ecal, by_track, numbers))


def _met(
    cells: Clustered, event: np.ndarray, eta: np.ndarray, phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, the clusters that each meets, and ΔR from the point to the cluster's centre."""
    found = np.sort(cells_at(cells, event, eta, phi), axis=1)
    found[:, 1:][found[:, 1:] == found[:, :-1]] = -1  # each cluster once
    point, column = np.nonzero(found >= 0)
    cluster = found[point, column]
    centre = cells.clusters
    away = np.hypot(eta[point] - centre.eta[cluster], delta_phi(phi[point], centre.phi[cluster]))
    return point, cluster, away


def _nearest(first: np.ndarray, second: np.ndarray, distance: np.ndarray, count: int) -> np.ndarray:
    """For each of ``count`` the nearest of its partners, −1 without one."""
    result = np.full(count, -1)
    order = np.argsort(-distance, kind="stable")  # the nearest is written last
    result[first[order]] = second[order]
    return result


def _bremsstrahlung(
    tracks: TrackObjects, ecal: Clustered, met: np.ndarray, numbers: ParticleFlow
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters from where a track points at the vertex, where its tangents end, to beyond where it meets the ECAL,
    where it ends after it has slowed down."""
    clusters = ecal.clusters
    first = np.searchsorted(clusters.event, tracks.event)
    counts = np.searchsorted(clusters.event, tracks.event, side="right") - first
    track = np.repeat(np.arange(len(tracks)), counts)
    cluster = ranges(first, counts)
    narrow, beyond = numbers.brems_window
    near = np.flatnonzero(np.abs(clusters.eta[cluster] - tracks.eta_face[track]) < narrow)
    track, cluster = track[near], cluster[near]
    bend = delta_phi(tracks.phi_face[track], tracks.phi[track])
    middle = tracks.phi[track] + numbers.brems_reach / 2 * bend
    inside = (
        np.abs(delta_phi(clusters.phi[cluster], middle)) < numbers.brems_reach / 2 * np.abs(bend) + beyond
    )
    inside &= cluster != met[track]
    return track[inside], cluster[inside]
