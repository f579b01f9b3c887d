"""Deep sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from model_checks import check_dropout, check_paper
from small_models import F

from e2e_tf.models import build_model


def test_deep_sets_by_hand(batch: Any) -> None:
    model = build_model("deep_sets", F, 0, {"phi": [4], "dense": [3]})
    whole = batch([3, 0], F, 0)
    w1, b1, w2, b2, w3, b3 = (w.numpy() for w in model.weights)
    pooled = np.stack([np.maximum(whole["x"] @ w1 + b1, 0).sum(axis=0), np.zeros(4)])
    logit = np.maximum(pooled @ w2 + b2, 0) @ w3 + b3
    np.testing.assert_allclose(model(whole), 1 / (1 + np.exp(-logit)), rtol=1e-5)


def test_weights_counted_by_hand() -> None:
    # The particle-flow network of the top-tagging comparison has 82k.
    flow = (3 * 100 + 100) + (100 * 100 + 100) + (100 * 256 + 256)
    flow += (256 * 100 + 100) + 2 * (100 * 100 + 100) + (2 * 100 + 2)
    assert build_model("deep_sets", 3, 0, None, 2).count_params() == flow == 82_458


SETTINGS = {"phi": [8, 6], "dense": [5, 4]}


@pytest.mark.parametrize("pool", ["sum", "mean", "max"])
def test_is_that_of_the_paper(pool: str, batch: Any) -> None:
    check_paper("deep_sets", SETTINGS | {"pool": pool}, batch([5, 0, 1, 9, 2, 7]))


def test_dropout(batch: Any) -> None:
    check_dropout("deep_sets", SETTINGS | {"dropout": 0.3}, batch([4]))
