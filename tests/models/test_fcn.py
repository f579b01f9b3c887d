"""The fully connected network of ErUm-Data."""

from __future__ import annotations

import numpy as np
from model_checks import check_dropout, check_paper

from e2e_tf.models import build_model


def test_weights_counted_by_hand() -> None:
    assert build_model("fcn", 400, 0).count_params() == 400 * 256 + 256 + 11 * (256 * 256 + 256) + 257
    joined = build_model("fcn", 10, 3, {"layers": 1, "units": 4}, 3)
    assert joined.count_params() == 13 * 4 + 4 + 4 * 3 + 3


def entries(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {"x": rng.normal(size=(n, 7)).astype(np.float32), "u": rng.normal(size=(n, 2)).astype(np.float32)}


def test_is_that_of_the_paper() -> None:
    check_paper("fcn", {"layers": 3, "units": 8}, entries(5))


def test_dropout() -> None:
    check_dropout("fcn", {"layers": 2, "units": 8, "dropout": 0.3}, entries(1))
