"""Clusters in the first layers of the pixel detector that no track uses."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.helix import propagate
from e2e_tf.sim.detector import READOUT, Readout
from e2e_tf.sim.objects import PixelClusters
from e2e_tf.sim.particles import Particles

__all__ = ["unused_clusters"]


def unused_clusters(
    rng: np.random.Generator,
    particles: Particles,
    used: np.ndarray,
    vertex_z: np.ndarray,
    readout: Readout = READOUT,
) -> PixelClusters:
    """Where charged particles without a track cross the first layers of the barrel.

    Args:
        rng: random numbers of the objects.
        particles: all that fly through the tracker.
        used: bool (n,), particles whose clusters a track has.
        vertex_z: float64 (events,), z of the chosen vertices [m], from which clusters are seen.
        readout: the layers.

    Returns:
        Clusters by layer. A particle that curls up crosses a layer once, outwards.
    """
    left = particles.take(np.flatnonzero((particles.charge != 0) & ~used))
    birth = np.hypot(left.vertex[:, 0], left.vertex[:, 1])
    parts = []
    for layer, radius in enumerate(readout.pixel_radii, start=1):
        inside = left.take(
            np.flatnonzero((birth < radius) & (np.abs(left.vertex[:, 2]) < readout.pixel_half_length))
        )
        there = propagate(
            inside.charge, inside.momentum, inside.vertex, radius, readout.pixel_half_length * (1 + 1e-9)
        )
        on_barrel = np.abs(there.position[:, 2]) < readout.pixel_half_length
        fired = rng.random(len(inside)) < readout.pixel_efficiency
        rows = np.flatnonzero(there.reached & on_barrel & fired)
        event = inside.event[rows]
        z = there.position[rows, 2] - vertex_z[event]
        parts.append((event, np.arcsinh(z / radius), there.phi[rows], np.full(len(rows), layer, np.int8)))
    return PixelClusters(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
