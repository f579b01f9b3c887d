from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from e2e_tf.errors import InputError
from e2e_tf.graph import radius


def pairs(edges):
    return list(zip(*(end.tolist() for end in edges), strict=True))


def test_distance_is_inclusive():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    assert pairs(radius(points, [3], 5.0)) == [(1, 0), (0, 1), (2, 1), (1, 2)]
    assert pairs(radius(points, [3], 4.99)) == []
    assert pairs(radius(points, [3], 1.0, loops=True)) == [(0, 0), (1, 1), (2, 2)]


def test_graphs_stay_apart_and_coincident_points_are_linked():
    assert pairs(radius(np.zeros((4, 2)), [0, 2, 1, 1, 0], 1.0)) == [(1, 0), (0, 1)]
    assert pairs(radius(np.empty((0, 1)), [0], 1.0)) == []


def test_wraps_at_pi():
    points = np.array([[0.0, 3.1], [0.0, -3.1]])
    assert pairs(radius(points, [2], 0.1)) == []
    assert pairs(radius(points, [2], 0.1, period=(None, 2 * np.pi))) == [(1, 0), (0, 1)]


def test_agrees_with_a_tree():
    points = np.random.default_rng(0).uniform(size=(300, 2)).astype(np.float32)
    found = set(pairs(radius(points, [300], 0.3)))
    expected = cKDTree(points.astype(np.float64)).query_pairs(0.3)
    assert found == expected | {(b, a) for a, b in expected}
    assert len(found) > 16 * 300  # more than the first guess of the memory they need


@pytest.mark.parametrize("r", [0, -1.0, np.inf, float("nan"), "1", True])
def test_bad_radius(r):
    with pytest.raises(InputError, match="r must be a positive number, got"):
        radius(np.zeros((2, 2)), [2], r)
