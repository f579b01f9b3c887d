"""From tracks and deposits to sparse hits on the fixed detector grid.

Energies are collected once per event in cells of the whole detector; a jet's window is then a view of them.
Two jets of one event therefore see the same energies in the cells they share, and nothing in a window moves
with the jet axis inside its tower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, ndtr, ndtri

from e2e_tf.data.grid import CRYSTALS, CRYSTALS_IN_PHI, PITCH, TOWER, TOWERS, delta_phi
from e2e_tf.data.helix import Impact
from e2e_tf.data.jets import Ragged
from e2e_tf.sim.calorimeters import Deposits
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.kinematics import ranges
from e2e_tf.sim.precision import round_mantissa

__all__ = [
    "CRYSTAL_GRID",
    "TOWER_GRID",
    "Grid",
    "collect",
    "jet_hits",
    "near_windows",
    "read_out",
    "share_among_cells",
]

_WINDOW_REACH = (
    CRYSTALS // 2 + TOWER + 8
) * PITCH  # from the axis to the far corner of its tower and 8 crystals on
_MIN_SHARE = 1e-3  # GeV: shares below neither fire a cell nor matter for one


@dataclass(frozen=True)
class Grid:
    """Cells of the whole detector.

    Attributes:
        size: side of a cell in crystals.
        columns: cells around φ.
        rows: cells along η, half of them on each side.
        window: cells on a side of a jet's window.
    """

    size: int

    @property
    def columns(self) -> int:
        """Cells around in φ."""
        return CRYSTALS_IN_PHI // self.size

    @property
    def rows(self) -> int:
        """Cells along η, up to |η| = π."""
        return CRYSTALS_IN_PHI // self.size

    @property
    def window(self) -> int:
        """Cells on a side of a jet's window."""
        return {1: CRYSTALS, TOWER: TOWERS}[self.size]

    def keys(self, event: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """int64: one number for a cell of an event; rows count from η = 0, columns wrap around.

        Args:
            event: int64 (n,).
            row, column: int64 (n,), the cell.

        Returns:
            int64 (n,).
        """
        return (event * self.rows + row + self.rows // 2) * self.columns + column % self.columns

    def split(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Event, row and column of keys.

        Args:
            keys: int64 (n,), from :meth:`keys`.

        Returns:
            int64 (n,) each.
        """
        column = keys % self.columns
        row = keys // self.columns % self.rows - self.rows // 2
        return keys // (self.columns * self.rows), row, column


CRYSTAL_GRID = Grid(1)
TOWER_GRID = Grid(TOWER)


def near_windows(
    event: np.ndarray,
    eta: np.ndarray,
    phi: np.ndarray,
    jets: ReconstructedJets,
    reach: float = _WINDOW_REACH,
) -> np.ndarray:
    """bool (n,): points in or near the window of any jet of their event.

    Args:
        event: int64 (n,), of the points.
        eta, phi: float64 (n,), their directions [rad].
        jets: by rising event.
        reach: largest distance in η and in φ from the axis [rad].

    Returns:
        bool (n,).
    """
    first = np.searchsorted(jets.event, event)
    counts = np.searchsorted(jets.event, event, side="right") - first
    point = np.repeat(np.arange(len(event)), counts)
    jet = ranges(first, counts)
    close = np.abs(eta[point] - jets.eta[jet]) < reach
    close &= np.abs(delta_phi(phi[point], jets.phi[jet])) < reach
    return np.bincount(point[close], minlength=len(event)) > 0


def share_among_cells(centre: np.ndarray, sigma: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """How a Gaussian shower is shared along one axis, normalised to the cells covered.

    Args:
        centre: float (n,), in cells.
        sigma: float (n,), in cells.
        half: cells covered on each side of the one that holds the centre.

    Returns:
        int64 (n,) the first cell, and float64 (n, 2 half + 1) shares that sum to 1.
    """
    first = np.floor(centre).astype(np.int64) - half
    edges = first[:, None] + np.arange(2 * half + 2) - centre[:, None]
    below = erf(edges / (np.sqrt(2) * sigma[:, None]))
    shares = np.diff(below, axis=1)
    return first, shares / shares.sum(1, keepdims=True)


def collect(
    grid: Grid,
    event: np.ndarray,
    face: tuple[np.ndarray, np.ndarray],
    energy: np.ndarray,
    profile: np.ndarray,
    half: int,
    weights: Sequence[np.ndarray] = (),
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Summed energies of showers in cells.

    Args:
        grid: crystals or towers.
        event: int64 (n,), of each shower.
        face: η and φ (n,) where it meets the calorimeter [rad].
        energy: float64 (n,) [GeV].
        profile: float64 (n, 3), share of the first Gaussian and the width of each [cells].
        half: cells covered on each side of the centre's.
        weights: float64 (n,) each, quantities of the showers.

    Returns:
        Rising int64 keys of cells, float64 energies [GeV], and for each of ``weights`` the sums of energy times it.
    """
    side = grid.size * PITCH
    weight = np.zeros((len(energy), 2 * half + 1, 2 * half + 1))
    for share, sigma in ((profile[:, 0], profile[:, 1]), (1 - profile[:, 0], profile[:, 2])):
        row, along_eta = share_among_cells(face[0] / side, sigma, half)
        column, along_phi = share_among_cells(face[1] / side, sigma, half)
        weight += share[:, None, None] * along_eta[:, :, None] * along_phi[:, None, :]
    weight *= energy[:, None, None]
    steps = np.arange(2 * half + 1)
    rows = row[:, None, None] + steps[:, None]
    columns = column[:, None, None] + steps
    keys = grid.keys(event[:, None, None], rows, columns)
    used = (weight > _MIN_SHARE) & (np.abs(rows + 0.5) < grid.rows / 2)
    cells, inverse = np.unique(keys[used], return_inverse=True)
    shares = weight[used]
    shower = np.nonzero(used)[0] if weights else None
    more = [np.bincount(inverse, shares * w[shower], minlength=len(cells)) for w in weights]
    return cells, np.bincount(inverse, shares, minlength=len(cells)), more


def read_out(
    rng: np.random.Generator,
    grid: Grid,
    events: int,
    cells: tuple[np.ndarray, np.ndarray],
    noise: tuple[float, float],
    threshold: tuple[float, float],
    detector: Detector,
) -> tuple[np.ndarray, np.ndarray]:
    """Noise and thresholds (barrel, endcap) [GeV]; also the few cells that noise alone fires.

    Args:
        rng: the chunk's random numbers.
        grid: crystals or towers.
        events: number of events.
        cells: keys and energies of :func:`collect`.
        noise: σ in barrel and endcap [GeV].
        threshold: lowest energy that is kept, in barrel and endcap [GeV].
        detector: its numbers.

    Returns:
        Keys int64 (hits,), rising, and measured energies float64 (hits,) [GeV].
    """
    keys, energy = cells
    endcap = _in_endcap(grid, keys, detector)
    measured = energy + np.where(endcap, *noise[::-1]) * rng.standard_normal(len(energy))
    kept = measured > np.where(endcap, *threshold[::-1])
    # Noise alone: how many cells pass is Poisson distributed, where is uniform, how high a Gaussian's tail.
    whole = events * grid.rows * grid.columns
    tail = ndtr(-detector.empty_cell_sigmas)
    fired = np.unique(rng.integers(0, whole, rng.poisson(whole * tail)))
    sigmas = -ndtri(tail * (1 - rng.random(len(fired))))
    height = sigmas * np.where(_in_endcap(grid, fired, detector), *noise[::-1])
    _, row, _ = grid.split(fired)
    covered = np.abs(row + 0.5) * grid.size * PITCH < detector.calorimeter_max_eta
    # The keys are sorted: looking each up is much faster than np.isin, which hashes all of them.
    place = np.searchsorted(keys, fired)
    has_deposit = np.append(keys, -1)[place] == fired
    alone = covered & ~has_deposit
    all_keys = np.concatenate([keys[kept], fired[alone]])
    order = np.argsort(all_keys, kind="stable")
    return all_keys[order], np.concatenate([measured[kept], height[alone]])[order]


def _in_endcap(grid: Grid, keys: np.ndarray, detector: Detector) -> np.ndarray:
    _, row, _ = grid.split(keys)
    return np.abs(row + 0.5) * grid.size * PITCH > detector.ecal_barrel_eta


def _windows(
    grid: Grid,
    cells: tuple[np.ndarray, np.ndarray],
    jets: ReconstructedJets,
    corner: tuple[np.ndarray, np.ndarray],
) -> Ragged:
    """The cells in each jet's window, by rising cell number."""
    keys, energy = cells
    whole = grid.rows * grid.columns
    first = np.searchsorted(keys, jets.event * whole)
    counts = np.searchsorted(keys, (jets.event + 1) * whole) - first
    jet = np.repeat(np.arange(len(jets)), counts)
    taken = ranges(first, counts)
    _, row, column = grid.split(keys[taken])
    row = row - (corner[0] // grid.size)[jet]
    column = (column - (corner[1] // grid.size)[jet]) % grid.columns
    inside = (row >= 0) & (row < grid.window) & (column < grid.window)
    cell = (row * grid.window + column)[inside]
    jet = jet[inside]
    order = np.lexsort((cell, jet))
    columns = {
        "cell": cell[order].astype(np.int16),
        "value": round_mantissa(energy[taken][inside][order]),
    }
    return Ragged.from_counts(columns, np.bincount(jet, minlength=len(jets)))


def jet_hits(
    rng: np.random.Generator,
    events: int,
    jets: ReconstructedJets,
    corner: tuple[np.ndarray, np.ndarray],
    tracks: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    deposits: Deposits,
    detector: Detector = CMS,
) -> dict[str, Ragged]:
    """Hits of every jet's window.

    Args:
        rng: the chunk's random numbers.
        events: number of events.
        jets: by rising event.
        corner: (ieta, iphi) of each window, from ``e2e_tf.data.grid.window_corner``.
        tracks: event, pT [GeV], η and φ [rad] at the vertex of every track; a track counts where it points at
            the vertex, unbent.
        deposits: of all particles of these events.
        detector: its numbers.

    Returns:
        ``track`` (summed pT), ``ecal`` and ``hcal`` (energy) [GeV]: ``cell`` int16, ``value`` float32.
    """
    corner = (corner[0].astype(np.int64), corner[1].astype(np.int64))
    event, pt, eta, phi = tracks
    keys = CRYSTAL_GRID.keys(event, *_cells(eta, phi))
    cells, inverse = np.unique(keys, return_inverse=True)
    track_cells = cells, np.bincount(inverse, pt, minlength=len(cells))

    electromagnetic = np.isin(np.abs(deposits.particles.pdg_id), (11, 13, 22))
    crystal_profile = np.where(electromagnetic[:, None], detector.em_profile, detector.hadron_ecal_profile)
    tower_profile = np.broadcast_to(detector.hcal_profile, crystal_profile.shape)

    def shower_cells(
        grid: Grid, energy: np.ndarray, least: float, face: Impact, profile: np.ndarray, half: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(energy > least)
        rows = rows[near_windows(deposits.particles.event[rows], face.eta[rows], face.phi[rows], jets)]
        cells, total, _ = collect(
            grid,
            deposits.particles.event[rows],
            (face.eta[rows], face.phi[rows]),
            energy[rows],
            profile[rows],
            half,
        )
        return cells, total

    crystals = shower_cells(CRYSTAL_GRID, deposits.ecal, 0.02, deposits.ecal_face, crystal_profile, 3)
    towers = shower_cells(TOWER_GRID, deposits.hcal, 0.05, deposits.hcal_face, tower_profile, 2)
    ecal = read_out(
        rng, CRYSTAL_GRID, events, crystals, detector.ecal_noise, detector.ecal_threshold, detector
    )
    hcal = read_out(
        rng,
        TOWER_GRID,
        events,
        towers,
        (detector.hcal_noise,) * 2,
        (detector.hcal_threshold,) * 2,
        detector,
    )
    channels: Mapping[str, tuple[Grid, tuple[np.ndarray, np.ndarray]]] = {
        "track": (CRYSTAL_GRID, track_cells),
        "ecal": (CRYSTAL_GRID, ecal),
        "hcal": (TOWER_GRID, hcal),
    }
    return {name: _windows(grid, found, jets, corner) for name, (grid, found) in channels.items()}


def _cells(eta: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.floor(eta / PITCH).astype(np.int64), np.floor(phi / PITCH).astype(np.int64)
