"""Ensembles."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from graph_batches import disjoint_batch

from e2e_tf.errors import InputError
from e2e_tf.models import Head, build_model
from e2e_tf.training.ensemble import ensemble

SETS = {"phi": [8], "dense": [8]}


def test_ensemble_is_the_mean_and_one_model(tmp_path: Path) -> None:
    heads = {"score": Head(), "node": Head("regression", level="node")}
    members = [build_model("deep_sets", 6, 2, SETS, heads) for _ in range(3)]
    names = [member.name for member in members]
    whole = disjoint_batch([4, 0, 7])
    model = ensemble(members)
    for key in heads:
        expected = np.mean([member(whole)[key] for member in members], axis=0)
        np.testing.assert_allclose(model(whole)[key], expected, rtol=1e-5, atol=1e-6)
    assert [member.name for member in members] == names
    model.save(tmp_path / "ensemble.keras")
    loaded = keras.models.load_model(tmp_path / "ensemble.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(loaded(whole)["score"], model(whole)["score"], rtol=1e-6)
    members[0].set_weights([0 * w for w in members[0].get_weights()])
    np.testing.assert_allclose(loaded(whole)["score"], model(whole)["score"], rtol=1e-6)


def test_ensemble_of_others_and_export() -> None:
    from e2e_tf.deploy.interface import edges_feeds, edges_function
    from e2e_tf.graph import GraphBatch

    whole = disjoint_batch([4, 1, 7])
    members = [
        build_model("gat_cheb", 6, 2, {"channels": [4], "heads": [1], "cheb_channels": [4], "dense": [4]})
    ]
    members.append(build_model("deep_sets", 6, 2, SETS))
    model = ensemble(members)
    expected = np.mean([np.asarray(member(whole)) for member in members], axis=0)
    np.testing.assert_allclose(model(whole), expected, rtol=1e-5)
    graphs = GraphBatch.from_edges(
        whole["x"], whole["senders"], whole["receivers"], whole["n_node"], u=whole["u"]
    )
    feeds = edges_feeds(graphs)
    np.testing.assert_allclose(edges_function(model)(**feeds)[0], expected, rtol=1e-4, atol=1e-6)
    points = build_model(
        "particle_net", 6, 2, {"k": 2, "channels": [[4]], "dense": [4], "coordinates": "points"}
    )
    both, where = ensemble([members[1], points]), np.random.default_rng(0).normal(size=(12, 2)).astype("f4")
    assert {tensor.name for tensor in both.inputs} == {*whole, "points"}
    expected = np.mean([members[1](whole), points(whole | {"points": where})], axis=0)
    np.testing.assert_allclose(both(whole | {"points": where}), expected, rtol=1e-5)
    with pytest.raises(InputError, match="models must have the same inputs; model 1 has"):
        ensemble([members[1], build_model("deep_sets", 5, 2, SETS)])
    with pytest.raises(InputError, match="models must have the same outputs"):
        ensemble([members[1], build_model("deep_sets", 6, 2, SETS, 3)])
    with pytest.raises(InputError, match="at least one model, got none"):
        ensemble([])
