"""Copies of a jet are recognised and stay on one side of a split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.duplicates import fingerprints, split_groups
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import write_jets
from e2e_tf.training.prepare import prepare

RECIPE = GraphRecipe(nodes="candidates", edges="knn:3")


@pytest.fixture(scope="module")
def twins(make_jets):
    """40 jets of 20 events; the last ten are those at 3, 7, 11, … again, as other events."""
    jets = make_jets(30, empty=())
    again = jets.take(np.concatenate([np.arange(30), np.arange(0, 30, 3)]))
    return replace(again, event=np.concatenate([np.arange(30) // 2, 100 + np.arange(10)]))


def test_fingerprints_tell_jets_apart(twins):
    prints = fingerprints(build_graphs(twins, RECIPE))
    assert len(np.unique(prints[:30])) == 30
    np.testing.assert_array_equal(prints[30:], prints[0:30:3])
    other = replace(twins, truth={"visible_pt": twins.truth["visible_pt"] + 1}, label=1 - twins.label)
    np.testing.assert_array_equal(fingerprints(build_graphs(other, RECIPE)), prints)
    pt = twins["pt"].copy()
    pt[4] = np.nextafter(pt[4], np.float32(0))
    changed = fingerprints(build_graphs(replace(twins, columns={**twins.columns, "pt": pt}), RECIPE))
    assert np.flatnonzero(changed != prints).tolist() == [4]


def test_groups_join_events_and_copies(twins):
    data = build_graphs(twins, RECIPE)
    # Jet 30 is jet 0, jet 31 is jet 3, …; events hold two jets, so 2 is linked to nothing but its event.
    expected = np.concatenate([np.arange(30) // 2, np.arange(0, 30, 3) // 2])
    np.testing.assert_array_equal(split_groups(data), expected)
    first = data.take(np.arange(30))
    np.testing.assert_array_equal(split_groups(first), first.event)
    # Two events that share a copy with a third become one group with it.
    chain = replace(data, event=np.concatenate([data.event[:30], np.full(10, 500)]))
    joined = split_groups(chain)
    assert set(joined[30:]) == {0}
    assert np.count_nonzero(joined == 0) == 10 + 20


def test_no_split_parts_copies(twins, tmp_path):
    write_jets(tmp_path / "twins.h5", twins)
    data = {"sample": "twins.h5", "split": [0.4, 0.3, 0.3], "reweight_pt": False}
    prepared = prepare(make_config({"seed": 2, "data": data, "graph": {"nodes": "candidates"}}), tmp_path)
    pt = [set(part.jets["pt"].tolist()) for part in (prepared.train, prepared.validation, prepared.test)]
    assert sum(map(len, pt)) == len(set.union(*pt)) == 30
