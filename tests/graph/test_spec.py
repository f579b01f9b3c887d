from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e_tf.errors import InputError
from e2e_tf.graph import GraphSpec, delaunay, full, grid8, knn, radius, union


@pytest.mark.parametrize(
    "text", ["knn:8", "knn:8+delaunay", "radius:0.2", "full", "grid8", "delaunay+radius:1e-05+knn:1"]
)
def test_round_trip(text):
    assert str(GraphSpec.parse(text)) == text


def test_spaces_and_leading_zeros_are_read():
    assert GraphSpec.parse(" knn : 08 + delaunay ") == GraphSpec((("knn", 8), ("delaunay", None)))
    assert str(GraphSpec.parse("radius:.50")) == "radius:0.5"


@given(st.integers(1, 10**6), st.floats(1e-300, 1e300))
def test_round_trip_of_numbers(k, r):
    spec = GraphSpec((("knn", k), ("radius", r), ("grid8", None)))
    assert GraphSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a graph must be knn:<k>, radius:<r>, delaunay, full, grid8.*got ''"),
        ("  ", "a graph must be knn:<k>"),
        (None, "a graph must be knn:<k>.*got None"),
        ("knn", "knn needs a positive integer, such as knn:8, got 'knn'"),
        ("knn:", "knn needs a positive integer"),
        ("knn:0", "knn needs a positive integer, such as knn:8, got 'knn:0' in 'knn:0'"),
        ("knn:-3", "knn needs a positive integer"),
        ("knn:2.5", "knn needs a positive integer"),
        (
            "full+radius",
            "radius needs a positive number, such as radius:0.2, got 'radius' in 'full[+]radius'",
        ),
        ("radius:0", "radius needs a positive number"),
        ("radius:nan", "radius needs a positive number"),
        ("radius:inf", "radius needs a positive number"),
        ("radius:1_0", "radius needs a positive number"),
        ("radius:1e999", "radius needs a positive number"),
        ("radius:wide", "radius needs a positive number"),
        ("delaunay:3", "delaunay takes no number, got 'delaunay:3'"),
        ("knn:8+voronoi", "knn:<k>, radius:<r>.*unknown part 'voronoi' in 'knn:8[+]voronoi'"),
        ("knn:8+", "unknown part '' in 'knn:8[+]'"),
        ("knn:8+knn:4", "each rule once"),
    ],
)
def test_bad_text(text, message):
    with pytest.raises(InputError, match=message):
        GraphSpec.parse(text)


N_NODE = [0, 20, 1, 0, 12, 0]
LATTICE = np.random.default_rng(0).integers(0, 8, (33, 2)).astype(np.int32)
POINTS = LATTICE * 0.0174 + 3.1
WRAP = (None, 2 * np.pi)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("knn:3", lambda: knn(POINTS, N_NODE, 3, period=WRAP)),
        ("radius:0.04", lambda: radius(POINTS, N_NODE, 0.04, period=WRAP)),
        ("delaunay", lambda: delaunay(LATTICE, N_NODE)),
        ("grid8", lambda: grid8(LATTICE, N_NODE)),
        ("full", lambda: full(N_NODE)),
        (
            "knn:2+grid8",
            lambda: union([knn(POINTS, N_NODE, 2, period=WRAP), grid8(LATTICE, N_NODE)], N_NODE),
        ),
    ],
)
def test_build(text, expected):
    senders, receivers, n_edge = GraphSpec.parse(text).build(POINTS, N_NODE, lattice=LATTICE, period=WRAP)
    np.testing.assert_array_equal(senders, expected()[0])
    np.testing.assert_array_equal(receivers, expected()[1])
    assert senders.dtype == receivers.dtype == n_edge.dtype == np.int32
    owner = np.repeat(np.arange(6), N_NODE)
    assert n_edge.tolist() == np.bincount(owner[receivers], minlength=6).tolist()


def test_without_lattice_points_are_rounded():
    senders, receivers, _ = GraphSpec.parse("delaunay").build(POINTS, N_NODE, period=WRAP)
    expected = delaunay(POINTS, N_NODE, period=WRAP)
    assert np.array_equal(senders, expected[0])
    assert np.array_equal(receivers, expected[1])


def test_bad_build():
    with pytest.raises(InputError, match="grid8 needs lattice"):
        GraphSpec.parse("grid8").build(POINTS, N_NODE)
    with pytest.raises(InputError, match="lattice must be integers, got float64"):
        GraphSpec.parse("delaunay").build(POINTS, N_NODE, lattice=POINTS)
    with pytest.raises(InputError, match=r"lattice must have the shape of points_xy \(33, 2\), got \(3, 2\)"):
        GraphSpec.parse("delaunay").build(POINTS, N_NODE, lattice=LATTICE[:3])
    with pytest.raises(InputError, match=r"points_xy must have shape \(n, 2\), got \(33, 1\)"):
        GraphSpec.parse("knn:1").build(POINTS[:, :1], N_NODE)
