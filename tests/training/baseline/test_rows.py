"""Sums and leading rows of jets, by hand."""

from __future__ import annotations

import numpy as np

from e2e_tf.training.baseline.rows import Rows, at

OWNER = np.array([0, 0, 0, 2, 2])
VALUES = np.array([3.0, 5.0, 5.0, 1.0, 2.0])


def test_leading_rows_come_in_order():
    rows = Rows(OWNER, 3)
    everything = np.ones(5, bool)
    assert rows.leading(VALUES, everything, 2).tolist() == [
        [2, 1],
        [-1, -1],
        [4, 3],
    ]  # of equal ones the later
    assert rows.leading(VALUES, VALUES < 4, 3).tolist() == [[0, -1, -1], [-1, -1, -1], [4, 3, -1]]
    assert rows.leading(VALUES, np.zeros(5, bool)).tolist() == [[-1], [-1], [-1]]


def test_values_of_rows_that_are_not_there_are_0():
    assert at(VALUES, np.array([[2, -1], [0, 4]])).tolist() == [[5, 0], [3, 2]]
    assert at(np.zeros(0), np.array([-1])).tolist() == [0]


def test_sums_counts_and_maxima():
    rows, some = Rows(OWNER, 3), np.array([True, False, True, True, True])
    assert rows.sum(VALUES, some).tolist() == [8, 0, 3]
    assert rows.count(some).tolist() == [2, 0, 2]
    assert rows.largest(VALUES).tolist() == [5, 0, 2]
