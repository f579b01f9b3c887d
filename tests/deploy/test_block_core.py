"""The part of a model behind its DisjointToBlocks layer, and models that have none."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from e2e_tf.deploy.block_core import block_core
from e2e_tf.errors import InputError
from e2e_tf.layers import DisjointToBlocks, GlobalAvgPool
from e2e_tf.models import build_model
from e2e_tf.models.inputs import disjoint_inputs
from e2e_tf.training.ensemble import ensemble


def test_block_core_refuses_a_model_without_blocks() -> None:
    model = build_model("gat_cheb", 3, 2, {"channels": (4,), "heads": (1,), "layout": "edges"})
    with pytest.raises(InputError, match="one DisjointToBlocks layer"):
        block_core(model, "padded")


def test_further_inputs_of_nodes_are_columns_behind_those_of_x() -> None:
    """In front of the layer that makes blocks, which an ensemble splits for its members again."""
    small = {"k": 2, "channels": [[4]], "dense": [4]}
    plain, points = (
        build_model("particle_net", 3, 0, small | more) for more in ({}, {"coordinates": "points"})
    )
    rng = np.random.default_rng(0)
    x, a, mask = rng.normal(size=(2, 4, 5)), rng.integers(0, 2, (2, 4, 4)), np.ones((2, 4))
    inputs = [tf.constant(values, tf.float32) for values in (x, a, mask)]
    n_node = tf.fill([2], 4)
    both = block_core(ensemble([plain, points]), "padded")(*inputs, n_node, None)
    alone = [
        block_core(plain, "padded")(inputs[0][..., :3], *inputs[1:], n_node, None),
        block_core(points, "padded")(*inputs, n_node, None),
    ]
    np.testing.assert_allclose(both, np.mean(alone, axis=0), rtol=1e-5)

    import keras

    given = disjoint_inputs(3, 0, {"points": 2})
    blocks, _, mask = DisjointToBlocks()([given[name] for name in ("x", "senders", "receivers", "n_node")])
    elsewhere = keras.Model(given, keras.layers.Dense(1)(GlobalAvgPool()([blocks, mask])))
    with pytest.raises(
        InputError, match="needs x, points side by side in front of the DisjointToBlocks layer"
    ):
        block_core(elsewhere, "padded")


def test_the_core_gives_what_the_model_gives() -> None:
    """On blocks made by hand of the same graphs: two nodes linked both ways, and one alone."""
    model = build_model("gat_cheb", 3, 0, {"channels": (4,), "heads": (1,)})
    x = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    inputs = {
        "x": x,
        "senders": np.array([1, 0], np.int32),
        "receivers": np.array([0, 1], np.int32),
        "n_node": np.array([2, 1], np.int32),
    }
    blocks, a = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 2), np.float32)
    blocks[0], blocks[1, 0], a[0, 0, 1], a[0, 1, 0] = x[:2], x[2], 1, 1
    mask = np.array([[1, 1], [1, 0]], np.float32)
    found = block_core(model, "padded")(blocks, a, mask, inputs["n_node"], None)
    np.testing.assert_allclose(found, model(inputs, training=False), atol=1e-6)
