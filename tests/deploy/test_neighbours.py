"""Nearest neighbours inside an exported model, for every k: of the graph, of ParticleNet and of GravNet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from e2e_tf.data.features import CANDIDATE_FEATURES
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.deploy import lowering
from e2e_tf.deploy.exported import freeze
from e2e_tf.deploy.interface import OUTPUT
from e2e_tf.deploy.jets import random_batch
from e2e_tf.deploy.lowering.session import run_each
from e2e_tf.deploy.padded import padded_feeds, padded_function, padded_tensors
from e2e_tf.deploy.reference import keras_scores
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
