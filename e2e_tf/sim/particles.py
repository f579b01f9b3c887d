"""Generated particles on their way into the detector.

Everything is flat and vectorised over particles. Positions are in metres in the CMS frame (z along the beam),
momenta in GeV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.table import Table
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.pythia import Events

__all__ = ["Particles", "collision_points", "visible_particles"]

_NEUTRINOS = (12, 14, 16)
_MAX_ETA = 3.3  # particles beyond reach neither tracker nor calorimeter, however the vertex is displaced
_MIN_ENERGY = 0.1  # softer particles cannot fire a cell


@dataclass(frozen=True)
class Particles(Table):
    """Particles on their way through the detector, flat.

    Attributes:
        event: int64 (n,), event they belong to.
        pdg_id: int32 (n,).
        charge: float64 (n,), in units of e.
        momentum: float64 (n, 4), px, py, pz, E [GeV].
        vertex: float64 (n, 3), where they were born [m].
        origin: int64 (n,), row of the generated particle they come from.
    """

    event: np.ndarray
    pdg_id: np.ndarray
    charge: np.ndarray
    momentum: np.ndarray
    vertex: np.ndarray
    origin: np.ndarray


def collision_points(rng: np.random.Generator, events: int, detector: Detector = CMS) -> np.ndarray:
    """float64 (events,): z of the primary vertices [m], spread along the beam.

    Args:
        rng: the chunk's random numbers.
        events: number of events.
        detector: its luminous region.

    Returns:
        float64 (events,) [m].
    """
    return detector.beam_spot_sigma_z * rng.standard_normal(events)


def visible_particles(events: Events, vertex_z: np.ndarray) -> Particles:
    """Final particles but neutrinos inside the acceptance.

    Args:
        events: the generator's record.
        vertex_z: float64 (events,), z of the primary vertices [m].

    Returns:
        The particles, each at its vertex.
    """
    pt, eta, _ = pt_eta_phi(events.momentum)
    kept = (events.status > 0) & ~np.isin(np.abs(events.pdg_id), _NEUTRINOS)
    rows = np.flatnonzero(
        kept & (np.abs(eta) < _MAX_ETA) & (events.momentum[:, 3] > _MIN_ENERGY) & (pt > 0.02)
    )
    event = events.event[rows]
    vertex = events.vertex[rows] * 1e-3
    vertex[:, 2] += vertex_z[event]
    return Particles(
        event=event,
        pdg_id=events.pdg_id[rows],
        charge=events.charge[rows],
        momentum=events.momentum[rows],
        vertex=vertex,
        origin=np.arange(len(rows)),
    )
