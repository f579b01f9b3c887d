from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from references import combine

from e2e_tf import InputError
from e2e_tf.layers.aggregate import (
    AGGREGATIONS,
    aggregate_blocks,
    aggregate_edges,
    aggregate_slots,
    aggregation,
)

# What each of four nodes receives: two messages of which one is 0, two zeros, the same message twice, nothing.
ROWS = np.array([[0.0, 2.0], [3.0, -1.0], [0.0, 1.0], [0.0, 4.0], [-2.0, 0.5], [-2.0, 0.5]])
RECEIVERS = np.array([0, 0, 1, 1, 2, 2], np.int32)
SLOTS = np.array([[0, 1], [2, 3], [4, 0], [0, 0]])  # rows of each node's slots
WEIGHT = np.array([[1.0, 1], [1, 1], [2, 0], [0, 0]])  # how often each counts


def expected(how, rows):
    return np.array([combine(rows[i == RECEIVERS], how, 2) for i in range(4)])


def slope(how, i, j, step=1e-6):
    """By differences: of the sum of all results in one entry of the messages."""
    change = np.zeros_like(ROWS)
    change[i, j] = step
    return (expected(how, ROWS + change).sum() - expected(how, ROWS - change).sum()) / (2 * step)


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_edges(how):
    rows = tf.constant(ROWS)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        found = aggregate_edges(rows, RECEIVERS, 4, how)
    np.testing.assert_allclose(found, expected(how, ROWS), atol=1e-14)
    gradient = tf.convert_to_tensor(tape.gradient(found, rows)).numpy()
    # Which of two equal rows is the largest is a choice; together they move it.
    ties = how in ("max", "min")
    for i, j in np.ndindex(4, 2):
        if not (ties and len(set(ROWS[RECEIVERS[i] == RECEIVERS, j])) == 1):
            assert gradient[i, j] == pytest.approx(slope(how, i, j), abs=1e-8), (i, j)
    assert gradient[4:].sum() == pytest.approx(
        sum(slope(how, i, j) for i in (4, 5) for j in (0, 1)), abs=1e-8
    )


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_edges_that_do_not_count(how):
    keep = np.array([True, False, True, True, False, False])
    found = aggregate_edges(tf.constant(ROWS), RECEIVERS, 4, how, tf.constant(keep))
    wanted = [combine(ROWS[(i == RECEIVERS) & keep], how, 2) for i in range(4)]
    np.testing.assert_allclose(found, wanted, atol=1e-14)


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_slots_and_blocks(how):
    rows, weight = tf.constant(ROWS[SLOTS]), tf.constant(WEIGHT)
    with tf.GradientTape() as tape:
        tape.watch([rows, weight])
        found = aggregate_slots(rows, weight, how)
    np.testing.assert_allclose(found, expected(how, ROWS), atol=1e-14)
    by_rows, by_weight = tape.gradient(found, [rows, weight], unconnected_gradients="zero")
    assert np.isfinite(by_weight).all()
    assert np.all(by_rows.numpy()[WEIGHT == 0] == 0)
    if how not in ("max", "min"):
        for node, slot, j in np.ndindex(2, 2, 2):
            wanted = slope(how, SLOTS[node, slot], j)
            assert float(by_rows[node, slot, j]) == pytest.approx(wanted, abs=1e-8)
    # The same messages as features of six nodes, which four nodes receive.
    a = np.zeros((6, 6))
    np.add.at(a, (RECEIVERS, np.array([0, 1, 2, 3, 4, 4])), 1.0)
    x = tf.constant(ROWS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = aggregate_blocks(x, tf.constant(a), how)
    np.testing.assert_allclose(found[:4], expected(how, ROWS), atol=1e-14)
    assert np.isfinite(tape.gradient(found, x)).all()


def test_gradient_of_a_product_with_zeros():
    # Of one factor 0 the others' product, of two zeros nothing; a slot that does not count moves nothing.
    x = tf.constant([[[0.0], [3.0], [0.0]], [[0.0], [0.0], [5.0]], [[0.0], [4.0], [2.0]]])
    weight = tf.constant([[1.0, 1, 0], [1, 1, 1], [2, 1, 0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = aggregate_slots(x, weight, "prod")
    np.testing.assert_array_equal(y[:, 0], [0, 0, 0])
    np.testing.assert_array_equal(tape.gradient(y, x)[..., 0], [[3, 0, 0], [0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_mean_in_half_precision_has_no_sum_in_it(dtype):
    # 600 messages of 200 add up to more than float16 holds; 600 ones to more than bfloat16 counts.
    for value in (200.0, 1.0):
        rows = tf.fill((600, 1), tf.constant(value, dtype))
        one = tf.ones((1, 600), dtype)
        assert float(aggregate_edges(rows, tf.zeros(600, tf.int32), 1, "mean")[0, 0]) == value
        assert float(aggregate_slots(rows[None], one, "mean")[0, 0]) == value
        assert float(aggregate_blocks(rows, tf.ones((600, 600), dtype), "mean")[0, 0]) == value


def test_errors():
    with pytest.raises(InputError, match="aggregate must be one of sum, mean, max, min, prod, got 'median'"):
        aggregation("median")
    with pytest.raises(InputError, match="on dense blocks aggregate must be one of .* got a function"):
        aggregate_slots(tf.zeros((1, 1, 1)), tf.zeros((1, 1)), lambda *_: None)
