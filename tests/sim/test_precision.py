from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.sim.precision import round_mantissa


def test_ten_bits_by_hand():
    step = 2.0**-10
    values = np.array([1 + 0.4 * step, 1 + 0.6 * step, -(1 + 0.6 * step), 0.0, 100.03])
    # Between 64 and 128 ten bits are steps of 1/16.
    expected = np.array([1, 1 + step, -(1 + step), 0.0, 100.0], np.float32)
    rounded = round_mantissa(values)
    assert rounded.dtype == np.float32
    np.testing.assert_array_equal(rounded, expected)


def test_ties_go_to_the_even_neighbour():
    step = 2.0**-10
    values = np.array([1 + 0.5 * step, 1 + 1.5 * step, 1 + 2.5 * step, 2 - 0.5 * step])
    expected = np.array([1, 1 + 2 * step, 1 + 2 * step, 2], np.float32)
    np.testing.assert_array_equal(round_mantissa(values), expected)


@pytest.mark.parametrize("bits", [4, 10, 16])
def test_nearest_and_idempotent(bits: int):
    values = np.random.default_rng(0).lognormal(0, 3, 10_000).astype(np.float32)
    rounded = round_mantissa(values, bits)
    assert np.max(np.abs(rounded - values) / values) <= 2.0 ** -(bits + 1)
    np.testing.assert_array_equal(round_mantissa(rounded, bits), rounded)
    assert not np.any(rounded.view(np.uint32) & np.uint32((1 << (23 - bits)) - 1))


def test_all_bits_is_float32():
    values = np.random.default_rng(1).normal(size=100)
    np.testing.assert_array_equal(round_mantissa(values, 23), values.astype(np.float32))
