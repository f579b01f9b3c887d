"""The tracker as cylinders and discs: which of them a particle crosses, and how much material they are.

Radii and lengths are those of the detector paper (JINST 3 (2008) S08004) for the pixel detector with three layers of
2010 to 2016. The relative thickness of the layers, with cables and walls, follows the public settings of CMS's fast
simulation (cms-sw/cmssw, FastSimulation/TrackerSetup/python/TrackerMaterial_cfi.py); their sum is scaled to the
thickness by |η| that ``Detector`` holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from e2e_tf.data.helix import CURVATURE

__all__ = ["LAYERS", "Crossings", "Layer", "crossings", "double_sided", "relative_thickness"]

_PROMPT = 0.002  # m; what is born nearer to the beam is followed as if it came from the beam


@dataclass(frozen=True)
class Layer:
    """A cylinder around the beam or a disc across it, on both sides.

    Attributes:
        barrel: a cylinder.
        at: radius of a cylinder, |z| of a disc [m].
        low, high: a cylinder reaches to |z| = ``high``, a disc from radius ``low`` to ``high`` [m].
        thickness: in radiation lengths at perpendicular passage, before scaling.
        pixel: a pixel layer.
        active: it measures; otherwise it is a wall, or cables.
        double: a cylinder with two modules back to back, which count as two hits.
    """

    barrel: bool
    at: float
    low: float
    high: float
    thickness: float
    pixel: bool = False
    active: bool = True
    double: bool = False


def _cylinder(at: float, high: float, thickness: float, **kind: bool) -> Layer:
    return Layer(True, at, 0.0, high, thickness, **kind)


def _disc(at: float, low: float, high: float, thickness: float, **kind: bool) -> Layer:
    return Layer(False, at, low, high, thickness, **kind)


LAYERS = (
    _cylinder(0.044, 0.265, 0.022, pixel=True),
    _cylinder(0.073, 0.265, 0.022, pixel=True),
    _cylinder(0.102, 0.265, 0.022, pixel=True),
    _cylinder(0.255, 0.70, 0.053, double=True),
    _cylinder(0.339, 0.70, 0.053, double=True),
    _cylinder(0.419, 0.70, 0.035),
    _cylinder(0.498, 0.70, 0.040),
    _cylinder(0.608, 1.09, 0.030, double=True),
    _cylinder(0.692, 1.09, 0.030, double=True),
    _cylinder(0.780, 1.09, 0.022),
    _cylinder(0.868, 1.09, 0.022),
    _cylinder(0.965, 1.09, 0.022),
    _cylinder(1.080, 1.09, 0.022),
    _disc(0.345, 0.060, 0.150, 0.058, pixel=True),
    _disc(0.465, 0.060, 0.150, 0.058, pixel=True),
    _disc(0.780, 0.230, 0.500, 0.055),
    _disc(0.900, 0.230, 0.500, 0.055),
    _disc(1.020, 0.230, 0.500, 0.055),
    _disc(1.30, 0.230, 1.13, 0.045),
    _disc(1.44, 0.230, 1.13, 0.045),
    _disc(1.58, 0.230, 1.13, 0.045),
    _disc(1.72, 0.320, 1.13, 0.045),
    _disc(1.86, 0.320, 1.13, 0.045),
    _disc(2.03, 0.320, 1.13, 0.045),
    _disc(2.23, 0.390, 1.13, 0.045),
    _disc(2.43, 0.390, 1.13, 0.045),
    _disc(2.66, 0.500, 1.13, 0.045),
    # Beam pipe, cables, cooling and walls.
    _cylinder(0.030, 3.00, 0.003, active=False),
    _cylinder(0.175, 0.72, 0.040, active=False),
    _cylinder(0.546, 1.08, 0.015, active=False),
    _disc(0.288, 0.037, 0.165, 0.055, active=False),
    _disc(0.721, 0.072, 0.176, 0.185, active=False),
    _disc(0.740, 0.225, 0.539, 0.108, active=False),
    _disc(1.080, 0.220, 0.500, 0.090, active=False),
    _disc(1.150, 0.550, 1.11, 0.150, active=False),
    # Last the walls behind everything that measures.
    _cylinder(1.195, 2.99, 0.060, active=False),
    _disc(2.990, 0.300, 1.19, 0.210, active=False),
)


@dataclass(frozen=True)
class Crossings:
    """Where particles cross layers.

    Attributes:
        arc: float64 (n, layers), transverse length of the way to the first crossing [m], infinite without one.
        radius: float64 (n, layers), of the crossing [m].
    """

    arc: np.ndarray
    radius: np.ndarray


def crossings(
    charge: np.ndarray, momentum: np.ndarray, vertex: np.ndarray, layers: tuple[Layer, ...] = LAYERS
) -> Crossings:
    """First crossing of every layer within half a turn.

    Args:
        charge: float (n,), in units of e.
        momentum: float (n, 4), px, py, pz, E [GeV].
        vertex: float (n, 3) [m].
        layers: which ones.

    Returns:
        Arc lengths and radii, (n, layers) each.
    """
    pt = np.maximum(np.hypot(momentum[:, 0], momentum[:, 1]), 1e-6)
    slope = momentum[:, 2] / pt
    turn = np.where(charge != 0, -charge * CURVATURE / pt, 1e-4)  # neutral: a circle of 10 km
    prompt = np.hypot(vertex[:, 0], vertex[:, 1]) < _PROMPT
    displaced = np.flatnonzero(~prompt)
    away = vertex[displaced]

    count = (len(pt), len(layers))
    arc, radius = np.full(count, np.inf), np.zeros(count)
    barrel = np.array([number for number, layer in enumerate(layers) if layer.barrel], np.int64)
    discs = np.array([number for number, layer in enumerate(layers) if not layer.barrel], np.int64)
    at = np.array([layer.at for layer in layers])
    low = np.array([layer.low for layer in layers])
    high = np.array([layer.high for layer in layers])

    half = np.abs(turn) / 2
    sine = at[barrel] * half[:, None]
    way = np.where(sine < 1, np.arcsin(np.minimum(sine, 1.0)) / half[:, None], np.inf)
    if len(displaced):
        way[displaced] = _from_displaced(
            momentum[displaced] / pt[displaced, None], turn[displaced], away, at[barrel]
        )
    z = vertex[:, 2:] + slope[:, None] * np.where(np.isfinite(way), way, 0.0)
    seen = np.abs(z) < high[barrel]
    arc[:, barrel] = np.where(seen, way, np.inf)
    radius[:, barrel] = at[barrel]

    side = np.where(slope < 0, -1.0, 1.0)
    safe = np.where(np.abs(slope) < 1e-9, 1e-9, slope)
    way = (side[:, None] * at[discs] - vertex[:, 2:]) / safe[:, None]
    reach = np.abs(np.sin(half[:, None] * way)) / half[:, None]
    if len(displaced):
        reach[displaced] = _radius_along(
            momentum[displaced] / pt[displaced, None], turn[displaced], away, way[displaced]
        )
    seen = (way > 0) & (half[:, None] * way < np.pi / 2) & (reach > low[discs]) & (reach < high[discs])
    arc[:, discs] = np.where(seen, way, np.inf)
    radius[:, discs] = reach
    return Crossings(arc, radius)


def _from_displaced(
    direction: np.ndarray, turn: np.ndarray, vertex: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """Transverse arc length (n, radii) from inside to cylinders, infinite where the circle stays inside or the particle
    begins outside."""
    bend = 1.0 / turn  # signed radius of the circle
    centre_x, centre_y = vertex[:, 0] - direction[:, 1] * bend, vertex[:, 1] + direction[:, 0] * bend
    away, size = np.hypot(centre_x, centre_y), np.abs(bend)
    cosine = (radius**2 - (away**2 + bend**2)[:, None]) / np.maximum(2 * away * size, 1e-12)[:, None]
    opening = np.arccos(np.clip(cosine, -1.0, 1.0))
    # Angle from the outward direction of the centre to the particle, seen from the centre.
    start = np.arctan2(vertex[:, 1] - centre_y, vertex[:, 0] - centre_x) - np.arctan2(centre_y, centre_x)
    ahead = -(start * np.sign(turn))[:, None]
    steps = np.minimum((ahead + opening) % (2 * np.pi), (ahead - opening) % (2 * np.pi))
    begins = np.hypot(vertex[:, 0], vertex[:, 1])
    possible = (np.abs(cosine) < 1) & (begins[:, None] < radius)
    return np.where(possible, steps * size[:, None], np.inf)


def _radius_along(direction: np.ndarray, turn: np.ndarray, vertex: np.ndarray, arc: np.ndarray) -> np.ndarray:
    """Radius (n, places) after transverse arc lengths (n, places)."""
    angle = turn[:, None] * arc
    ahead, aside = np.sin(angle) / turn[:, None], 2 * np.sin(angle / 2) ** 2 / turn[:, None]
    x = vertex[:, :1] + direction[:, :1] * ahead - direction[:, 1:2] * aside
    y = vertex[:, 1:2] + direction[:, 1:2] * ahead + direction[:, :1] * aside
    return np.hypot(x, y)


def double_sided(found: Crossings, layers: tuple[Layer, ...]) -> np.ndarray:
    """bool (n, layers): where two modules stand back to back, which count as two hits.

    Args:
        found: crossings of the layers.
        layers: which ones.

    Returns:
        bool (n, layers).
    """
    barrel = np.array([layer.double for layer in layers])
    strips = np.array([not layer.barrel and not layer.pixel and layer.active for layer in layers])
    # Rings 1, 2 and 5 of the discs.
    rings = (found.radius < 0.39) | ((found.radius > 0.60) & (found.radius < 0.75))
    return barrel | (strips & rings)


def relative_thickness(eta: np.ndarray, layers: tuple[Layer, ...] = LAYERS) -> np.ndarray:
    """float64 (n, layers): share of each layer in all material that a straight particle of this η from the middle
    crosses; also for layers that it does not cross.

    Args:
        eta: (n,).
        layers: of the tracker.

    Returns:
        float64 (n, layers).
    """
    grid, total = _total_thickness(layers)
    return _perpendicular(eta, layers) / np.interp(np.abs(eta), grid, total)[:, None]


def _perpendicular(eta: np.ndarray, layers: tuple[Layer, ...]) -> np.ndarray:
    thickness = np.array([layer.thickness for layer in layers])
    barrel = np.array([layer.barrel for layer in layers])
    oblique = np.cosh(eta)
    return (
        np.where(barrel, oblique[:, None], np.abs(1 / np.tanh(np.maximum(np.abs(eta), 0.2)))[:, None])
        * thickness
    )


@cache
def _total_thickness(layers: tuple[Layer, ...]) -> tuple[np.ndarray, np.ndarray]:
    """|η| and the thickness of all layers, averaged over the luminous region."""
    grid = np.linspace(0, 3.4, 69)
    place = np.linspace(-0.06, 0.06, 13)
    eta, z = (values.ravel() for values in np.meshgrid(grid, place, indexing="ij"))
    momentum = np.stack([np.ones_like(eta), 0 * eta, np.sinh(eta), np.cosh(eta)], 1)
    vertex = np.stack([0 * z, 0 * z, z], 1)
    crossed = np.isfinite(crossings(0 * eta, momentum, vertex, layers).arc)
    weight = np.exp(-0.5 * (place / 0.035) ** 2)
    total = (crossed * _perpendicular(eta, layers)).sum(1).reshape(len(grid), -1)
    return grid, np.maximum((total * weight).sum(1) / weight.sum(), 1e-3)
