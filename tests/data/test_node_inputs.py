"""Inputs of nodes beside x: what they are, and as columns of x."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs, graphs_of
from e2e_tf.data.jets import Ragged, read_jets
from e2e_tf.data.node_inputs import INPUT_COLUMNS, bounded_momenta, input_columns, places, with_node_inputs
from e2e_tf.data.samples import sample_path
from e2e_tf.errors import InputError


@pytest.fixture(scope="module")
def jets():
    return read_jets(sample_path("tau"), stop=60)


def test_momenta_are_numbers_within_bounds():
    raw = [[3.0, -2.5, 3.0, 0.14], [np.nan, np.inf, -np.inf, 1e33], [-4.0, 99.0, -4.0, -2e6]]
    found = bounded_momenta(np.array(raw, np.float32))
    pi = np.float32(np.pi)
    expected = np.array([raw[0], [0, 0, 0, 0], [0, 30, -pi, -1e6]], np.float32)
    np.testing.assert_array_equal(found, expected)


def test_places_that_are_not_known_are_none_of_the_columns():
    unknown = places({"deta": np.ones(2, np.float32)}, 2)
    assert unknown.shape == (2, 2)
    assert np.isnan(unknown).all()
    p4 = np.arange(8, dtype=np.float32).reshape(2, 4)
    found = input_columns(["pt:log", "points.deta:identity", "p4.eta:identity"], unknown, p4)
    assert {name: values.tolist() for name, values in found.items()} == {"p4.eta": [1.0, 5.0]}


@pytest.mark.parametrize("nodes", ["candidates", "hits"])
def test_columns_of_x_are_the_inputs_as_they_are(jets, nodes):
    recipe = GraphRecipe(nodes, "knn:2", jet_features=())
    raw = build_graphs(jets, recipe)
    once = with_node_inputs(raw.fit_preprocess(recipe), ("p4", "points"))
    again = with_node_inputs(once, ("p4",))
    assert [f.raw for f in again.node_features.features] == [f.raw for f in raw.node_features] + [
        *INPUT_COLUMNS
    ]
    found = graphs_of(jets, again).batch.x[:, -6:]
    inputs = raw.node_inputs()
    np.testing.assert_array_equal(found, np.concatenate([inputs["points"], inputs["p4"]], axis=1))


def test_masses_count_where_the_training_had_some(jets):
    recipe = GraphRecipe("candidates", "knn:2", node_features=("pt",), jet_features=())
    mass = np.full(len(jets.candidates["pt"]), 0.14, np.float32)
    heavy = replace(
        jets, candidates=Ragged({**jets.candidates.columns, "mass": mass}, jets.candidates.offsets)
    )
    for trained, expected in ((jets, 0 * mass), (heavy, mass)):
        preprocess = build_graphs(trained, recipe).fit_preprocess(recipe)
        assert preprocess.extra == ({"massive": True} if trained is heavy else {})
        x = graphs_of(heavy, with_node_inputs(preprocess, ("p4",))).batch.x
        np.testing.assert_array_equal(x[:, -1], expected)


def test_a_column_that_a_sample_cannot_have_is_named(jets):
    bare = replace(jets, candidates=Ragged({"pt": jets.candidates["pt"]}, jets.candidates.offsets))
    with pytest.raises(InputError, match="there is no input 'p4.eta'; this sample has pt, pt_fraction"):
        build_graphs(bare, GraphRecipe("candidates", "full", node_features=("p4.eta:identity",)))
