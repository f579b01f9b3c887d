from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from layer_checks import check_layer
from layer_graphs import BLOCKS, EDGES, OTHER, SPARSE, STANDARD, Form, make_graphs, pair_rows, run, tensors
from references import laplacian
from spektral.utils import normalized_laplacian, rescale_laplacian

from e2e_tf import InputError
from e2e_tf.layers import ScaledLaplacian

PAIRS = Form("pairs", BLOCKS.feed, lambda out, g: pair_rows(out, g)[:, None], blocks=True)


def matrix(graphs, form, layer):
    senders, receivers, weights = (part.numpy() for part in layer(tensors(form.feed(graphs))))
    result = np.zeros((len(graphs.x), len(graphs.x)))
    np.add.at(result, (receivers, senders), weights)
    return result


def in_blocks(m, graphs):
    parts = [
        m[s : s + n, s : s + n].reshape(-1, 1) for s, n in zip(graphs.starts, graphs.n_node, strict=True)
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize("lambda_max", [2.0, 1.5])
def test_scaled_laplacian(lambda_max):
    def make():
        return ScaledLaplacian(lambda_max)

    check_layer(
        make,
        [PAIRS],
        "pair",
        reference=lambda w, g: in_blocks(laplacian(g, lambda_max), g),
        gradients=False,
    )
    for graphs in (STANDARD, OTHER):
        for form in (EDGES, SPARSE):
            m = matrix(graphs, form, make())
            np.testing.assert_allclose(m, laplacian(graphs, lambda_max), atol=1e-6)


def test_is_spektrals_on_undirected_graphs():
    graphs = make_graphs([6, 5], [8, 6], seed=4)
    a = np.zeros((11, 11), np.float32)
    a[graphs.receivers, graphs.senders] = a[graphs.senders, graphs.receivers] = 1
    np.fill_diagonal(a, 0)
    expected = rescale_laplacian(normalized_laplacian(scipy.sparse.csr_matrix(a)), lmax=2).toarray()
    np.testing.assert_allclose(ScaledLaplacian()([graphs.x, a]), expected, atol=1e-6)


def test_hand_computed():
    # Nodes 0 - 1 in both directions and 1 -> 2 once: S_01 = 1, S_12 = 1/2, degrees 1, 3/2, 1/2.
    edges = (np.array([0, 1, 1]), np.array([1, 0, 2]))
    x = np.zeros((3, 1), np.float32)
    graphs = type(STANDARD)(x, *edges, np.array([3]))
    m = matrix(graphs, EDGES, ScaledLaplacian())
    root = -np.sqrt(2 / 3)
    np.testing.assert_allclose(
        m, [[0, root, 0], [root, 0, root / np.sqrt(2)], [0, root / np.sqrt(2), 0]], atol=1e-6
    )


def test_loops_count_for_nothing_and_directions_for_half():
    edges = (np.array([0, 1, 1, 1]), np.array([1, 0, 1, 1]))  # 0 - 1, and a loop at 1, listed twice
    x = np.zeros((2, 1), np.float32)
    expected = [[0, -1], [-1, 0]]
    graphs = type(STANDARD)(x, *edges, np.array([2]))
    np.testing.assert_allclose(matrix(graphs, EDGES, ScaledLaplacian()), expected, atol=1e-6)
    dense = ScaledLaplacian()([x, np.array([[0.0, 1.0], [1.0, 2.0]], np.float32)])
    np.testing.assert_allclose(dense, expected, atol=1e-6)
    directed = ScaledLaplacian()([x, np.array([[0.0, 1.0], [0.0, 0.0]], np.float32)])
    np.testing.assert_allclose(directed, expected, atol=1e-6)  # S_01 = 1/2, and so are the degrees


def test_eigenvalues_lie_between_minus_one_and_one():
    values = np.linalg.eigvalsh(run(ScaledLaplacian(), Form("all", BLOCKS.feed, lambda o, g: o), STANDARD))
    assert values.min() >= -1 - 1e-6
    assert values.max() <= 1 + 1e-6


def test_errors():
    for wrong in (0, -1.0, float("nan"), "2"[:0]):
        with pytest.raises(InputError, match="lambda_max must be"):
            ScaledLaplacian(wrong)
    with pytest.raises(InputError, match="got a tuple of 1"):
        ScaledLaplacian()([STANDARD.x, (STANDARD.senders,)])
    with pytest.raises(InputError, match="got shape"):
        ScaledLaplacian()([STANDARD.x, tf.zeros((1, 1, 1, 1))])


@pytest.mark.parametrize("lambda_max", [2.0, 1.5])
def test_loops_do_not_count(lambda_max):
    layer = ScaledLaplacian(lambda_max)
    rng = np.random.default_rng(5)
    a = rng.integers(0, 3, (2, 6, 6)).astype(np.float32)
    a[1, 4:] = a[1, :, 4:] = 0  # empty slots
    x = np.zeros((2, 6, 1), np.float32)
    np.testing.assert_allclose(layer([x, a]), layer([x, a * (1 - np.eye(6, dtype=np.float32))]), atol=1e-7)
