from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from e2e_tf.errors import InputError
from e2e_tf.graph import DELAUNAY_RESOLUTION, delaunay, edges_per_graph, grid, to_lattice


def pairs(edges):
    return set(zip(*(end.tolist() for end in edges), strict=True))


def circle_exists(a, b, points):
    """Whether some circle through a and b has no point strictly inside, in exact fractions.

    Circles through both have their centre at middle + t * normal; each point bounds t from one side.
    """
    if a == b:
        return True
    middle = Fraction(a[0] + b[0], 2), Fraction(a[1] + b[1], 2)
    normal = a[1] - b[1], b[0] - a[0]
    half = Fraction((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2, 4)
    low, high = None, None
    for p in points:
        q = p[0] - middle[0], p[1] - middle[1]
        side = q[0] * normal[0] + q[1] * normal[1]
        power = q[0] * q[0] + q[1] * q[1] - half
        if side == 0:
            if power < 0:
                return False
        elif side > 0:
            high = power / (2 * side) if high is None else min(high, power / (2 * side))
        else:
            low = power / (2 * side) if low is None else max(low, power / (2 * side))
    return low is None or high is None or low <= high


def by_definition(points):
    points = [tuple(int(c) for c in p) for p in points]
    return {
        (i, j) for i, j in permutations(range(len(points)), 2) if circle_exists(points[i], points[j], points)
    }


def cloud(side, most):
    return st.lists(st.tuples(st.integers(0, side), st.integers(0, side)), max_size=most)


@settings(deadline=None, max_examples=150)
@given(st.one_of(cloud(3, 12), cloud(6, 14), cloud(2**15, 10)))
@example([(0, 5), (5, 0), (5, 10), (10, 5), (1, 2), (2, 1), (8, 1), (9, 2), (9, 8), (8, 9), (1, 8), (2, 9)])
@example([(0, 0), (1, 0), (2, 0), (3, 0), (1, -1)])
@example([(0, 0), (1, 0), (2, 0), (3, 0), (1, 1)])
@example([(0, 0), (0, 1), (0, 2), (1, 5)])
@example([(0, 0), (2**15, 2**15), (0, 2**15), (2**15, 0), (1, 0), (2**15 - 1, 1)])
@example([(0, 0), (2**15, 1), (2**14, 0), (2**14, 1)])
def test_definition(points):
    """Integer points with many on one circle, on one line or at one place, and at the largest span."""
    found = delaunay(np.array(points, np.int32).reshape(-1, 2), [len(points)])
    assert pairs(found) == by_definition(points)


@pytest.mark.parametrize(("side", "nodes"), [(5, 14), (7, 16), (20, 22)])
def test_definition_on_many_graphs(side, nodes):
    """The same definition in NumPy: rare orders of insertion need thousands of graphs to show.

    Quotients of integers this small are equal, or ordered, in float64 exactly where the fractions are.
    """
    graphs = 2000
    points = np.random.default_rng(side).integers(0, side, (graphs, nodes, 2))
    senders, receivers = delaunay(points.reshape(-1, 2), [nodes] * graphs)
    found = np.zeros((graphs, nodes, nodes), bool)
    found[receivers // nodes, receivers % nodes, senders % nodes] = True
    for graph, p in enumerate(points):
        a, b = p[:, None, None], p[None, :, None]
        q = 2 * p - a - b
        sides = q[..., 0] * (a - b)[..., 1] - q[..., 1] * (a - b)[..., 0]
        power = (q**2).sum(axis=-1) - ((a - b) ** 2).sum(axis=-1)
        bound = power / np.where(sides == 0, 1, sides)
        low = np.where(sides < 0, bound, -np.inf).max(axis=2)
        high = np.where(sides > 0, bound, np.inf).min(axis=2)
        linked = (low <= high) & ~((sides == 0) & (power < 0)).any(axis=2)
        np.fill_diagonal(linked, False)
        assert np.array_equal(found[graph], linked), p.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(cloud(4, 9), min_size=1, max_size=4), st.randoms())
def test_properties(clouds, random):
    n_node = [len(each) for each in clouds]
    points = np.array([p for each in clouds for p in each], np.int64).reshape(-1, 2)
    senders, receivers = delaunay(points, n_node)
    assert senders.dtype == receivers.dtype == np.int32
    owner = np.repeat(np.arange(len(clouds)), n_node)
    assert np.array_equal(owner[senders], owner[receivers])
    assert np.all(np.diff(receivers.astype(np.int64) * max(len(points), 1) + senders) > 0)
    assert {(r, s) for s, r in pairs((senders, receivers))} == pairs((senders, receivers))
    order = []
    for graph in range(len(clouds)):
        nodes = np.flatnonzero(owner == graph).tolist()
        random.shuffle(nodes)
        order += nodes
    order = np.array(order, int)
    permuted = delaunay(points[order], n_node)
    assert {(order[s], order[r]) for s, r in pairs(permuted)} == pairs((senders, receivers))


def test_full_pixel_grid_is_the_8_connected_grid():
    cells = np.stack(np.divmod(np.arange(12 * 9), 9), axis=1)
    for found, expected in zip(delaunay(cells, [108]), grid(12, 9), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], set()),
        ([(3, 3)], set()),
        ([(0, 0), (5, 2)], {(0, 1), (1, 0)}),
        ([(0, 0), (2, 0), (1, 0)], {(0, 2), (2, 0), (1, 2), (2, 1)}),  # on a line: consecutive ones
        ([(1, 1), (1, 1)], {(0, 1), (1, 0)}),  # at one place
    ],
)
def test_few_points(points, expected):
    assert pairs(delaunay(np.array(points, int).reshape(-1, 2), [len(points)])) == expected


def test_coincident_points_share_their_neighbours():
    found = pairs(delaunay(np.array([(0, 0), (4, 0), (0, 4), (0, 0)]), [4]))
    assert found == {(i, j) for i, j in permutations(range(4), 2)}


def test_twelve_points_on_one_circle():
    ring = [(x, y) for x in range(-5, 6) for y in range(-5, 6) if x * x + y * y == 25]
    assert len(ring) == 12
    assert pairs(delaunay(np.array(ring), [12])) == set(permutations(range(12), 2))
    hollow = pairs(delaunay(np.array([*ring, (0, 0)]), [13]))
    assert (0, 12) in hollow  # a point in the middle breaks the circle up
    assert len(hollow) == 2 * (12 + 12)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_qhull(seed):
    points = np.random.default_rng(seed).uniform(-1, 1, (6 * 70, 2)).astype(np.float32)
    senders, receivers = delaunay(points, [70] * 6)
    expected = set()
    for graph in range(6):
        corners = Delaunay(to_lattice(points)[70 * graph : 70 * graph + 70]).simplices + 70 * graph
        expected |= {pair for corner in corners.tolist() for pair in permutations(corner, 2)}
    assert pairs((senders, receivers)) == expected


def test_large_cloud_agrees_with_qhull():
    lattice = np.random.default_rng(5).integers(0, 2**15 + 1, (3000, 2))
    expected = {p for t in Delaunay(lattice).simplices.tolist() for p in permutations(t, 2)}
    found = pairs(delaunay(lattice, [3000]))
    assert expected <= found  # every cocircular quadrilateral has one diagonal more
    assert len(found - expected) < 20


def test_empty_graphs_keep_their_place():
    points = np.array([(0, 0), (1, 0), (9, 9)])
    n_node = [0, 2, 0, 1, 0]
    senders, receivers = delaunay(points, n_node)
    assert pairs((senders, receivers)) == {(0, 1), (1, 0)}
    assert edges_per_graph(receivers, n_node).tolist() == [0, 2, 0, 0, 0]


def test_numbers_are_rounded_onto_the_lattice():
    step = DELAUNAY_RESOLUTION
    points = np.array([(0.4 * step, -0.4 * step), (0.5 * step, -0.5 * step), (-0.6 * step, 1.0)])
    assert to_lattice(points).tolist() == [[0, 0], [1, 0], [-1, 8192]]
    # Three points within half a step of a line are on it.
    assert pairs(delaunay(np.array([(0, 0), (1, 0.3), (2, 0)]), [3], resolution=1.0)) == {
        (0, 1),
        (1, 0),
        (1, 2),
        (2, 1),
    }


def test_circle_is_cut_at_the_widest_gap():
    """Around φ = π: without the wrap the two sides are far apart."""
    points = np.array([(0.0, 3.1), (0.1, -3.1), (0.3, 3.0), (0.2, -2.9)], np.float32)
    shifted = points.copy()
    shifted[:, 1] = np.where(points[:, 1] < 0, points[:, 1] + 2 * np.pi, points[:, 1])
    wrapped = pairs(delaunay(points, [4], period=(None, 2 * np.pi)))
    assert wrapped == pairs(delaunay(shifted, [4]))
    # Laid out as they come, the two sides are 6 rad apart.
    assert pairs(delaunay(points, [4])) != wrapped
    inside = np.array([(0.0, -0.5), (0.1, 0.5), (0.3, 0.1), (0.2, -0.9)])
    assert pairs(delaunay(inside, [4], period=(None, 2 * np.pi))) == pairs(delaunay(inside, [4]))


def test_a_wide_graph_is_rounded_to_a_coarser_lattice():
    """Alone and between others, whose lattice stays: 9 rad need a pitch of 2⁻¹¹, four times the usual one."""
    step = DELAUNAY_RESOLUTION
    rng = np.random.default_rng(4)
    wide = np.concatenate([rng.uniform(-1, 1, (20, 2)), [(-4.5, 0.0), (4.5, 1.0)]])
    near = step * np.array([(0, 0), (1, 0), (0, 1), (3, 1)])
    expected = pairs(delaunay(to_lattice(wide, 4 * step), [22]))
    assert pairs(delaunay(wide, [22])) == expected
    assert pairs(delaunay(wide, [22])) == pairs(delaunay(wide, [22], resolution=4 * step))
    found = pairs(delaunay(np.concatenate([near, wide, near]), [4, 0, 22, 4]))
    small = pairs(delaunay(to_lattice(near), [4]))
    together = small | {(a + 4, b + 4) for a, b in expected} | {(a + 26, b + 26) for a, b in small}
    assert found == together


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (np.array([(0, 0), (2**15 + 1, 3)]), {}, r"at most 32768 lattice points.*graph 0 spans \[32769, 3\]"),
        (np.zeros((2, 3)), {}, r"points must have shape \(n, 2\).*got \(2, 3\)"),
        (np.zeros((2, 3), int), {}, r"points must have shape \(n, 2\).*got \(2, 3\)"),
        (np.array([(0.0, np.inf), (0.0, 0.0)]), {}, "points must be finite"),
        (np.zeros((2, 2)), {"resolution": 0.0}, "resolution must be a positive number, got 0.0"),
        (np.zeros((2, 2), int), {"period": 1.0}, "period must be None for integer points"),
        (np.full((2, 2), 1e30), {}, r"below 2\^53"),
        (np.full((2, 2), 1e300), {}, "points must be finite, got inf"),
        (np.ones((2, 2)), {"resolution": 1e-320}, r"below 2\^53"),
        (np.array([(-(2**62), 0), (2**62, 0)]), {}, r"within 2\^53 of zero"),
    ],
)
def test_bad_input(points, options, message):
    with pytest.raises(InputError, match=message):
        delaunay(points, [2], **options)
