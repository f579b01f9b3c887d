"""Small records of generated events and beams of particles, written by hand."""

from __future__ import annotations

import numpy as np

from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pythia import Events


def record(*rows: tuple) -> Events:
    """One event of (pdg id, status, daughters, pT, η) at φ = 0, η = 0 if left out; the first row stands for the
    system."""
    full = [(*row, 0.0)[:5] for row in ((90, -11, (0, 0), 0.0), *rows)]
    pdg_id, status, daughters, pt, eta = zip(*full, strict=True)
    count = len(pdg_id)
    zero = np.zeros(count)
    return Events(
        np.array(pdg_id, np.int32),
        np.array(status, np.int32),
        zero,
        np.array(daughters, np.int64),
        four_momentum(np.array(pt), np.array(eta), zero, 0.0),
        np.zeros((count, 3)),
        np.zeros(count, np.int64),
        np.ones(1),
    )


def beam(count: int, pdg_id: int, charge: float, pt: float, eta: float = 0.3, phi: float = 0.5) -> Particles:
    """Copies of one particle, one per event, from the middle of the detector."""
    momentum = four_momentum(np.full(count, pt), np.full(count, eta), np.full(count, phi), 0.0)
    return Particles(
        np.arange(count),
        np.full(count, pdg_id, np.int32),
        np.full(count, charge),
        momentum,
        np.zeros((count, 3)),
        np.arange(count),
    )
