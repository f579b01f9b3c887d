"""A jet is held against the threshold of its bin of pT, and against none outside of the bins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.training.pt_points import pt_points


def part(low, high, *thresholds, output="tau"):
    points = [
        {"target": target, "threshold": cut, "signal_efficiency": target + 0.01, "output": output}
        for target, cut in zip((0.5, 0.7), thresholds, strict=False)
    ]
    return {"low": low, "high": high, "working_points": points or None}


BINS = [part(10, 20.1, 0.6, 0.4), part(20.1, 30), part(30, 50, 0.8, 0.7)]


def test_the_threshold_is_that_of_the_bin():
    half, most = pt_points(BINS)
    assert (half.target, half.output, half.low, half.high) == (0.5, "tau", (10, 30), (20.1, 50))
    assert (half.threshold, most.threshold) == ((0.6, 0.8), (0.4, 0.7))
    pt = np.array([10, 15, 30, 49, 30, 15], np.float32)
    score = np.array([0.6, 0.59, 0.79, 0.81, 0.8, 0.6], np.float32)
    assert half.passes(score, pt).tolist() == [True, False, False, True, True, True]
    assert most.passes(score, pt).tolist() == [True] * 6
    np.testing.assert_allclose(half.expected(np.array([12.0, 25.0, 60.0])), [0.51, 0, 0])


def test_edges_belong_to_the_bin_above_in_single_precision():
    half = pt_points(BINS)[0]
    below = np.nextafter(np.float32(10), np.float32(0))
    assert half.bins(np.array([10, below, np.float32(50), 30], np.float32)).tolist() == [0, -1, -1, 1]
    # The single-precision number next to 20.1 lies above it, and so does what is rounded to it.
    assert float(np.float32(20.1)) > 20.1
    assert half.bins(np.array([20.1 - 1e-9, 20.0999])).tolist() == [-1, 0]


def test_jets_without_a_bin_do_not_pass():
    pt = np.array([5, 25, 50, 1000, math.nan, math.inf, -math.inf])
    for point in pt_points(BINS):
        assert point.bins(pt).tolist() == [-1] * len(pt)
        assert not point.passes(np.ones(len(pt)), pt).any()
        assert not point.passes(np.array([math.nan]), np.array([15.0])).any()


def test_results_of_before_have_none():
    assert pt_points([]) == []
    assert pt_points([{"low": 10, "high": 20, "auc": None}, part(20, 30)]) == []


@pytest.mark.parametrize(
    ("bins", "message"),
    [
        ([part(20, 10, 0.5)], r"x: bins of pT must rise and not overlap, received edges \[20, 10\]"),
        ([part(10, 20, 0.5), part(19, 30, 0.5)], "must rise and not overlap"),
        ([part(10, 10, 0.5)], "must rise and not overlap"),
        (
            [part(10, 20, 0.5, 0.4), part(20, 30, 0.5)],
            r"must have the same working points, or none; received targets \[\[0.5, 0.7\], \[0.5\]\]",
        ),
        ([part(10, 20, 0.5), part(20, 30, 0.5, output="b")], "must have the same working points"),
    ],
)
def test_bins_that_are_half_filled_or_overlap_are_refused(bins, message):
    with pytest.raises(InputError, match=message):
        pt_points(bins, "x")
