from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from same import assert_same_graphs

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import write_jets
from e2e_tf.data.parts import Part, make_part, read_piece
from e2e_tf.data.store import GraphStore
from e2e_tf.errors import InputError
from e2e_tf.files import read_json

RECIPE = GraphRecipe(edges="knn:3")


@pytest.fixture
def part(make_jets, tmp_path):
    """Jets 4 to 9 of a file of 12."""
    write_jets(tmp_path / "a.h5", make_jets(12, seed=3))
    (tmp_path / "parts").mkdir()
    return Part(
        7, str(tmp_path / "a.h5"), "e2e_tf", 4, 9, {}, asdict(RECIPE), "stop", str(tmp_path / "parts")
    )


def test_a_part_holds_the_graphs_of_its_piece_and_its_report(part, make_jets):
    assert not part.is_done
    assert make_part(part) == 7
    assert part.is_done
    assert part.failure is None
    assert sorted(p.name for p in part.store.parent.iterdir()) == ["part-000007.h5", "part-000007.npy"]
    expected = build_graphs(make_jets(12, seed=3).take(np.arange(4, 9)), RECIPE)
    with GraphStore(part.store) as store:
        assert_same_graphs(store.read(), replace(expected, p4=None))
        assert store.attributes == {
            "read": 5,
            "skipped": {},
            "replaced": {},
            "sample": {"seed": 3, "process": "test"},
        }


def test_fingerprints_are_of_jets_not_of_parts(part):
    make_part(part)
    other = replace(part, number=8, start=6, stop=12)
    make_part(other)
    first, second = np.load(part.identity), np.load(other.identity)
    assert (first.dtype, len(first), len(second)) == (np.uint64, 5, 6)
    np.testing.assert_array_equal(first[2:], second[:3])
    assert len(np.unique(np.concatenate([first, second]))) == 8


def test_a_piece_that_cannot_be_used_stops_or_says_why(part):
    bad = replace(part, recipe=part.recipe | {"nodes": "pixels"})
    with pytest.raises(InputError) as raised:
        make_part(bad)
    assert not bad.store.exists()
    given_up = replace(bad, on_error="skip")
    make_part(given_up)
    assert read_json(bad.store) == given_up.failure == {"failed": str(raised.value), "units": 5}
    assert given_up.is_done
    assert not bad.is_done  # where giving up is not allowed it is made again


def test_a_piece_comes_with_its_report(part):
    jets, report = read_piece(part.store.parents[1] / "a.h5", "e2e_tf", 1, 4, "stop", {})
    assert (len(jets), report.read) == (3, 3)
    with pytest.raises(InputError, match="cannot be called like that"):
        read_piece(part.store.parents[1] / "a.h5", "e2e_tf", 1, 4, "stop", {"colour": 1})
