"""Particle-flow-like candidates: tracks, and calorimeter clusters of what left no track.

What this does not do: neutral hadrons hidden under charged ones are found as if they stood alone, and there
are no fake tracks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.grid import PITCH
from e2e_tf.data.helix import propagate
from e2e_tf.data.table import Table, joined
from e2e_tf.sim.calorimeters import Deposits, calibrated_hadrons
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.kinematics import four_momentum, pt_eta_phi
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.tracker import Tracks

__all__ = ["MASSES", "Candidates", "neutral_candidates", "reconstruct"]

MASSES = {211: 0.13957, 11: 0.000511, 13: 0.10566}


@dataclass(frozen=True)
class Candidates(Table):
    """Candidates of several events, in order of the event.

    Attributes:
        event: int64 (n,).
        pdg_id: int16 (n,), kind: 211 charged hadron, 130 neutral hadron, 22 photon, 11 electron, 13 muon.
        charge: int8 (n,).
        momentum: float64 (n, 4), px, py, pz, E [GeV].
        d0, dz, d0_error, dz_error: float64 (n,), impact parameters [cm]; 0 for neutral candidates.
    """

    event: np.ndarray
    pdg_id: np.ndarray
    charge: np.ndarray
    momentum: np.ndarray
    d0: np.ndarray
    dz: np.ndarray
    d0_error: np.ndarray
    dz_error: np.ndarray


def reconstruct(
    rng: np.random.Generator,
    particles: Particles,
    tracks: Tracks,
    deposits: Deposits,
    vertex_z: np.ndarray,
    detector: Detector = CMS,
) -> Candidates:
    """Candidates of generated particles from their own tracks and deposits.

    Args:
        rng: the chunk's random numbers.
        particles: generated particles before the tracker material.
        tracks: their tracks.
        deposits: of what is left of them behind the material; ``origin`` points to rows of ``particles``.
        vertex_z: float64 (events,), z of the primary vertices [m].
        detector: its numbers.

    Returns:
        The candidates, by event.
    """
    count = len(particles)
    kind = np.abs(particles.pdg_id)
    origin = deposits.particles.origin
    ecal = np.bincount(origin, deposits.ecal, minlength=count)
    hcal = np.bincount(origin, deposits.hcal, minlength=count)
    charged = _charged(particles, tracks, kind)
    # A muon or electron without a track is not found at all; its deposit is left to the hits.
    lost = ~tracks.found & (kind != 13) & (kind != 11)
    photons = _photons(rng, particles, np.flatnonzero(lost & (kind == 22)), ecal, vertex_z, detector)
    hadrons = _neutral_hadrons(
        rng, particles, np.flatnonzero(lost & (kind != 22)), ecal + hcal, vertex_z, detector
    )
    found = joined([charged, photons, hadrons])
    return found.take(np.argsort(found.event, kind="stable"))


def _charged(particles: Particles, tracks: Tracks, kind: np.ndarray) -> Candidates:
    rows = np.flatnonzero(tracks.found)
    label = np.where(np.isin(kind, (11, 13)), kind, 211)[rows].astype(np.int16)
    mass = np.select([label == 11, label == 13], [MASSES[11], MASSES[13]], MASSES[211])
    return Candidates(
        particles.event[rows],
        label,
        np.sign(particles.charge[rows]).astype(np.int8),
        four_momentum(tracks.pt[rows], tracks.eta[rows], tracks.phi[rows], mass),
        tracks.d0[rows],
        tracks.dz[rows],
        tracks.d0_error[rows],
        tracks.dz_error[rows],
    )


def neutral_candidates(event: np.ndarray, kind: int, momentum: np.ndarray) -> Candidates:
    """Candidates without a track.

    Args:
        event: int64 (n,).
        kind: 22 or 130.
        momentum: float64 (n, 4), px, py, pz, E [GeV].

    Returns:
        The same number of candidates, charge and impact parameters 0.
    """
    count = len(event)
    zero = np.zeros(count)
    return Candidates(
        event, np.full(count, kind, np.int16), np.zeros(count, np.int8), momentum, zero, zero, zero, zero
    )


def _photons(
    rng: np.random.Generator,
    particles: Particles,
    rows: np.ndarray,
    ecal: np.ndarray,
    vertex_z: np.ndarray,
    detector: Detector,
) -> Candidates:
    chosen = particles.take(rows)
    energy = ecal[rows] + detector.photon_noise * rng.standard_normal(len(rows))
    face = propagate(
        chosen.charge, chosen.momentum, chosen.vertex, detector.ecal_radius, detector.ecal_half_length
    )
    # Showers whose peaks fall into the same block of crystals make one cluster (energetic neutral pions).
    block = detector.photon_merge_crystals * PITCH
    key = np.stack([chosen.event, np.floor(face.eta / block), np.floor(face.phi / block)], 1).astype(np.int64)
    visible = np.maximum(energy, 0.0) * face.reached
    keys, cluster = np.unique(key, axis=0, return_inverse=True)
    cluster = cluster.reshape(-1)
    total = np.bincount(cluster, visible, minlength=len(keys))
    weighted = [np.bincount(cluster, visible * face.position[:, i], len(keys)) for i in range(3)]
    centre = np.stack(weighted, 1).astype(np.float64) / np.maximum(total, 1e-9)[:, None]
    event = keys[:, 0]
    centre[:, 2] -= vertex_z[event]
    _, eta, phi = pt_eta_phi(centre)
    floor, stochastic = detector.photon_direction_resolution
    spread = np.hypot(floor, stochastic / np.sqrt(np.maximum(total, 0.05)))
    eta = eta + spread * rng.standard_normal(len(total))
    phi = phi + spread * rng.standard_normal(len(total))
    pt = total / np.cosh(eta)
    found = pt > detector.photon_min_pt
    return neutral_candidates(event[found], 22, four_momentum(pt[found], eta[found], phi[found], 0.0))


def _neutral_hadrons(
    rng: np.random.Generator,
    particles: Particles,
    rows: np.ndarray,
    deposit: np.ndarray,
    vertex_z: np.ndarray,
    detector: Detector,
) -> Candidates:
    chosen = particles.take(rows)
    measured = deposit[rows]
    energy = calibrated_hadrons(measured, detector)
    face = propagate(
        chosen.charge, chosen.momentum, chosen.vertex, detector.ecal_radius, detector.ecal_half_length
    )
    toward = face.position.copy()
    toward[:, 2] -= vertex_z[chosen.event]
    _, eta, phi = pt_eta_phi(toward)
    eta = eta + detector.neutral_direction_resolution * rng.standard_normal(len(rows))
    phi = phi + detector.neutral_direction_resolution * rng.standard_normal(len(rows))
    found = face.reached & (measured > detector.neutral_min_deposit)
    momentum = four_momentum(energy / np.cosh(eta), eta, phi, 0.0)
    return neutral_candidates(chosen.event[found], 130, momentum[found])
