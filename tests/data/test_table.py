from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.table import Table, columns_of, joined


@dataclass(frozen=True)
class Points(Table):
    event: np.ndarray
    place: np.ndarray


POINTS = Points(np.array([3, 4, 5], np.int32), np.arange(6.0).reshape(3, 2))


def test_rows_are_taken_from_every_column():
    assert len(POINTS) == 3
    taken = POINTS.take(np.array([2, 0, 2]))
    assert isinstance(taken, Points)
    np.testing.assert_array_equal(taken.event, [5, 3, 5])
    np.testing.assert_array_equal(taken.place, [[4, 5], [0, 1], [4, 5]])
    np.testing.assert_array_equal(POINTS.take(np.array([False, True, False])).event, [4])
    assert len(POINTS.take(np.zeros(0, int))) == 0


def test_tables_are_joined_in_order_and_keep_their_types():
    whole = joined([POINTS, POINTS.take(np.array([1]))])
    np.testing.assert_array_equal(whole.event, [3, 4, 5, 4])
    assert whole.event.dtype == np.int32
    assert whole.place.shape == (4, 2)
    assert list(columns_of(whole)) == ["event", "place"]
