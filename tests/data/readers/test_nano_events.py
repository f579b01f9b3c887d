from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from e2e_tf.data.jets import Jets
from e2e_tf.data.readers.entries import Report
from e2e_tf.data.readers.nano_events import Source, candidate_columns, checked, count_nano, grouped, owners
from e2e_tf.data.readers.tables import open_tree
from e2e_tf.errors import InputError

PATH = Path("a.root")


@pytest.fixture
def path(write_tree, tmp_path):
    jets = ak.zip({n: ak.Array([[1.0, 2.0], [], [3.0]]) for n in ("pt", "eta", "phi", "mass", "btag")})
    jets["btag"] = ak.Array([[0.5, float("nan")], [], [0.1]])
    branches = {"run": np.full(3, 1, np.uint32), "event": np.arange(3, dtype=np.uint64), "Jet": jets}
    return write_tree(tmp_path / "a.root", branches)


def test_collections_of_a_range_of_events(path):
    assert count_nano(path) == 3
    report = Report()
    with open_tree(path, "Events") as (found, tree):
        columns, counts = Source(found, tree, 0, 2, report).collection("Jet", None)
        np.testing.assert_array_equal(counts, [2, 0])
        assert list(columns)[:4] == ["pt", "eta", "phi", "mass"]
        np.testing.assert_array_equal(columns["btag"], [0.5, 0])
        assert report.replaced == {"Jet_btag": 1}
        source = Source(found, tree, 1, None, None)
        event, weight = source.event_and_weight(np.array([0, 1]))
        np.testing.assert_array_equal(event, [2**40 + 2])
        np.testing.assert_array_equal(weight, [1])
        with pytest.raises(InputError, match="has no branch Tau_pt, Tau_eta"):
            source.collection("Tau", None)


def test_rows_belong_to_the_jets_of_their_event():
    # Two events of two and one jets, with three and two rows.
    found = owners(PATH, "idx", np.array([0, 1, 1, 0, 0]), np.array([3, 2]), np.array([2, 1]))
    np.testing.assert_array_equal(found, [0, 1, 1, 2, 2])
    with pytest.raises(
        InputError, match="idx must be the number of a jet of the same event, from 0 on; 1 is not"
    ):
        owners(PATH, "idx", np.array([0, 1, 1, 0, 1]), np.array([3, 2]), np.array([2, 1]))


def test_rows_are_grouped_in_their_order():
    rows = grouped({"pt": np.array([1.0, 2, 3, 4])}, np.array([2, 0, 2, 0]), 3)
    np.testing.assert_array_equal(rows.counts, [2, 0, 2])
    np.testing.assert_array_equal(rows["pt"], [2, 4, 1, 3])


def test_candidates_lie_around_their_jet():
    rows = {"pt": np.array([2.0]), "eta": np.array([0.5]), "phi": np.array([3.1])}
    jets = {"eta": np.array([0.0, 0.2]), "phi": np.array([0.0, -3.1])}
    found = candidate_columns(rows, jets, np.array([1]), np.array([0.0]), np.array([211]), np.array([1]))
    np.testing.assert_allclose(found["deta"], [0.3], rtol=1e-6)
    np.testing.assert_allclose(found["dphi"], [6.2 - 2 * np.pi], rtol=1e-5)
    np.testing.assert_allclose(found["energy"], [2 * np.cosh(0.5)], rtol=1e-6)
    assert found["is_charged_hadron"][0] == 1


def test_jets_outside_the_range_are_not_counted_as_damaged():
    one = np.ones(4, np.float32)
    columns = {
        "pt": np.array([5, 20, 30, -1], np.float32),
        "eta": np.array([0, 0, 3, 0], np.float32),
        "phi": one,
        "mass": one,
    }
    jets = Jets(columns, np.arange(4), one)
    report = Report()
    kept = checked(jets, PATH, 10.0, 2.5, "skip", report)
    np.testing.assert_array_equal(kept.event, [1])
    assert report.skipped == {"pt must be finite and not negative [GeV]": 1}
    with pytest.raises(InputError, match="pt must be finite and not negative"):
        checked(jets, PATH, 10.0, 2.5, "stop", None)
    bad = replace(jets, weight=np.array([1, np.nan, 1, 1], np.float32))
    assert len(checked(bad, PATH, 0.0, None, "skip", Report())) == 2
