from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.graph import full


def test_every_ordered_pair():
    senders, receivers = full([2, 0, 1, 3, 0])
    assert receivers.tolist() == [0, 1, 3, 3, 4, 4, 5, 5]
    assert senders.tolist() == [1, 0, 4, 5, 3, 5, 3, 4]
    assert senders.dtype == receivers.dtype == np.int32


def test_loops():
    senders, receivers = full([2, 1], loops=True)
    assert senders.tolist() == [0, 1, 0, 1, 2]
    assert receivers.tolist() == [0, 0, 1, 1, 2]


def test_nothing():
    assert [len(end) for end in full([])] == [0, 0]
    assert [len(end) for end in full([0, 0])] == [0, 0]


def test_bad_counts():
    with pytest.raises(InputError, match=r"n_node must be integers of rank 1.*\(1, 1\)"):
        full([[2]])
