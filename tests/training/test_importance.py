from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.graph import GraphBatch
from e2e_tf.training.examples import Examples
from e2e_tf.training.importance import permutation_importance


def examples(jets=300):
    """Jets of two nodes: their first column tells the classes, ``u`` a little, the second column nothing."""
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, jets)
    x = rng.normal(size=(2 * jets, 2)).astype(np.float32)
    x[:, 0] += 1.5 * np.repeat(label, 2)
    u = (rng.normal(size=(jets, 1)) + 0.7 * label[:, None]).astype(np.float32)
    counts = np.full(jets, 2, np.int32)
    nothing = np.zeros(0, np.int32)
    return Examples(
        GraphBatch(x, nothing, nothing, counts, 0 * counts, u=u), nodes={"p4": x[:, :1] * 2}
    ), label


def score(given):
    """Sum of the first column and of the jet's quantity."""
    graphs = given.graphs
    return graphs.x[:, 0].reshape(-1, 2).sum(axis=1) + graphs.u[:, 0]


def test_what_a_model_uses_is_found_with_its_error():
    given, label = examples()
    found = permutation_importance(score, given, label, node_names=["a", "b"], jet_names=["pt"], repeats=3)
    assert list(found) == ["a", "b", "pt"]  # the model takes no p4
    assert found["b"] == pytest.approx((0, 0), abs=1e-12)
    # Without the column only u is left: about the AUC of the whole less that of u and noise.
    assert found["a"][0] == pytest.approx(0.3, abs=0.12)
    assert 0.005 < found["pt"][0] < 0.1
    for name in ("a", "pt"):
        assert found["a"][0] > 5 * found["a"][1] > 0
        assert found[name][1] < 0.05


def test_positions_and_momenta_are_shuffled_as_a_whole():
    given, label = examples()
    found = permutation_importance(
        lambda given: given.nodes["p4"][:, 0].reshape(-1, 2).sum(axis=1),
        given, label, node_names=["a", "b"], takes=("p4",),
    )  # fmt: skip
    assert list(found) == ["p4"]
    assert found["p4"][0] > 0.3
    before = given.nodes["p4"].copy()
    assert np.array_equal(before, given.nodes["p4"])  # the examples stay as they were
