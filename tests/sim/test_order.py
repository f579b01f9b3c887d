from __future__ import annotations

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.sim.order import alternating, in_random_pairs, mixed, renumbered


def test_events_are_numbered_as_they_appear():
    """Three background events with two jets each and six of signal: no number or place tells the class."""
    label = np.repeat([0, 1], 6).astype(np.int8)
    event = np.concatenate([np.repeat([7, 8, 9], 2), 1_000_000 + np.arange(6)])
    sample = Jets({"pt": np.arange(12.0, dtype=np.float32)}, event, np.ones(12, np.float32), label)
    orders = []
    for seed in (1, 2):
        ordered = renumbered(sample.take(in_random_pairs(label, seed)))
        assert ordered.label is not None
        np.testing.assert_array_equal(ordered.label.reshape(-1, 2).sum(1), 1)
        _, first = np.unique(ordered.event, return_index=True)
        np.testing.assert_array_equal(first, np.sort(first))
        for number in np.unique(ordered.event):
            assert len(set(event[ordered["pt"].astype(int)[ordered.event == number]])) == 1
        assert len(np.unique(ordered.event)) == 9
        orders.append(ordered.label.tolist())
    assert orders[0] != orders[1]


def test_classes_take_turns_signal_first():
    label = np.array([0, 0, 1, 0, 1, 1, 1], np.int8)
    np.testing.assert_array_equal(alternating(label), [2, 0, 4, 1, 5, 3, 6])


def test_backgrounds_do_not_come_in_blocks():
    places = mixed(3000, 4)
    np.testing.assert_array_equal(np.sort(places), np.arange(3000))
    kind = np.repeat([1, 2, 3], 1000)[places]
    # Of three kinds in equal parts a neighbour is of another kind in two of three cases: 2000 ± 26.
    assert abs((np.diff(kind) != 0).sum() - 2000) < 100
    assert not np.array_equal(places, mixed(3000, 5))
