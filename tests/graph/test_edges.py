"""One builder of edges: which coordinates each rule measures in, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.jets import read_jets
from e2e_tf.data.quantities import hit_quantities
from e2e_tf.data.samples import sample_path
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphSpec, NodeSpace, build_edges, delaunay, full, grid8, knn, radius, union

N_NODE = [0, 20, 1, 0, 12, 0]
LATTICE = np.random.default_rng(0).integers(0, 8, (33, 2)).astype(np.int32)
POINTS = (LATTICE * 0.0174 + 3.1).astype(np.float32)
WRAP = (None, 2 * np.pi)
KIND = np.random.default_rng(1).integers(0, 4, 33)


def edges(text: str, **places):
    return build_edges(GraphSpec.parse(text), N_NODE, **places)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("knn:3", lambda: knn(LATTICE, N_NODE, 3)),
        ("radius:0.04", lambda: radius(POINTS, N_NODE, 0.04, period=WRAP)),
        ("delaunay", lambda: delaunay(LATTICE, N_NODE)),
        ("grid8", lambda: grid8(LATTICE, N_NODE)),
        ("full", lambda: full(N_NODE)),
        (
            "knn:2+radius:0.04+grid8",
            lambda: union(
                [
                    knn(LATTICE, N_NODE, 2),
                    radius(POINTS, N_NODE, 0.04, period=WRAP),
                    grid8(LATTICE, N_NODE),
                ],
                N_NODE,
            ),
        ),
    ],
)
def test_on_the_lattice_all_but_a_radius_is_found_by_row_and_column(text, expected):
    senders, receivers = edges(text, points=POINTS, lattice=LATTICE, period=WRAP)
    np.testing.assert_array_equal(senders, expected()[0])
    np.testing.assert_array_equal(receivers, expected()[1])
    assert senders.dtype == receivers.dtype == np.int32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("knn:3", lambda: knn(POINTS, N_NODE, 3, period=WRAP)),
        ("radius:0.04", lambda: radius(POINTS, N_NODE, 0.04, period=WRAP)),
        ("delaunay", lambda: delaunay(POINTS, N_NODE, period=WRAP)),
        ("grid8", lambda: grid8(LATTICE, N_NODE)),
    ],
)
def test_in_other_coordinates_only_grid8_looks_at_the_lattice(text, expected):
    found = edges(text, points=POINTS, lattice=LATTICE, period=WRAP, on_lattice=False)
    np.testing.assert_array_equal(found, expected())
    if text != "grid8":
        np.testing.assert_array_equal(edges(text, points=POINTS, period=WRAP), expected())


@pytest.mark.parametrize(
    ("rule", "first", "second"),
    [("track-calo", [0], [1, 2]), ("calo-track", [0], [1, 2]), ("ecal-ecal", [1], [1])],
)
def test_between_kinds_pairs_within_the_radius_are_linked_both_ways(rule, first, second):
    found = edges(f"{rule}:0.05", points=POINTS, kind=KIND, period=WRAP)
    senders, receivers = radius(POINTS, N_NODE, 0.05, period=WRAP)
    expected = [
        (s, r)
        for s, r in zip(senders.tolist(), receivers.tolist(), strict=True)
        if (KIND[s] in first and KIND[r] in second) or (KIND[r] in first and KIND[s] in second)
    ]
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == expected
    assert len(expected) >= 2
    joined = edges(f"knn:1+{rule}:0.05", points=POINTS, kind=KIND, period=WRAP)
    np.testing.assert_array_equal(joined, union([edges("knn:1", points=POINTS, period=WRAP), found], N_NODE))


def test_integer_points_are_measured_in_their_own_unit():
    """Of :func:`delaunay`, integers are places on a lattice; of the builder, only ``lattice`` is."""
    whole = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    found = build_edges(GraphSpec.parse("delaunay"), [4], points=whole)
    np.testing.assert_array_equal(found, delaunay(whole.astype(np.float32), [4]))


@pytest.mark.parametrize(
    ("text", "places", "message"),
    [
        ("grid8", {"points": POINTS}, "candidates are not on a grid: it needs lattice, the row and column"),
        ("knn:2", {}, "knn needs points, the coordinates of each node, got None"),
        ("radius:0.1", {"lattice": LATTICE}, "radius needs points"),
        ("knn:2", {"points": POINTS, "on_lattice": True}, "knn on the lattice needs lattice"),
        ("delaunay", {"lattice": POINTS}, "lattice must be integers, got float32"),
        ("delaunay", {"lattice": LATTICE[:3]}, r"lattice must have shape \(33, 2\).*got \(3, 2\)"),
        ("knn:2", {"points": POINTS[:5]}, "n_node must add up to the rows of points, 5"),
        ("delaunay", {"points": POINTS[:, :1]}, r"points must have shape \(n, 2\)"),
        (
            "track-calo:0.1",
            {"points": POINTS},
            "track-calo needs the kind of each node; only detector objects",
        ),
        ("track-calo:0.1", {"kind": KIND, "lattice": LATTICE}, "track-calo needs points"),
        ("track-calo:0.1", {"points": POINTS, "kind": KIND[:3]}, r"kind must be integers of shape \(33,\)"),
        ("track-calo:0.1", {"points": POINTS, "kind": KIND + 1}, "kind must be from 0 to 3, got 1 to 4"),
    ],
)
def test_what_a_rule_lacks_is_named(text, places, message):
    with pytest.raises(InputError, match=message):
        edges(text, **places)


@pytest.mark.parametrize(
    ("space", "on_lattice", "columns", "measured", "periods"),
    [
        (NodeSpace("hits"), True, ("row", "column"), ("deta", "dphi"), [None, 2 * np.pi]),
        (NodeSpace("pixels"), True, ("row", "column"), ("drow", "dcolumn"), [None, None]),
        (NodeSpace("candidates"), False, ("deta", "dphi"), ("deta", "dphi"), [None, 2 * np.pi]),
        (
            NodeSpace("detector"),
            False,
            ("deta_face", "dphi_face"),
            ("deta_face", "dphi_face"),
            [None, 2 * np.pi],
        ),
        (NodeSpace("hits", ("phi", "z")), False, ("phi", "z"), ("phi", "z"), [2 * np.pi, None]),
    ],
)
def test_the_space_of_the_nodes(space, on_lattice, columns, measured, periods):
    assert (space.on_lattice, space.columns, space.measured) == (on_lattice, columns, measured)
    assert space.periods(space.measured) == periods


def test_of_shipped_hits_eta_and_phi_choose_other_neighbours():
    """What :class:`NodeSpace` says of rounding: why a second builder, in η and φ, found other edges."""
    jets = read_jets(sample_path("tau"), stop=400)
    quantities, n_node, lattice = hit_quantities(jets)
    points = np.stack([quantities["deta"], quantities["dphi"]], axis=1)
    spec = GraphSpec.parse("knn:8+delaunay")
    sets = [
        build_edges(spec, n_node, points=points, period=WRAP, lattice=lattice, on_lattice=exact)
        for exact in (True, False)
    ]
    graph = np.repeat(np.arange(400), n_node)
    keys = [set(zip(graph[r].tolist(), r.tolist(), s.tolist(), strict=True)) for s, r in sets]
    assert len({edge[0] for edge in keys[0] ^ keys[1]}) > 300
