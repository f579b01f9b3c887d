"""Sorting inside of kernels gives what NumPy's does."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.graph._kernels import sorting


@pytest.mark.parametrize("n", [0, 1, 2, 6, 7, 25, 33, 100, 1000])
def test_some_of_the_integers_are_sorted(n):
    rng = np.random.default_rng(n)
    integers = rng.integers(-(2**60), 2**60, n)
    few = rng.integers(0, 4, n)
    for values in (integers, few, np.sort(integers), np.sort(integers)[::-1]):
        around = np.array([9, 8])
        mine = np.concatenate([around, values, around])
        sorting._sort.py_func(mine, 2, n)
        np.testing.assert_array_equal(mine, np.concatenate([around, np.sort(values), around]))
