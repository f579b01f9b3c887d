from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.errors import InputError
from e2e_tf.graph import sort_edges, union

edges = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20)


def test_duplicates_are_removed():
    senders, receivers = union([([1, 0, 2], [0, 1, 1]), ([1, 2], [0, 0])], [3])
    assert senders.tolist() == [1, 2, 0, 2]
    assert receivers.tolist() == [0, 0, 1, 1]
    assert senders.dtype == receivers.dtype == np.int32


@settings(deadline=None, max_examples=80)
@given(st.lists(edges, max_size=4))
def test_set_union_in_order(sets):
    """Unsorted and repeated edges too."""
    senders, receivers = union([([s for s, _ in each], [r for _, r in each]) for each in sets], [4, 3])
    expected = sorted({(r, s) for each in sets for s, r in each})
    assert list(zip(receivers.tolist(), senders.tolist(), strict=True)) == expected


def test_order_is_by_receiver_then_sender():
    senders, receivers = np.array([2, 0, 1]), np.array([1, 2, 1])
    assert sort_edges(senders, receivers).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (([0], [3]), "receivers must be node indices from 0 to 2, got 3"),
        (([-1], [0]), "senders must be node indices from 0 to 2, got -1"),
        (([0, 1], [0]), "senders and receivers must be equally long, got 2 and 1"),
        (([0.5], [0]), "senders must be integers of rank 1, got float64"),
    ],
)
def test_bad_input(pair, message):
    with pytest.raises(InputError, match=message):
        union([pair], [3])
