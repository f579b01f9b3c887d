from __future__ import annotations

import json

import numpy as np
import pytest

from e2e_tf.data.weights import (
    LabelWeights,
    PtReweighting,
    class_weighted,
    class_weights,
    of_sign,
    pt_weights,
    spectra_apart,
)
from e2e_tf.errors import InputError

LABELS = np.array([0, 1, 1, 0, 2])


def test_weights_and_factors_multiply_and_the_given_weights_stay():
    weight = np.array([1, 2, 3, 4, 5], np.float64)
    found = class_weighted(LABELS, weight, {0: 0.5, 1: 2, 2: 10, 7: 99})
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [0.5, 4, 6, 2, 50])
    np.testing.assert_array_equal(weight, [1, 2, 3, 4, 5])


def test_what_is_not_given_counts_as_one():
    assert class_weighted(LABELS, None, None) is None
    assert class_weighted(None, None, None) is None
    np.testing.assert_array_equal(class_weighted(None, np.array([1, 2]), None), [1, 2])
    np.testing.assert_array_equal(class_weighted(LABELS, None, {0: 3, 1: 1, 2: 1}), [3, 1, 1, 3, 1])


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, "class_weight needs labels of one integer per graph"),
        (np.zeros((5, 2), int), "class_weight needs labels of one integer per graph"),
        (LABELS, r"class_weight must have a factor for every label, it lacks \[2\]"),
    ],
)
def test_labels_without_a_factor_are_refused(label, message):
    with pytest.raises(InputError, match=message):
        class_weighted(label, None, {0: 1, 1: 1})


# Signal: 1 jet below 20 GeV, 3 above. Background: 4 below, 2 above. Sum of weights 10, 5 for each class:
# signal 5/4 each, background below 5 · 1/4 / 4 = 0.3125 and above 5 · 3/4 / 2 = 1.875.
PT = np.array([12, 22, 25, 30, 11, 13, 15, 19, 21, 40.0])
LABEL = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])


def test_pt_weights_of_two_bins_by_hand():
    weights = pt_weights(PT, LABEL, bins=(10, 20, 50))
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, [1.25] * 4 + [0.3125] * 4 + [1.875] * 2)


def test_weighted_spectra_agree_and_totals_are_kept():
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 4000)
    pt = np.where(label == 1, rng.uniform(10, 50, 4000), 10 + rng.exponential(12, 4000))
    weight = rng.uniform(0.5, 2, 4000)
    edges = np.arange(10, 51, 5)
    factors = PtReweighting.fit(pt, label, edges, weight)
    new = factors.weights(pt, label, weight)
    clipped = np.clip(pt, 10, 49.9)
    signal, background = (np.histogram(clipped, edges, weights=new * (label == i))[0] for i in (1, 0))
    np.testing.assert_allclose(signal, background, rtol=1e-5)
    assert new.sum() == pytest.approx(weight.sum(), rel=1e-5)
    # Signal keeps its shape: one factor for all of it.
    assert np.ptp((new / weight)[label == 1]) < 1e-6


def test_a_number_of_bins_means_quantiles_of_the_signal():
    rng = np.random.default_rng(2)
    pt, label = rng.uniform(10, 50, 2000), rng.integers(0, 2, 2000)
    factors = PtReweighting.fit(pt, label, bins=4)
    assert np.ptp(np.histogram(pt[label == 1], factors.edges)[0]) <= 1
    # Equal values leave a single bin and plain class weights.
    same = PtReweighting.fit(np.full(6, 20.0), np.array([1, 1, 0, 0, 0, 0]), bins=4)
    np.testing.assert_allclose(same.weights(np.full(2, 20.0), np.array([1, 0])), [1.5, 0.75])


def test_fitted_factors_apply_to_other_jets_and_beyond_the_edges():
    factors = PtReweighting.fit(PT, LABEL, (10, 20, 50))
    weights = factors.weights(
        np.array([5.0, 20.0, 500.0, 5.0]), np.array([0, 0, 0, 1]), np.array([1, 1, 1, 2.0])
    )
    np.testing.assert_allclose(weights, [0.3125, 1.875, 1.875, 2.5])


def test_bins_without_signal_give_background_no_weight():
    factors = PtReweighting.fit(np.array([15, 15, 25, 35.0]), np.array([1, 0, 0, 0]), (10, 20, 30, 40, 50))
    assert factors.background == (2.0, 0.0, 0.0, 0.0)


def test_signal_without_background_is_refused_by_name_of_the_bin():
    with pytest.raises(InputError, match=r"no background cannot be reweighted \(20-30 GeV\)"):
        PtReweighting.fit(np.array([15, 25, 15.0]), np.array([1, 1, 0]), (10, 20, 30))


def test_json_round_trip_is_exact():
    factors = PtReweighting.fit(PT, LABEL, bins=(10, 17.3, 50))
    assert PtReweighting.from_dict(json.loads(json.dumps(factors.to_dict()))) == factors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": [10, 10, 50]}, "rising"),
        ({"background": [1.0]}, "2 pT bins need as many"),
        ({"background": [1.0, -1.0]}, "not negative"),
        ({"signal": float("nan")}, "finite"),
        ({"signal": "much"}, "must hold numbers"),
        ({"extra": 1}, "must have the keys"),
    ],
)
def test_damaged_factors_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        PtReweighting.from_dict(PtReweighting.fit(PT, LABEL, (10, 20, 50)).to_dict() | change)


@pytest.mark.parametrize(
    ("pt", "label", "weight", "message"),
    [
        (PT, np.ones(10, int), None, "no background"),
        (PT, np.zeros(10, int), None, "no signal"),
        (PT, LABEL, np.where(LABEL == 1, 0.0, 1.0), "more than 0, those of signal give 0"),
        (PT[:9], LABEL, None, "one entry per jet"),
        (PT, LABEL * 2, None, "label must be 0 or 1"),
        (np.where(PT == 40, np.nan, PT), LABEL, None, "finite"),
        (PT, LABEL, -np.ones(10), "more than 0, those of signal give -4"),
    ],
)
def test_unusable_jets_are_refused(pt, label, weight, message):
    with pytest.raises(InputError, match=message):
        PtReweighting.fit(pt, label, (10, 20, 50), weight)


def test_class_weights_balance():
    assert class_weights(np.array([1, 0, 0, 0])) == {0: pytest.approx(4 / 6), 1: pytest.approx(2.0)}
    assert class_weights(np.array([1, 0]), np.array([3.0, 1.0])) == {
        0: pytest.approx(2.0),
        1: pytest.approx(2 / 3),
    }
    with pytest.raises(InputError, match="no signal"):
        class_weights(np.zeros(3, int))


def test_negative_weights_are_kept_made_absolute_or_refused():
    weight = np.array([1.0, -2.0])
    assert of_sign(weight, "keep").tolist() == [1, -2]
    assert of_sign(weight, "absolute").tolist() == [1, 2]
    with pytest.raises(InputError, match="1 of 2 jets of a.root have a negative event weight"):
        of_sign(weight, "refuse", "a.root")
    with pytest.raises(InputError, match="keep, absolute, refuse, not 'drop'"):
        of_sign(weight, "drop")
    assert of_sign(np.ones(2), "refuse").tolist() == [1, 1]


def test_weights_of_a_label_have_mean_one_per_class_before_the_balance():
    """Background of weights 3, -1 (mean 1) and 10, signal of 2: six jets, three for each class."""
    label, weight = np.array([0, 0, 0, 1, 1, 1]), np.array([3.0, -1.0, 10.0, 2.0, 2.0, 2.0])
    rule = LabelWeights.fit(label, weight)
    assert rule.mean == (4, 2)
    np.testing.assert_allclose(rule.weights(label, weight), [0.75, -0.25, 2.5, 1, 1, 1])
    scaled = LabelWeights.fit(label, 1e-5 * weight)
    np.testing.assert_allclose(scaled.weights(label, 1e-5 * weight), rule.weights(label, weight), rtol=1e-6)


def test_negative_weights_enter_the_factors_of_pt_bins():
    """In the upper bin background adds up to 2 - 1 = 1 of 4, signal to half of its jets."""
    label, pt = np.array([0, 0, 0, 1, 1]), np.array([15, 25, 25, 15, 25.0])
    weight = np.array([3.0, 2.0, -1.0, 1.0, 1.0])
    rule = LabelWeights.fit(label, weight, pt, (10, 20, 30))
    found = rule.weights(label, weight, pt)
    np.testing.assert_allclose(found, [1.25, 2.5, -1.25, 1.25, 1.25])
    with pytest.raises(InputError, match=r"add up to less than 0 cannot be reweighted \(20-30 GeV\)"):
        LabelWeights.fit(label, np.array([9.0, 2.0, -3.0, 1.0, 1.0]), pt, (10, 20, 30))
    with pytest.raises(InputError, match="those of background give -1"):
        LabelWeights.fit(label, np.array([1.0, -1.0, -1.0, 1.0, 1.0]))


def test_spectra_that_are_apart_are_told_from_few_jets():
    pt, label = np.array([1.0, 2, 2, 3, 3, 4]), np.array([0, 0, 1, 0, 1, 1])
    many = np.tile(pt, 50), np.tile(label, 50)
    # Cumulative: background 1/3, 2/3, 1, 1 at pT of 1 to 4, signal 0, 1/3, 2/3, 1.
    assert spectra_apart(*many, np.ones(300)) == pytest.approx(1 / 3)
    assert spectra_apart(*many, np.where(many[0] == 1, 0.0, 1.0)) == pytest.approx(
        1 / 3
    )  # 1/2, 1 and 1/3, 2/3
    assert spectra_apart(pt, label, np.ones(6)) == 0
