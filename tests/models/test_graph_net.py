"""The graph network of ErUm-Data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from model_checks import check_dropout, check_paper, shaken
from model_references import Pass, graph_net_padded
from small_models import F

from e2e_tf.models import build_model, model_settings


@pytest.mark.parametrize("padded", [False, True])
def test_graph_net_by_hand(padded: bool, batch: Any) -> None:
    settings = {"units": 4, "node_layers": 0, "convolutions": 1, "dense_layers": 0}
    settings |= {"batch_norm": False, "prelu": False, "padded_nodes": 5 if padded else 0}
    model = build_model("graph_net", F, 0, settings)
    w1, b1, w2, b2 = (w.numpy() for w in model.weights)
    whole = batch([3], F, 0)
    adjacency = np.eye(3)
    adjacency[whole["receivers"], whole["senders"]] = 1
    nodes = np.maximum(adjacency @ (whole["x"] @ w1 + b1), 0)
    if padded:  # the published mean divides by all slots
        nodes = nodes * 3 / 5
        dense = np.zeros((1, 5, 5), np.float32)
        dense[0, :3, :3] = adjacency
        inputs = {"features": np.pad(whole["x"], ((0, 2), (0, 0)))[None], "adj_matrix": dense}
    else:
        inputs = whole
    logit = nodes.mean(axis=0) @ w2 + b2
    np.testing.assert_allclose(model(inputs)[0], 1 / (1 + np.exp(-logit)), rtol=1e-5)


def test_weights_counted_by_hand() -> None:
    # The published GraphNet on 100 slots of 7 features.
    square = 256 * 256 + 256
    net = (7 * 256 + 256) + 2 * square + 3 * 256
    net += 3 * (square + 4 * 256 + 100 * 256) + 7 * (square + 4 * 256 + 256) + 257
    assert build_model("graph_net", 7, 0, {"padded_nodes": 100}).count_params() == net == 881_409
    # On disjoint batches a slope is shared by all nodes.
    assert build_model("graph_net", 7, 0).count_params() == net - 3 * 99 * 256


SETTINGS = {"units": 6, "node_layers": 2, "convolutions": 2, "dense_layers": 2}


@pytest.mark.parametrize(
    "changes", [{}, {"batch_norm": False}, {"prelu": False}, {"node_layers": 0, "dense_layers": 0}], ids=str
)
def test_is_that_of_the_paper(changes: dict[str, Any], batch: Any) -> None:
    check_paper("graph_net", SETTINGS | changes, batch([5, 0, 1, 9, 2, 7]))


@pytest.mark.parametrize("changes", [{"last_dropout": 0.0}, {"dropout": 0.1, "last_dropout": 0.5}], ids=str)
def test_dropout(changes: dict[str, Any], batch: Any) -> None:
    settings = SETTINGS | {"dropout": 0.3, "batch_norm": False} | changes
    check_dropout("graph_net", settings, batch([4]))


def test_padded_is_the_published_model() -> None:
    settings = model_settings(
        "graph_net", SETTINGS | {"padded_nodes": 7, "dropout": 0.0, "last_dropout": 0.0}
    )
    rng = np.random.default_rng(5)
    arrays = {
        "features": rng.normal(size=(4, 7, 6)).astype(np.float32),
        "adj_matrix": (rng.random((4, 7, 7)) < 0.4).astype(np.float32),
    }
    arrays["features"][1, 4:] = 0
    arrays["adj_matrix"][1, 4:] = arrays["adj_matrix"][1, :, 4:] = 0
    model = shaken("graph_net", settings, {"x": np.zeros((1, 6))})
    for training in (False, True):
        expected = graph_net_padded(Pass(model, training), settings, arrays)
        assert np.std(expected) > 1e-3
        np.testing.assert_allclose(model(arrays, training=training), expected, rtol=1e-4, atol=2e-6)
