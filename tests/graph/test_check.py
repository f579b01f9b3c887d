"""Arguments of builders: what is taken, and the sentence for what is not."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.graph._check import as_counts, as_offsets, as_period, as_points, edges_per_graph


def test_counts_and_offsets():
    counts = as_counts(np.array([2, 0, 3], np.int8), rows=5)
    assert (counts.dtype, counts.tolist()) == (np.int64, [2, 0, 3])
    assert as_offsets(counts).tolist() == [0, 2, 2, 5]
    assert as_counts([]).tolist() == []
    assert as_offsets(as_counts([])).tolist() == [0]


@pytest.mark.parametrize(
    ("n_node", "rows", "sentence"),
    [
        ([[1, 2]], None, r"n_node must be integers of rank 1, one per graph, got int64 with shape \(1, 2\)"),
        (
            [1.0, 2.0],
            None,
            r"n_node must be integers of rank 1, one per graph, got float64 with shape \(2,\)",
        ),
        ([1, -2], None, "n_node must not be negative, got -2 for graph 1"),
        ([1, 2], 4, "n_node must add up to the rows of points, 4, got a sum of 3"),
    ],
)
def test_bad_counts(n_node, rows, sentence):
    with pytest.raises(InputError, match=sentence):
        as_counts(n_node, rows)


def test_points_are_float32_in_c_order():
    points = as_points(np.asfortranarray(np.arange(6).reshape(3, 2)))
    assert points.dtype == np.float32
    assert points.flags.c_contiguous
    assert points.tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([1.0, 2.0], r"points must be numbers of shape \(n, D\) with D >= 1, got float64 with shape \(2,\)"),
        (np.zeros((3, 0)), r"got float64 with shape \(3, 0\)"),
        ([["a"]], r"points must be numbers of shape \(n, D\) with D >= 1, got <U1 with shape \(1, 1\)"),
        ([[0.0], [np.nan]], "points must be finite, got nan in row 1"),
        ([[0.0, 1e39]], "points must be finite, got inf in row 0"),
    ],
)
def test_bad_points(points, sentence):
    with pytest.raises(InputError, match=sentence):
        as_points(points)


def test_periods():
    assert as_period(None, 2).tolist() == [0, 0]
    assert as_period(6.25, 2).tolist() == [6.25, 6.25]
    assert as_period((None, 6.25), 2).tolist() == [0, 6.25]


@pytest.mark.parametrize(
    ("period", "sentence"),
    [
        ((1.0,), r"period must be one value or None per dimension \(2\), got 1"),
        (0, "period must be positive and finite, or None for no wrap, got .0, 0."),
        ((None, -1.0), "period must be positive and finite, or None for no wrap, got .None, -1.0."),
        (np.inf, "period must be positive and finite"),
        ((None, np.nan), "period must be positive and finite"),
    ],
)
def test_bad_periods(period, sentence):
    with pytest.raises(InputError, match=sentence):
        as_period(period, 2)


def test_edges_are_counted_by_the_graph_of_their_receiver():
    """Nodes 0 and 1, none, node 2, nodes 3 and 4; the last graph has no edge."""
    counts = edges_per_graph(np.array([0, 0, 1, 2], np.int32), np.array([2, 0, 1, 2]))
    assert (counts.dtype, counts.tolist()) == (np.int32, [3, 0, 1, 0])
    assert edges_per_graph(np.array([], np.int32), np.array([0, 1])).tolist() == [0, 0]
