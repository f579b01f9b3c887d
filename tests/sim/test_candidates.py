from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.sim.calorimeters import impact_on_calorimeters
from e2e_tf.sim.candidates import Candidates, reconstruct
from e2e_tf.sim.kinematics import four_momentum, pt_eta_phi
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.tracker import measure_tracks, pass_material

CHARGES = {211: 1.0, -211: -1.0, 22: 0.0, 130: 0.0, 13: -1.0, 11: -1.0, 2112: 0.0}


def candidates_of(pdg_id: int, pt: float, eta: np.ndarray, event: np.ndarray | None = None) -> Candidates:
    rng = np.random.default_rng(0)
    count = len(eta)
    event = np.arange(count) if event is None else event
    particles = Particles(
        event,
        np.full(count, pdg_id, np.int32),
        np.full(count, CHARGES[pdg_id]),
        four_momentum(np.full(count, pt), eta, np.full(count, 0.4), 0.0),
        np.zeros((count, 3)),
        np.arange(count),
    )
    particles.vertex[:, 2] = 0.05
    vertex_z = np.full(int(event.max()) + 1, 0.05)
    tracks = measure_tracks(rng, particles, vertex_z)
    deposits = impact_on_calorimeters(rng, pass_material(rng, particles))
    return reconstruct(rng, particles, tracks, deposits, vertex_z)


@pytest.mark.parametrize(("pdg_id", "kind"), [(-211, 211), (13, 13), (11, 11)])
def test_charged_candidates_are_tracks(pdg_id: int, kind: int):
    found = candidates_of(pdg_id, 10.0, np.full(1000, 0.5))
    charged = found.charge != 0
    assert set(found.pdg_id[charged]) == {kind}
    assert set(found.charge[charged]) == {-1}
    assert charged.sum() / 1000 > 0.9
    pt, eta, _ = pt_eta_phi(found.momentum[charged])
    assert pt.mean() == pytest.approx(10, rel=0.01)
    assert eta.mean() == pytest.approx(0.5, abs=1e-3)
    assert (found.d0_error[charged] > 0).all()


def test_lost_pions_become_neutral_hadrons():
    found = candidates_of(211, 10.0, np.full(2000, 0.0))
    neutral = found.pdg_id == 130
    assert 0.03 < neutral.sum() / 2000 < 0.08
    assert not found.d0[neutral].any()
    assert not found.dz_error[neutral].any()


def test_neutral_hadrons_are_calibrated():
    found = candidates_of(130, 20.0, np.full(4000, 0.0))
    assert set(found.pdg_id) == {130}
    assert found.momentum[:, 3].mean() == pytest.approx(20, rel=0.05)


def test_photons_point_back_to_the_displaced_vertex():
    found = candidates_of(22, 10.0, np.full(3000, 1.0))
    photons = found.momentum[found.pdg_id == 22]
    pt, eta, phi = pt_eta_phi(photons)
    assert len(photons) / 3000 > 0.95
    assert eta.mean() == pytest.approx(1.0, abs=1e-3)
    assert phi.mean() == pytest.approx(0.4, abs=1e-3)
    assert np.median(pt) == pytest.approx(10, rel=0.03)


def test_photons_in_one_block_are_one_candidate():
    # 0.001 apart in η, well inside one block of 2 x 2 crystals (0.035) around η = 0.5 at the face.
    close = candidates_of(22, 10.0, np.array([0.5, 0.501]), event=np.zeros(2, np.int64))
    apart = candidates_of(22, 10.0, np.array([0.5, 0.6]), event=np.zeros(2, np.int64))
    assert len(close) == 1
    assert len(apart) == 2
