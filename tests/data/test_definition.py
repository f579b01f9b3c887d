"""What samples say of how their jets were made."""

from __future__ import annotations

import pytest

from e2e_tf.data.definition import jet_definition
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
