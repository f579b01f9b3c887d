"""Nearest neighbours inside an exported model, for every k: of the graph, of ParticleNet and of GravNet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from e2e_tf.data.features import CANDIDATE_FEATURES
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.deploy import lowering
from e2e_tf.deploy.exported import freeze
from e2e_tf.deploy.interface import OUTPUT, edges_feeds, edges_function
from e2e_tf.deploy.jets import random_batch
from e2e_tf.deploy.lowering.session import run_each
from e2e_tf.deploy.padded import _near, _nearest, padded_feeds, padded_function, padded_tensors
from e2e_tf.deploy.reference import keras_scores
from e2e_tf.graph import GraphSpec, build_edges
from e2e_tf.models import build_model

FEATURES = 4


def graph_knn(k: int) -> tuple[Any, str]:
    settings = {"channels": (4,), "heads": (1,), "cheb_channels": (4,), "dense": (4,)}
    return build_model("gat_cheb", FEATURES, 0, settings, 1), f"knn:{k}"


def particle_net(k: int) -> tuple[Any, str]:
    settings = {"k": k, "channels": ((4,),), "dense": (4,), "coordinates": (2, 3)}
    return build_model("particle_net", FEATURES, 0, settings, 1), "full"


def grav_net(k: int) -> tuple[Any, str]:
    import keras

    from e2e_tf.layers import DisjointToBlocks, GlobalAvgPool, GravNetConv
    from e2e_tf.models.inputs import disjoint_inputs

    inputs = disjoint_inputs(FEATURES, 0)
    x, _, mask = DisjointToBlocks()([inputs[name] for name in ("x", "senders", "receivers", "n_node")])
    x = GravNetConv(4, k=k, space_dim=2, propagate_dim=3)([x, mask])
    return keras.Model(inputs, keras.layers.Dense(1)(GlobalAvgPool()([x, mask]))), "full"


@pytest.mark.parametrize(
    ("build", "k"),
    [
        (graph_knn, 1),
        (graph_knn, 18),
        (graph_knn, 64),
        (particle_net, 24),
        (particle_net, 64),
        (grav_net, 64),
    ],
)
def test_every_k_agrees_with_keras_below_and_beyond_it(build: Any, k: int) -> None:
    """Jets of fewer nodes than k, k, more, and beyond the limit, which is below the largest k."""
    import keras

    keras.utils.set_random_seed(k)
    model, edges = build(k)
    norm = Normalisation.fit(CANDIDATE_FEATURES[:FEATURES], np.zeros((0, FEATURES), np.float32))
    preprocess = Preprocess("candidates", edges, norm, max_nodes=40)
    graph, names = freeze(padded_function(model, preprocess))
    rng = np.random.default_rng(k)
    sizes = ([k - 1, 1, 0], [k], [k + 1, 2], [49], [70, 5])
    batches = [random_batch(preprocess, np.array(n), rng) for n in sizes]
    feeds = [padded_feeds(batch) for batch in batches]
    converted = lowering.convert(graph, names, OUTPUT, 18, 8)
    small, why = lowering.optimise(converted, feeds[:1], padded_tensors(model, preprocess)[0])
    assert why == ""
    assert len(small.graph.node) < len(converted.graph.node)
    for expected, found in zip(keras_scores(model, batches), run_each(small, feeds), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


# Small ones, and those around sizes of jets here and around powers of two: a conversion takes time for each.
NUMBERS = (*range(1, 21), 31, 32, 33, 48, 63, 64)
SIZES = (
    ("random", [0, 1, 2, 31, 15]),
    ("grid", [70, 33, 32, 16]),
    ("coincident", [17, 64, 65, 3]),
)


def inputs_of(edges: str) -> Preprocess:
    norm = Normalisation.fit(CANDIDATE_FEATURES[:FEATURES], np.zeros((0, FEATURES), np.float32))
    return Preprocess("candidates", edges, norm, max_nodes=40)


def converted(function: Any) -> Any:
    graph, names = freeze(function)
    return lowering.convert(graph, names, OUTPUT, 18, 8)


def test_every_k_of_the_graph_gives_the_edges_of_the_builder() -> None:
    """What the padded interface finds inside, for 64 numbers at once, edge for edge, ties and empty slots included."""
    import tensorflow as tf

    wraps = (None, 2 * np.pi)

    @tf.function(
        input_signature=[tf.TensorSpec((None, 2, None)), tf.TensorSpec((None, 1, None))], autograph=False
    )
    def inside(points: Any, mask: Any) -> Any:
        present, size = mask[:, 0] > 0.5, tf.shape(points, out_type=tf.int64)[2:]
        slot = tf.range(tf.cast(size[0], tf.int32))
        near = _near(points, present, slot, slot[:, None] == slot[None, :], list(wraps))
        found = [_nearest(near, tf.cast(tf.minimum(size, k)[0], tf.int32), slot) for k in range(1, 65)]
        return tf.cast(tf.stack(found), tf.float32)

    rng = np.random.default_rng(7)
    batches = [random_batch(inputs_of("full"), np.array(n), rng, points=points) for points, n in SIZES]
    feeds = [{name: padded_feeds(batch)[name] for name in ("points", "mask")} for batch in batches]
    for batch, found in zip(batches, run_each(converted(inside), feeds), strict=True):
        counts, starts = batch.graphs.n_node, batch.graphs.node_offsets
        for k, edges in enumerate(found, 1):
            senders, receivers = build_edges(
                GraphSpec.parse(f"knn:{k}"), counts, points=batch.points, period=wraps
            )
            assert len(senders) == np.sum(counts * np.minimum(k, np.maximum(counts - 1, 0)))
            owner = np.repeat(np.arange(len(counts)), counts)[receivers]
            expected = np.zeros_like(edges)
            expected[owner, receivers - starts[owner], senders - starts[owner]] = 1
            np.testing.assert_array_equal(edges, expected, err_msg=f"k = {k}")


def test_every_k_of_particle_net_and_gravnet_finds_the_neighbours_of_keras() -> None:
    """Both layers find them with one function, here for many numbers at once, as a matrix of ranks."""
    import tensorflow as tf

    from e2e_tf.layers.neighbours import nearest

    def ranks(points: Any, mask: Any) -> Any:
        found = []
        for k in NUMBERS:
            index, valid = nearest(points, mask, k, loops=k % 2 == 0)
            rank = tf.cast(valid, tf.float32) * tf.cast(1 + tf.range(tf.shape(index)[2]), tf.float32)
            found.append(tf.reduce_sum(tf.one_hot(index, tf.shape(points)[1]) * rank[..., None], axis=2))
        return tf.stack(found)

    signature = [tf.TensorSpec((None, None, 2)), tf.TensorSpec((None, None))]
    model = converted(tf.function(ranks, input_signature=signature, autograph=False))
    names = [tensor.name for tensor in model.graph.input]
    rng = np.random.default_rng(8)
    for _, n in SIZES:
        counts = np.array(n)
        points = rng.normal(size=(len(n), max(n), 2)).astype(np.float32)
        mask = (np.arange(max(n)) < counts[:, None]).astype(np.float32)
        (found,) = run_each(model, [dict(zip(names, (points, mask), strict=True))])
        np.testing.assert_array_equal(found, ranks(tf.constant(points), tf.constant(mask)))
        for k, matrix in zip(NUMBERS, found, strict=True):
            loops = k % 2 == 0
            wanted = counts * np.minimum(k, np.maximum(counts - (not loops), 0))
            assert np.count_nonzero(matrix, axis=(1, 2)).tolist() == wanted.tolist(), k
            assert matrix.max() == min(k, max(n) - (not loops))


@pytest.mark.parametrize("interface", ["padded", "edges"])
def test_layers_of_several_k_agree_with_keras_in_both_interfaces(interface: str) -> None:
    """ParticleNet's layer on the features themselves and GravNet's, each with a column of its own in the score."""
    import keras

    from e2e_tf.layers import DisjointToBlocks, DynamicEdgeConv, GlobalAvgPool, GravNetConv
    from e2e_tf.models.inputs import disjoint_inputs

    keras.utils.set_random_seed(5)
    inputs = disjoint_inputs(FEATURES, 0)
    x, _, mask = DisjointToBlocks()([inputs[name] for name in ("x", "senders", "receivers", "n_node")])
    layers = [DynamicEdgeConv(1, k=k, mlp_activation="tanh") for k in (1, 33)]
    layers += [GravNetConv(1, k=k, space_dim=2, propagate_dim=1) for k in (1, 33)]
    nodes = keras.layers.Concatenate()([layer([x, mask]) for layer in layers])
    model = keras.Model(inputs, GlobalAvgPool()([nodes, mask]))
    preprocess, padded = inputs_of("knn:2"), interface == "padded"
    onnx = converted(padded_function(model, preprocess) if padded else edges_function(model))
    rng = np.random.default_rng(6)
    batches = [random_batch(preprocess, np.array(n), rng) for n in ([0, 1, 2, 33], [40, 34], [70, 65, 64])]
    feeds = [padded_feeds(batch) if padded else edges_feeds(batch.graphs) for batch in batches]
    for expected, found in zip(keras_scores(model, batches), run_each(onnx, feeds), strict=True):
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=0, atol=2e-5)
    assert len(np.unique(expected[0])) == 4
