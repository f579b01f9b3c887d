from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.data.convert import convert
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.readers import open_reader
from e2e_tf.data.stored import StoredJets
from e2e_tf.errors import InputError

RECIPE = GraphRecipe(nodes="candidates", edges="knn:4")


@pytest.fixture(scope="module")
def pair(tau_folder, tmp_path_factory):
    """Jets, and the same ones from a store of their graphs."""
    path = tmp_path_factory.mktemp("stored") / "graphs.h5"
    convert([tau_folder / "tau.h5"], path, RECIPE)
    stored = open_reader(path).read()
    assert isinstance(stored, StoredJets)
    return read_jets(tau_folder / "tau.h5"), stored


def assert_same(found, wanted):
    for name in ("x", "u", "senders", "receivers", "n_node", "n_edge"):
        np.testing.assert_array_equal(getattr(found.batch, name), getattr(wanted.batch, name))
    np.testing.assert_array_equal(found.event, wanted.event)
    np.testing.assert_array_equal(found.label, wanted.label)
    assert found.node_features == wanted.node_features
    assert found.jet_features == wanted.jet_features


def test_jets_of_a_store_are_those_that_were_converted(pair):
    jets, stored = pair
    for group in ("columns", "truth"):
        mine, theirs = getattr(stored, group), getattr(jets, group)
        assert set(mine) == set(theirs)
        for name in theirs:
            np.testing.assert_array_equal(mine[name], theirs[name])
    assert_same(build_graphs(stored, RECIPE), build_graphs(jets, RECIPE))


@pytest.mark.parametrize(
    "recipe",
    [
        replace(RECIPE, edges="knn:7+delaunay"),
        replace(RECIPE, edges="radius:0.1"),
        replace(RECIPE, node_features=("dphi", "pt"), jet_features=("eta", "truth_decay_mode")),
        replace(RECIPE, node_features=("points.dphi", "pt", "points.deta")),
    ],
)
def test_other_edges_and_features_are_what_they_would_have_been(pair, recipe):
    jets, stored = pair
    index = np.array([5, 3, 100, 7])
    assert_same(build_graphs(stored.take(index), recipe), build_graphs(jets.take(index), recipe))


def test_stores_are_joined(pair):
    _, stored = pair
    halves = [stored.take(np.arange(0, 100)), stored.take(np.arange(100, len(stored)))]
    assert_same(build_graphs(halves[0].concatenated(halves), RECIPE), build_graphs(stored, RECIPE))
    other = replace(halves[1], recipe=replace(RECIPE, edges="knn:5"))
    with pytest.raises(InputError, match="need one recipe; one has candidates with knn:5"):
        halves[0].concatenated([halves[0], other])
    with pytest.raises(InputError, match="not of both"):
        halves[0].concatenated([halves[0], Jets({}, np.arange(1), np.ones(1))])


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (GraphRecipe(), "wants nodes = 'hits'; the store has nodes = 'candidates', edges = 'knn:4'"),
        (replace(RECIPE, max_nodes=3), "wants max_nodes = 3"),
        (replace(RECIPE, coordinates=("pt",)), "in pt, for which the store does not hold the places"),
        (replace(RECIPE, node_features=("nope",)), "there is no input 'nope'"),
        (replace(RECIPE, node_features=("pt", "p4.eta")), "node feature p4.eta; graph stores do not hold"),
        (replace(RECIPE, node_features=("pt:sqrt",)), "transform|wants the node feature"),
    ],
)
def test_what_the_store_does_not_hold_is_refused(pair, recipe, message):
    with pytest.raises(InputError, match=message):
        build_graphs(pair[1], recipe)
