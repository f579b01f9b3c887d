from __future__ import annotations

import re

import numpy as np
import pytest

from e2e_tf.data.levels import Levels
from e2e_tf.errors import InputError

LEVELS = Levels(np.array([2, 0, 3]), np.array([4, 0, 3]))


def test_the_length_tells_the_level():
    assert [LEVELS.find("label", np.zeros(n)) for n in (3, 5, 7)] == ["graph", "node", "edge"]
    few = Levels(np.array([1, 1]), np.array([1, 1]))
    assert few.find("label", np.zeros(2)) == "graph"  # as it always was
    assert few.find("label", np.zeros(2), "edge") == "edge"


def test_rows_of_some_graphs():
    index = np.array([2, 0, 1])
    assert LEVELS.rows("graph", index).tolist() == [2, 0, 1]
    assert LEVELS.rows("node", index).tolist() == [2, 3, 4, 0, 1]
    assert LEVELS.rows("edge", index).tolist() == [4, 5, 6, 0, 1, 2, 3]


def test_levels_by_name():
    label = {"jet": np.zeros(3), "pileup": np.zeros(5)}
    assert LEVELS.level_by_name(label, None, None) == {"jet": "graph", "pileup": "node"}
    assert LEVELS.level_by_name(np.zeros(7), np.ones(7), None) == {"": "edge"}


@pytest.mark.parametrize(
    ("label", "weight", "level", "message"),
    [
        (
            np.zeros(4),
            None,
            None,
            "label must have one entry per graph (3), it has 4; one per node (5) or edge (7) is",
        ),
        (np.zeros(3), None, "node", "label must have one entry per node (5), it has 3"),
        (np.zeros(5), np.ones(3), None, "weight must have one entry per node (5), it has 3"),
        (np.zeros(3), None, "jet", "level must be one of graph, node, edge, not 'jet'"),
        ({"a": np.zeros(3)}, None, {"b": "node"}, "level names 'b', which has no label; there are a"),
        ({"a": np.array([0, np.nan, 1])}, None, None, "label of a must be finite, it holds NaN or infinity"),
        (np.array(["tau", "qcd", "tau"]), None, None, "label must be numbers, it has <U3"),
    ],
)
def test_what_has_no_level(label, weight, level, message):
    with pytest.raises(InputError, match=re.escape(message)):
        LEVELS.level_by_name(label, weight, level)


def test_nodes_and_edges_of_one_number_are_asked_for():
    same = Levels(np.array([2, 2]), np.array([1, 3]))
    with pytest.raises(
        InputError, match="one entry per node and one per edge .4.; say which with level='node' or"
    ):
        same.find("label", np.zeros(4))
