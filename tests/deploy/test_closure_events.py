"""Events of the closure: the same jets as text for the driver and as columns, by what a bundle says of its training."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.deploy.closure_events import closure_events, events_text

SIMULATED = {"candidates": "cone", "radius": 0.5, "jet_radius": 0.4, "momentum": "area", "rho": "candidates"}


def test_jets_of_the_simulation() -> None:
    made = closure_events(SIMULATED, events=3)
    assert (made.source, len(made.jets)) == ("slimmedJets", 6)
    assert made.label.tolist() == [1, 0] * 3 or set(made.label.tolist()) == {0, 1}
    candidates = made.jets.candidates
    assert candidates is not None
    assert np.hypot(candidates["deta"], candidates["dphi"]).max() < 0.5
    assert {-1, 0, 1} == set(candidates["from_pv"].tolist())  # pileup among them
    assert (made.jets["rho"] > 0).all()
    count, kind, _, jets, *first_jet = made.text.split()
    assert (count, kind, jets) == ("3", "jet", "2")
    # Stored with all corrections; L1FastJet takes the pileup off again.
    stored, first, last = float(first_jet[0]), float(first_jet[4]), float(first_jet[5])
    assert stored / last * first == pytest.approx(made.jets["pt"][0], rel=1e-6)
    assert first < 1
    assert closure_events(SIMULATED, events=3).text == made.text
    assert closure_events(SIMULATED, events=3, seed=1).text != made.text


@pytest.mark.parametrize(("momentum", "source"), [("stored", "slimmedJets"), ("tau", "slimmedTaus")])
def test_jets_of_their_constituents(momentum: str, source: str) -> None:
    made = closure_events(
        {"candidates": "constituents", "momentum": momentum, "rho": "fixedGridRhoFastjetAll"}, events=2
    )
    assert made.source == source
    candidates = made.jets.candidates
    assert candidates is not None
    assert 0 not in candidates["from_pv"]  # none of pileup
    assert (made.jets["rho"] == 17).all()
    words = made.text.split()
    assert words[1] == ("tau" if momentum == "tau" else "jet")
    share = 0.8 if momentum == "tau" else 1
    assert made.jets["pt"][0] == pytest.approx(share * float(words[4]), rel=1e-6)
    assert words[10] == str(candidates.counts[0])


def test_a_bundle_that_says_nothing_has_jets_as_they_are_stored() -> None:
    stored = {"candidates": "constituents", "momentum": "stored", "rho": "product"}
    assert closure_events(None, events=1).text == closure_events(stored, events=1).text


def test_events_without_jets_or_candidates() -> None:
    jet = {"pt": 2.0, "eta": 0.0, "phi": 0.0, "mass": 1.0, "rho": 3.0, "rows": {"pt": np.zeros(0)}}
    text = events_text([("jet", [jet]), ("tau", []), ("jet", [jet], {"pt": np.ones(1)})], (0.5, 1.0))
    assert text.splitlines() == [
        "3",
        *("jet 3.0 1", "4.0 0.0 0.0 2.0 0.5 1.0 0", "0"),
        *("tau 1.0 0", "0"),
        *("jet 3.0 1", "4.0 0.0 0.0 2.0 0.5 1.0 0", "1", "1.0"),
    ]
