"""The part of a model behind its DisjointToBlocks layer, and models that have none."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.deploy.block_core import block_core
from e2e_tf.errors import InputError
from e2e_tf.models import build_model


def test_block_core_refuses_a_model_without_blocks() -> None:
    model = build_model("gat_cheb", 3, 2, {"channels": (4,), "heads": (1,), "layout": "edges"})
    with pytest.raises(InputError, match="one DisjointToBlocks layer"):
        block_core(model, "padded")


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
