from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError
from e2e_tf.graph import hit_nodes, image_nodes


def by_shifts(image):
    """Laplacian and Hessian (xx, yy, xy) of (H, W) by shifting the zero-padded image."""
    p = np.pad(image.astype(np.float64), 1)

    def at(dr, dc):
        return p[1 + dr : p.shape[0] - 1 + dr, 1 + dc : p.shape[1] - 1 + dc]

    xx = at(1, 0) + at(-1, 0) - 2 * at(0, 0)
    yy = at(0, 1) + at(0, -1) - 2 * at(0, 0)
    xy = (at(1, 1) + at(-1, -1) - at(1, -1) - at(-1, 1)) / 4
    return xx + yy, np.stack([xx, yy, xy], axis=-1)


def test_by_hand():
    image = np.zeros((1, 3, 4, 1))
    image[0, :, :, 0] = [[1, 2, 0, 0], [3, 5, 0, 0], [0, 0, 0, 7]]
    nodes = image_nodes(image)
    assert nodes.cells.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 3]]
    assert nodes.n_node.tolist() == [5]
    assert nodes.energy[:, 0].tolist() == [1, 2, 3, 5, 7]
    assert nodes.laplacian[:, 0].tolist() == [1, -2, -6, -15, -28]
    # At (0, 0): down 3 − 2·1, right 2 − 2·1, corner 5 / 4. At (1, 1): (0 + 1 − 0 − 0) / 4.
    assert nodes.hessian[0, 0].tolist() == [1, 0, 1.25]
    assert nodes.hessian[3, 0].tolist() == [-8, -7, 0.25]
    # At (1, 0) the column to the left is outside: −2 / 4 from (0, 1).
    assert nodes.hessian[2, 0].tolist() == [-5, -1, -0.5]
    assert (nodes.cells.dtype, nodes.n_node.dtype, nodes.energy.dtype) == (np.int32, np.int32, np.float32)
    assert nodes.channel is None


def test_all_channels_of_a_pixel():
    rng = np.random.default_rng(0)
    images = np.where(rng.random((4, 9, 7, 3)) < 0.1, rng.normal(size=(4, 9, 7, 3)), 0).astype(np.float32)
    images[2] = 0  # an image without a signal in the middle, and at the end
    images[3] = 0
    nodes = image_nodes(images)
    image, row, column = np.nonzero(np.abs(images).sum(axis=-1))
    assert np.array_equal(nodes.cells, np.stack([row, column], axis=1))
    assert nodes.n_node.tolist() == np.bincount(image, minlength=4).tolist()
    assert nodes.n_node.tolist()[2:] == [0, 0]
    np.testing.assert_array_equal(nodes.energy, images[image, row, column])
    for channel in range(3):
        for i in range(2):
            laplacian, hessian = by_shifts(images[i, :, :, channel])
            here = image == i
            np.testing.assert_allclose(
                nodes.laplacian[here, channel], laplacian[row[here], column[here]], rtol=1e-6, atol=1e-7
            )
            np.testing.assert_allclose(
                nodes.hessian[here, channel], hessian[row[here], column[here]], rtol=1e-6, atol=1e-7
            )


def test_threshold_is_exclusive_and_on_the_sum_of_magnitudes():
    image = np.zeros((1, 1, 4, 2))
    image[0, 0] = [[0.5, -0.5], [1, 0.5], [0, -1.25], [0.25, 0]]
    assert image_nodes(image, 1.0).cells[:, 1].tolist() == [1, 2]


def test_one_node_per_channel():
    images = np.zeros((2, 2, 2, 2), np.float32)
    images[1, 0, 1] = [3, -4]
    images[1, 1, 0] = [0, 5]
    nodes = image_nodes(images, mode="channel")
    assert nodes.n_node.tolist() == [0, 3]
    assert nodes.cells.tolist() == [[0, 1], [0, 1], [1, 0]]
    assert nodes.channel.tolist() == [0, 1, 1]
    assert nodes.energy.tolist() == [[3], [-4], [5]]
    assert nodes.laplacian.tolist() == [[-12], [16], [-20]]
    assert nodes.hessian[:, 0].tolist() == [[-6, -6, 0], [8, 8, -1.25], [-10, -10, 1]]
    assert image_nodes(images, 4.0, mode="channel").energy.tolist() == [[5]]


def test_strided_images_are_read():
    """Channels first in the file: a transposed view is read without a copy."""
    rng = np.random.default_rng(0)
    images = np.where(rng.random((2, 3, 8, 8)) < 0.2, 1.0, 0.0).astype(np.float32).transpose(0, 2, 3, 1)
    a, b = image_nodes(images), image_nodes(np.ascontiguousarray(images))
    assert np.array_equal(a.cells, b.cells)
    assert np.array_equal(a.hessian, b.hessian)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((3, 3, 1)),), r"images must be numbers of shape \(n, H, W, C\).*\(3, 3, 1\)"),
        ((np.full((1, 2, 2, 1), np.nan),), "images must be finite"),
        ((np.full((1, 2, 2, 1), np.inf),), "images must be finite"),
        ((np.zeros((1, 2, 2, 1)), -1), "threshold must be a number of at least 0, got -1"),
        ((np.zeros((1, 2, 2, 1)), 0, "both"), "mode must be 'pixel' or 'channel', got 'both'"),
    ],
)
def test_bad_images(arguments, message):
    with pytest.raises(InputError, match=message):
        image_nodes(*arguments)


def ragged(jets):
    """Hits of one channel from a list of {cell: value} or [(cell, value)] per jet."""
    rows = [list(jet.items()) if isinstance(jet, dict) else jet for jet in jets]
    flat = [entry for jet in rows for entry in jet]
    columns = {
        "cell": np.array([cell for cell, _ in flat], np.int32),
        "value": np.array([value for _, value in flat], np.float32),
    }
    return Ragged.from_counts(columns, np.array([len(jet) for jet in rows], int))


def test_hits_by_hand():
    """Tower (1, 1) of 5 × 5 crystals has its centre at crystal (7, 7)."""
    nodes = hit_nodes(
        {
            "track": ragged([[], [(0, 2.0), (0, 1.0)], []]),
            "ecal": ragged([[], [(1, 4.0), (7 * 125 + 7, 1.0)], []]),
            "hcal": ragged([[], [(26, 10.0), (27, 3.0), (30, 0.0)], []]),
        }
    )
    assert nodes.n_node.tolist() == [0, 4, 0]
    assert nodes.cells.tolist() == [[0, 0], [0, 1], [7, 7], [7, 12]]
    assert nodes.energy.tolist() == [[3, 0, 0], [0, 4, 0], [0, 1, 10], [0, 0, 3]]
    assert nodes.laplacian.tolist() == [[-12, 4, 0], [3, -16, 0], [0, -4, 3 - 40], [0, 0, 10 - 12]]
    assert nodes.hessian[2].tolist() == [[0, 0, 0], [-2, -2, 0], [-20, 3 - 20, 0]]
    assert nodes.hessian.shape == (4, 3, 3)
    assert nodes.hessian.dtype == nodes.laplacian.dtype == nodes.energy.dtype == np.float32


entries = st.lists(st.tuples(st.integers(0, 224), st.integers(0, 64)), max_size=12)
jets = st.lists(entries, min_size=3, max_size=3)


@settings(deadline=None, max_examples=60)
@given(jets, jets, jets)
def test_dense_and_sparse_agree(track, ecal, hcal):
    """On a window of 15 × 15 crystals and 3 × 3 towers; values are exact in float32."""
    hcal = [[(cell % 9, value) for cell, value in jet] for jet in hcal]
    nodes = hit_nodes(
        {"track": ragged(track), "ecal": ragged(ecal), "hcal": ragged(hcal)}, crystals=15, tower=5
    )
    window, towers = np.zeros((3, 15, 15, 3)), np.zeros((3, 3, 3, 1))
    for jet in range(3):
        for channel, hits in enumerate((track, ecal)):
            for cell, value in hits[jet]:
                window[jet, cell // 15, cell % 15, channel] += value
        for cell, value in hcal[jet]:
            window[jet, cell // 3 * 5 + 2, cell % 3 * 5 + 2, 2] += value
            towers[jet, cell // 3, cell % 3, 0] += value
    dense = image_nodes(window)
    assert np.array_equal(nodes.cells, dense.cells)
    assert np.array_equal(nodes.n_node, dense.n_node)
    assert np.array_equal(nodes.energy, dense.energy)
    assert np.array_equal(nodes.laplacian[:, :2], dense.laplacian[:, :2])
    assert np.array_equal(nodes.hessian[:, :2], dense.hessian[:, :2])
    jet = np.repeat(np.arange(3), nodes.n_node)
    for node, (row, column) in enumerate(nodes.cells):
        expected = np.zeros(4)
        if row % 5 == 2 and column % 5 == 2:
            laplacian, hessian = by_shifts(towers[jet[node], :, :, 0])
            at = row // 5, column // 5
            expected = np.array([laplacian[at], *hessian[at]])
        assert [nodes.laplacian[node, 2], *nodes.hessian[node, 2]] == expected.tolist()


def test_missing_channels_are_zero():
    nodes = hit_nodes({"ecal": ragged([{5: 2.0}, {}])})
    assert nodes.energy.tolist() == [[0, 2, 0]]
    assert nodes.n_node.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("hits", "message"),
    [
        ({}, "hits must have channels out of track, ecal, hcal, got none"),
        ({"muon": ragged([{}])}, r"got \['muon'\]"),
        ({"ecal": ragged([{}]), "hcal": ragged([{}, {}])}, "same number of jets in every channel, got"),
        (
            {"ecal": ragged([{125 * 125: 1.0}])},
            "ecal must be in cells 0 to 15624, got int32 from 15625",
        ),
        ({"hcal": ragged([{625: 1.0}])}, "hits of hcal must be in cells 0 to 624"),
        ({"track": ragged([{-1: 1.0}])}, "hits of track must be in cells 0 to 15624"),
        ({"track": ragged([{1: -1.0}])}, "hits of track must be finite and not negative .GeV., got -1.0"),
        ({"track": ragged([{1: np.nan}])}, "hits of track must be finite and not negative"),
    ],
)
def test_bad_hits(hits, message):
    with pytest.raises(InputError, match=message):
        hit_nodes(hits)


def test_bad_window():
    with pytest.raises(InputError, match="a multiple of an odd tower, got crystals=10, tower=4"):
        hit_nodes({"ecal": SimpleNamespace(offsets=[0])}, crystals=10, tower=4)
