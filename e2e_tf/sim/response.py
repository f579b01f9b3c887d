"""Particles through the detector: material, bending, tracks and calorimeter deposits.

Everything is flat and vectorised over particles. Positions are in metres in the CMS frame (z along the beam),
momenta in GeV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.pythia import Events

__all__ = [
    "CURVATURE",
    "Deposits",
    "Impact",
    "Particles",
    "Tracks",
    "collision_points",
    "hadron_response",
    "impact_on_calorimeters",
    "measure_tracks",
    "pass_material",
    "propagate",
    "visible_particles",
]

CURVATURE = 0.299792458 * CMS.field_tesla  # pT [GeV] = CURVATURE * charge * radius of the helix [m]
_NEUTRINOS = (12, 14, 16)
_MAX_ETA = 3.3  # particles beyond reach neither tracker nor calorimeter, however the vertex is displaced
_MIN_ENERGY = 0.1  # softer particles cannot fire a cell


@dataclass(frozen=True)
class Particles:
    """Particles on their way through the detector, flat.

    Attributes:
        event: int64 (n,), event they belong to.
        pdg_id: int32 (n,).
        charge: float64 (n,), in units of e.
        momentum: float64 (n, 4), px, py, pz, E [GeV].
        vertex: float64 (n, 3), where they were born [m].
        origin: int64 (n,), row of the generated particle they come from.
    """

    event: np.ndarray
    pdg_id: np.ndarray
    charge: np.ndarray
    momentum: np.ndarray
    vertex: np.ndarray
    origin: np.ndarray

    def __len__(self) -> int:
        return len(self.event)

    def take(self, index: np.ndarray) -> Particles:
        """The given rows."""
        return Particles(
            self.event[index],
            self.pdg_id[index],
            self.charge[index],
            self.momentum[index],
            self.vertex[index],
            self.origin[index],
        )


@dataclass(frozen=True)
class Tracks:
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


@dataclass(frozen=True)
class Impact:
    """Where a particle meets a face.

    Attributes:
        eta, phi: float64 (n,), direction of the point as seen from the detector's centre [rad].
        position: float64 (n, 3) [m].
        reached: bool (n,).
    """

    eta: np.ndarray
    phi: np.ndarray
    position: np.ndarray
    reached: np.ndarray


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


def collision_points(rng: np.random.Generator, events: int, detector: Detector = CMS) -> np.ndarray:
    """float64 (events,): z of the primary vertices [m], spread along the beam."""
    return detector.beam_spot_sigma_z * rng.standard_normal(events)


def visible_particles(events: Events, vertex_z: np.ndarray) -> Particles:
    """Final particles but neutrinos inside the acceptance.

    Args:
        events: the generator's record.
        vertex_z: float64 (events,), z of the primary vertices [m].
    """
    pt, eta, _ = pt_eta_phi(events.momentum)
    kept = (events.status > 0) & ~np.isin(np.abs(events.pdg_id), _NEUTRINOS)
    rows = np.flatnonzero(
        kept & (np.abs(eta) < _MAX_ETA) & (events.momentum[:, 3] > _MIN_ENERGY) & (pt > 0.02)
    )
    event = events.event[rows]
    vertex = events.vertex[rows] * 1e-3
    vertex[:, 2] += vertex_z[event]
    return Particles(
        event=event,
        pdg_id=events.pdg_id[rows],
        charge=events.charge[rows],
        momentum=events.momentum[rows],
        vertex=vertex,
        origin=np.arange(len(rows)),
    )


def propagate(
    charge: np.ndarray, momentum: np.ndarray, vertex: np.ndarray, radius: float, half_length: float
) -> Impact:
    """Follow particles to a cylinder closed by two discs, exactly along helices.

    Args:
        charge: float (n,), in units of e.
        momentum: float (n, 4), px, py, pz, E [GeV] at the vertex.
        vertex: float (n, 3) [m], inside the cylinder.
        radius: of the cylinder [m].
        half_length: |z| of the discs [m].

    Returns:
        The first crossing. A particle that curls inside the barrel and drifts to a disc reaches the disc; one
        without longitudinal momentum as well reaches nothing.
    """
    pt = np.maximum(np.hypot(momentum[:, 0], momentum[:, 1]), 1e-6)
    direction = momentum[:, :2] / pt[:, None]
    slope = momentum[:, 2] / pt  # dz per transverse arc length
    bent = charge != 0
    # Angle turned per transverse arc length; positive particles turn clockwise in a field along +z.
    turn = np.where(bent, -charge * CURVATURE / pt, 1.0)

    arc = np.where(
        bent,
        _arc_to_cylinder(direction, turn, vertex, radius),
        _line_to_cylinder(direction, vertex, radius),
    )
    level = slope == 0
    to_disc = (np.sign(slope) * half_length - vertex[:, 2]) / np.where(level, 1.0, slope)
    to_disc = np.where(level, np.inf, to_disc)
    arc = np.minimum(arc, to_disc)
    reached = np.isfinite(arc) & (arc >= 0)
    arc = np.where(reached, arc, 0.0)

    angle = turn * arc
    along = np.where(bent, np.sin(angle) / turn, arc)
    aside = np.where(bent, 2 * np.sin(angle / 2) ** 2 / turn, 0.0)
    x = vertex[:, 0] + direction[:, 0] * along - direction[:, 1] * aside
    y = vertex[:, 1] + direction[:, 1] * along + direction[:, 0] * aside
    z = vertex[:, 2] + slope * arc
    eta = np.arcsinh(z / np.maximum(np.hypot(x, y), 1e-3))
    return Impact(eta, np.arctan2(y, x), np.stack([x, y, z], 1), reached)


def _line_to_cylinder(direction: np.ndarray, vertex: np.ndarray, radius: float) -> np.ndarray:
    inward = -(direction * vertex[:, :2]).sum(1)
    return inward + np.sqrt(np.maximum(inward**2 + radius**2 - (vertex[:, :2] ** 2).sum(1), 0.0))


def _arc_to_cylinder(
    direction: np.ndarray, turn: np.ndarray, vertex: np.ndarray, radius: float
) -> np.ndarray:
    """Transverse arc length to the cylinder, infinite where the circle stays inside."""
    bend = 1.0 / turn  # signed radius of the circle
    centre = vertex[:, :2] + np.stack([-direction[:, 1], direction[:, 0]], 1) * bend[:, None]
    away = np.hypot(centre[:, 0], centre[:, 1])
    # Angle between the outward direction of the centre and a point of the circle at the wanted radius.
    cosine = (radius**2 - away**2 - bend**2) / np.maximum(2 * away * np.abs(bend), 1e-12)
    opening = np.arccos(np.clip(cosine, -1.0, 1.0))
    spoke = vertex[:, :2] - centre
    start = np.arctan2(spoke[:, 1], spoke[:, 0]) - np.arctan2(centre[:, 1], centre[:, 0])
    sense = np.sign(turn)
    steps = [((side * opening - start) * sense) % (2 * np.pi) for side in (1.0, -1.0)]
    return np.where(np.abs(cosine) < 1, np.minimum(*steps) * np.abs(bend), np.inf)


def pass_material(rng: np.random.Generator, particles: Particles, detector: Detector = CMS) -> Particles:
    """Photon conversions and bremsstrahlung of electrons in the tracker.

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
    rest = Particles(
        particles.event,
        particles.pdg_id,
        particles.charge,
        slowed,
        particles.vertex,
        particles.origin,
    ).take(kept)
    parts = [rest, *legs, photon]
    return Particles(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("event", "pdg_id", "charge", "momentum", "vertex", "origin")
        )
    )


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


def impact_on_calorimeters(
    rng: np.random.Generator, particles: Particles, detector: Detector = CMS
) -> Deposits:
    """Follow particles to both calorimeters and draw what they leave there, before sharing among cells."""
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
