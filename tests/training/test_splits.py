import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.data.jets import Jets
from e2e_tf.data.settings import DataConfig
from e2e_tf.errors import InputError
from e2e_tf.training.splits import check_classes, check_parts, split_by_event, split_by_fold, split_sample
from e2e_tf.training.targets import Target

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


def test_every_jet_is_in_the_test_of_one_fold():
    event = np.repeat(np.arange(500), 2)
    tests = []
    for fold in range(5):
        train, validation, test = split_by_fold(event, 5, fold, seed=3)
        assert len(train) + len(validation) + len(test) == len(event)
        assert not set(event[train]) & set(event[test])
        np.testing.assert_array_equal(validation, split_by_fold(event, 5, (fold + 1) % 5, seed=3)[2])
        tests.append(test)
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(len(event)))
    assert min(map(len, tests)) > 120
    numbered = split_by_fold(event, 3, 1, number=event)
    assert [set((event[part] % 3).tolist()) for part in numbered] == [{0}, {2}, {1}]


def sample(**columns):
    n = len(next(iter(columns.values())))
    return Jets({name: np.asarray(values) for name, values in columns.items()}, np.arange(n), np.ones(n))


def test_a_column_says_which_part_a_jet_is_in():
    jets = sample(part=[0, 1, 2, 0, 2])
    found = split_sample(DataConfig(split_column="part"), jets, np.arange(5), 1)
    assert [part.tolist() for part in found] == [[0, 3], [1], [2, 4]]
    folds = split_sample(DataConfig(folds=3, fold=1, fold_column="part"), jets, np.arange(5), 1)
    assert [part.tolist() for part in folds] == [[0, 3], [2, 4], [1]]
    event = np.arange(200)
    by_event = split_sample(DataConfig(), sample(x=event), event, 7)
    for mine, theirs in zip(by_event, split_by_event(event, seed=7), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("data", "group", "message"),
    [
        ({"split_column": "nope"}, np.arange(4), "data.split_column must be a column of the jets"),
        ({"split_column": "half"}, np.arange(4), "must hold whole numbers"),
        ({"split_column": "many"}, np.arange(4), r"must be 0 \(training\), 1 \(validation\) or 2"),
        ({"split_column": "part"}, np.array([7, 7, 8, 9]), "into different parts, in 1 events"),
        ({"split_column": "zero"}, np.arange(4), "leave no jets for validation and test"),
        ({"folds": 4, "fold_column": "zero"}, np.arange(4), "leave no jets for training and validation"),
    ],
)
def test_columns_that_give_no_split_are_refused(data, group, message):
    jets = sample(half=[0.5, 1, 2, 0], many=[0, 1, 2, 3], part=[0, 1, 2, 0], zero=[0, 0, 0, 0])
    with pytest.raises(InputError, match=message):
        split_sample(DataConfig(**data), jets, group, 1)


def part(*labels):
    n = len(labels)
    return Jets({}, np.arange(n), np.ones(n), np.array(labels, np.int8))


def test_parts_of_both_classes_are_taken():
    both = part(0, 1)
    check_parts(DataConfig(), [both, both, both], by_label=True)
    check_parts(
        DataConfig(), [both, part(0), part(1)], by_label=False
    )  # of a regression, classes do not count


@pytest.mark.parametrize(
    ("data", "parts", "by_label", "message"),
    [
        (
            {},
            [(0, 1), (), (0, 1)],
            True,
            r"tau leaves no jets for the validation part, .* change data.split \(",
        ),
        ({}, [(0, 1), (0, 1), ()], False, "leaves no jets for the test part, which every run needs"),
        ({}, [(0, 1), (0, 1), (0, 0)], True, "the test part of tau has no signal among its 2 jets"),
        (
            {},
            [(1, 1, 1), (0, 1), (0, 1)],
            True,
            "the training part of tau has no background among its 3 jets",
        ),
        (
            {"folds": 5},
            [(0, 1), (0,), (0, 1)],
            True,
            r"no signal among its 1 jets, .* change data.folds \(5\)",
        ),
        ({"split_column": "p"}, [(0, 1), (1,), (0, 1)], True, r"no background .* data.split_column \(p\)"),
    ],
)
def test_parts_that_a_later_step_cannot_take_are_refused(data, parts, by_label, message):
    with pytest.raises(InputError, match=message):
        check_parts(DataConfig(**data), [part(*labels) for labels in parts], by_label)


def test_an_output_that_sees_one_class_is_refused():
    value = np.array([0, 2, 1, 2], np.float32)
    check_classes("test", "outputs.mode", Target(value, np.array([1, 1, 0, 0], np.float32)))
    check_classes("test", "outputs.mode", Target(value, np.array([0, -1, 1, 1], np.float32)))
    for weight in ([0, 1, 0, 1], [0, 0, 0, 0]):
        with pytest.raises(
            InputError, match=r"of the test part that outputs.mode is trained for are of one cl"
        ):
            check_classes("test", "outputs.mode", Target(value, np.array(weight, np.float32)))
