"""Metrics of classifiers of several classes."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.images import class_metrics


def test_class_metrics_by_hand() -> None:
    label = np.array([0, 0, 0, 1, 1, 2])
    choice = np.array([0, 0, 1, 1, 2, 2])
    score = np.eye(3)[choice] + 0.01
    evaluated = class_metrics(label, score, ("a", "b", "c"))
    assert evaluated["accuracy"] == pytest.approx(4 / 6)
    assert evaluated["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    b = evaluated["classes"]["b"]
    assert (b["precision"], b["recall"], b["f1"], b["events"]) == (0.5, 0.5, 0.5, 2)
    # Class a against the rest: 2 of 3 above all others, one level with them.
    assert evaluated["classes"]["a"]["auc"] == pytest.approx((2 + 0.5) / 3)
    weighted = class_metrics(label, score, ("a", "b", "c"), np.array([1, 1, 2, 1, 1, 1]))
    assert weighted["classes"]["a"]["recall"] == pytest.approx(0.5)
    nobody = class_metrics(label[:3], score[:3], ("a", "b", "c"))["classes"]["c"]
    assert (nobody["precision"], nobody["recall"], nobody["auc"]) == (None, None, None)
    for arguments, sentence in (
        ((label, score[:, :2], ("a", "b", "c")), r"score must be finite of shape \(n, 3\)"),
        ((label + 1, score, ("a", "b", "c")), "label must be from 0 to 2, got 1 to 3"),
        ((label[:2], score, ("a", "b", "c")), "one integer per score"),
    ):
        with pytest.raises(InputError, match=sentence):
            class_metrics(*arguments)
