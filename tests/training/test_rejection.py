from __future__ import annotations

import math

import numpy as np
import pytest
from hist.intervals import poisson_interval

from e2e_tf.training.metrics import evaluate_score
from e2e_tf.training.rejection import rejection_of


def weighted(weights, total=1000.0):
    """ε_B and its variance where jets of these weights pass."""
    weights = np.asarray(weights, float)
    return weights.sum() / total, np.square(weights).sum() / total**2


@pytest.mark.parametrize("weights", [[1.0], [1.0] * 6, [0.5, 2.0, 1.0, 0.1], [1.0, 1.0, -1.0, 1.0]])
def test_the_interval_is_that_of_hist(weights):
    found = rejection_of(*weighted(weights), 1000)
    sums = [np.array([f(weights)]) for f in (np.sum, lambda w: np.sum(np.square(w)))]
    low, high = poisson_interval(*sums)[:, 0]
    assert not found.is_limit
    assert (found.value, found.low, found.high) == pytest.approx(
        (1000 / sum(weights), 1000 / high, 1000 / low)
    )


def test_few_jets_reach_further_towards_better_rejection():
    found = rejection_of(*weighted([1.0] * 4), 1000)
    assert found.high - found.value > 1.5 * (found.value - found.low)
    many = rejection_of(*weighted([1.0] * 400), 1000)
    assert (many.high - many.value) / (many.value - many.low) == pytest.approx(1, abs=0.12)


def test_what_else_spreads_is_added_in_quadrature():
    passing, variance = 0.4, 0.0001  # so many jets that the interval of the counts is nearly symmetric
    found = rejection_of(passing, variance, 1600, spread=0.05)
    assert 1 / found.low - passing == pytest.approx(0.05, rel=0.03)
    assert passing - 1 / found.high == pytest.approx(0.05, rel=0.03)
    # A spread below that of the counts, which few replicas may find, does not narrow the interval.
    assert rejection_of(passing, variance, 1600, 0.001) == rejection_of(passing, variance, 1600)


def test_a_limit_only_where_nothing_passes():
    limit = rejection_of(0.0, 0.0, 300)
    assert (limit.is_limit, limit.low, limit.high) == (True, limit.value, math.inf)
    assert limit.value == pytest.approx(300 / 2.9957, rel=1e-4)
    light = rejection_of(*weighted([0.1]), 1000)  # one jet of a small weight is a measurement
    assert (light.is_limit, light.value) == (False, pytest.approx(10000))
    assert light.low < 0.5 * light.value < 5 * light.value < light.high


def test_a_negative_sum_of_weights_is_a_limit():
    few = rejection_of(*weighted([-1.0]), 1000)
    assert (few.is_limit, few.value) == (True, pytest.approx(1000 / 2.9957, rel=1e-4))
    many = rejection_of(*weighted([1.0] * 100 + [-1.0] * 100 + [-0.01]), 1000)
    assert (many.is_limit, many.value) == (True, pytest.approx(1000 / (1.6449 * math.sqrt(200)), rel=0.01))


@pytest.mark.parametrize("expected", [2.5, 8, 60])
def test_coverage_by_toys(expected):
    """Weights from 0.2 to 1.8, so many background jets expected beyond a cut: 68.3 % of the intervals cover or more."""
    rng = np.random.default_rng(7)
    truth, covered, measured = 10000 / expected, 0, 0
    for _ in range(1500):
        weights = rng.uniform(0.2, 1.8, rng.poisson(expected))
        found = rejection_of(*weighted(weights, 10000), 10000)
        if not found.is_limit:
            measured += 1
            covered += found.low <= truth <= found.high
    assert 0.66 < covered / measured < (0.8 if expected > 5 else 0.86)


def test_coverage_of_evaluated_samples_by_toys():
    """The same with a threshold that comes from the signal, of 400 jets, at 70 %: a shift of 2.2 rejects by 22.6."""
    from scipy.stats import norm

    truth = 1 / norm.sf(norm.ppf(0.3) + 2.2)
    rng = np.random.default_rng(3)
    label = np.repeat([1, 0], 200)
    covered = []
    for _ in range(150):
        score = rng.normal(size=400) + 2.2 * label
        found = evaluate_score(
            label, score, pt=np.full(400, 20.0), pt_bins=(0, 1), efficiencies=(0.7,), bootstraps=25
        )["overall"]["rejection"][0]
        assert found["passing"] == pytest.approx(200 / found["value"]) or found["is_limit"]
        covered.append(found["low"] <= truth <= (found["high"] or math.inf))
    assert 0.6 < np.mean(covered) < 0.86
