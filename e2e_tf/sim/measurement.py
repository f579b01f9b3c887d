"""Tracks of single particles: hits by layer, efficiency, resolution. Vertices and fakes come later.

Published anchors (tracking paper, JINST 9 (2014) P10009): 94 % of prompt charged particles above 0.9 GeV are found for
|η| < 0.9 and 85 % between 0.9 and 2.5, nuclear interactions being the main loss; muons essentially always; at 100 GeV
and |η| < 1.4 the resolution is about 2.8 % in pT, 10 µm in d0 and 30 µm in dz. Numbers without a source are chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from e2e_tf.data.helix import along, closest_approach
from e2e_tf.data.table import Table
from e2e_tf.data.track_columns import D0_RESOLUTION, DZ_RESOLUTION
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.flight import CONVERSION, Flights
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.layers import LAYERS, Crossings, crossings, double_sided

__all__ = ["TRACKING", "Measured", "Tracking", "efficiency", "measure"]

ACTIVE = tuple(layer for layer in LAYERS if layer.active)
_PIXEL = np.array([layer.pixel for layer in ACTIVE])
_FEWEST = 4  # layers that are left where a track is not followed to its end
_SOFTER = 0.8  # particles below the smallest pT of tracks are measured above it now and then
_FIRST_RADIUS = 0.044  # m, of the first pixel layer, where the resolutions hold


@dataclass(frozen=True)
class Tracking:
    """Numbers of track finding and fitting; those without a source are chosen.

    Attributes:
        hit_efficiency: of a layer; dead modules included.
        ends_early: share of the tracks that are not followed to their last hit, and the smallest part of the way that
            they are followed; from the spread of the degrees of freedom in the full simulation.
        second_hit: efficiency of the second module of double layers.
        electron_efficiency: factor for electrons, which radiate and are lost on the way.
        conversion_efficiency: further factor for legs of conversions, which begin on top of each other.
        by_layers: efficiency with 0, 1, 2, ... layers hit; the last number for all above.
        by_pixels: factor for 0, 1, 2, ... pixel layers hit: seeds without pixels are fewer and lead astray more often.
        confusion: ΔR within which the softer of two tracks may be lost, its hits being taken for the other's, and the
            probability at ΔR = 0 (chosen: a third of a millimetre at the first pixel layer, some pixels).
        outer_seed: further factor where the first hit is beyond ``outer_radius`` [m].
        soft_loss: loss at pT → 0, and the pT in which it falls by e [GeV] (tracking paper: efficiency falls below
            1 GeV).
        floor_growth, scattering_growth: powers with which the two terms of the impact parameters' errors grow with the
            radius of the first hit.
        tails: share and width, in errors, of the Gaussians that the measured parameters' distributions are made of.
        pt_resolution: σ(pT)/pT = (a + b |η|) ⊕ c pT / GeV, with hits in all layers (tracking paper: 2.8 % at 100 GeV
            and |η| < 1.4).
        d0_resolution: σ of d0 = a + b √cosh η / pT [cm, cm GeV] with a hit in the first pixel layer (tracking paper:
            about 90 µm at 1 GeV, 20 µm at 10 GeV, 10 µm at 100 GeV).
        dz_resolution: σ of dz = a + b cosh η / pT [cm, cm GeV] (tracking paper: 30 µm at 100 GeV).
        chi2: mean per degree of freedom, and relative spread of the mean from track to track.
        error_spread: relative spread of the errors that the fit states about the true ones.
    """

    hit_efficiency: float = 0.98
    second_hit: float = 0.75
    ends_early: tuple[float, float] = (0.25, 0.25)
    electron_efficiency: float = 0.90
    conversion_efficiency: float = 0.27
    by_layers: tuple[float, ...] = (0.0, 0.0, 0.0, 0.1, 0.5, 0.8, 0.93, 0.97, 0.988, 0.992)
    by_pixels: tuple[float, ...] = (0.30, 0.60, 0.95, 1.0)
    outer_radius: float = 0.45
    outer_seed: float = 0.45
    displaced_scale: float = 6.0
    soft_loss: tuple[float, float] = (0.25, 0.30)
    floor_growth: float = 1.7
    scattering_growth: float = 1.0
    tails: tuple[tuple[float, float], ...] = ((0.845, 0.92), (0.115, 1.6), (0.04, 3.2))
    error_spread: float = 0.10
    pt_resolution: tuple[float, float, float] = (0.007, 0.004, 2.0e-4)
    d0_resolution: tuple[float, float] = D0_RESOLUTION
    dz_resolution: tuple[float, float] = DZ_RESOLUTION
    chi2: tuple[float, float] = (0.95, 0.15)
    confusion: tuple[float, float] = (0.008, 0.6)


TRACKING = Tracking()


@dataclass(frozen=True)
class Measured(Table):
    """Found tracks, before vertices.

    Attributes:
        event: int64 (n,).
        origin: int64 (n,), row of the generated particle; −1 for a fake.
        process: int8 (n,), how the particle began (``flight.PRIMARY``, ...); −1 for a fake.
        pt, eta, phi: float64 (n,), at the point nearest to the beam [GeV, rad].
        charge: int8 (n,) [e].
        d0: float64 (n,), to the z axis [cm], CMS sign (−x py + y px) / pT.
        z0: float64 (n,), z of that point [cm].
        d0_error, dz_error: float64 (n,), as the fit states them [cm].
        chi2: float64 (n,), per degree of freedom.
        n_hits, n_pixel_hits: int16 (n,).
    """

    event: np.ndarray
    origin: np.ndarray
    process: np.ndarray
    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    charge: np.ndarray
    d0: np.ndarray
    z0: np.ndarray
    d0_error: np.ndarray
    dz_error: np.ndarray
    chi2: np.ndarray
    n_hits: np.ndarray
    n_pixel_hits: np.ndarray


def efficiency(
    layers: np.ndarray,
    pixels: np.ndarray,
    first_radius: np.ndarray,
    pt: np.ndarray,
    numbers: Tracking = TRACKING,
) -> np.ndarray:
    """Probability that a track is found, float64 (n,).

    Args:
        layers: int (n,), layers hit.
        pixels: int (n,), pixel layers hit.
        first_radius: float (n,), of the first hit [m].
        pt: float (n,) [GeV].
        numbers: of track finding.

    Returns:
        float64 (n,).
    """
    found = np.array(numbers.by_layers)[np.minimum(layers, len(numbers.by_layers) - 1)]
    displaced = np.array(numbers.by_pixels)[np.minimum(pixels, len(numbers.by_pixels) - 1)]
    displaced = displaced * np.where(first_radius > numbers.outer_radius, numbers.outer_seed, 1.0)
    found = found * (1 - (1 - displaced) * np.exp(-pt / numbers.displaced_scale))
    loss, scale = numbers.soft_loss
    return found * (1 - loss * np.exp(-pt / scale))


def measure(
    rng: np.random.Generator, flights: Flights, detector: Detector = CMS, numbers: Tracking = TRACKING
) -> Measured:
    """Tracks that charged particles leave.

    Args:
        rng: random numbers.
        flights: ways through the tracker.
        detector: its resolutions.
        numbers: of track finding.

    Returns:
        The tracks that were found and are above the least pT.
    """
    pt, eta, _ = pt_eta_phi(flights.momentum)
    rows = np.flatnonzero(
        flights.tracked
        & (flights.charge != 0)
        & (pt > _SOFTER * detector.track_min_pt)
        & (np.abs(eta) < detector.track_max_eta + 0.3)
    )
    chosen = flights.take(rows)
    pt = pt[rows]
    found = crossings(chosen.charge, chosen.momentum, chosen.vertex, ACTIVE)
    hit = (found.arc < chosen.stop[:, None]) & (rng.random(found.arc.shape) < numbers.hit_efficiency)
    layers, pixels = hit.sum(1), (hit & _PIXEL).sum(1)
    radius = np.where(hit, found.radius, np.inf).min(1)
    chance = efficiency(layers, pixels, radius, pt, numbers)
    chance *= np.where(np.abs(chosen.pdg_id) == 11, numbers.electron_efficiency, 1.0)
    chance *= np.where(chosen.process == CONVERSION, numbers.conversion_efficiency, 1.0)
    # Some tracks are followed to a part of their hits only.
    last = np.where(hit, found.arc, 0.0).max(1)
    share, shortest = numbers.ends_early
    followed = hit & (found.arc <= (last * rng.uniform(shortest, 1.0, len(rows)))[:, None])
    early = (rng.random(len(rows)) < share) & (followed.sum(1) >= _FEWEST)
    hit = np.where(early[:, None], followed, hit)
    layers, pixels = hit.sum(1), (hit & _PIXEL).sum(1)
    lever = np.where(hit, found.radius, 0.0).max(1) - np.where(np.isfinite(radius), radius, 0.0)
    back = closest_approach(chosen.charge, chosen.momentum, chosen.vertex)
    place, momentum = along(chosen.charge, chosen.momentum, chosen.vertex, back)
    _, eta, phi = pt_eta_phi(momentum)
    kept = np.flatnonzero((rng.random(len(rows)) < chance) & (np.abs(eta) < detector.track_max_eta))
    kept = kept[~_confused(rng, chosen.event[kept], pt[kept], eta[kept], phi[kept], numbers)]
    chosen, hit, layers, pixels = chosen.take(kept), hit[kept], layers[kept], pixels[kept]
    pt, eta, phi, place, radius, lever = (column[kept] for column in (pt, eta, phi, place, radius, lever))
    second = hit & double_sided(Crossings(found.arc[kept], found.radius[kept]), ACTIVE)
    second &= rng.random(hit.shape) < numbers.second_hit
    arm = np.interp(np.abs(eta), *_full_lever(detector.track_max_eta)) / np.maximum(lever, 0.05)
    arm = np.maximum(arm, 1.0)
    further = np.maximum(radius / _FIRST_RADIUS, 1.0)
    pt_spread, d0_spread, dz_spread = _resolutions(chosen, pt, eta, arm, further, detector, numbers)

    count = len(kept)
    wide = _tail(rng, count, numbers)
    # A hit that belongs to something else moves all parameters and makes the fit worse.
    degrees = np.maximum(layers + pixels - 3, 2)
    mean, spread = numbers.chi2
    chi2 = mean * np.exp(spread * rng.standard_normal(count)) * rng.chisquare(degrees) / degrees
    chi2 *= np.where(wide > 1.2, 1 + 0.25 * wide, 1.0)
    noise = rng.standard_normal((5, count)) * wide
    # Hits are wrong in one direction more often than in both.
    noise[4] *= _tail(rng, count, numbers) / wide
    stated = 1 + numbers.error_spread * rng.standard_normal((2, count))
    stated = np.clip(stated, 0.6, 1.6)
    tracks = Measured(
        event=chosen.event,
        origin=chosen.origin,
        process=chosen.process,
        pt=pt * np.maximum(1 + pt_spread * noise[0], 0.2),
        eta=eta + detector.track_eta_resolution * noise[1] * further,
        phi=phi + detector.track_phi_resolution * noise[2] * arm,
        charge=np.sign(chosen.charge).astype(np.int8),
        d0=100 * (place[:, 1] * np.cos(phi) - place[:, 0] * np.sin(phi)) + d0_spread * noise[3],
        z0=100 * place[:, 2] + dz_spread * noise[4],
        d0_error=d0_spread * stated[0],
        dz_error=dz_spread * stated[1],
        chi2=chi2,
        n_hits=(layers + second.sum(1)).astype(np.int16),
        n_pixel_hits=pixels.astype(np.int16),
    )
    return tracks.take(np.flatnonzero(tracks.pt > detector.track_min_pt))


def _resolutions(
    chosen: Flights,
    pt: np.ndarray,
    eta: np.ndarray,
    arm: np.ndarray,
    further: np.ndarray,
    detector: Detector,
    numbers: Tracking,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Relative spread of pT, and spreads of d0 and dz [cm]; ``arm`` and ``further`` are 1 for full tracks.

    The two terms of the impact parameters add up linearly, nearer to the figures of the tracking paper and to the
    errors of the full simulation between 3 and 30 GeV than in quadrature: about 20 µm in d0 at 10 GeV.
    """
    constant, slope, linear = numbers.pt_resolution
    pt_spread = np.hypot((constant + slope * np.abs(eta)) * arm, linear * pt * arm**2)
    electron = np.abs(chosen.pdg_id) == 11
    pt_spread = np.where(electron, pt_spread * detector.electron_pt_resolution_factor, pt_spread)
    cosh = np.cosh(eta)
    grown = further**numbers.floor_growth, further**numbers.scattering_growth
    floor, scattering = numbers.d0_resolution
    d0_spread = floor * grown[0] + scattering * np.sqrt(cosh) / pt * grown[1]
    floor, scattering = numbers.dz_resolution
    dz_spread = floor * grown[0] + scattering * cosh / pt * grown[1]
    return np.minimum(pt_spread, 0.7), d0_spread, dz_spread


def _confused(
    rng: np.random.Generator,
    event: np.ndarray,
    pt: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    numbers: Tracking,
) -> np.ndarray:
    """bool (n,): tracks lost because a harder one is too near; the nearest few in φ are looked at."""
    distance, most = numbers.confusion
    order = np.lexsort((phi, event))
    lost = np.zeros(len(event), bool)
    for step in (1, 2, 3):
        one, two = order[:-step], order[step:]
        away = np.hypot(eta[one] - eta[two], phi[one] - phi[two])
        near = np.flatnonzero((event[one] == event[two]) & (away < distance))
        happens = near[rng.random(len(near)) < most * (1 - away[near] / distance)]
        softer = np.where(pt[one[happens]] < pt[two[happens]], one[happens], two[happens])
        lost[softer] = True
    return lost


def _tail(rng: np.random.Generator, count: int, numbers: Tracking) -> np.ndarray:
    """Width in errors of the Gaussian that each track's parameters are drawn from."""
    share = np.cumsum([share for share, _ in numbers.tails])
    widths = np.array([width for _, width in numbers.tails])
    return widths[np.minimum(np.searchsorted(share / share[-1], rng.random(count)), len(widths) - 1)]


@cache
def _full_lever(max_eta: float) -> tuple[np.ndarray, np.ndarray]:
    """|η|, and the transverse distance from the first to the last layer of a straight track [m]."""
    eta = np.linspace(0, max_eta, 51)
    momentum = np.stack([np.ones_like(eta), 0 * eta, np.sinh(eta), np.cosh(eta)], 1)
    found = crossings(0 * eta, momentum, np.zeros((len(eta), 3)), ACTIVE)
    crossed = np.isfinite(found.arc)
    first = np.where(crossed, found.radius, np.inf).min(1)
    return eta, np.where(crossed, found.radius, 0.0).max(1) - first
