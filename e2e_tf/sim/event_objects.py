"""From the particles of some events to the detector objects of their jets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from e2e_tf.data.jets import Ragged
from e2e_tf.sim.calorimeters import Deposits
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import READOUT, TIMING, Detector, Readout
from e2e_tf.sim.jet_objects import objects_of_jets
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pileup import CollisionPoints
from e2e_tf.sim.pixels import unused_clusters
from e2e_tf.sim.readout import arrival_times, read_crystals, read_towers
from e2e_tf.sim.track_objects import found_tracks, vertices_of
from e2e_tf.sim.tracker import Tracks

__all__ = ["detector_objects"]


def detector_objects(
    rng: np.random.Generator,
    jets: ReconstructedJets,
    particles: Particles,
    tracks: Tracks,
    deposits: Deposits,
    collisions: CollisionPoints,
    collision_of: np.ndarray,
    detector: Detector,
    readout: Readout = READOUT,
) -> dict[str, Ragged]:
    """Tracks, crystals, towers, unused pixel clusters and vertices of jets.

    Args:
        rng: random numbers of the objects, so that hits and candidates do not depend on them.
        jets: the jets, by rising event.
        particles: what flies through the tracker: generated particles and legs of conversions.
        tracks: of ``particles``.
        deposits: of the calorimeters; ``origin`` points to rows of ``particles``.
        collisions: the first one of each event is its hard scatter, in order of the events.
        collision_of: int64 (n,), the collision that each of ``particles`` comes from.
        detector: its numbers.
        readout: numbers of the objects.

    Returns:
        The columns of each kind of objects, by the names of :data:`e2e_tf.data.objects.OBJECTS`.
    """
    events = int(collisions.event.max()) + 1
    vertex_z = collisions.z[:events]
    # Most events give no jet: nothing is made of them.
    wanted = np.zeros(events, bool)
    wanted[jets.event] = True
    kept = wanted[particles.event]
    row = np.cumsum(kept) - 1
    particles, tracks, collision_of = particles.take(kept), tracks.take(kept), collision_of[kept]
    deposits = deposits.take(wanted[deposits.particles.event])
    own = replace(deposits.particles, origin=row[deposits.particles.origin])
    deposits = replace(deposits, particles=own)

    time = TIMING.collision_spread_ns * rng.standard_normal(len(collisions))
    source = collision_of[deposits.particles.origin]
    arrival = arrival_times(deposits, collisions.z[source], time[source])
    crystals = read_crystals(rng, events, jets, deposits, arrival, detector)
    segments = read_towers(rng, events, jets, deposits, detector, readout)
    clusters = unused_clusters(rng, particles, tracks.found, vertex_z, readout)
    vertices = vertices_of(rng, tracks, collisions, collision_of, readout)
    found = found_tracks(rng, particles, tracks, vertices, detector, readout)
    return objects_of_jets(jets, found, crystals, segments, clusters, vertices, readout.radius)
