from __future__ import annotations

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.detector import CMS
from e2e_tf.sim.tracker import measure_tracks, pass_material


def test_impact_parameters_of_a_displaced_track():
    # Born 2 mm to the side (+y) and 5 mm up the beam of a track along +x: d0 = (-x py + y px) / pT = +2 mm.
    count = 2000
    pions = beam(count, 211, 1.0, 10.0, eta=0.0, phi=0.0)
    pions.vertex[:] = (0.001, 0.002, 0.035)
    tracks = measure_tracks(np.random.default_rng(0), pions, np.full(count, 0.030))
    assert tracks.d0.mean() == pytest.approx(0.2, abs=1e-3)
    assert tracks.dz.mean() == pytest.approx(0.5, abs=1e-3)
    # 10 µm and 85 µm GeV / pT in quadrature, at η = 0.
    assert tracks.d0_error[0] == pytest.approx(np.hypot(0.0010, 0.0085 / 10))
    assert tracks.d0.std() == pytest.approx(tracks.d0_error[0], rel=0.1)
    # Born 2 mm out, a track keeps nearly all of its layers.
    assert tracks.found.mean() == pytest.approx(CMS.track_efficiency, abs=0.02)


def test_photons_convert_with_the_material():
    # 1 - exp(-7/9 * 0.4) = 0.267 at η = 0.
    photons = beam(20_000, 22, 0.0, 5.0, eta=0.0)
    behind = pass_material(np.random.default_rng(0), photons)
    legs = behind.take(np.flatnonzero(behind.pdg_id != 22))
    assert len(legs) / 2 / 20_000 == pytest.approx(1 - np.exp(-7 / 9 * 0.4), abs=0.01)
    assert legs.charge.sum() == 0
    energy = np.bincount(behind.origin, behind.momentum[:, 3])
    np.testing.assert_allclose(energy, 5.0)


def test_electrons_keep_their_energy_in_two_parts():
    electrons = beam(500, -11, 1.0, 20.0, eta=1.0)
    behind = pass_material(np.random.default_rng(0), electrons)
    assert len(behind) == 1000
    np.testing.assert_allclose(np.bincount(behind.origin, behind.momentum[:, 3]), 20 * np.cosh(1.0))
