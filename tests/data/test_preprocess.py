"""Normalisation by hand, its fit on the training part, and preprocess.json."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e_tf.data.features import JET_FEATURES, Feature
from e2e_tf.data.graphs import GraphRecipe, build_graphs, graphs_of
from e2e_tf.data.preprocess import Normalisation, Preprocess, read_preprocess
from e2e_tf.errors import InputError

FEATURES = (Feature("a", "GeV", "first", "log1p"), Feature("b", "rad", "second"))


def norm(**changes) -> Normalisation:
    values = {
        "median": [1.0, 0.0],
        "norm_factor": [2.0, 1.0],
        "lower": [-5.0, -1.0],
        "upper": [5.0, 1.0],
        "replace": [0.0, 0.25],
    } | changes
    return Normalisation(FEATURES, **{name: np.array(v, np.float32) for name, v in values.items()})


def test_scaling_clamping_and_replacing_by_hand():
    values = np.array(
        [[1.5, 0.5], [100.0, -7.0], [-100.0, 7.0], [np.nan, np.inf], [-np.inf, 2e32], [1.0, np.nan]],
        np.float32,
    )
    expected = [[1.0, 0.5], [5.0, -1.0], [-5.0, 1.0], [0.0, 0.25], [0.0, 0.25], [0.0, 0.25]]
    out = norm()(values)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, np.array(expected, np.float32))
    assert np.isnan(values[3, 0])  # the caller's array is as it was


def test_no_rows():
    assert norm()(np.zeros((0, 2), np.float32)).shape == (0, 2)


def test_fit_by_hand():
    """Uniform from 0 to 100: median 50, half the central 68 % is 34."""
    values = np.stack([np.linspace(0, 100, 101), np.full(101, 3.0)], axis=1).astype(np.float32)
    fitted = Normalisation.fit(FEATURES, values)
    np.testing.assert_allclose(fitted.median, [50.0, 3.0])
    np.testing.assert_allclose(fitted.norm_factor, [1 / 34, 1.0], rtol=1e-6)
    np.testing.assert_allclose(fitted.lower, -5)
    np.testing.assert_allclose(fitted.upper, 5)


def test_fit_uses_the_spread_where_most_values_are_equal():
    column = np.zeros(100)
    column[:10] = 10.0
    fitted = Normalisation.fit(FEATURES[:1], column[:, None].astype(np.float32))
    np.testing.assert_allclose(fitted.median, [1.0])
    np.testing.assert_allclose(fitted.norm_factor, [1 / 3.0], rtol=1e-6)  # sqrt(0.1 * 0.9) * 10


def test_fit_leaves_out_what_is_not_finite():
    values = np.linspace(0, 100, 101).astype(np.float32)[:, None]
    broken = np.concatenate([values, [[np.nan], [np.inf], [-np.inf], [3e32]]]).astype(np.float32)
    assert Normalisation.fit(FEATURES[:1], broken).median == Normalisation.fit(FEATURES[:1], values).median


def test_fit_without_any_value_changes_nothing():
    fitted = Normalisation.fit(FEATURES, np.full((3, 2), np.nan, np.float32))
    np.testing.assert_array_equal(fitted.median, [0, 0])
    np.testing.assert_array_equal(fitted.norm_factor, [1, 1])


def test_fit_refuses_another_width():
    with pytest.raises(InputError, match=re.escape("values must have shape (n, 2), not (4, 3)")):
        Normalisation.fit(FEATURES, np.zeros((4, 3), np.float32))


def test_only_training_rows_are_fitted(make_jets):
    """Shifting every jet outside the training part changes nothing that is fitted."""
    jets, recipe = make_jets(40), GraphRecipe(edges="knn:3")
    train = np.arange(0, 40, 2)
    pt = jets["pt"].copy()
    pt[1::2] += 1000
    shifted = replace(jets, columns={**jets.columns, "pt": pt})
    before = build_graphs(jets, recipe).take(train).fit_preprocess(recipe)
    after = build_graphs(shifted, recipe).take(train).fit_preprocess(recipe)
    assert before.to_dict() == after.to_dict()
    everything = build_graphs(shifted, recipe).fit_preprocess(recipe)
    assert everything.to_dict() != before.to_dict()


@pytest.mark.parametrize("nodes", ["hits", "candidates"])
def test_the_file_brings_back_every_bit(make_jets, tmp_path, nodes):
    jets = make_jets(20)
    recipe = GraphRecipe(nodes=nodes, edges="knn:4+delaunay", max_nodes=12)
    graphs = build_graphs(jets, recipe)
    fitted = graphs.fit_preprocess(recipe)
    fitted.write(tmp_path / "preprocess.json")
    back = read_preprocess(tmp_path / "preprocess.json")
    for kind in ("node_features", "jet_features"):
        first, second = getattr(fitted, kind), getattr(back, kind)
        assert first.features == second.features
        for name in ("median", "norm_factor", "lower", "upper", "replace"):
            assert getattr(second, name).dtype == np.float32
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert GraphRecipe.of(back) == replace(
        recipe,
        node_features=tuple(f"{f.raw}:{f.transform}" for f in graphs.node_features),
        jet_features=("pt:log", "mass:log1p"),
    )
    again, direct = graphs_of(jets, back).batch, graphs.normalised(fitted).batch
    for name in ("x", "u", "senders", "receivers", "n_node", "n_edge"):
        np.testing.assert_array_equal(getattr(again, name), getattr(direct, name))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_any_float32_survives_json(values):
    before = norm(median=values, replace=values)
    after = Normalisation.from_dict(json.loads(json.dumps(before.to_dict())))
    np.testing.assert_array_equal(after.median, before.median)
    np.testing.assert_array_equal(after.replace, before.replace)


def test_the_file_follows_the_convention(tmp_path):
    Preprocess("hits", "knn:8", norm(), None, max_nodes=64).write(tmp_path / "p.json")
    document = json.loads((tmp_path / "p.json").read_text())
    assert document["input_names"] == ["x"]
    assert document["x"]["var_names"] == ["a_log1p", "b"]
    assert (document["x"]["min_length"], document["x"]["max_length"]) == (0, 64)
    assert document["x"]["var_infos"]["a_log1p"] == {
        "median": 1.0,
        "norm_factor": 2.0,
        "replace_inf_value": 0.0,
        "lower_bound": -5.0,
        "upper_bound": 5.0,
        "pad": 0.0,
        "raw": "a",
        "unit": "GeV",
        "transform": "log1p",
        "description": "first",
    }
    assert document["graph"] == {"nodes": "hits", "edges": "knn:8", "coordinates": [], "max_nodes": 64}


def test_other_inputs_are_refused(make_jets):
    jets = make_jets(6)
    fitted = build_graphs(jets, GraphRecipe(edges="full")).fit_preprocess(GraphRecipe(edges="full"))
    other = build_graphs(jets, GraphRecipe(edges="full", node_features=("deta", "dphi")))
    with pytest.raises(InputError, match=r"preprocess\.json is for the inputs"):
        other.normalised(fitted)
    bare = build_graphs(jets, GraphRecipe(edges="full", jet_features=()))
    with pytest.raises(InputError, match="disagree on whether there are graph-level inputs"):
        bare.normalised(fitted)
    third = build_graphs(jets, GraphRecipe(edges="full", jet_features=("pt",)))
    with pytest.raises(InputError, match=r"preprocess\.json is for the graph-level inputs"):
        third.normalised(fitted)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a preprocess.json of this library"),
        ("[]", "is not a preprocess.json of this library"),
        ("{}", "is not a preprocess.json of this library"),
        ("\x00\xff", "is not a preprocess.json of this library"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path, content, message):
    (tmp_path / "p.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        read_preprocess(tmp_path / "p.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no .*p\.json"):
        read_preprocess(tmp_path / "p.json")


def test_an_unknown_transform_is_named(tmp_path):
    document = Preprocess("hits", "knn:8", norm(), Normalisation.fit(JET_FEATURES, np.ones((3, 3)))).to_dict()
    document["x"]["var_infos"]["b"]["transform"] = "sqrt"
    (tmp_path / "p.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"the transform must be one of .*, not 'sqrt'"):
        read_preprocess(tmp_path / "p.json")
