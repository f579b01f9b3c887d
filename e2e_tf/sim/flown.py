"""Minimum-bias events of the pool followed through the tracker once, to be laid over many events."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.flight import fly
from e2e_tf.sim.measurement import Measured, measure
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pileup import Collisions, Pool, placed_particles, placed_rows

__all__ = ["FlownPool", "flown_pool", "fly_pool", "place_arriving", "place_tracks"]


@dataclass(frozen=True)
class FlownPool:
    """The pool behind the tracker, and its tracks.

    The tracker is taken as the same at all places along the beam, so that one passage serves all uses.

    Attributes:
        offsets: int64 (events + 1), of the pool's particles.
        arriving: what reaches the calorimeters, by rising event of the pool.
        arriving_offsets: int64 (events + 1).
        tracks: measured tracks, by rising event of the pool.
        track_offsets: int64 (events + 1).
    """

    offsets: np.ndarray
    arriving: Particles
    arriving_offsets: np.ndarray
    tracks: Measured
    track_offsets: np.ndarray


def fly_pool(rng: np.random.Generator, pool: Pool, detector: Detector = CMS) -> FlownPool:
    """Follow all events of a pool through the tracker.

    Args:
        rng: random numbers.
        pool: minimum-bias events.
        detector: its numbers.

    Returns:
        What arrives at the calorimeters and the tracks, by event of the pool.
    """
    # Rows of the whole pool: those of the generator start anew in every batch.
    particles = replace(pool.particles, origin=np.arange(len(pool.particles)))
    flights = fly(rng, particles, detector)
    tracks = measure(rng, flights, detector)
    tracks = tracks.take(np.argsort(tracks.event, kind="stable"))
    arriving = flights.arriving()
    arriving = arriving.take(np.argsort(arriving.event, kind="stable"))
    numbers = np.arange(len(pool) + 1)
    return FlownPool(
        pool.offsets,
        arriving,
        np.searchsorted(arriving.event, numbers),
        tracks,
        np.searchsorted(tracks.event, numbers),
    )


def flown_pool(seed: int, pool: Pool, detector: Detector = CMS) -> FlownPool:
    """The pool of a sample behind the tracker; the same seed and pool give the same.

    Args:
        seed: of the sample.
        pool: its minimum-bias events.
        detector: its numbers.

    Returns:
        As :func:`fly_pool`.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(b"pool behind the tracker"),))
    return fly_pool(np.random.default_rng(sequence), pool, detector)


def place_arriving(collisions: Collisions, flown: FlownPool) -> Particles:
    """Particles of pileup collisions at the calorimeters; ``origin`` are rows of :func:`e2e_tf.sim.pileup.place`.

    Args:
        collisions: of the events.
        flown: the pool.

    Returns:
        The particles, by collision.
    """
    placed, of = placed_particles(collisions, flown.arriving, flown.arriving_offsets)
    return replace(placed, origin=_origin(placed.origin, collisions, of, flown))


def place_tracks(collisions: Collisions, flown: FlownPool) -> tuple[Measured, np.ndarray]:
    """Tracks of pileup collisions, and int64 the collision of each.

    Args:
        collisions: of the events.
        flown: the pool.

    Returns:
        The tracks, ``origin`` as rows of :func:`e2e_tf.sim.pileup.place`, and rows of ``collisions``.
    """
    rows, of = placed_rows(collisions, flown.track_offsets)
    taken = flown.tracks.take(rows)
    return (
        replace(
            taken,
            event=collisions.event[of],
            origin=_origin(taken.origin, collisions, of, flown),
            eta=taken.eta * collisions.mirror[of],
            phi=delta_phi(taken.phi + collisions.angle[of], np.zeros(len(of))),
            z0=taken.z0 * collisions.mirror[of] + 100 * collisions.z[of],
        ),
        of,
    )


def _origin(origin: np.ndarray, collisions: Collisions, of: np.ndarray, flown: FlownPool) -> np.ndarray:
    """Rows of the placed particles, of rows of the pool's particles."""
    counts = flown.offsets[collisions.chosen + 1] - flown.offsets[collisions.chosen]
    starts = np.cumsum(counts) - counts
    return origin - flown.offsets[collisions.chosen][of] + starts[of]
