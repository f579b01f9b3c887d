"""From the particles of some events to the detector objects of their jets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.jets import Ragged
from e2e_tf.data.table import joined
from e2e_tf.sim.calorimeters import Deposits, impact_on_calorimeters
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import READOUT, TIMING, Detector, Readout
from e2e_tf.sim.flight import PRIMARY, fly
from e2e_tf.sim.flown import FlownPool, place_arriving, place_tracks
from e2e_tf.sim.jet_objects import candidates_of_jets, objects_of_jets
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.measurement import measure
from e2e_tf.sim.objects import track_objects
from e2e_tf.sim.particle_flow import particle_flow
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pileup import Collisions, join_particles, placed_rows
from e2e_tf.sim.pixels import unused_clusters
from e2e_tf.sim.readout import arrival_times, read_crystals, read_towers
from e2e_tf.sim.tracking import RecoTracks, reconstruct_tracks

__all__ = ["ObjectMaker", "detector_objects"]


_DISPLACED = 0.25  # largest change of η by the place along the beam
_CURLS = 0.75  # GeV; softer charged particles may not reach the ECAL's barrel
_ENDCAP_JETS = 0.7  # |η|, from which cells around a jet are in an endcap


@dataclass(frozen=True)
class ObjectMaker:
    """What detector objects of a chunk are made with.

    Attributes:
        rng: random numbers of their own, so that hits and candidates do not depend on them.
        flown: the pool of pileup behind the tracker; None without pileup.
    """

    rng: np.random.Generator
    flown: FlownPool | None = None


def detector_objects(
    maker: ObjectMaker,
    jets: ReconstructedJets,
    particles: Particles,
    deposits: Deposits,
    vertex_z: np.ndarray,
    collisions: Collisions | None,
    detector: Detector,
    readout: Readout = READOUT,
) -> dict[str, Ragged]:
    """Tracks, crystals, towers, unused pixel clusters, vertices and particle-flow candidates of jets.

    Args:
        maker: random numbers and the pool of pileup.
        jets: the jets, by rising event.
        particles: generated ones of the hard scatters by rising event, then of pileup as it is placed.
        deposits: that hits are made of; ``origin`` points to rows of ``particles``. A hadron or muon that comes
            through the tracker leaves the same energies here.
        vertex_z: float64 (events,), z of the hard scatters [m].
        collisions: of pileup.
        detector: its numbers.
        readout: numbers of the objects.

    Returns:
        By kind. ``candidate`` is reconstructed from the others.
    """
    rng = maker.rng
    # Most events give no jet: only those that do are followed, under numbers of their own.
    number = np.full(len(vertex_z), -1)
    wanted = np.unique(jets.event)
    events = len(wanted)
    number[wanted] = np.arange(events)
    jets = replace(jets, event=number[jets.event])
    kept = np.flatnonzero(number[particles.event] >= 0)
    row = np.full(len(particles), -1)
    row[kept] = np.arange(len(kept))
    old = deposits.take(number[deposits.particles.event] >= 0)
    old_origin = row[old.particles.origin]
    particles = particles.take(kept)
    particles = replace(particles, event=number[particles.event], origin=np.arange(len(kept)))
    z, event, of = vertex_z[wanted], np.arange(events), particles.event
    hard = len(particles)
    if collisions is not None:
        collisions = collisions.take(number[collisions.event] >= 0)
        collisions = replace(collisions, event=number[collisions.event])
        assert maker.flown is not None
        _, soft_of = placed_rows(collisions, maker.flown.offsets)
        hard -= len(soft_of)
        of = np.concatenate([of[:hard], soft_of + events])
        z, event = np.concatenate([z, collisions.z]), np.concatenate([event, collisions.event])

    flights = fly(rng, particles.take(np.arange(hard)), detector)
    measured, behind = measure(rng, flights, detector), flights.arriving()
    track_collision = measured.event
    if collisions is not None and maker.flown is not None:
        soft, track_of = place_tracks(collisions, maker.flown)
        measured = joined([measured, replace(soft, origin=soft.origin + hard)])
        track_collision = np.concatenate([track_collision, track_of + events])
        behind = join_particles(behind, place_arriving(collisions, maker.flown), hard)
    tracks, vertices = reconstruct_tracks(rng, measured, track_collision, event, z, events, detector)
    chosen_z = vertices.z[vertices.chosen] / 100

    flying, used = _flying(particles, behind, tracks)
    behind = behind.take(_towards(behind, jets, events, readout.reach + _DISPLACED))
    new = _same_hadrons(impact_on_calorimeters(rng, behind, detector), old, old_origin)
    time = TIMING.collision_spread_ns * rng.standard_normal(len(z))
    source = of[behind.origin]
    arrival = arrival_times(new, z[source], time[source])
    crystals = read_crystals(rng, events, jets, new, arrival, detector, readout)
    segments = read_towers(rng, events, jets, new, detector, readout)
    clusters = unused_clusters(rng, flying, used, chosen_z, readout)
    found = track_objects(tracks, vertices, particles, detector)
    objects = objects_of_jets(jets, found, crystals, segments, clusters, vertices, readout.radius)
    candidates, origin = particle_flow(rng, found, crystals, segments, chosen_z, detector)
    return objects | {"candidate": candidates_of_jets(candidates, jets, readout.radius, origin)}


def _towards(behind: Particles, jets: ReconstructedJets, events: int, around: float) -> np.ndarray:
    """bool (n,): particles that can reach the calorimeters around a jet of their event.

    That is within ``around`` in η; what curls up and drifts to an endcap may come from anywhere on its side.
    """
    low, high = np.full(events, np.inf), np.full(events, -np.inf)
    np.minimum.at(low, jets.event, jets.eta)
    np.maximum.at(high, jets.event, jets.eta)
    pt, eta, _ = pt_eta_phi(behind.momentum)
    low, high = low[behind.event], high[behind.event]
    curls = (behind.charge != 0) & (pt < _CURLS)
    curls &= np.where(eta > 0, high > _ENDCAP_JETS, low < -_ENDCAP_JETS)
    return ((eta > low - around) & (eta < high + around)) | curls


def _same_hadrons(new: Deposits, old: Deposits, old_origin: np.ndarray) -> Deposits:
    """Deposits with the energies that hits have, of hadrons and muons that came through the tracker as they were.

    Otherwise objects and the jet's pT, which is that of the other candidates, would know nothing of each other's
    fluctuations in the calorimeters.
    """
    count = max(int(old_origin.max(initial=-1)), int(new.particles.origin.max(initial=-1))) + 1
    heavy = np.flatnonzero(~np.isin(np.abs(old.particles.pdg_id), (11, 22)))
    row = np.full(count, -1)
    row[old_origin[heavy]] = heavy
    match = row[new.particles.origin]
    same = (match >= 0) & (new.particles.pdg_id == old.particles.pdg_id[match])
    same &= (new.particles.vertex == old.particles.vertex[match]).all(1)
    return replace(
        new,
        ecal=np.where(same, old.ecal[match], new.ecal),
        hcal=np.where(same, old.hcal[match], new.hcal),
    )


def _flying(particles: Particles, behind: Particles, tracks: RecoTracks) -> tuple[Particles, np.ndarray]:
    """What crosses the pixel detector, and whether a track has its hits: of the same generated particle and charge."""
    born = behind.take((behind.vertex != particles.vertex[behind.origin]).any(1))
    flying = joined([particles, born])
    later = np.repeat([False, True], [len(particles), len(born)])

    def key(origin: np.ndarray, charge: np.ndarray, later: np.ndarray) -> np.ndarray:
        return (2 * origin + later) * 2 + (charge > 0)

    true = tracks.take(tracks.origin >= 0)
    keys = key(true.origin, true.charge, true.process != PRIMARY)
    has = np.zeros(4 * len(particles) + 4, bool)
    has[keys] = True
    return flying, has[key(flying.origin, flying.charge, later)]
