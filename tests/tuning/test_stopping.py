from __future__ import annotations

from e2e_tf.tuning.stopping import below_median

OTHERS = [[0.5, 0.8], [0.6, 0.7, 0.9], [0.7]]


def test_median_of_the_best_so_far():
    # After one epoch the others had 0.5, 0.6 and 0.7, after two 0.8, 0.7 and 0.7.
    assert below_median([0.6], OTHERS) == ""
    assert below_median([0.59], OTHERS) == (
        "after 1 epochs its best value 0.59 was worse than 0.6, the median of 3 finished trials"
    )
    assert below_median([0.6, 0.69], OTHERS)
    assert below_median([0.7, 0.1], OTHERS) == ""


def test_smaller_is_better():
    assert below_median([0.6], OTHERS, "min") == ""
    assert "was worse than 0.6" in below_median([0.61], OTHERS, "min")


def test_too_few_finished_trials_say_nothing():
    assert below_median([0.0], OTHERS[:2]) == ""
    assert below_median([0.0], [*OTHERS[:2], []]) == ""


def test_what_is_no_number_is_never_the_best():
    nan = float("nan")
    assert below_median([nan], OTHERS)
    assert below_median([nan, 0.9], OTHERS) == ""
    assert below_median([0.5], [[nan], [nan], [nan]]) == ""
