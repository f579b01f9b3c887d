"""Particles in the calorimeters: where they arrive and how much energy they leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.helix import Impact, propagate
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.particles import Particles

__all__ = ["Deposits", "calibrated_hadrons", "hadron_response", "impact_on_calorimeters"]


@dataclass(frozen=True)
class Deposits:
    """What particles leave in the calorimeters.

    Attributes:
        particles: the particles behind the tracker material.
        ecal, hcal: float64 (n,), energies [GeV]; 0 where a calorimeter is not reached.
        ecal_face, hcal_face: where the particles meet the calorimeters.
    """

    particles: Particles
    ecal: np.ndarray
    hcal: np.ndarray
    ecal_face: Impact
    hcal_face: Impact

    def take(self, index: np.ndarray) -> Deposits:
        """Those of the given particles.

        Args:
            index: int (m,), or a mask, bool (n,).

        Returns:
            The deposits of the m particles.
        """
        return Deposits(
            self.particles.take(index),
            self.ecal[index],
            self.hcal[index],
            self.ecal_face.take(index),
            self.hcal_face.take(index),
        )


def hadron_response(energy: np.ndarray, detector: Detector = CMS) -> np.ndarray:
    """Mean share of a hadron's energy that the calorimeters measure; the softer the hadron, the less.

    Args:
        energy: float (n,) [GeV].
        detector: its numbers.

    Returns:
        float64 (n,), relative to the response to electrons.
    """
    loss = detector.response_loss * np.maximum(energy, 0.1) ** -detector.response_power
    return np.maximum(1 - loss, detector.response_min)


def calibrated_hadrons(measured: np.ndarray, detector: Detector = CMS) -> np.ndarray:
    """Energies of hadrons from what the calorimeters measure: the mean response at the energy it leads to is undone.

    Args:
        measured: float (n,), in both calorimeters [GeV].
        detector: its numbers.

    Returns:
        float64 (n,) [GeV]; two steps are close enough.
    """
    first = measured / hadron_response(np.maximum(measured, 0.1), detector)
    return measured / hadron_response(first, detector)


def impact_on_calorimeters(
    rng: np.random.Generator, particles: Particles, detector: Detector = CMS
) -> Deposits:
    """Follow particles to both calorimeters and draw what they leave there, before sharing among cells.

    Args:
        rng: the chunk's random numbers.
        particles: those behind the tracker material.
        detector: its numbers.

    Returns:
        One entry per particle.
    """
    ecal_face = propagate(
        particles.charge,
        particles.momentum,
        particles.vertex,
        detector.ecal_radius,
        detector.ecal_half_length,
    )
    hcal_face = propagate(
        particles.charge,
        particles.momentum,
        particles.vertex,
        detector.hcal_radius,
        detector.hcal_half_length,
    )
    kind = np.abs(particles.pdg_id)
    electromagnetic = (kind == 22) | (kind == 11)
    muon = kind == 13
    energy = np.maximum(particles.momentum[:, 3], 1e-3)
    count = len(energy)

    spread = np.hypot(detector.ecal_stochastic / np.sqrt(energy), detector.ecal_constant)
    shower = energy * np.maximum(1 + spread * rng.standard_normal(count), 0.0)

    spread = np.hypot(detector.hadron_stochastic / np.sqrt(energy), detector.hadron_constant)
    shape = np.minimum(spread, detector.hadron_max_spread) ** -2
    # A gamma distribution has the wanted mean and width and no negative energies: nothing to cut away, so the
    # mean response stays what was asked for.
    hadron = energy * hadron_response(energy, detector) * rng.gamma(shape) / shape
    passing = rng.random(count) < detector.mip_probability
    ionisation = rng.gamma(*detector.mip_energy, count)
    share = rng.beta(*detector.ecal_share, count)
    hadron_ecal = np.where(passing, np.minimum(ionisation, hadron), hadron * share)

    muon_ecal = np.minimum(rng.gamma(*detector.muon_ecal, count), energy)
    muon_hcal = np.minimum(rng.gamma(*detector.muon_hcal, count), energy)
    ecal = np.where(electromagnetic, shower, np.where(muon, muon_ecal, hadron_ecal))
    hcal = np.where(electromagnetic, 0.0, np.where(muon, muon_hcal, hadron - hadron_ecal))
    # A soft hadron that reaches the ECAL but curls up before the HCAL has nothing left for it.
    ecal_seen = ecal_face.reached & (np.abs(ecal_face.eta) < detector.calorimeter_max_eta)
    hcal_seen = ecal_seen & hcal_face.reached & (np.abs(hcal_face.eta) < detector.calorimeter_max_eta)
    return Deposits(
        particles, np.where(ecal_seen, ecal, 0.0), np.where(hcal_seen, hcal, 0.0), ecal_face, hcal_face
    )
