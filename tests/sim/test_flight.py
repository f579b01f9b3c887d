from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from events import beam

from e2e_tf.sim.detector import CMS
from e2e_tf.sim.flight import CONVERSION, DECAY, NUCLEAR_INTERACTION, PRIMARY, RADIATION, fly
from e2e_tf.sim.interactions import NUCLEAR

RNG = 0


@pytest.mark.parametrize("eta", [0.0, 1.5])
def test_hadrons_interact_with_the_material(eta):
    count = 8000
    flights = fly(np.random.default_rng(RNG), beam(count, 2212, 1.0, 5.0, eta=eta))
    lengths = np.interp(eta, NUCLEAR.eta, NUCLEAR.lengths) * (1 + NUCLEAR.elastic)
    ended = (flights.process == PRIMARY) & ~flights.arrives
    # The walls behind the tracker count as calorimeters: up to a fifth of the material.
    assert 0.75 * (1 - np.exp(-lengths)) < ended.sum() / count < 1.03 * (1 - np.exp(-lengths))
    born = flights.process == NUCLEAR_INTERACTION
    radius = np.hypot(flights.vertex[born, 0], flights.vertex[born, 1])
    assert radius.min() > 0.02
    assert radius.max() < CMS.ecal_radius


def test_photons_convert_with_the_material():
    count = 8000
    flights = fly(np.random.default_rng(RNG), beam(count, 22, 0.0, 5.0, eta=0.0))
    legs = (flights.process == CONVERSION) & (np.abs(flights.pdg_id) == 11)
    probability = 1 - np.exp(-7 / 9 * CMS.material_x0[0])
    assert 0.75 * probability < len(np.unique(flights.origin[legs])) / count < 1.03 * probability
    # Nothing is lost: legs, and photons of their radiation, have the energy of the photon.
    arriving = flights.arriving()
    energy = np.bincount(arriving.origin, arriving.momentum[:, 3], count)
    np.testing.assert_allclose(energy, 5.0, rtol=1e-6)


def test_electrons_radiate_and_keep_one_track():
    count = 500
    flights = fly(np.random.default_rng(RNG), beam(count, 11, -1.0, 20.0, eta=1.0))
    first = flights.process == PRIMARY
    assert flights.tracked[first].all()
    assert np.isinf(flights.stop[first]).all()
    after = (flights.process == RADIATION) & (flights.pdg_id == 11)
    assert np.isin(np.arange(count), flights.origin[after]).mean() > 0.95
    assert not flights.tracked[after & np.isin(flights.origin, flights.origin[first])].any()
    arriving = flights.arriving()
    np.testing.assert_allclose(
        np.bincount(arriving.origin, arriving.momentum[:, 3]), 20 * np.cosh(1.0), rtol=1e-6
    )


def test_strange_particles_decay_where_their_lifetime_says():
    count = 20_000
    kaons = beam(count, 310, 0.0, 2.0, eta=0.0)
    momentum = kaons.momentum.copy()
    momentum[:, 3] = np.hypot(2.0, 0.49761)
    none = replace(NUCLEAR, lengths=tuple(1e-9 for _ in NUCLEAR.lengths))
    flights = fly(np.random.default_rng(RNG), replace(kaons, momentum=momentum), nuclear=none)
    decayed = np.isfinite(flights.stop) & (flights.process == PRIMARY)
    mean = 0.026844 * 2.0 / 0.49761
    assert decayed.mean() * len(flights) / count == pytest.approx(1 - np.exp(-0.97 * 1.29 / mean), abs=0.01)
    assert flights.stop[decayed].mean() == pytest.approx(mean, rel=0.03)
    pions = (flights.process == DECAY) & (np.abs(flights.pdg_id) == 211)
    # Daughters begin where the mother ended.
    radius = np.hypot(flights.vertex[pions, 0], flights.vertex[pions, 1])
    np.testing.assert_allclose(radius, flights.stop[:count][flights.origin[pions]], rtol=1e-6)


def test_neutral_pions_are_gone_at_once():
    pions = beam(100, 111, 0.0, 3.0)
    pions.momentum[:, 3] = np.sqrt(pions.momentum[:, 3] ** 2 + 0.13498**2)
    flights = fly(np.random.default_rng(RNG), pions)
    assert not np.isin(flights.arriving().pdg_id, 111).any()
    assert (flights.stop[:100] == 0).all()


def test_particles_come_first_and_unchanged():
    pions = beam(50, 211, 1.0, 3.0)
    flights = fly(np.random.default_rng(RNG), pions)
    for name in ("event", "pdg_id", "charge", "momentum", "vertex", "origin"):
        np.testing.assert_array_equal(getattr(flights, name)[:50], getattr(pions, name))
    assert (flights.process[:50] == PRIMARY).all()
    assert (flights.process[50:] != PRIMARY).all()


def test_nothing_is_an_empty_table():
    assert len(fly(np.random.default_rng(RNG), beam(0, 211, 1.0, 3.0))) == 0
