"""What samples say of how their jets were made."""

from __future__ import annotations

import pytest

from e2e_tf.data.definition import collision_energy, jet_definition
from e2e_tf.data.jets import read_jets
from e2e_tf.data.samples import sample_path


def test_simulated_jets_have_cones_and_subtracted_areas() -> None:
    settings = {"candidate_radius": 0.8, "process": {"radius": 0.8, "subtract_pileup": False}}
    assert jet_definition({"settings": settings}) == {
        "candidates": "cone",
        "radius": 0.8,
        "jet_radius": 0.8,
        "momentum": "stored",
        "rho": "candidates",
    }


@pytest.mark.parametrize(("reader", "momentum"), [("pfnano", "stored"), ("nano_taus", "tau")])
def test_jets_of_nanoaod_have_their_constituents(reader: str, momentum: str) -> None:
    found = jet_definition({"reader": reader, "settings": {"min_pt": 10.0}})
    assert found == {"candidates": "constituents", "momentum": momentum, "rho": "fixedGridRhoFastjetAll"}


def test_others_say_nothing() -> None:
    assert jet_definition({}) is None
    assert [collision_energy(one) for one in ({}, {"reader": "pfnano", "settings": {"min_pt": 10.0}})] == [
        0,
        0,
    ]


def test_the_energy_is_that_of_the_simulation() -> None:
    sources = [{"cards": ["HardQCD:all = on"]}, {"cards": ["Top:all = on", "Beams:eCM = 14000"]}]
    for chosen, energy in ((sources[:1], 13.0), (sources, 14.0)):
        assert collision_energy({"settings": {"process": {"radius": 0.8, "sources": chosen}}}) == energy
    for name in ("tau", "tau_detector"):
        assert collision_energy(read_jets(sample_path(name), stop=1).attributes) == 13.0
    assert jet_definition({"reader": "jetclass", "settings": {}}) is None


def test_the_shipped_sample_says_it() -> None:
    jets = read_jets(sample_path("tau"), stop=1)
    assert jet_definition(jets.attributes) == {
        "candidates": "cone",
        "radius": 0.5,
        "jet_radius": 0.4,
        "momentum": "area",
        "rho": "candidates",
    }
