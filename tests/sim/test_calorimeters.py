from __future__ import annotations

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.calorimeters import hadron_response, impact_on_calorimeters


def test_hadrons_are_seen_with_their_response():
    energy = np.array([2.0, 5.0, 50.0, 300.0])
    response = hadron_response(energy)
    np.testing.assert_allclose(response, 1 - 0.55 * energy**-0.33)
    assert 0.6 < response[1] < 0.8
    assert 0.83 < response[2] < 0.9
    kaons = beam(20_000, 130, 0.0, 10.0, eta=0.0)
    deposits = impact_on_calorimeters(np.random.default_rng(0), kaons)
    total = deposits.ecal + deposits.hcal
    assert total.mean() == pytest.approx(10 * hadron_response(np.array([10.0]))[0], rel=0.01)
    assert total.std() / total.mean() == pytest.approx(np.hypot(1.10 / np.sqrt(10), 0.09), rel=0.05)
    assert 0.3 < deposits.ecal.mean() / total.mean() < 0.5
    assert (total > 0).all()


def test_photons_are_seen_fully_and_only_in_the_ecal():
    deposits = impact_on_calorimeters(np.random.default_rng(0), beam(20_000, 22, 0.0, 10.0, eta=0.0))
    assert deposits.ecal.mean() == pytest.approx(10, rel=1e-3)
    # 2.8 % / sqrt(10) and 0.3 % in quadrature.
    assert deposits.ecal.std() / 10 == pytest.approx(np.hypot(0.028 / np.sqrt(10), 0.003), rel=0.05)
    assert not deposits.hcal.any()


def test_nothing_beyond_the_calorimeters():
    deposits = impact_on_calorimeters(np.random.default_rng(0), beam(100, 22, 0.0, 10.0, eta=3.2))
    assert not deposits.ecal.any()
    # 0.9 GeV reaches the ECAL but not the HCAL's 1.9 m (0.3 * 3.8 * 1.9 / 2 = 1.08 GeV).
    soft = impact_on_calorimeters(np.random.default_rng(0), beam(100, 211, 1.0, 0.9, eta=0.0))
    assert soft.ecal.any()
    assert not soft.hcal.any()
