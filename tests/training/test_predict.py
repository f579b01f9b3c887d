from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets
from e2e_tf.errors import InputError
from e2e_tf.models import Head, build_model
from e2e_tf.training.examples import Examples
from e2e_tf.training.predict import predict, predict_examples

SETS = {"phi": [4], "dense": [4]}


@pytest.fixture(scope="module")
def graphs(tau_folder):
    jets = read_jets(tau_folder / "tau.h5").take(np.arange(20))
    recipe = GraphRecipe("candidates", "knn:2", ("pt:log", "deta", "dphi"), ("pt",))
    return build_graphs(jets, recipe)


def test_scores_stand_in_the_order_of_the_jets(graphs):
    """Whatever is scored together: alone, in threes or all at once, and in another order."""
    model = build_model("deep_sets", 3, 1, SETS)
    whole = predict(model, graphs)
    assert whole.shape == (20, 1)
    np.testing.assert_allclose(predict(model, graphs, batch_size=3), whole, atol=1e-6)
    order = np.random.default_rng(0).permutation(20)
    np.testing.assert_allclose(predict(model, graphs.take(order)), whole[order], atol=1e-6)
    one = graphs.take(np.array([7]))
    np.testing.assert_allclose(predict(model, one), whole[[7]], atol=1e-6)


def test_outputs_by_name(graphs):
    model = build_model("deep_sets", 3, 1, SETS, {"mode": Head("multiclass", 3), "pt": Head("regression")})
    found = predict(model, graphs)
    assert {name: values.shape for name, values in found.items()} == {"mode": (20, 3), "pt": (20, 1)}
    np.testing.assert_allclose(found["mode"].sum(axis=1), 1, rtol=1e-5)


def test_rows_in_place_of_graphs(graphs):
    image = np.random.default_rng(1).random((20, 8, 8, 2)).astype(np.float32)
    small = {"size": [8, 8], "filters": [2], "depth": 1, "dense": [2]}
    model = build_model("quark_gluon_cnn", 2, 1, small)
    examples = Examples(graphs.batch, rows={"image": image})
    expected = model.predict({"image": image, "u": graphs.batch.u}, verbose=0)
    np.testing.assert_allclose(predict_examples(model, examples, batch_size=7), expected, atol=1e-5)


def test_what_the_graphs_lack(graphs):
    model = build_model("deep_sets", 3, 0, SETS)
    predict(model, graphs)  # it needs no u and is given none
    with pytest.raises(InputError, match=r"the graphs must have them all, .* lacks image"):
        predict(build_model("quark_gluon_cnn", 2, 0, {"size": [8, 8], "filters": [2]}), graphs)
