"""The tensors of the edges interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.deploy.bundle import read_bundle_preprocess
from e2e_tf.deploy.interface import (
    edges_feeds,
    edges_function,
    edges_inputs,
    edges_tensors,
    widths,
)
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch


def graph(counts: list[int], edges: list[tuple[int, int]], u: bool = True) -> GraphBatch:
    rng = np.random.default_rng(0)
    n = sum(counts)
    senders, receivers = (np.array([e[i] for e in edges], np.int32) for i in (0, 1))
    return GraphBatch.from_edges(
        x=rng.normal(0, 1, (n, 17)).astype(np.float32),
        senders=senders,
        receivers=receivers,
        n_node=np.array(counts, np.int32),
        u=rng.normal(0, 1, (len(counts), 2)).astype(np.float32) if u else None,
    )


def test_feeds_are_float32_with_a_leading_one() -> None:
    feeds = edges_feeds(graph([2, 0, 1], [(1, 0), (0, 1)]))
    assert {name: (f.shape, f.dtype.name) for name, f in feeds.items()} == {
        "x": ((1, 3, 17), "float32"),
        "edge_index": ((1, 2, 2), "float32"),
        "batch": ((1, 3), "float32"),
        "u": ((1, 3, 2), "float32"),
    }
    assert feeds["edge_index"].tolist() == [[[1, 0], [0, 1]]]
    assert feeds["batch"].tolist() == [[0, 0, 2]]


def test_without_graph_features_the_counts_say_how_many_graphs_there_are() -> None:
    feeds = edges_feeds(graph([1, 0], [], u=False))
    assert list(feeds) == ["x", "edge_index", "batch", "n_node"]
    assert feeds["n_node"].tolist() == [[1, 0]]
    assert [info.name for info in edges_inputs(3, 0)] == list(feeds)


def test_a_model_without_the_inputs_is_refused() -> None:
    import keras

    inputs = keras.Input((4,), name="image")
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    with pytest.raises(InputError, match="this one has image and lacks x, senders, receivers, n_node"):
        edges_tensors(model)


def only_u(inputs: dict[str, Any]) -> Any:
    """The input ``u`` from a layer that takes all: Keras wants every input of a model to be used."""
    import keras

    class Only(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs["u"]

        def compute_output_spec(self, inputs: Any) -> Any:
            return keras.KerasTensor(inputs["u"].shape, inputs["u"].dtype)

    return Only()(inputs)


@pytest.mark.parametrize(
    ("dtype", "sparse", "problem"), [("string", False, "string"), ("float32", True, "sparse")]
)
def test_inputs_that_cannot_be_passed_are_refused(dtype: str, sparse: bool, problem: str) -> None:
    import keras

    from e2e_tf.models.gat_cheb import disjoint_inputs

    inputs = disjoint_inputs(3, 2)
    inputs["x"] = keras.Input((3,), name="x", dtype=dtype, sparse=sparse)
    model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(only_u(inputs)))
    with pytest.raises(InputError, match=problem):
        widths(model, "edges")


def test_an_output_that_is_not_float32_is_refused() -> None:
    import keras

    from e2e_tf.models.gat_cheb import disjoint_inputs

    inputs = disjoint_inputs(3, 2)
    model = keras.Model(inputs, keras.layers.Dense(1, dtype="float16")(only_u(inputs)))
    with pytest.raises(InputError, match="the output must be float32, that of this model is float16"):
        widths(model, "edges")


@pytest.mark.parametrize("repeated", [True, False])
def test_function_gives_the_models_scores(runs: dict[str, Path], repeated: bool) -> None:
    from e2e_tf.data.loader import model_inputs
    from e2e_tf.training.run import open_run

    model = open_run(runs["edges"]).model()
    function = edges_function(model, repeated)
    for counts, edges in (([2, 0, 3], [(1, 0), (0, 1), (3, 4)]), ([0], []), ([0, 0], []), ([1], [])):
        batch = graph(counts, edges)
        found = function(**edges_feeds(batch)).numpy()
        assert found.shape == (1, len(counts), 1)
        np.testing.assert_allclose(found[0], model(model_inputs(batch), training=False), atol=1e-6)


def test_an_edge_listed_twice_counts_twice_only_with_a_scatter_that_adds(runs: dict[str, Path]) -> None:
    from e2e_tf.training.run import open_run

    model = open_run(runs["edges"]).model()
    once, twice = graph([3], [(1, 0), (2, 0)]), graph([3], [(1, 0), (1, 0), (2, 0)])
    adds, sets = edges_function(model, True), edges_function(model, False)
    assert np.abs(adds(**edges_feeds(twice)) - adds(**edges_feeds(once))).max() > 1e-5
    np.testing.assert_array_equal(sets(**edges_feeds(twice)), sets(**edges_feeds(once)))


def test_preprocess_of_a_bundle_is_read_back(bundles: dict[str, Path]) -> None:
    for folder in bundles.values():
        assert read_bundle_preprocess(folder).node_features.features
