from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.graph import image_adjacency, knn, knn_adjacency, mother_adjacency


def test_compat_loses_neighbours_to_padding():
    """Real points at 1, 2, 5 on the η axis; two padded ones sit at the jet axis, η = 0."""
    points = np.zeros((1, 5, 2), np.float32)
    points[0, :3, 0] = [1, 2, 5]
    points[0, 3:] = 9  # whatever the padding holds, it is read as zero
    mask = np.array([[1, 1, 1, 0, 0]])
    found = knn_adjacency(points, mask, k=1, compat=True)[0]
    # Nearest to 1 is 2 (as far as the padding, but of lower index), to 2 it is 1, to 5 it is 2.
    chosen = np.zeros((5, 5), int)
    chosen[[0, 1, 2], [1, 0, 1]] = 1
    chosen[[0, 1, 2], [0, 1, 2]] = 1
    np.testing.assert_array_equal(found, chosen.T)
    assert found.dtype == np.int8
    # Nearer to the axis than to each other: only the padding is picked, and each keeps itself alone.
    points[0, :3, 0] = [1, -2, 5]
    found = knn_adjacency(points, mask, k=2, compat=True)[0]
    np.testing.assert_array_equal(found[:2, :2], np.eye(2))


def test_corrected_rule_searches_real_points_only():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3, 12, 2))
    mask = np.zeros((3, 12))
    mask[0, :9] = 1
    mask[1, [2, 5, 7]] = 1
    found = knn_adjacency(points, mask, k=4)
    assert found.shape == (3, 12, 12)
    assert not found[2].any()
    rows = found.sum(axis=2)
    assert rows[0].tolist() == [5] * 9 + [0] * 3
    np.testing.assert_array_equal(np.flatnonzero(found[1, 5]), [2, 5, 7])
    senders, receivers = knn(points[0, :9], [9], 4)
    expected = np.eye(12, dtype=np.int8)
    expected[receivers, senders] = 1
    np.testing.assert_array_equal(found[0, :9, :9], expected[:9, :9])


def test_without_padding_the_rules_are_transposes():
    points = np.random.default_rng(1).normal(size=(2, 20, 2))
    mask = np.ones((2, 20), bool)
    np.testing.assert_array_equal(
        knn_adjacency(points, mask), knn_adjacency(points, mask, compat=True).transpose(0, 2, 1)
    )


@pytest.mark.parametrize(("side", "entries"), [(9, 544), (20, 2964), (24, 4324)])
def test_image_adjacency(side, entries):
    found = image_adjacency(side, side)
    assert found.sum() == entries
    assert not found.diagonal().any()
    assert found.dtype == np.int8
    row, column = np.divmod(np.arange(side * side), side)
    distance = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column))
    np.testing.assert_array_equal(found, distance == 1)


def test_mother_adjacency():
    """0 is the root of 1 and 2, 3 comes from 2, 4 is padding."""
    expected = [
        [0, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 1, 1, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]
    found = mother_adjacency(np.array([[-1, 0, 0, 2, -1], [-1] * 5]))
    np.testing.assert_array_equal(found[0], expected)
    assert not found[1].any()
    assert found.dtype == np.int8
    np.testing.assert_array_equal(mother_adjacency([[0, 0]])[0], [[1, 1], [1, 1]])


def test_bad_input():
    with pytest.raises(InputError, match=r"points must have shape \(B, N, D\)"):
        knn_adjacency(np.zeros((2, 3, 2)), np.ones((2, 4)))
    with pytest.raises(InputError, match="k must be a positive integer, got 0"):
        knn_adjacency(np.zeros((2, 3, 2)), np.ones((2, 3)), k=0)
    with pytest.raises(InputError, match="points must be finite where mask is not zero"):
        knn_adjacency(np.full((2, 3, 2), np.nan), np.ones((2, 3)))
    with pytest.raises(InputError, match="mothers must be from -1 to 1, got -1 to 2"):
        mother_adjacency([[-1, 2]])
    with pytest.raises(InputError, match="mothers must be integers"):
        mother_adjacency([[0.0]])
