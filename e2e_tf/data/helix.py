"""Paths in the magnetic field, exactly along helices, to a cylinder closed by two discs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.table import Table

__all__ = [
    "CURVATURE",
    "ECAL_HALF_LENGTH",
    "ECAL_RADIUS",
    "FIELD_TESLA",
    "Impact",
    "along",
    "closest_approach",
    "propagate",
]

# Solenoid and front of the electromagnetic calorimeter: CMS detector paper, JINST 3 (2008) S08004.
FIELD_TESLA = 3.8
ECAL_RADIUS = 1.29  # m, of the barrel
ECAL_HALF_LENGTH = 3.17  # m, |z| of the endcaps
CURVATURE = 0.299792458 * FIELD_TESLA  # pT [GeV] = CURVATURE * charge * radius of the helix [m]


@dataclass(frozen=True)
class Impact(Table):
    """Where a particle meets a face.

    Attributes:
        eta, phi: float64 (n,), direction of the point as seen from the detector's centre [rad].
        position: float64 (n, 3) [m].
        reached: bool (n,).
        path: float64 (n,), length of the way there [m].
    """

    eta: np.ndarray
    phi: np.ndarray
    position: np.ndarray
    reached: np.ndarray
    path: np.ndarray


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
    return Impact(eta, np.arctan2(y, x), np.stack([x, y, z], 1), reached, arc * np.hypot(1.0, slope))


def _line_to_cylinder(direction: np.ndarray, vertex: np.ndarray, radius: float) -> np.ndarray:
    inward = -(direction * vertex[:, :2]).sum(1)
    return inward + np.sqrt(np.maximum(inward**2 + radius**2 - (vertex[:, :2] ** 2).sum(1), 0.0))


def _arc_to_cylinder(
    direction: np.ndarray, turn: np.ndarray, vertex: np.ndarray, radius: float
) -> np.ndarray:
    """Transverse arc length to a cylinder, float64 (n,) [m]; infinite where the circle stays inside.

    Args:
        direction: float (n, 2), unit vectors of flight across the beam.
        turn: float (n,), angle turned per transverse length [rad/m], not 0.
        vertex: float (n, 3) [m].
        radius: of the cylinder [m].

    Returns:
        float64 (n,) [m].
    """
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


def along(
    charge: np.ndarray, momentum: np.ndarray, vertex: np.ndarray, arc: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where particles are, and where they go, after some way along their helices.

    Args:
        charge: float (n,), in units of e.
        momentum: float (n, 4), px, py, pz, E [GeV] at the vertex.
        vertex: float (n, 3) [m].
        arc: float (n,), transverse length of the way [m]; negative against the direction of flight.

    Returns:
        The places, float64 (n, 3) [m], and the momenta there, float64 (n, 4) [GeV].
    """
    pt = np.maximum(np.hypot(momentum[:, 0], momentum[:, 1]), 1e-6)
    bent = charge != 0
    turn = np.where(bent, -charge * CURVATURE / pt, 1.0)
    angle = np.where(bent, turn * arc, 0.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    px, py = momentum[:, 0], momentum[:, 1]
    ahead = np.where(bent, sine / turn, arc)
    aside = np.where(bent, 2 * np.sin(angle / 2) ** 2 / turn, 0.0)
    place = np.stack(
        [
            vertex[:, 0] + (px * ahead - py * aside) / pt,
            vertex[:, 1] + (py * ahead + px * aside) / pt,
            vertex[:, 2] + momentum[:, 2] / pt * arc,
        ],
        1,
    )
    there = momentum.astype(np.float64, copy=True)
    there[:, 0], there[:, 1] = px * cosine - py * sine, px * sine + py * cosine
    return place, there


def closest_approach(charge: np.ndarray, momentum: np.ndarray, vertex: np.ndarray) -> np.ndarray:
    """Transverse arc length to the point nearest to the z axis, usually negative, float64 (n,) [m].

    Args:
        charge: float (n,), in units of e.
        momentum: float (n, 4), px, py, pz, E [GeV] at the vertex.
        vertex: float (n, 3) [m].

    Returns:
        float64 (n,) [m].
    """
    pt = np.maximum(np.hypot(momentum[:, 0], momentum[:, 1]), 1e-6)
    dx, dy = momentum[:, 0] / pt, momentum[:, 1] / pt
    bent = charge != 0
    turn = np.where(bent, -charge * CURVATURE / pt, 1.0)
    # From the centre of the circle, the vertex is at the spoke (dy, -dx) / turn; the nearest point of the circle
    # lies toward the axis.
    centre_x, centre_y = vertex[:, 0] - dy / turn, vertex[:, 1] + dx / turn
    spoke_x, spoke_y = dy * np.sign(turn), -dx * np.sign(turn)
    angle = np.arctan2(spoke_x * -centre_y - spoke_y * -centre_x, spoke_x * -centre_x + spoke_y * -centre_y)
    straight = -(vertex[:, 0] * dx + vertex[:, 1] * dy)
    return np.where(bent, angle / turn, straight)
