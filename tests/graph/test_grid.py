from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.errors import InputError
from e2e_tf.graph import grid, grid8


def test_two_by_three():
    senders, receivers = grid(2, 3)
    assert senders[receivers == 0].tolist() == [1, 3, 4]
    assert senders[receivers == 4].tolist() == [0, 1, 2, 3, 5]
    assert len(senders) == 2 * (3 + 4 + 2 * 2)  # 3 vertical, 4 horizontal, 4 diagonal pairs


def test_images_follow_each_other():
    one, three = grid(3, 4), grid(3, 4, 3)
    for end, ends in zip(one, three, strict=True):
        assert ends.dtype == np.int32
        assert np.array_equal(ends, np.concatenate([end, end + 12, end + 24]))
    assert [len(end) for end in grid(2, 2, 0)] == [0, 0]
    assert [len(end) for end in grid(1, 1)] == [0, 0]


def test_sparse_image_equals_full_one():
    cells = np.stack(np.divmod(np.arange(30), 6), axis=1)
    for sparse, dense in zip(grid8(cells, [30]), grid(5, 6), strict=True):
        assert np.array_equal(sparse, dense)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=15), max_size=4))
def test_touching_pixels(images):
    """The definition; several nodes in a pixel and negative cells included."""
    cells = np.array([cell for image in images for cell in image], np.int64).reshape(-1, 2)
    owner = np.repeat(np.arange(len(images)), [len(image) for image in images])
    near = np.abs(cells[:, None] - cells[None]).max(axis=2, initial=0) <= 1
    near &= owner[:, None] == owner[None]
    np.fill_diagonal(near, False)
    receivers, senders = np.nonzero(near)
    found = grid8(cells, [len(image) for image in images])
    assert found[0].tolist() == senders.tolist()
    assert found[1].tolist() == receivers.tolist()


def test_many_nodes_in_one_pixel():
    senders, _ = grid8(np.zeros((40, 2), int), [40])
    assert len(senders) == 40 * 39


def test_bad_input():
    with pytest.raises(InputError, match="rows must be an integer of at least 1, got 0"):
        grid(0, 3)
    with pytest.raises(InputError, match=r"cells must be integers of shape \(n, 2\), got float64"):
        grid8(np.zeros((2, 2)), [2])
    with pytest.raises(InputError, match=r"within 2\^30"):
        grid8(np.array([[2**31, 0]]), [1])
    with pytest.raises(InputError, match="rows of cells, 1, got a sum of 2"):
        grid8(np.zeros((1, 2), int), [2])
