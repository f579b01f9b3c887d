from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.graph import full, scaled_laplacian, scaled_laplacian_dense


def dense(entries, n):
    result = np.zeros((n, n))
    result[entries[1], entries[0]] = entries[2]
    return result


def test_path_of_three():
    """Degrees 1, 2, 1: entries are −1/√2; a loop is no matter."""
    senders, receivers, values = scaled_laplacian([0, 1, 1, 2, 2], [1, 0, 2, 1, 2], [3])
    assert senders.tolist() == [1, 0, 2, 1]
    assert receivers.tolist() == [0, 1, 1, 2]
    np.testing.assert_allclose(values, -1 / np.sqrt(2))


def test_an_edge_in_one_direction_counts_one_half():
    """S = [[0, ½, 0], [½, 0, 1], [0, 1, 0]]: degrees ½, 3/2, 1."""
    senders, receivers, values = scaled_laplacian([0, 1, 2], [1, 2, 1], [3])
    assert (senders.tolist(), receivers.tolist()) == ([1, 0, 2, 1], [0, 1, 1, 2])
    np.testing.assert_allclose(values, [-0.5 / np.sqrt(0.75)] * 2 + [-1 / np.sqrt(1.5)] * 2)


def test_an_edge_listed_twice_counts_twice():
    once = scaled_laplacian([0, 1, 1, 2], [1, 0, 2, 1], [3])
    twice = scaled_laplacian([0, 1, 1, 2] * 2, [1, 0, 2, 1] * 2, [3])
    for a, b in zip(once, twice, strict=True):  # all weights doubled: the normalisation takes it out
        np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("lambda_max", [2.0, 1.5])
def test_equals_the_layer(lambda_max):
    from e2e_tf.layers import ScaledLaplacian

    rng = np.random.default_rng(1)
    senders, receivers = np.divmod(np.flatnonzero(rng.random(81) < 0.3), 9)
    a = np.zeros((1, 9, 9), np.float32)
    a[0, receivers, senders] = 1
    layer = ScaledLaplacian(lambda_max)([np.zeros((1, 9, 2), np.float32), a])
    expected = dense(scaled_laplacian(senders, receivers, [9], lambda_max=lambda_max), 9)
    np.testing.assert_allclose(np.asarray(layer)[0], expected, atol=1e-6)


def test_isolated_nodes():
    assert [len(part) for part in scaled_laplacian([], [], [2, 0])] == [0, 0, 0]
    # Spektral: normalised Laplacian 1, then 2 / 1.5 − 1.
    np.testing.assert_allclose(dense(scaled_laplacian([], [], [1], lambda_max=1.5), 1), [[1 / 3]])


def test_largest_eigenvalue_of_each_graph():
    """Complete graphs of n nodes have λmax = n / (n − 1); the graph without edges has 1."""
    senders, receivers = full([3, 0, 4, 1])
    found = dense(scaled_laplacian(senders, receivers, [3, 0, 4, 1], lambda_max=None), 8)
    for start, n in ((0, 3), (3, 4)):
        block = found[start : start + n, start : start + n]
        scale = 2 * (n - 1) / n
        expected = np.where(np.eye(n, dtype=bool), scale - 1, -scale / (n - 1))
        np.testing.assert_allclose(block, expected)
        np.testing.assert_allclose(np.linalg.eigvalsh(block)[-1], 1)
    assert found[7, 7] == 1.0


@pytest.mark.parametrize("lambda_max", [2.0, 1.7, None])
def test_dense_follows_the_formula(lambda_max):
    rng = np.random.default_rng(0)
    a = rng.random((12, 12)) < 0.2
    a[5] = a[:, 5] = False  # an isolated node
    symmetric = 0.5 * (a.astype(float) + a.T) * ~np.eye(12, dtype=bool)
    degree = symmetric.sum(axis=1)
    root = np.where(degree > 0, 1 / np.sqrt(np.where(degree > 0, degree, 1)), 0)
    laplacian = np.eye(12) - root[:, None] * symmetric * root
    largest = np.linalg.eigvalsh(laplacian)[-1] if lambda_max is None else lambda_max
    expected = 2 / largest * laplacian - np.eye(12)
    np.testing.assert_allclose(scaled_laplacian_dense(a, lambda_max=lambda_max), expected, atol=1e-14)


def test_equals_spektral():
    from spektral.utils import normalized_laplacian, rescale_laplacian

    a = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0.0]])
    expected = rescale_laplacian(normalized_laplacian(a), lmax=2.0)
    np.testing.assert_allclose(scaled_laplacian_dense(a), expected, atol=1e-12)


def test_bad_input():
    with pytest.raises(InputError, match="lambda_max must be a positive number or None, got 0"):
        scaled_laplacian([0], [1], [2], lambda_max=0)
    with pytest.raises(InputError, match=r"a must be square, got shape \(2, 3\)"):
        scaled_laplacian_dense(np.zeros((2, 3)))
    with pytest.raises(InputError, match="receivers must be node indices from 0 to 1, got 2"):
        scaled_laplacian([0], [2], [2])
