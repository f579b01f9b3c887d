"""Particles through the tracker: conversions and bremsstrahlung in its material, and measured tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.helix import CURVATURE
from e2e_tf.data.table import Table, joined
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.particles import Particles

__all__ = ["Tracks", "measure_tracks", "pass_material"]


@dataclass(frozen=True)
class Tracks(Table):
    """Measured tracks of particles; every column has one entry per particle, valid where ``found``.

    Attributes:
        found: bool (n,).
        pt, eta, phi: float64 (n,) at the point of closest approach [GeV, rad].
        d0, dz: float64 (n,), impact parameters to the primary vertex [cm], CMS signs
            (d0 = (−x py + y px) / pT).
        d0_error, dz_error: float64 (n,), the resolution used [cm].
    """

    found: np.ndarray
    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    d0: np.ndarray
    dz: np.ndarray
    d0_error: np.ndarray
    dz_error: np.ndarray


def pass_material(rng: np.random.Generator, particles: Particles, detector: Detector = CMS) -> Particles:
    """Photon conversions and bremsstrahlung of electrons in the tracker.

    Args:
        rng: the chunk's random numbers.
        particles: generated particles.
        detector: its numbers.

    Returns:
        The particles behind the material: a converted photon is replaced by its two legs, an electron loses
        energy to a new photon; both are born where it happened, and ``origin`` still names the generated
        particle.
    """
    pt, eta, _ = pt_eta_phi(particles.momentum)
    thickness = np.interp(np.abs(eta), detector.material_eta, detector.material_x0)
    kind = np.abs(particles.pdg_id)

    lost = rng.random(len(pt)) < 1 - np.exp(-7 / 9 * thickness)
    converted = (kind == 22) & lost & (pt > 0.05)
    photons = particles.take(np.flatnonzero(converted))
    share = rng.random(len(photons))
    birth = _point_on_way(rng, photons, detector)
    legs = [
        Particles(
            photons.event,
            np.full(len(photons), 11 * sign, np.int32),
            np.full(len(photons), -float(sign)),
            photons.momentum * fraction[:, None],
            birth,
            photons.origin,
        )
        for sign, fraction in ((1, share), (-1, 1 - share))
    ]

    electron_rows = np.flatnonzero(kind == 11)
    electrons = particles.take(electron_rows)
    depth = thickness[electron_rows] * detector.bremsstrahlung_x0_share
    radiated = 1 - np.exp(-depth * rng.exponential(1.0, len(electrons)))
    where = _point_on_way(rng, electrons, detector)
    # The photon leaves along the electron's direction at that point: turned by twice the chord's angle.
    before = pt_eta_phi(electrons.momentum)[2]
    chord = np.arctan2(where[:, 1], where[:, 0])
    turned = 2 * (chord - before)
    cosine, sine = np.cos(turned), np.sin(turned)
    px, py = electrons.momentum[:, 0], electrons.momentum[:, 1]
    there = electrons.momentum.copy()
    there[:, 0], there[:, 1] = px * cosine - py * sine, px * sine + py * cosine
    count = len(electrons)
    photon = Particles(
        electrons.event,
        np.full(count, 22, np.int32),
        np.zeros(count),
        there * radiated[:, None],
        where,
        electrons.origin,
    )
    slowed = particles.momentum.copy()
    slowed[electron_rows] *= (1 - radiated)[:, None]
    kept = np.flatnonzero(~converted)
    rest = replace(particles, momentum=slowed).take(kept)
    return joined([rest, *legs, photon])


def _point_on_way(rng: np.random.Generator, particles: Particles, detector: Detector) -> np.ndarray:
    """A random point of the particles' paths inside the tracker material, float64 (n, 3) [m]."""
    radius = rng.uniform(*detector.material_radii, len(particles))
    pt = np.maximum(np.hypot(particles.momentum[:, 0], particles.momentum[:, 1]), 1e-6)
    direction = particles.momentum[:, :2] / pt[:, None]
    half_angle = np.arcsin(np.clip(radius * particles.charge * CURVATURE / (2 * pt), -0.9, 0.9))
    cosine, sine = np.cos(half_angle), -np.sin(half_angle)
    point = particles.vertex.copy()
    point[:, 0] += radius * (direction[:, 0] * cosine - direction[:, 1] * sine)
    point[:, 1] += radius * (direction[:, 0] * sine + direction[:, 1] * cosine)
    point[:, 2] += radius * particles.momentum[:, 2] / pt
    # Forward particles leave the tracker through its end: their material is nearer.
    beyond = np.abs(point[:, 2]) > 0.9 * detector.ecal_half_length
    near = np.where(beyond, 0.25, 1.0)[:, None]
    return particles.vertex + (point - particles.vertex) * near


def measure_tracks(
    rng: np.random.Generator, particles: Particles, vertex_z: np.ndarray, detector: Detector = CMS
) -> Tracks:
    """Efficiency and resolution of the tracker.

    Args:
        rng: the chunk's random numbers.
        particles: generated particles, or legs of conversions with the place where they were born.
        vertex_z: float64 (events,), z of the primary vertices [m].
        detector: its numbers.

    Returns:
        One entry per particle, whether it has a track or not.
    """
    pt, eta, phi = pt_eta_phi(particles.momentum)
    kind = np.abs(particles.pdg_id)
    efficiency = np.where(
        pt < detector.track_low_pt, detector.track_efficiency_low_pt, detector.track_efficiency
    )
    efficiency = np.where(
        kind == 11, detector.electron_efficiency, np.where(kind == 13, detector.muon_efficiency, efficiency)
    )
    # Fewer layers are left for what is born further out.
    birth = np.hypot(particles.vertex[:, 0], particles.vertex[:, 1])
    efficiency = efficiency * np.clip(1 - birth / detector.conversion_track_radius, 0, 1)
    seen = (particles.charge != 0) & (pt > detector.track_min_pt) & (np.abs(eta) < detector.track_max_eta)

    constant, slope, linear = detector.track_pt_resolution
    spread = np.hypot(constant + slope * np.abs(eta), linear * pt)
    spread = spread * np.where(kind == 11, detector.electron_pt_resolution_factor, 1.0)

    px, py, pz = (particles.momentum[:, i] for i in range(3))
    safe = np.maximum(pt, 1e-6)
    x, y, z = (
        particles.vertex[:, 0],
        particles.vertex[:, 1],
        particles.vertex[:, 2] - vertex_z[particles.event],
    )
    d0 = 100 * (y * px - x * py) / safe
    dz = 100 * (z - (x * px + y * py) / safe * pz / safe)
    floor, scattering = detector.d0_resolution_cm
    d0_error = np.hypot(floor, scattering * np.sqrt(np.cosh(eta)) / safe)
    floor, scattering = detector.dz_resolution_cm
    dz_error = np.hypot(floor, scattering * np.cosh(eta) / safe)

    count = len(pt)
    found = seen & (rng.random(count) < efficiency)
    return Tracks(
        found=found,
        pt=pt * np.maximum(1 + spread * rng.standard_normal(count), 0.2),
        eta=eta + detector.track_eta_resolution * rng.standard_normal(count),
        phi=phi + detector.track_phi_resolution * rng.standard_normal(count),
        d0=d0 + d0_error * rng.standard_normal(count),
        dz=dz + dz_error * rng.standard_normal(count),
        d0_error=d0_error,
        dz_error=dz_error,
    )
