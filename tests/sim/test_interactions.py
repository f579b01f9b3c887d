from __future__ import annotations

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.decays import mass_of
from e2e_tf.sim.interactions import NUCLEAR, convert, interact, radiate, scatter


def test_conversions_keep_energy_and_have_no_charge():
    photons = beam(1000, 22, 0.0, 3.0)
    legs = convert(np.random.default_rng(0), photons)
    for column in range(4):
        np.testing.assert_allclose(
            np.bincount(legs.origin, legs.momentum[:, column]), photons.momentum[:, column]
        )
    np.testing.assert_array_equal(np.bincount(legs.origin, legs.charge), np.zeros(1000))
    assert set(legs.pdg_id.tolist()) == {11, -11}


def test_bremsstrahlung_shares_the_energy():
    # 1 − exp(−x t) with t exponential: the mean share that is left is 1 / (1 + x).
    electrons = beam(20_000, 11, -1.0, 10.0)
    slowed, photons = radiate(np.random.default_rng(0), electrons, np.full(20_000, 0.5))
    np.testing.assert_allclose(slowed.momentum + photons.momentum, electrons.momentum)
    assert (slowed.momentum[:, 3] / electrons.momentum[:, 3]).mean() == pytest.approx(1 / 1.5, abs=0.005)


def test_products_of_nuclear_interactions_have_less_momentum_than_came():
    pions = beam(3000, 211, 1.0, 5.0, eta=0.0)
    products = interact(np.random.default_rng(0), pions)
    size = np.sqrt((products.momentum[:, :3] ** 2).sum(1))
    assert np.bincount(products.origin, size).max() <= 5.0 + 1e-9
    assert size.min() > NUCLEAR.min_momentum
    np.testing.assert_allclose(products.momentum[:, 3], np.sqrt(size**2 + mass_of(products.pdg_id) ** 2))
    # On average a half of the largest loss is missing, and what is too soft besides.
    left = 1 - NUCLEAR.lost / 2
    assert 0.9 * left < np.bincount(products.origin, size, 3000).mean() / 5.0 < left
    # a + b ln(1 + E), of which the softest are dropped.
    base, slope = NUCLEAR.hadrons
    number = np.bincount(products.origin, minlength=3000).mean()
    assert 0.6 * (base + slope * np.log(6.0)) < number < base + slope * np.log(6.0)


def test_products_of_hard_interactions_have_the_mean_transverse_momentum():
    pions = beam(3000, 211, 1.0, 200.0, eta=0.0, phi=0.0)
    products = interact(np.random.default_rng(0), pions)
    hard = products.momentum[:, 0] > 5
    transverse = np.hypot(products.momentum[hard, 1], products.momentum[hard, 2])
    assert transverse.mean() == pytest.approx(NUCLEAR.pt, rel=0.05)


def test_elastic_scatters_turn_only():
    pions = beam(5000, 211, 1.0, 10.0, eta=0.5, phi=0.0)
    after = scatter(np.random.default_rng(0), pions)
    np.testing.assert_allclose(after.momentum[:, 3], pions.momentum[:, 3])
    size = np.sqrt((after.momentum[:, :3] ** 2).sum(1))
    np.testing.assert_allclose(size, np.sqrt((pions.momentum[:, :3] ** 2).sum(1)))
    # The momentum across the old direction is Rayleigh distributed: mean 0.12 GeV, median 0.94 of it.
    along = (after.momentum[:, :3] * pions.momentum[:, :3]).sum(1) / size
    across = np.sqrt(np.maximum(size**2 - along**2, 0))
    assert across.mean() == pytest.approx(NUCLEAR.elastic_pt, rel=0.05)
    assert np.median(across) / across.mean() == pytest.approx(
        np.sqrt(2 * np.log(2)) / np.sqrt(np.pi / 2), rel=0.03
    )
