from __future__ import annotations

import numpy as np

from e2e_tf.sim.kinematics import four_momentum, pt_eta_phi, ranges, sums


def test_momentum_by_hand():
    pt, eta, phi = pt_eta_phi(np.array([[3.0, 4.0, 5 * np.sinh(1.5), 99.0], [-2.0, 0.0, 0.0, 2.0]]))
    np.testing.assert_allclose(pt, [5, 2])
    np.testing.assert_allclose(eta, [1.5, 0], atol=1e-12)
    np.testing.assert_allclose(phi, [np.arctan2(4, 3), np.pi])


def test_there_and_back():
    rng = np.random.default_rng(0)
    pt, eta, phi = rng.uniform(0.5, 50, 100), rng.uniform(-3, 3, 100), rng.uniform(-3.1, 3.1, 100)
    p4 = four_momentum(pt, eta, phi, 0.5)
    np.testing.assert_allclose(np.stack(pt_eta_phi(p4)), [pt, eta, phi], rtol=1e-12)
    np.testing.assert_allclose(p4[:, 3] ** 2 - (p4[:, :3] ** 2).sum(1), 0.25, rtol=1e-6)


def test_ranges():
    np.testing.assert_array_equal(ranges(np.array([5, 0, 2]), np.array([2, 0, 3])), [5, 6, 2, 3, 4])
    assert len(ranges(np.array([], int), np.array([], int))) == 0


def test_sums_by_index():
    np.testing.assert_array_equal(sums(np.array([2, 0, 2]), np.array([1.0, 2.0, 3.0]), 4), [2, 0, 4, 0])
    assert sums(np.zeros(0, np.int64), np.zeros(0), 2).dtype == np.float64
