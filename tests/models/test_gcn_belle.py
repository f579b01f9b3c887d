"""The graph network for Belle II decay trees."""

from __future__ import annotations

from typing import Any

import numpy as np
from model_checks import check_paper

from e2e_tf.models import build_model


def test_weights_counted_by_hand() -> None:
    belle = 541 * 8 + (16 * 128 + 128) + 8 * (128 * 128 + 128) + 129
    assert build_model("gcn_belle", 9, 0).count_params() == belle == 138_729


def test_is_that_of_the_paper(batch: Any) -> None:
    whole = batch([5, 0, 1, 9, 2, 7])
    for column in (-1, 2):
        tree = {**whole, "x": whole["x"].copy()}
        tree["x"][:, column] = np.arange(24) % 5
        settings = {"units": 8, "kinds": 5, "embedding": 3, "kind_column": column}
        check_paper("gcn_belle", settings, tree)
