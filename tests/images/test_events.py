"""Selection, masses and spectra of drawn events, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError
from e2e_tf.images import (
    Events,
    dimuon_mass,
    generate_events,
    mass_spectra,
    select_events,
)


def with_counts(muons: list[int], jets: list[int]) -> Events:
    n, rng = len(muons), np.random.default_rng(0)

    def part(counts: list[int], names: tuple[str, ...]) -> Ragged:
        columns = {name: rng.uniform(1, 2, sum(counts)).astype(np.float32) for name in names}
        return Ragged.from_counts(columns, np.array(counts))

    names = ("pt", "eta", "phi", "charge")
    return Events(part(muons, names), part(jets, names[:3]), np.ones(n), np.ones(n))


def test_selection() -> None:
    events = with_counts([2, 1, 3, 2, 0], [1, 1, 0, 5, 2])
    assert select_events(events).tolist() == [True, False, False, True, False]
    assert select_events(events, max_jets=4).tolist() == [True, False, False, False, False]
    assert select_events(events, min_jets=0).tolist() == [True, False, True, True, False]
    assert len(events.take(select_events(events))) == 2
    with pytest.raises(InputError, match="min_muons must not be negative, got -1"):
        select_events(events, min_muons=-1)


def test_dimuon_mass_by_hand() -> None:
    # Back to back at η = 0 the mass is twice the momentum; side by side in η it is 2 pT sinh(Δη / 2).
    columns = {
        "pt": [45.0, 45.0, 30.0, 30.0, 20.0],
        "eta": [0.0, 0.0, 0.0, 1.0, 0.3],
        "phi": [0.0, np.pi, 0.4, 0.4, 0.0],
        "charge": [1, -1, 1, -1, 1],
    }
    muons = Ragged.from_counts({k: np.array(v, np.float32) for k, v in columns.items()}, np.array([2, 2, 1]))
    jets = Ragged.from_counts({k: np.zeros(0, np.float32) for k in ("pt", "eta", "phi")}, np.zeros(3, int))
    mass = dimuon_mass(Events(muons, jets, np.ones(3), np.ones(3)))
    assert mass[:2] == pytest.approx([90.0, 60 * np.sinh(0.5)], rel=1e-6)
    assert np.isnan(mass[2])


def test_dimuon_mass_is_that_of_four_vectors() -> None:
    events, names = generate_events(300, seed=3)
    mass = dimuon_mass(events)
    pt, eta, phi = (events.muons[name].astype(np.float64).reshape(-1, 2) for name in ("pt", "eta", "phi"))
    px, py, pz, e = ((c * pt).sum(axis=1) for c in (np.cos(phi), np.sin(phi), np.sinh(eta), np.cosh(eta)))
    np.testing.assert_allclose(mass, np.sqrt(e**2 - px**2 - py**2 - pz**2), rtol=1e-5)
    near_z = np.abs(mass - 91.2) < 10
    assert near_z[events.label == names.index("drell_yan")].mean() > 0.8
    assert near_z[events.label == names.index("w_jets")].mean() < 0.3


def test_spectra_by_hand() -> None:
    mass = np.array([50.0, 91.0, 92.0, np.nan, 91.0, 300.0])
    predicted = np.array([0, 0, 0, 0, 1, 1])
    spectra = mass_spectra(mass, predicted, ("dy", "tt"), [40, 80, 100])
    assert {k: v.tolist() for k, v in spectra.items()} == {"dy": [1, 2], "tt": [0, 1]}
    scores = np.eye(2)[predicted] * 0.6 + 0.2
    again = mass_spectra(mass, scores, ("dy", "tt"), [40, 80, 100])
    assert {k: v.tolist() for k, v in again.items()} == {"dy": [1, 2], "tt": [0, 1]}
    for arguments, sentence in (
        ((mass, predicted[:3], ("dy", "tt"), [0, 1]), "one entry per mass"),
        ((mass, predicted, ("dy",), [0, 1]), "class numbers below 1, got 1"),
        ((mass, predicted, ("dy", "tt"), [1, 0]), "rising edges"),
    ):
        with pytest.raises(InputError, match=sentence):
            mass_spectra(*arguments)


def test_toy_events_are_reproducible() -> None:
    one, two = generate_events(50, seed=4)[0], generate_events(50, seed=4)[0]
    np.testing.assert_array_equal(one.jets["pt"], two.jets["pt"])
    assert np.bincount(one.label).tolist() == [17, 17, 16]
    falling = np.diff(one.jets["pt"])[np.diff(one.jets.owner) == 0]
    assert (falling <= 0).all()
    assert select_events(one).all()
