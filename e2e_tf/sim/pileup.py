"""Pileup: minimum-bias events laid over the hard scatter, and what reconstruction does about them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.table import Table, columns_of, joined
from e2e_tf.sim.calorimeters import Deposits
from e2e_tf.sim.candidates import Candidates
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.kinematics import pt_eta_phi, ranges
from e2e_tf.sim.particles import Particles, visible_particles
from e2e_tf.sim.pythia import MINIMUM_BIAS, EventGenerator

__all__ = [
    "POOL_EVENTS",
    "Collisions",
    "Pool",
    "density",
    "draw_collisions",
    "from_primary_vertex",
    "join_deposits",
    "join_particles",
    "minimum_bias",
    "overlay",
    "place",
    "placed_particles",
    "placed_rows",
    "pool_columns",
    "pool_of_columns",
    "turned",
]

POOL_EVENTS = 2000  # every use is turned in φ and mirrored in z at random, so few are enough
MAX_DZ_CM = 0.1  # CMS keeps charged hadrons of the primary vertex; 1 mm or three standard deviations here
_BATCH = 200
_DENSITY_CELLS = (8, 12)  # cells in η and φ, each about 0.55 × 0.52
_DENSITY_MAX_ETA = 2.2


@dataclass(frozen=True)
class Pool:
    """Minimum-bias events at the middle of the detector.

    Attributes:
        particles: of all events, by rising event; ``event`` is the number in the pool.
        offsets: int64 (events + 1); rows ``offsets[i]:offsets[i + 1]`` are event ``i``.
    """

    particles: Particles
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1


@lru_cache(maxsize=1)
def minimum_bias(seed: int, events: int) -> Pool:
    """Inelastic collisions for pileup; the same seed and number give the same pool.

    Args:
        seed: of the sample.
        events: how many.

    Returns:
        The collisions with their particles.

    Raises:
        InputError: the extra ``sim`` is not installed.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(b"minimum bias"),))
    generator = EventGenerator(MINIMUM_BIAS, int(sequence.generate_state(1)[0]))
    parts, made = [], 0
    while made < events:
        batch = generator.next(min(_BATCH, events - made))
        particles = visible_particles(batch, np.zeros(len(batch)))
        parts.append(replace(particles, event=particles.event + made))
        made += len(batch)
    particles = joined(parts)
    return Pool(particles, np.searchsorted(particles.event, np.arange(events + 1)))


def pool_columns(pool: Pool) -> dict[str, np.ndarray]:
    """The pool as flat columns, to keep it.

    Args:
        pool: collisions.

    Returns:
        Arrays by name.
    """
    return {"offsets": pool.offsets, **columns_of(pool.particles)}


def pool_of_columns(columns: Mapping[str, np.ndarray]) -> Pool:
    """The pool of :func:`pool_columns`.

    Args:
        columns: from :func:`pool_columns`.

    Returns:
        The pool.
    """
    return Pool(Particles(*(columns[field.name] for field in fields(Particles))), columns["offsets"])


@dataclass(frozen=True)
class Collisions(Table):
    """Pileup collisions of some events, by rising event.

    Attributes:
        event: int64 (n,).
        chosen: int64 (n,), event of the pool.
        z: float64 (n,), place along the beam [m].
        angle: float64 (n,), turn around the beam [rad].
        mirror: float64 (n,), 1, or −1 where z of the pool's event is mirrored.
    """

    event: np.ndarray
    chosen: np.ndarray
    z: np.ndarray
    angle: np.ndarray
    mirror: np.ndarray


def draw_collisions(
    rng: np.random.Generator, pool: Pool, events: int, mean: float, detector: Detector = CMS
) -> Collisions:
    """Pileup collisions of some events, taken from the pool with repetition.

    Args:
        rng: random numbers.
        pool: minimum-bias events.
        events: number of events.
        mean: of the Poisson distribution of the number of collisions.
        detector: its luminous region.

    Returns:
        The collisions, by event.
    """
    number = rng.poisson(mean, events)
    total = int(number.sum())
    chosen = rng.integers(0, len(pool), total)
    z = detector.beam_spot_sigma_z * rng.standard_normal(total)
    angle = rng.uniform(0, 2 * np.pi, total)
    mirror = rng.choice([-1.0, 1.0], total)
    return Collisions(np.repeat(np.arange(events), number), chosen, z, angle, mirror)


def placed_rows(collisions: Collisions, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a table of the pool contributes to collisions.

    Args:
        collisions: which events of the pool.
        offsets: int64 (pool events + 1); rows ``offsets[i]:offsets[i + 1]`` of the table are event ``i``.

    Returns:
        int64 (rows,) rows of the table, and int64 (rows,) the collision each is for.
    """
    starts = offsets[collisions.chosen]
    counts = offsets[collisions.chosen + 1] - starts
    return ranges(starts, counts), np.repeat(np.arange(len(counts)), counts)


def turned(vectors: np.ndarray, collisions: Collisions, of: np.ndarray) -> np.ndarray:
    """Vectors of the pool turned around the beam and mirrored as their collisions are, float64 like ``vectors``.

    Args:
        vectors: float64 (n, 3 or more), x, y, z and what stays.
        collisions: of the events.
        of: int64 (n,), collision of each vector.

    Returns:
        float64, in the shape of ``vectors``.
    """
    result = vectors.astype(np.float64, copy=True)
    cosine, sine = np.cos(collisions.angle)[of], np.sin(collisions.angle)[of]
    x, y = vectors[:, 0], vectors[:, 1]
    result[:, 0], result[:, 1] = x * cosine - y * sine, x * sine + y * cosine
    result[:, 2] *= collisions.mirror[of]
    return result


def placed_particles(
    collisions: Collisions, particles: Particles, offsets: np.ndarray
) -> tuple[Particles, np.ndarray]:
    """Particles of the pool where the collisions have them, and int64 the collision of each.

    Args:
        collisions: of the events.
        particles: of the pool.
        offsets: int64 (pool events + 1), rows of each of its events.

    Returns:
        The particles, by collision, each collision at its own z, with ``origin`` as in the pool; and rows of
        ``collisions``.
    """
    rows, of = placed_rows(collisions, offsets)
    taken = particles.take(rows)
    vertex = turned(taken.vertex, collisions, of)
    vertex[:, 2] += collisions.z[of]
    momentum = turned(taken.momentum, collisions, of)
    return replace(taken, event=collisions.event[of], momentum=momentum, vertex=vertex), of


def place(collisions: Collisions, pool: Pool) -> Particles:
    """The particles of pileup collisions, each collision at its own z; ``origin`` counts them.

    Args:
        collisions: of the events.
        pool: from which they were drawn.

    Returns:
        The particles, by collision.
    """
    placed, _ = placed_particles(collisions, pool.particles, pool.offsets)
    return replace(placed, origin=np.arange(len(placed)))


def overlay(
    rng: np.random.Generator, pool: Pool, events: int, mean: float, detector: Detector = CMS
) -> tuple[Particles, Collisions]:
    """Pileup particles of some events.

    Args:
        rng: random numbers.
        pool: where collisions are taken from, with repetition.
        events: number of events.
        mean: of the Poisson distribution of the number of collisions.
        detector: its luminous region.

    Returns:
        The particles, each collision at its own z, and the collisions.
    """
    collisions = draw_collisions(rng, pool, events, mean, detector)
    return place(collisions, pool), collisions


def join_particles(first: Particles, second: Particles, shift: int) -> Particles:
    """Both, one after the other; ``origin`` of the second moves on by ``shift``.

    Args:
        first, second: particles of the same events.
        shift: rows of the generated particles of ``first``.

    Returns:
        The particles of ``first``, then those of ``second``.
    """
    return joined([first, replace(second, origin=second.origin + shift)])


def join_deposits(first: Deposits, second: Deposits, shift: int) -> Deposits:
    """Both, one after the other; ``origin`` of the second moves on by ``shift``.

    Args:
        first, second: deposits of the same events.
        shift: rows of the generated particles of ``first``.

    Returns:
        The deposits of ``first``, then those of ``second``.
    """
    return Deposits(
        join_particles(first.particles, second.particles, shift),
        np.concatenate([first.ecal, second.ecal]),
        np.concatenate([first.hcal, second.hcal]),
        joined([first.ecal_face, second.ecal_face]),
        joined([first.hcal_face, second.hcal_face]),
    )


def from_primary_vertex(candidates: Candidates) -> np.ndarray:
    """int8 (n,): 1 for tracks from the hard scatter's vertex, 0 for other tracks, −1 where no track tells.

    Args:
        candidates: n candidates.

    Returns:
        int8 (n,).
    """
    near = np.abs(candidates.dz) < np.maximum(MAX_DZ_CM, 3 * candidates.dz_error)
    return np.where(candidates.charge == 0, -1, near).astype(np.int8)


def density(event: np.ndarray, momentum: np.ndarray, events: int) -> np.ndarray:
    """float64 (events,): median pT per area of a grid in η and φ, the pileup left under a jet [GeV].

    Args:
        event: int64 (n,), of each candidate.
        momentum: float64 (n, 4), of the candidates that jets are made of [GeV].
        events: number of events.

    Returns:
        float64 (events,), GeV per unit area.
    """
    pt, eta, phi = pt_eta_phi(momentum)
    rows, columns = _DENSITY_CELLS
    row = np.floor((eta / _DENSITY_MAX_ETA + 1) / 2 * rows).astype(np.int64)
    column = (
        np.floor((delta_phi(phi, np.zeros_like(phi)) / np.pi + 1) / 2 * columns).astype(np.int64) % columns
    )
    inside = (row >= 0) & (row < rows)
    cell = (event * rows + row) * columns + column
    total = np.bincount(cell[inside], pt[inside], minlength=events * rows * columns)
    area = (2 * _DENSITY_MAX_ETA / rows) * (2 * np.pi / columns)
    return np.median(total.reshape(events, rows * columns), axis=1) / area
