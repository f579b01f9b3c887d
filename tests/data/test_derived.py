from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.data.derived import computed_inputs, derived, jet_columns, jets_that_pass, to_score
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError

JETS = Jets(
    {"pt": np.array([10.0, 40.0, 0.0]), "eta": np.array([0.0, 3.0, 1.0])},
    np.arange(3),
    np.array([1, 2, -1], np.float32),
    np.array([1, 0, 0], np.int8),
    {"mode": np.array([5, 0, 1])},
    candidates=Ragged.from_counts({"pt": np.array([5.0, 1.0, 20.0])}, np.array([2, 1, 0])),
)


def test_columns_of_jets_may_use_those_before_them_and_names_of_files():
    columns = {"jets": {"double": "2 * Jet_pt", "more": "double + n_candidates + truth_mode + mode"}}
    found = derived(JETS, columns)
    assert found["double"].tolist() == [20, 80, 0]
    assert found["more"].tolist() == [32, 81, 2]
    assert found["double"].dtype == np.float32


def test_what_only_training_needs_may_be_absent_where_jets_are_scored():
    """Targets and weights of simulated jets; inputs, cuts and what these are made of are computed or refused."""
    columns = {
        "jets": {
            "base": "2 * pt",
            "ratio": "log(mode) / base",
            "input": "base + 1",
            "cut": "eta",
            "shown": "1 / pt",
        },
        "candidates": {"z": "pt / jet_cut"},
    }
    wanted = to_score(columns, "eta < 2", ["input"])
    assert wanted["optional"] == ["ratio", "shown"]
    assert to_score(columns, "Jet_shown > 0", [])["optional"] == ["base", "ratio", "input"]
    data = replace(
        JETS, truth={}, label=None, columns=dict(JETS.columns) | {"eta": np.array([1.0, 3.0, 2.0])}
    )
    found = derived(data, wanted, "eta < 9")
    assert found["input"].tolist() == [21, 81, 1]
    assert "ratio" not in found.columns
    assert found["shown"].tolist()[:2] == pytest.approx([0.1, 0.025])
    with pytest.raises(InputError, match=r"'log\(mode\) / base' needs mode"):
        derived(data, to_score(columns, "", ["ratio"]))


def test_columns_of_candidates_see_their_jet():
    columns = {"candidates": {"share": "PFCands_pt / Jet_pt", "same": "pt / jet_pt - share"}}
    found = derived(JETS, columns).candidates
    assert found["share"].tolist() == pytest.approx([0.5, 0.1, 0.5])
    assert found["same"].tolist() == pytest.approx([0, 0, 0], abs=1e-7)


def test_candidates_and_jets_are_cut():
    found = derived(JETS, {"candidate_selection": "pt > 2 & jet_eta < 2"}).candidates
    assert (found["pt"].tolist(), found.counts.tolist()) == ([5], [1, 0, 0])
    assert jets_that_pass(JETS, "pt > 5 & abs(eta) < 2.5").tolist() == [True, False, False]
    assert jets_that_pass(JETS, "label == 0").tolist() == [False, True, True]


def test_a_weight_is_an_expression_of_columns():
    assert derived(JETS, {}, weight="weight * (1 + pt / 10)").weight.tolist() == [2, 10, -1]
    assert derived(JETS, {}, weight="genWeight").weight.tolist() == [1, 2, -1]


def test_what_is_cut_need_not_be_finite():
    columns = {"jets": {"log": "log(pt)"}}
    with pytest.raises(
        InputError, match=r"data.columns.log = 'log\(pt\)' must be finite, 1 of 3 values are not"
    ):
        derived(JETS, columns)
    assert derived(JETS, columns, "pt > 0")["log"][:2].tolist() == pytest.approx([np.log(10), np.log(40)])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"jets": {"pt": "1"}}, "data.columns.pt: the jets have a column of that name"),
        ({"candidates": {"pt": "1"}}, "candidates have a column of that name"),
        ({"jets": {"x": "nope + 1"}}, "needs nope; there are: "),
        ({"candidate_selection": "pt"}, "must be a condition"),
    ],
)
def test_what_cannot_be_computed_is_refused(columns, message):
    with pytest.raises(InputError, match=message):
        derived(JETS, columns)
    bare = Jets(dict(JETS.columns), JETS.event, JETS.weight)
    with pytest.raises(InputError, match="needs jets with candidates"):
        derived(bare, {"candidate_selection": "pt > 1"})
    assert set(jet_columns(bare)) == {"pt", "eta", "event", "weight"}


def test_what_inputs_depend_on():
    columns = {"jets": {"a": "1", "b": "2"}, "candidates": {"c": "3"}, "candidate_selection": "pt > 1"}
    assert computed_inputs(columns, {"jets": ["pt", "b"], "candidates": ["pt"]}) == {
        "jets": {"b": "2"},
        "candidate_selection": "pt > 1",
    }
    assert computed_inputs({"jets": {"a": "1"}}, {"jets": ["pt"]}) == {}
