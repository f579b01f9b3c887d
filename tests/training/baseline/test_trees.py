"""Boosted trees: what they separate, their seed and weights, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.training.baseline import baseline_score, train_baseline
from e2e_tf.training.metrics import roc_auc


def toy(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    # Neither feature alone separates the classes, their product does.
    features = rng.normal(size=(n, 2)).astype(np.float32)
    features[:, 1] = np.abs(features[:, 1]) * np.sign(features[:, 0]) * np.where(label == 1, 1, -1)
    return features + rng.normal(scale=0.1, size=(n, 2)).astype(np.float32), label


def test_the_baseline_separates_a_toy_that_needs_two_features():
    features, label = toy()
    estimator = train_baseline(features, label)
    unseen, truth = toy(seed=1)
    score = baseline_score(estimator, unseen)
    assert score.shape == (1000,)
    assert np.all((score >= 0) & (score <= 1))
    assert roc_auc(truth, score) > 0.93
    assert estimator.n_iter_ < 1000  # stopped by the held-out part


def test_the_baseline_is_deterministic_and_uses_weights():
    features, label = toy(600)
    first, again = (baseline_score(train_baseline(features, label, seed=7), features) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    heavy = baseline_score(train_baseline(features, label, np.where(label == 1, 20.0, 1.0), seed=7), features)
    assert heavy.mean() > first.mean() + 0.05


@pytest.mark.parametrize(
    ("features", "label", "weight", "message"),
    [
        (np.zeros((30, 2)), np.zeros(29), None, r"received \(30, 2\) and \(29,\)"),
        (np.zeros(30), np.zeros(30), None, "must be"),
        (np.full((30, 2), np.nan), np.arange(30) % 2, None, "finite"),
        (np.zeros((30, 2)), np.zeros(30), None, "0 signal and 30 background"),
        (np.zeros((30, 2)), np.arange(30) % 3, None, "10 signal and 10 background among 30"),
        (np.zeros((30, 2)), np.arange(30) % 2, np.ones(3), "weight must have shape"),
    ],
)
def test_unusable_training_input_is_refused(features, label, weight, message):
    with pytest.raises(InputError, match=message):
        train_baseline(features, label, weight)
