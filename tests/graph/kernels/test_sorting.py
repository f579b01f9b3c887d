"""Sorting inside of kernels gives what NumPy's does."""

from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.graph._kernels import sorting


@pytest.mark.parametrize("n", [0, 1, 2, 15, 16, 17, 31, 33, 64, 100, 1000])
def test_integers_and_the_order_of_numbers(n):
    rng = np.random.default_rng(n)
    integers = rng.integers(-(2**60), 2**60, n)
    few = rng.integers(0, 4, n)
    numbers = rng.normal(size=n).round(1)  # many are equal
    for values in (integers, few, np.sort(integers), np.sort(integers)[::-1].copy()):
        mine = values.copy()
        sorting._sort.py_func(mine)
        np.testing.assert_array_equal(mine, np.sort(values))
    for values in (numbers, np.sort(numbers), np.zeros(n)):
        np.testing.assert_array_equal(sorting._argsort.py_func(values), np.argsort(values, kind="stable"))
