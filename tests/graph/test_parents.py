from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.graph import parent_daughter

# One graph with a root 0, daughters 1 and 2, and 3 from 2; an empty graph; a graph with a root 1 of 0.
MOTHER = [-1, 0, 0, 2, 1, -1]
N_NODE = [4, 0, 2, 0]


def test_directions():
    senders, receivers = parent_daughter(MOTHER, N_NODE, direction="down")
    assert senders.tolist() == [0, 0, 2, 5]
    assert receivers.tolist() == [1, 2, 3, 4]
    senders, receivers = parent_daughter(MOTHER, N_NODE, direction="up")
    assert senders.tolist() == [1, 2, 3, 4]
    assert receivers.tolist() == [0, 0, 2, 5]
    senders, receivers = parent_daughter(MOTHER, N_NODE)
    assert senders.tolist() == [1, 2, 0, 0, 3, 2, 5, 4]
    assert receivers.tolist() == [0, 0, 1, 2, 2, 3, 4, 5]
    assert senders.dtype == receivers.dtype == np.int32


def test_mutual_mothers_give_each_edge_once():
    senders, receivers = parent_daughter([1, 0], [2])
    assert (senders.tolist(), receivers.tolist()) == ([1, 0], [0, 1])


def test_no_mothers():
    assert [len(end) for end in parent_daughter([-1, -1], [2, 0])] == [0, 0]
    assert [len(end) for end in parent_daughter([], [0])] == [0, 0]


@pytest.mark.parametrize(
    ("mother", "direction", "message"),
    [
        ([0, -1], "both", "got 0 for particle 0 of a graph of 2"),
        ([-1, 2], "both", "got 2 for particle 1 of a graph of 2"),
        ([-2, -1], "both", "got -2 for particle 0"),
        ([-1.0, 0.0], "both", "mother must be integers of rank 1, got float64"),
        ([-1, 0], "sideways", "direction must be 'both', 'down' or 'up', got 'sideways'"),
    ],
)
def test_bad_input(mother, direction, message):
    with pytest.raises(InputError, match=message):
        parent_daughter(mother, [2], direction=direction)
