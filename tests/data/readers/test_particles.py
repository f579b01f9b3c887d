from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.jets import Ragged
from e2e_tf.data.readers.particles import (
    MASSES,
    charge_of,
    cloud,
    cms_event,
    energy_of,
    four_vectors,
    kinds_of,
    mass_of,
    summed,
    unpad,
)
from e2e_tf.errors import InputError


def test_momenta_by_hand():
    pt, eta, phi = four_vectors(np.array([3, 0, 0, 0]), np.array([4, 0, 0, -2]), np.array([0, 0, -7, 2]))
    np.testing.assert_allclose(pt, [5, 0, 0, 2])
    np.testing.assert_allclose(eta, [0, 0, -20, np.arcsinh(1)])
    np.testing.assert_allclose(phi, [np.arctan2(4, 3), 0, 0, -np.pi / 2])


def test_energy_of_mass_and_momentum():
    eta = np.array([0.0, 1.0, 100.0])
    energy = energy_of(np.array([3.0, 1.0, 0.0]), eta, np.array([4.0, -0.01, 2.0]))
    np.testing.assert_allclose(energy, [5, np.cosh(1), 2], rtol=1e-6)
    assert energy.dtype == np.float32


@pytest.mark.parametrize(
    ("pdg_id", "charge", "kind", "mass"),
    [
        (211, 1, "is_charged_hadron", 0.13957),
        (-211, -1, "is_charged_hadron", 0.13957),
        (2212, 1, "is_charged_hadron", 0.93827),
        (11, -1, "is_electron", 0.000511),
        (-11, 1, "is_electron", 0.000511),
        (13, -1, "is_muon", 0.10566),
        (22, 0, "is_photon", 0.0),
        (2, 0, "is_photon", MASSES[211]),
        (130, 0, "is_neutral_hadron", 0.49761),
        (1, 0, "is_neutral_hadron", MASSES[211]),
        (12, 0, "", MASSES[211]),
        (0, 0, "", MASSES[211]),
    ],
)
def test_particles_by_their_numbers(pdg_id, charge, kind, mass):
    number = np.array([pdg_id])
    assert charge_of(number)[0] == charge
    assert mass_of(number)[0] == mass
    assert {name for name, flag in kinds_of(number).items() if flag[0]} == ({kind} if kind else set())


def test_events_of_different_runs_differ():
    event = cms_event(np.array([1, 2], np.uint32), np.array([5, 5], np.uint64))
    np.testing.assert_array_equal(event, [2**40 + 5, 2**41 + 5])
    assert len(cms_event(np.zeros(0, int), np.zeros(0, int))) == 0
    with pytest.raises(InputError, match=r"run numbers must be below 2\^23 and event numbers below 2\^40"):
        cms_event(np.array([1]), np.array([2**40]))


def test_jets_are_sums_and_constituents_lie_around_them():
    px, py = np.array([3.0, 3.0, -1.0]), np.array([4.0, -4.0, -1e-3])
    pz, energy = np.zeros(3), np.array([5.0, 5.0, 1.0])
    jets, candidates = cloud(px, py, pz, energy, np.array([2, 0, 1]))
    np.testing.assert_allclose(jets["pt"], [6, 0, np.hypot(1, 1e-3)], rtol=1e-6)
    np.testing.assert_allclose(jets["mass"], [8, 0, 0], atol=1e-3)
    np.testing.assert_allclose(candidates["dphi"], [np.arctan2(4, 3), np.arctan2(-4, 3), 0], atol=1e-6)
    assert {c.dtype for c in (*jets.values(), *candidates.values())} == {np.dtype(np.float32)}
    axis = (np.full(3, 0.5), np.array([0.0, 0.0, np.pi]))
    _, moved = cloud(px, py, pz, energy, np.array([2, 0, 1]), axis)
    np.testing.assert_allclose(moved["deta"], -0.5)
    np.testing.assert_allclose(moved["dphi"][2], 1e-3, rtol=1e-3)  # across the seam at ±π


def test_padding_goes():
    array = np.arange(12.0).reshape(2, 3, 2)
    rows = unpad(array, np.array([[True, False, True], [False, False, False]]), ("a", "b"))
    np.testing.assert_array_equal(rows.counts, [2, 0])
    np.testing.assert_array_equal(rows["a"], [0, 4])
    np.testing.assert_array_equal(rows["b"], [1, 5])


def test_named_columns_are_summed_jet_by_jet():
    columns = {
        "E": np.array([5.0, 5.0, 1.0]),
        "x": np.array([3.0, 3.0, 1.0]),
        "y": np.array([4.0, -4.0, 0.0]),
    }
    raw = Ragged.from_counts({**columns, "z": np.zeros(3)}, np.array([2, 0, 1]))
    jets, candidates = summed(raw, ("x", "y", "z", "E"))
    np.testing.assert_allclose(jets["mass"], [8, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(candidates.counts, [2, 0, 1])
    np.testing.assert_allclose(candidates["pt"], [5, 5, 1])
