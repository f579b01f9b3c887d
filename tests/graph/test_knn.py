from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from e2e_tf.errors import InputError
from e2e_tf.graph import edges_per_graph, knn


def pairs(edges):
    return list(zip(*(end.tolist() for end in edges), strict=True))


def reference(points, n_node, k, period=(0.0, 0.0), loops=False):
    """The definition: of each node's others sorted by (squared distance, index) the first k."""
    result, start = [], 0
    for n in n_node:
        own = points[start : start + n].astype(np.float64)
        squared = np.zeros((n, n))
        for d, length in enumerate(period):
            gap = abs(own[:, None, d] - own[None, :, d])
            if length:
                gap = np.fmod(gap, length)
                gap = np.where(gap > length / 2, length - gap, gap)
            squared += gap * gap
        np.fill_diagonal(squared, -1.0 if loops else np.inf)
        nearest = np.argsort(squared, axis=1, kind="stable")[:, : min(k, n if loops else n - 1)]
        result += [(start + j, start + i) for i in range(n) for j in sorted(nearest[i].tolist())]
        start += n
    return result


def test_hand_computed():
    # On a line at 0, 1, 3, 7 each node takes the nearest other one.
    edges = knn(np.array([[0.0], [1.0], [3.0], [7.0]]), [4], 1)
    assert pairs(edges) == [(1, 0), (0, 1), (1, 2), (2, 3)]
    assert all(end.dtype == np.int32 for end in edges)


def test_equal_distances_go_to_the_lower_index():
    points = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.0, 0.0]])
    senders, receivers = knn(points, [5], 2)
    assert senders[receivers == 4].tolist() == [0, 1]


def test_coincident_points():
    assert pairs(knn(np.zeros((3, 2)), [3], 1)) == [(1, 0), (0, 1), (0, 2)]


@pytest.mark.parametrize("k", [3, 4, 40])
def test_small_graphs_are_fully_linked(k):
    edges = knn(np.random.default_rng(0).normal(size=(4, 2)), [4, 0], k)
    assert pairs(edges) == [(s, r) for r in range(4) for s in range(4) if s != r]


def test_loop_is_one_of_the_k():
    senders, receivers = knn(np.zeros((6, 2)), [6], 2, loops=True)
    assert [senders[receivers == i].tolist() for i in range(3)] == [[0, 1], [0, 1], [0, 2]]
    assert pairs(knn(np.zeros((1, 2)), [1], 5, loops=True)) == [(0, 0)]
    assert pairs(knn(np.zeros((3, 2)), [3], 1, loops=True)) == [(0, 0), (1, 1), (2, 2)]


def test_empty_graphs_keep_their_place():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 5.0]])
    n_node = [0, 2, 0, 1, 0]
    senders, receivers = knn(points, n_node, 3)
    assert pairs((senders, receivers)) == [(1, 0), (0, 1)]
    assert edges_per_graph(receivers, n_node).tolist() == [0, 2, 0, 0, 0]
    assert [len(end) for end in knn(np.empty((0, 2)), [], 3)] == [0, 0]
    assert [len(end) for end in knn(np.empty((0, 2)), [0, 0], 3)] == [0, 0]


def test_wraps_at_pi():
    points = np.array([[0.0, 3.1], [0.0, -3.1], [0.0, 2.9]], np.float32)
    assert knn(points, [3], 1, period=(None, 2 * np.pi))[0].tolist() == [1, 0, 0]
    assert knn(points, [3], 1)[0].tolist() == [2, 2, 0]
    # Exactly at the seam, and whole turns away.
    seam = np.array([[0.0, np.pi], [0.0, -np.pi], [0.0, 3.0], [0.0, np.pi + 4 * np.pi]], np.float32)
    assert knn(seam, [4], 1, period=(None, 2 * np.pi))[0].tolist()[2] in (0, 1, 3)
    assert set(knn(seam, [4], 2, period=(None, 2 * np.pi))[0][:2]) == {1, 3}


@pytest.mark.parametrize(("n", "k"), [(60, 8), (200, 33), (700, 8), (700, 40)])
def test_agrees_with_a_tree(n, k):
    """Every algorithm inside, for small and large graphs and k."""
    points = np.random.default_rng(1).normal(size=(n, 3)).astype(np.float32)
    senders, _ = knn(points, [n], k)
    _, nearest = cKDTree(points.astype(np.float64)).query(points.astype(np.float64), k + 1)
    np.testing.assert_array_equal(senders.reshape(n, k), np.sort(nearest[:, 1:], axis=1))


@pytest.mark.parametrize("period", [(0.0, 0.0), (0.0, 5.0), (7.0, 5.0)])
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("k", [1, 5, 35])
def test_ties_on_a_lattice(period, loops, k):
    """Many equal distances; 600 nodes go through the search for large graphs."""
    rng = np.random.default_rng(2)
    n_node = [0, 40, 1, 600, 0]
    points = rng.integers(0, 9, (641, 2)).astype(np.float32)
    expected = reference(points, n_node, k, period, loops)
    edges = knn(points, n_node, k, period=[p or None for p in period], loops=loops)
    assert pairs(edges) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(1, 14), st.randoms())
def test_properties(n_node, k, random):
    rng = np.random.default_rng(random.randrange(2**32))
    points = rng.normal(size=(sum(n_node), 2)).astype(np.float32)
    senders, receivers = knn(points, n_node, k)
    owner = np.repeat(np.arange(len(n_node)), n_node)
    assert np.array_equal(owner[senders], owner[receivers])
    assert not np.any(senders == receivers)
    key = receivers.astype(np.int64) * max(len(points), 1) + senders
    assert np.all(np.diff(key) > 0)
    expected = [n * min(k, n - 1) if n else 0 for n in n_node]
    assert edges_per_graph(receivers, n_node).tolist() == expected
    # Renumbering the nodes inside their graphs renumbers the edges.
    start = np.cumsum(n_node) - n_node
    order = np.concatenate([start[g] + rng.permutation(n) for g, n in enumerate(n_node)]).astype(int)
    permuted = knn(points[order], n_node, k)
    assert {(order[s], order[r]) for s, r in pairs(permuted)} == set(pairs((senders, receivers)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k must be a positive integer, got 0"),
        ({"k": 2.5}, "k must be a positive integer, got 2.5"),
        ({"points": np.zeros(3)}, r"points must be numbers of shape \(n, D\).*\(3,\)"),
        ({"points": np.array([[0, np.nan], [0, 0], [0, 0]])}, "points must be finite, got nan in row 0"),
        ({"n_node": [2]}, "n_node must add up to the rows of points, 3, got a sum of 2"),
        ({"n_node": [4, -1]}, "n_node must not be negative, got -1 for graph 1"),
        ({"n_node": [1.5, 1.5]}, "n_node must be integers"),
        ({"period": (1.0,)}, "period must be one value or None per dimension"),
        ({"period": (None, -1.0)}, "period must be positive"),
        ({"period": 0.0}, "period must be positive"),
    ],
)
def test_bad_input(change, message):
    arguments = {"points": np.zeros((3, 2)), "n_node": [3], "k": 2} | change
    with pytest.raises(InputError, match=message):
        knn(**arguments)
