import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.errors import InputError
from e2e_tf.training.splits import PtReweighting, class_weights, pt_weights, split_by_event

SEEDS = st.integers(0, 2**63)


@st.composite
def events(draw):
    """Event numbers of 300 events with 1 to 4 jets each, shuffled, starting anywhere in int64."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    first = draw(st.integers(-(2**63), 2**63 - 301))
    numbers = np.arange(300, dtype=np.int64) + np.int64(first)
    return rng.permutation(np.repeat(numbers, rng.integers(1, 5, 300)))


@given(event=events(), seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_parts_share_no_event_and_hold_every_jet_once(event, seed):
    parts = split_by_event(event, seed=seed)
    for part in parts:
        assert np.all(np.diff(part) > 0)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(event)))
    train, validation, test = (set(event[part].tolist()) for part in parts)
    assert not train & validation
    assert not train & test
    assert not validation & test


@given(event=events(), seed=SEEDS, data=st.data())
@settings(max_examples=50, deadline=None)
def test_an_event_keeps_its_part_when_the_sample_changes(event, seed, data):
    parts = split_by_event(event, seed=seed)
    part_of = {int(number): i for i, part in enumerate(parts) for number in event[part]}
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    fewer = rng.permutation(event)[: len(event) // 2 + 100]
    for i, part in enumerate(split_by_event(fewer, seed=seed)):
        assert all(part_of[int(number)] == i for number in fewer[part])


def test_the_split_of_a_seed_never_changes():
    # A change here would move jets that published models were trained on into test samples.
    train, validation, test = split_by_event(np.arange(20), seed=0)
    assert train.tolist() == [0, 1, 4, 5, 6, 7, 9, 11, 12, 13, 15, 16, 17, 18, 19]
    assert validation.tolist() == [3, 10, 14]
    assert test.tolist() == [2, 8]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fractions_hold_within_five_standard_deviations(seed):
    n = 20_000
    for part, share in zip(split_by_event(np.arange(n), seed=seed), (0.7, 0.1, 0.2), strict=True):
        assert abs(len(part) - n * share) < 5 * np.sqrt(n * share * (1 - share))


def test_seeds_give_independent_splits():
    n = 20_000
    one, two = (set(split_by_event(np.arange(n), seed=seed)[2].tolist()) for seed in (0, 1))
    assert abs(len(one & two) - n * 0.04) < 5 * np.sqrt(n * 0.04)


def test_a_part_may_be_left_out():
    train, validation, test = split_by_event(np.arange(1000), (0.7, 0.3, 0.0))
    assert len(test) == 0
    assert len(train) + len(validation) == 1000
    train, validation, test = split_by_event(np.arange(1000), (0.0, 0.0, 1.0))
    assert (len(train), len(validation), len(test)) == (0, 0, 1000)


@pytest.mark.parametrize(
    ("event", "fractions", "seed", "message"),
    [
        (np.arange(9.0), (0.7, 0.1, 0.2), 0, "one integer per jet"),
        (np.arange(9), (0.7, 0.2, 0.2), 0, "add up to 1"),
        (np.arange(9), (1.2, -0.1, -0.1), 0, "none negative"),
        (np.arange(9), (0.5, 0.5), 0, "three numbers"),
        (np.arange(9), (0.7, 0.1, 0.2), -1, "seed must not be negative"),
        (np.zeros(9, np.int64), (0.7, 0.1, 0.2), 0, "1 events are too few"),
    ],
)
def test_bad_splits_are_refused(event, fractions, seed, message):
    with pytest.raises(InputError, match=message):
        split_by_event(event, fractions, seed)


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
        (PT, LABEL, np.where(LABEL == 1, 0.0, 1.0), "no signal"),
        (PT[:9], LABEL, None, "one entry per jet"),
        (PT, LABEL * 2, None, "label must be 0 or 1"),
        (np.where(PT == 40, np.nan, PT), LABEL, None, "finite"),
        (PT, LABEL, -np.ones(10), "not negative"),
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
