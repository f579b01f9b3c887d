"""A gun of single electrons and photons: images of 32 × 32 crystals with energy and time.

The layout is that of the public ML4SCI files (``e2e_tf.data.readers.ml4sci_eg``): ``X`` (n, 32, 32, 2) and ``y``,
1 for an electron; the images are centred on the most energetic crystal. Beside them stand ``event`` and
``truth/``: ``pt`` [GeV], ``eta``, ``phi`` [rad] at the vertex, ``converted`` (a photon that became a pair in the
tracker) and ``radiated`` (share of an electron's energy that bremsstrahlung took).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.grid import CRYSTALS_IN_PHI
from e2e_tf.data.hdf5 import new_group, new_hdf5, set_attributes
from e2e_tf.data.images import Images
from e2e_tf.sim.calorimeters import Deposits, impact_on_calorimeters
from e2e_tf.sim.detector import CMS, TIMING, Detector
from e2e_tf.sim.hits import CRYSTAL_GRID, collect, read_out
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.order import in_random_pairs
from e2e_tf.sim.particles import Particles, collision_points
from e2e_tf.sim.precision import round_mantissa
from e2e_tf.sim.tracker import pass_material

__all__ = ["LABELS", "PROCESS", "SETTINGS", "SIDE", "simulate_chunk", "write"]

PROCESS = "egamma"
LABELS = (0, 1)  # photon, electron
SIDE = 32  # crystals of an image
PT = 50.0  # GeV, as the public files say in their names
MAX_ETA = 1.2  # an image reaches 16 crystals further and stays inside the barrel (1.479)
SETTINGS: dict[str, Any] = {
    "pt": PT,
    "max_eta": MAX_ETA,
    "side": SIDE,
    "particles": ["photon", "electron"],
    "time_resolution_ns": list(TIMING.resolution_ns),
    "collision_spread_ns": TIMING.collision_spread_ns,
}

_BATCH = 50  # particles that are drawn together; part of what fixes the random numbers
_LIGHT = 0.299792458  # m / ns
_CHANNELS = ("energy", "time")


def simulate_chunk(
    seed: int, source: int, number: int, count: int, detector: Detector = CMS
) -> dict[str, np.ndarray]:
    """Images of one particle kind, with the columns of the file.

    Args:
        seed: of the whole sample.
        source: 0 for photons, 1 for electrons.
        number: among the chunks of this source.
        count: images; a smaller chunk is the beginning of a larger one.
        detector: its numbers.

    Returns:
        ``count`` rows of each column by name; ``X`` are the images (count, 32, 32, 2).
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(PROCESS.encode()), source, number))
    rng = np.random.default_rng(sequence)
    batches = [_batch(rng, bool(source), detector) for _ in range(-(-count // _BATCH))]
    return {name: np.concatenate([batch[name] for batch in batches])[:count] for name in batches[0]}


def _batch(rng: np.random.Generator, electrons: bool, detector: Detector) -> dict[str, np.ndarray]:
    vertex_z = collision_points(rng, _BATCH, detector)
    start = TIMING.collision_spread_ns * rng.standard_normal(_BATCH)
    eta = rng.uniform(-MAX_ETA, MAX_ETA, _BATCH)
    phi = rng.uniform(-np.pi, np.pi, _BATCH)
    charge = rng.choice([-1.0, 1.0], _BATCH) if electrons else np.zeros(_BATCH)
    vertex = np.zeros((_BATCH, 3))
    vertex[:, 2] = vertex_z
    particles = Particles(
        np.arange(_BATCH),
        np.where(charge == 0, 22, -11 * charge).astype(np.int32),
        charge,
        four_momentum(np.full(_BATCH, PT), eta, phi, 0.0),
        vertex,
        np.arange(_BATCH),
    )
    deposits = impact_on_calorimeters(rng, pass_material(rng, particles, detector), detector)
    left = np.flatnonzero(deposits.ecal > 0)
    behind = deposits.particles
    kind = np.abs(behind.pdg_id)
    pairs = np.bincount(behind.event[kind == 11], minlength=_BATCH)
    radiated = np.bincount(behind.event, behind.momentum[:, 3] * (kind == 22), minlength=_BATCH)
    images = _images(rng, deposits, left, vertex, start, detector)
    return {
        "X": images,
        "y": np.full(_BATCH, int(electrons), np.int8),
        "event": np.arange(_BATCH),
        "truth/pt": np.full(_BATCH, PT, np.float32),
        "truth/eta": eta.astype(np.float32),
        "truth/phi": phi.astype(np.float32),
        "truth/converted": ((pairs > 0) & (charge == 0)).astype(np.int8),
        "truth/radiated": (np.where(charge == 0, 0.0, radiated) / particles.momentum[:, 3]).astype(
            np.float32
        ),
    }


def _images(
    rng: np.random.Generator,
    deposits: Deposits,
    rows: np.ndarray,
    vertex: np.ndarray,
    start: np.ndarray,
    detector: Detector,
) -> np.ndarray:
    """float32 (batch, 32, 32, 2): energy [GeV] and time [ns] of the crystals, 0 below threshold."""
    event = deposits.particles.event[rows]
    face, energy = deposits.ecal_face, deposits.ecal[rows]
    profile = np.broadcast_to(detector.em_profile, (len(rows), 3))
    where = (face.eta[rows], face.phi[rows])
    cells, deposit, _ = collect(CRYSTAL_GRID, event, where, energy, profile, 3)
    # All crystals of a particle see one time: the mean arrival of what hits them, weighted by energy.
    birth, end = deposits.particles.vertex[rows], face.position[rows]
    flight = np.linalg.norm(birth - vertex[event], axis=1) + np.linalg.norm(end - birth, axis=1)
    late = start[event] + (flight - np.linalg.norm(end, axis=1)) / _LIGHT
    arrival = np.bincount(event, energy * late, minlength=len(vertex)) / np.maximum(
        np.bincount(event, energy, minlength=len(vertex)), 1e-9
    )
    keys, measured = read_out(
        rng,
        CRYSTAL_GRID,
        len(vertex),
        (cells, deposit),
        detector.ecal_noise,
        detector.ecal_threshold,
        detector,
    )
    noise, constant = TIMING.resolution_ns
    spread = np.hypot(noise * detector.ecal_noise[0] / measured, constant)
    owner, row, column = CRYSTAL_GRID.split(keys)
    time = arrival[owner] + spread * rng.standard_normal(len(keys))

    # Centred on the most energetic crystal: the last of each event in rising energy.
    order = np.lexsort((measured, owner))
    seed = order[np.searchsorted(owner[order], np.arange(len(vertex)), side="right") - 1]
    row = row - row[seed][owner] + SIDE // 2
    column = (column - column[seed][owner] + SIDE // 2) % CRYSTALS_IN_PHI
    inside = (row >= 0) & (row < SIDE) & (column < SIDE)
    images = np.zeros((len(vertex), SIDE, SIDE, 2), np.float32)
    place = (owner[inside], row[inside], column[inside])
    images[(*place, 0)] = round_mantissa(measured[inside])
    images[(*place, 1)] = round_mantissa(time[inside])
    return images


def write(
    path: Path, chunks: Sequence[Mapping[str, np.ndarray]], provenance: Mapping[str, Any], seed: int
) -> Images:
    """Write all chunks to HDF5 and return them as images.

    Photons and electrons stand in pairs, which of them first by chance; ``event`` counts the images.

    Args:
        path: the file.
        chunks: columns of :func:`simulate_chunk`.
        provenance: what the sample depends on, for the file's attributes.
        seed: of the order.

    Returns:
        The images as they are in the file.

    Raises:
        InputError: the file cannot be written.
    """
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    label = columns["y"]
    order = in_random_pairs(label, seed)
    columns = {name: column[order] for name, column in columns.items()}
    columns["event"] = np.arange(len(label))
    with new_hdf5(path, force=True) as file:
        set_attributes(
            file, {"format": "ml4sci_eg", "attributes": json.dumps(dict(provenance), sort_keys=True)}
        )
        new_group(file, "truth")
        for name, column in columns.items():
            chunk = (min(len(column), 256), *column.shape[1:])
            file.create_dataset(
                name, data=column, chunks=chunk, compression="gzip", shuffle=True, fletcher32=True
            )
    return Images(
        images=columns["X"],
        channels=_CHANNELS,
        event=columns["event"],
        weight=np.ones(len(label), np.float32),
        label=columns["y"],
        truth={
            name.removeprefix("truth/"): column
            for name, column in columns.items()
            if name.startswith("truth/")
        },
        attributes=provenance,
    )
