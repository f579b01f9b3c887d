"""Crystals with times and towers with depths from the deposits of all particles."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc

from e2e_tf.data.grid import PITCH, delta_phi
from e2e_tf.sim.calorimeters import Deposits
from e2e_tf.sim.cluster import ReconstructedJets
from e2e_tf.sim.detector import READOUT, TIMING, Detector, Readout
from e2e_tf.sim.hits import CRYSTAL_GRID, TOWER_GRID, Grid, collect, near_windows, read_out
from e2e_tf.sim.objects import Crystals, Segments

__all__ = ["arrival_times", "depth_shares", "read_crystals", "read_towers"]

_LIGHT = 0.299792458  # m / ns


def arrival_times(deposits: Deposits, collision_z: np.ndarray, collision_time: np.ndarray) -> np.ndarray:
    """When particles reach the ECAL, later than light from the detector's centre would [ns].

    Args:
        deposits: of n particles.
        collision_z: float64 (n,), where the collision that each particle comes from happened [m].
        collision_time: float64 (n,), when [ns].

    Returns:
        float64 (n,). The way from the collision to the particle's birth is taken at the speed of light.
    """
    particles, face = deposits.particles, deposits.ecal_face
    momentum = np.sqrt((particles.momentum[:, :3] ** 2).sum(1))
    speed = np.minimum(momentum / np.maximum(particles.momentum[:, 3], 1e-9), 1.0)
    before = particles.vertex.copy()
    before[:, 2] -= collision_z
    path = np.sqrt((before**2).sum(1)) + face.path / np.maximum(speed, 1e-3)
    return collision_time + (path - np.sqrt((face.position**2).sum(1))) / _LIGHT


def read_crystals(
    rng: np.random.Generator,
    events: int,
    jets: ReconstructedJets,
    deposits: Deposits,
    arrival: np.ndarray,
    detector: Detector,
    readout: Readout = READOUT,
) -> Crystals:
    """Crystals above threshold around jets: energies summed over all showers, times weighted by energy.

    Args:
        rng: random numbers of the objects.
        events: number of events.
        jets: by rising event; what is far from all of them is left out.
        deposits: of all particles.
        arrival: float64 (n,), when each particle arrives [ns]; what comes too late is not seen.
        detector: its numbers.
        readout: numbers of the objects.

    Returns:
        The crystals of all events.
    """
    in_time = np.where(arrival < readout.latest_ns, deposits.ecal, 0.0)
    rows = _near(in_time, 0.02, deposits, deposits.ecal_face.eta, deposits.ecal_face.phi, jets, readout)
    electromagnetic = np.isin(np.abs(deposits.particles.pdg_id[rows]), (11, 13, 22))
    keys, energy, moments = collect(
        CRYSTAL_GRID,
        deposits.particles.event[rows],
        (deposits.ecal_face.eta[rows], deposits.ecal_face.phi[rows]),
        deposits.ecal[rows],
        np.where(electromagnetic[:, None], detector.em_profile, detector.hadron_ecal_profile),
        3,
        (arrival[rows],),
    )
    found, measured = read_out(
        rng,
        CRYSTAL_GRID,
        events,
        (keys, energy),
        detector.ecal_noise,
        detector.ecal_threshold,
        detector,
    )
    noise, constant = TIMING.resolution_ns
    spread = np.hypot(noise * detector.ecal_noise[0] / measured, constant)
    time = _mean(keys, energy, moments[0], found) + spread * rng.standard_normal(len(found))
    event, eta, phi = _middle(CRYSTAL_GRID, found)
    return Crystals(found, event, eta, phi, measured, time)


def read_towers(
    rng: np.random.Generator,
    events: int,
    jets: ReconstructedJets,
    deposits: Deposits,
    detector: Detector,
    readout: Readout = READOUT,
) -> Segments:
    """Depth segments of the towers above threshold around jets.

    A tower's noise and threshold are those of its whole energy, which is then shared among its segments as the
    showers in it are.

    Args:
        rng: random numbers of the objects.
        events: number of events.
        jets: by rising event; what is far from all of them is left out.
        deposits: of all particles.
        detector: its numbers.
        readout: numbers of the segments.

    Returns:
        The segments of all events.
    """
    rows = _near(deposits.hcal, 0.05, deposits, deposits.hcal_face.eta, deposits.hcal_face.phi, jets, readout)
    muon = np.abs(deposits.particles.pdg_id[rows]) == 13
    shares = depth_shares(rng, deposits.ecal[rows], deposits.hcal[rows], muon, readout)
    # A hadron's shower is two: where it hits the calorimeter, and a smaller one beside.
    beside = np.where(muon, 0.0, rng.beta(*readout.fragment_share, len(rows)))
    away = readout.fragment_distance * rng.standard_normal((2, len(rows)))
    face = deposits.hcal_face.eta[rows], deposits.hcal_face.phi[rows]
    keys, energy, moments = collect(
        TOWER_GRID,
        np.tile(deposits.particles.event[rows], 2),
        (np.append(face[0], face[0] + away[0]), np.append(face[1], face[1] + away[1])),
        np.append(1 - beside, beside) * np.tile(deposits.hcal[rows], 2),
        np.broadcast_to(detector.hcal_profile, (2 * len(rows), 3)),
        2,
        tuple(np.tile(shares, (2, 1)).T),
    )
    found, measured = read_out(
        rng,
        TOWER_GRID,
        events,
        (keys, energy),
        (readout.hcal_noise,) * 2,
        (readout.hcal_threshold,) * 2,
        detector,
    )
    fractions = np.stack([_mean(keys, energy, moment, found) for moment in moments], 1)
    # Towers that noise alone fires have it in one segment.
    alone = fractions.sum(1) == 0
    fractions[np.flatnonzero(alone), rng.integers(0, fractions.shape[1], int(alone.sum()))] = 1.0
    parts = measured[:, None] * fractions
    tower, depth = np.nonzero(parts > np.array(readout.depth_threshold))
    event, eta, phi = _middle(TOWER_GRID, found[tower])
    return Segments(found[tower], event, eta, phi, parts[tower, depth], (depth + 1).astype(np.int8))


def depth_shares(
    rng: np.random.Generator,
    ecal: np.ndarray,
    hcal: np.ndarray,
    muon: np.ndarray,
    readout: Readout = READOUT,
) -> np.ndarray:
    """How the energy that particles leave in the HCAL is shared among its depths.

    A hadron that showered in the ECAL enters with its shower; another starts one after an exponentially
    distributed way. A muon leaves the same everywhere.

    Args:
        rng: random numbers of the objects.
        ecal, hcal: float64 (n,), energies left there [GeV].
        muon: bool (n,).
        readout: numbers of the segments.

    Returns:
        float64 (n, depths), each row sums to 1.
    """
    count = len(ecal)
    edges = np.array(readout.depth_edges)
    start = np.where(ecal > 0.2 * (ecal + hcal), 0.0, rng.exponential(1.0, count))
    # What leaves through the back leaves nothing: showers start inside.
    start = np.minimum(start, edges[-1])
    shape, scale = readout.shower_depth
    scale = scale + readout.shower_growth * np.log(np.maximum(ecal + hcal, 1.0))
    before = gammainc(shape, np.maximum(edges - start[:, None], 0.0) / scale[:, None])
    before = np.where(muon[:, None], edges / (edges[-1] + np.diff(edges)[-1]), before)
    return np.diff(before, axis=1, prepend=0.0, append=1.0)


def _near(
    energy: np.ndarray,
    least: float,
    deposits: Deposits,
    eta: np.ndarray,
    phi: np.ndarray,
    jets: ReconstructedJets,
    readout: Readout,
) -> np.ndarray:
    rows = np.flatnonzero(energy > least)
    return rows[near_windows(deposits.particles.event[rows], eta[rows], phi[rows], jets, readout.reach)]


def _mean(keys: np.ndarray, energy: np.ndarray, moment: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Mean of a quantity in the wanted cells; 0 in cells without a deposit."""
    if not len(keys):
        return np.zeros(len(wanted))
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, moment[place] / energy[place], 0.0)


def _middle(grid: Grid, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    event, row, column = grid.split(keys)
    side = grid.size * PITCH
    return event, (row + 0.5) * side, delta_phi((column + 0.5) * side, 0.0)
