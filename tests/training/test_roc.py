from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.training.roc import Roc, checked, checked_efficiencies, effective_count


def test_four_points():
    """Scores 4, 3, 2, 1 of signal, background, signal, background: three of four pairs are in order."""
    roc = Roc(*checked([1, 0, 1, 0], [4, 3, 2, 1], None))
    assert roc.auc == 0.75
    np.testing.assert_array_equal(roc.signal, [0, 0.5, 0.5, 1, 1])
    np.testing.assert_array_equal(roc.background, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_array_equal(roc.reaching(np.array([0.25, 0.5, 0.75])), [1, 1, 3])
    np.testing.assert_array_equal(roc.background_at(np.array([0.5, 0.75, 1])), [0, 0.5, 0.5])


def test_variance_of_what_passes():
    """Of backgrounds of weights 1 and 3, the first passes first."""
    roc = Roc(*checked([1, 0, 0], [2, 2, 1], [1, 1, 3]))
    np.testing.assert_allclose(roc.background, [0, 1 / 4, 1])
    np.testing.assert_allclose(roc.variance, [0, 1 / 16, 10 / 16])


def test_negative_weights_turn_the_curve_back():
    """From the highest score on: signal 2, background 3, signal −1, background −1, signal 1, background 1."""
    label, score = np.array([1, 0, 1, 0, 1, 0]), np.array([6, 5, 4, 3, 2, 1])
    weight = np.array([2.0, 3, -1, -1, 1, 1])
    roc = Roc(*checked(label, score, weight))
    np.testing.assert_allclose(roc.signal, [0, 1, 1, 0.5, 0.5, 1, 1])
    np.testing.assert_allclose(roc.background, [0, 0, 1, 1, 2 / 3, 2 / 3, 1])
    pairs = sum(
        weight[i] * weight[j] * (score[i] > score[j])
        for i in np.flatnonzero(label == 1)
        for j in np.flatnonzero(label == 0)
    )
    assert roc.auc == pytest.approx(pairs / (2 * 3))
    # The tightest cut that keeps the share of the signal, though looser ones keep less.
    np.testing.assert_array_equal(roc.reaching(np.array([0.5, 0.9, 1.0])), [1, 1, 1])


def test_positive_weights_give_the_curve_of_scikit_learn():
    from sklearn.metrics import roc_auc_score, roc_curve

    rng = np.random.default_rng(4)
    label, score, weight = rng.integers(0, 2, 300), rng.integers(0, 40, 300) / 8, rng.uniform(0, 2, 300)
    weight[:9] = 0
    roc = Roc(*checked(label, score, weight))
    background, signal, threshold = roc_curve(label, score, sample_weight=weight, drop_intermediate=False)
    np.testing.assert_allclose(roc.background, background, rtol=1e-12)
    np.testing.assert_allclose(roc.signal, signal, rtol=1e-12)
    np.testing.assert_array_equal(roc.threshold, threshold)
    assert roc.auc == pytest.approx(roc_auc_score(label, score, sample_weight=weight), abs=1e-12)


def test_effective_count():
    assert effective_count(np.ones(7)) == 7
    assert effective_count(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)


def test_what_is_checked():
    label, score, weight = checked([1, 0], [0.5, 0.25], None)
    assert (label.dtype, score.dtype, weight.tolist()) == (np.int8, np.float64, [1, 1])
    np.testing.assert_array_equal(checked_efficiencies(0.5), [0.5])
    with pytest.raises(InputError, match="above 0 and at most 1"):
        checked_efficiencies([0.5, 1.5])
    with pytest.raises(InputError, match="holds no background"):
        checked([1, 1], [0.5, 0.25], None)
