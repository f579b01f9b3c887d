from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import beam

from e2e_tf.data.helix import CURVATURE
from e2e_tf.sim.detector import READOUT
from e2e_tf.sim.pixels import unused_clusters

SURE = replace(READOUT, pixel_efficiency=1.0)


def test_a_straight_track_crosses_three_layers():
    # 1 TeV from z = 5 cm, seen from z = 5 cm: its own direction on each layer.
    pions = beam(1, 211, 1.0, 1000.0, eta=0.8, phi=0.5)
    pions.vertex[:, 2] = 0.05
    found = unused_clusters(np.random.default_rng(0), pions, np.zeros(1, bool), np.array([0.05]), SURE)
    np.testing.assert_array_equal(found.layer, [1, 2, 3])
    np.testing.assert_allclose(found.eta, 0.8, atol=1e-4)
    np.testing.assert_allclose(found.phi, 0.5, atol=1e-4)
    # From the middle of the detector the first layer (44 mm) is seen under sinh η = sinh 0.8 + 50 / 44.
    found = unused_clusters(np.random.default_rng(0), pions, np.zeros(1, bool), np.zeros(1), SURE)
    assert found.eta[0] == pytest.approx(np.arcsinh(np.sinh(0.8) + 50 / 44), abs=1e-4)


def test_a_soft_track_bends():
    # A circle through the centre meets radius r turned by asin(r / 2R), clockwise for positive charge.
    pions = beam(1, 211, 1.0, 0.3, eta=0.0, phi=0.5)
    found = unused_clusters(np.random.default_rng(0), pions, np.zeros(1, bool), np.zeros(1), SURE)
    bent = np.arcsin(np.array(READOUT.pixel_radii) * CURVATURE / (2 * 0.3))
    np.testing.assert_allclose(found.phi, 0.5 - bent, atol=1e-9)


def test_only_charged_unused_and_inside():
    pions = beam(4, 211, 1.0, 5.0, eta=0.0)
    pions.charge[1] = 0.0  # a photon
    pions.vertex[2, 0] = 0.05  # born behind the first layer
    used = np.array([False, False, False, True])
    found = unused_clusters(np.random.default_rng(0), pions, used, np.zeros(4), SURE)
    assert sorted(zip(found.event.tolist(), found.layer.tolist(), strict=True)) == [
        (0, 1), (0, 2), (0, 3), (2, 2), (2, 3),
    ]  # fmt: skip
    # η = 3: z = 44 mm · sinh 3 = 0.441 m is behind the end of the barrel.
    forward = beam(1, 211, 1.0, 5.0, eta=3.0)
    assert not len(unused_clusters(np.random.default_rng(0), forward, np.zeros(1, bool), np.zeros(1), SURE))


def test_layers_are_nearly_efficient():
    pions = beam(20_000, 211, 1.0, 5.0, eta=0.0)
    found = unused_clusters(np.random.default_rng(0), pions, np.zeros(20_000, bool), np.zeros(20_000))
    assert len(found) / 60_000 == pytest.approx(READOUT.pixel_efficiency, abs=0.002)
