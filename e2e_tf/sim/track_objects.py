"""Tracks as objects: hits, quality, place at the ECAL, and the vertices that they make."""

from __future__ import annotations

import numpy as np

from e2e_tf.sim.detector import READOUT, Detector, Readout
from e2e_tf.sim.helix import propagate
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.objects import TrackObjects, VertexObjects
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pileup import CollisionPoints
from e2e_tf.sim.tracker import Tracks

__all__ = ["found_tracks", "nearest_is_first", "vertices_of"]

_LEAST_HITS = 4  # fewer make no track
_LEAST_TRACKS = 2  # of a vertex


def vertices_of(
    rng: np.random.Generator,
    tracks: Tracks,
    collisions: CollisionPoints,
    collision_of: np.ndarray,
    readout: Readout = READOUT,
) -> VertexObjects:
    """A vertex for each collision with at least two tracks; that of the hard scatter is always found and chosen.

    Args:
        rng: random numbers of the objects.
        tracks: of n particles.
        collisions: the first one of each event is its hard scatter, in order of the events.
        collision_of: int64 (n,), the collision that each particle comes from.
        readout: numbers of the objects.

    Returns:
        The vertices of all events.
    """
    count = len(collisions)
    events = int(collisions.event.max()) + 1
    n_tracks = np.bincount(collision_of[tracks.found], minlength=count)
    sum_pt2 = np.bincount(collision_of[tracks.found], tracks.pt[tracks.found] ** 2, minlength=count)
    smear = readout.vertex_resolution_cm / np.sqrt(np.maximum(n_tracks, 1)) * rng.standard_normal(count)
    hard = np.arange(count) < events
    z = 100 * (collisions.z - collisions.z[:events][collisions.event]) + np.where(hard, 0.0, smear)
    kept = np.flatnonzero(hard | (n_tracks >= _LEAST_TRACKS))
    order = kept[np.lexsort((-sum_pt2[kept], ~hard[kept], collisions.event[kept]))]
    return VertexObjects(collisions.event[order], z[order], sum_pt2[order], n_tracks[order].astype(np.int16))


def found_tracks(
    rng: np.random.Generator,
    particles: Particles,
    tracks: Tracks,
    vertices: VertexObjects,
    detector: Detector,
    readout: Readout = READOUT,
) -> TrackObjects:
    """The tracks that were found, with what their fit tells and where they meet the ECAL.

    Args:
        rng: random numbers of the objects.
        particles: what flies through the tracker.
        tracks: of ``particles``.
        vertices: of their events.
        detector: its numbers.
        readout: numbers of the objects.

    Returns:
        The tracks of all events.
    """
    rows = np.flatnonzero(tracks.found)
    own, born = tracks.take(rows), particles.take(rows)
    charge = np.sign(born.charge)
    momentum = four_momentum(own.pt, own.eta, own.phi, 0.0)
    face = propagate(charge, momentum, born.vertex, detector.ecal_radius, detector.ecal_half_length)

    birth = np.hypot(born.vertex[:, 0], born.vertex[:, 1])
    crossed = np.interp(np.abs(own.eta), readout.hits_eta, readout.hits)
    left = np.clip(1 - birth / detector.conversion_track_radius, 0, 1)
    n_hits = rng.binomial(np.maximum(crossed * left, _LEAST_HITS).astype(np.int64), readout.hit_efficiency)
    n_hits = np.maximum(n_hits, _LEAST_HITS)
    layers = len(readout.pixel_radii) - np.searchsorted(readout.pixel_radii, birth)
    n_pixel_hits = np.minimum(rng.binomial(layers, readout.pixel_efficiency), n_hits)
    freedom = 2 * n_hits - 5  # two coordinates a hit, five parameters
    return TrackObjects(
        event=born.event,
        pt=own.pt,
        eta=own.eta,
        phi=own.phi,
        charge=charge.astype(np.int8),
        d0=own.d0,
        dz=own.dz,
        d0_error=own.d0_error,
        dz_error=own.dz_error,
        chi2=rng.chisquare(freedom) / freedom,
        n_hits=n_hits.astype(np.int8),
        n_pixel_hits=n_pixel_hits.astype(np.int8),
        from_pv=nearest_is_first(born.event, own.dz, vertices),
        eta_face=np.where(face.reached, face.eta, own.eta),
        phi_face=np.where(face.reached, face.phi, own.phi),
        origin=rows,
        pdg_id=born.pdg_id,
    )


def nearest_is_first(event: np.ndarray, dz: np.ndarray, vertices: VertexObjects) -> np.ndarray:
    """int8 (n,): 1 where the chosen vertex of the event is the nearest along the beam, else 0.

    Args:
        event: int64 (n,), of each track.
        dz: float64 (n,), to the chosen vertex [cm].
        vertices: of all events, by rising event, the chosen one at z = 0.

    Returns:
        int8 (n,).
    """
    # All z of all events on one line, far enough apart that neighbours are of one event.
    apart = 1e4
    line = np.sort(vertices.event * apart + vertices.z)
    place = event * apart + np.clip(dz, -apart / 4, apart / 4)
    after = np.clip(np.searchsorted(line, place), 1, max(len(line) - 1, 1))
    ends = np.stack([line[after - 1], line[np.minimum(after, len(line) - 1)]])
    nearest = np.abs(ends - place).min(0)
    return (np.abs(np.clip(dz, -apart / 4, apart / 4)) <= nearest + 1e-9).astype(np.int8)
