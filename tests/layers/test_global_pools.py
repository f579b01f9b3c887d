from __future__ import annotations

import numpy as np
import pytest
from layer_checks import check_layer
from layer_graphs import COUNTED, POOLED_BLOCKS, STANDARD
from references import groups, sigmoid, softmax

from e2e_tf import InputError
from e2e_tf.layers import (
    GlobalAttentionPool,
    GlobalAttnSumPool,
    GlobalAvgPool,
    GlobalMaxPool,
    GlobalSumPool,
)


def mean(weights, x):
    return x.mean(axis=0) if len(x) else np.zeros(x.shape[1])


def total(weights, x):
    return x.sum(axis=0)


def largest(weights, x):
    return x.max(axis=0) if len(x) else np.zeros(x.shape[1])


def gated(weights, x):
    kernel, bias, gate_kernel, gate_bias = weights
    return ((x @ kernel + bias) * sigmoid(x @ gate_kernel + gate_bias)).sum(axis=0)


def attended(weights, x):
    return softmax((x @ weights[0])[:, 0]) @ x if len(x) else np.zeros(x.shape[1])


POOLS = {
    "sum": (GlobalSumPool, {}, total, []),
    "mean": (GlobalAvgPool, {}, mean, []),
    "max": (GlobalMaxPool, {}, largest, []),
    "attention": (GlobalAttentionPool, {"channels": 3}, gated, [(5, 3), (3,), (5, 3), (3,)]),
    "attention sum": (GlobalAttnSumPool, {}, attended, [(5, 1)]),
}


@pytest.mark.parametrize("name", POOLS)
def test_pool(name):
    cls, arguments, formula, sizes = POOLS[name]
    layer = check_layer(
        lambda: cls(**arguments),
        [COUNTED, POOLED_BLOCKS],
        "graph",
        reference=lambda w, g: np.array([formula(w, x) for x in groups(g)]),
        half=16,
    )
    assert [tuple(w.shape) for w in layer.weights] == sizes


@pytest.mark.parametrize(
    ("cls", "expected"),
    [
        (GlobalSumPool, [[-3, 4], [0, 0], [-5, 6], [0, 0]]),
        (GlobalAvgPool, [[-1.5, 2], [0, 0], [-5, 6], [0, 0]]),
        (GlobalMaxPool, [[-1, 4], [0, 0], [-5, 6], [0, 0]]),
    ],
)
def test_hand_computed(cls, expected):
    x = np.array([[-1, 0], [-2, 4], [-5, 6]], np.float32)
    np.testing.assert_allclose(cls()([x, np.array([2, 0, 1, 0])]), expected)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("cls", [GlobalAvgPool, GlobalAttnSumPool])
def test_a_mean_in_half_precision_has_no_sum_in_it(cls, dtype):
    # 600 nodes of 200 add up to more than float16 holds; 600 ones to more than bfloat16 counts.
    for value in (200.0, 1.0):
        x = np.full((600, 1), value, np.float32)
        for inputs in ([x, np.array([600], np.int32)], [x[None], np.ones((1, 600), np.float32)]):
            assert float(cls(dtype=dtype)(inputs)[0, 0]) == value


def test_attention_by_hand():
    layer = GlobalAttnSumPool()
    x = np.array([[0.0], [np.log(3.0)]], np.float32)
    layer([x, np.array([2])])
    layer.set_weights([np.ones((1, 1))])
    np.testing.assert_allclose(layer([x, np.array([2])]), [[0.75 * np.log(3)]], rtol=1e-6)


def test_attention_of_large_logits():
    layer = GlobalAttnSumPool()
    x = np.array([[500.0], [499.0], [-3000.0]], np.float32)
    layer([x, np.array([2, 1])])
    layer.set_weights([np.ones((1, 1))])
    share = 1 / (1 + np.exp(-1))
    expected = [[500 * share + 499 * (1 - share)], [-3000]]
    np.testing.assert_allclose(layer([x, np.array([2, 1])]), expected, rtol=1e-6)
    blocks, mask = np.array([[[500.0], [499.0]], [[-3000.0], [0.0]]], np.float32), [[1.0, 1.0], [1.0, 0.0]]
    np.testing.assert_allclose(layer([blocks, np.array(mask)]), expected, rtol=1e-6)


@pytest.mark.parametrize("cls", [GlobalSumPool, GlobalMaxPool])
def test_what_empty_slots_hold_does_not_matter(cls):
    x, mask = POOLED_BLOCKS.feed(STANDARD)
    dirty = np.where(mask[:, :, None] > 0, x, 1e6).astype(np.float32)
    np.testing.assert_allclose(cls()([dirty, mask]), cls()([x, mask]), rtol=1e-6)


def test_errors():
    with pytest.raises(InputError, match=r"x \(n, F\) with n_node \(B,\), got shapes \(16, 5\) and \(6, 6\)"):
        GlobalSumPool()([STANDARD.x, STANDARD.mask()])
    with pytest.raises(InputError, match=r"n_node must add up to the nodes of x \(16\), got \[5, 1\]"):
        GlobalMaxPool()([STANDARD.x, np.array([5, 1])])
    with pytest.raises(InputError, match=r"got \[-1, 17\]"):
        GlobalMaxPool()([STANDARD.x, np.array([-1, 17])])
    with pytest.raises(
        InputError, match=r"mask must have shape \(B, N\) .* got x \(6, 6, 5\) and mask \(6, 7\)"
    ):
        GlobalAvgPool()([STANDARD.blocks(), np.zeros((6, 7), np.float32)])
    with pytest.raises(InputError, match="channels must be a positive integer, got 0"):
        GlobalAttentionPool(0)
