from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e_tf.errors import InputError
from e2e_tf.graph import GraphSpec
from e2e_tf.graph.spec import kinds_of


@pytest.mark.parametrize(
    "text",
    [
        "knn:8",
        "knn:8+delaunay",
        "radius:0.2",
        "full",
        "grid8",
        "delaunay+radius:1e-05+knn:1",
        "knn:8+track-calo:0.05",
    ],
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
        ("track-calo", "track-calo needs a positive number, such as track-calo:0.2, got 'track-calo'"),
        ("track-calo:0.1+track-calo:0.2", "each rule once"),
        ("track-muon:0.1", "needs two of track, ecal, hcal, pixel, calo, got 'muon' in 'track-muon'"),
    ],
)
def test_bad_text(text, message):
    with pytest.raises(InputError, match=message):
        GraphSpec.parse(text)


@pytest.mark.parametrize(
    ("text", "names", "k"),
    [
        ("knn:8", ("knn",), 8),
        ("radius:0.1+knn:3", ("radius", "knn"), 3),
        ("delaunay+full", ("delaunay", "full"), 0),
    ],
)
def test_names_and_k(text, names, k):
    assert (GraphSpec.parse(text).names, GraphSpec.parse(text).k) == (names, k)


def test_rules_between_kinds():
    spec = GraphSpec.parse("knn:8 + track-calo:0.05 + pixel-track:0.1")
    assert spec.between == ("track-calo", "pixel-track")
    assert spec.k == 8
    assert kinds_of("track-calo") == ((0,), (1, 2))
    assert kinds_of("pixel-ecal") == ((3,), (1,))
    assert GraphSpec.parse("knn:8+full").between == ()
