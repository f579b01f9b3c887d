from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.pt_bins import checked_edges, coarser, covering_edges, pt_edges
from e2e_tf.data.samples import sample_path
from e2e_tf.errors import InputError


def test_bins_of_the_shipped_sample_are_those_it_always_had():
    from e2e_tf.data.jets import read_jets

    jets = read_jets(sample_path("tau"))
    edges = pt_edges(jets["pt"], jets.label)
    assert edges.tolist() == [10, 15, 20, 25, 30, 35, 40, 45, 50]
    assert coarser(edges).tolist() == [10, 20, 30, 40, 50]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 700.0])
def test_bins_cover_the_jets_and_hold_both_classes_at_any_scale(scale):
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, 3000)
    pt = scale * np.where(label == 1, 300 + rng.exponential(200, 3000), 200 + rng.exponential(60, 3000))
    edges = pt_edges(pt, label)
    assert len(edges) >= 4
    assert edges[0] <= pt.min()
    assert edges[-1] >= pt.max()
    for value in (0, 1):
        counts = np.histogram(pt[label == value], edges)[0]
        assert counts.sum() == np.count_nonzero(label == value)
        assert counts.min() >= 10


def test_a_steep_spectrum_has_narrow_bins_where_the_jets_are():
    rng = np.random.default_rng(4)
    pt = np.append(200 + rng.exponential(30, 5000), 3000.0)
    edges = pt_edges(pt, np.ones(5001))
    assert np.diff(edges).min() <= 62.5
    assert np.histogram(pt, edges)[0].max() < 0.6 * len(pt)


def test_a_bin_whose_weights_add_up_to_nothing_joins_its_neighbour():
    pt = np.repeat([10.0, 20.0, 30.0, 40.0], 100)
    weight = np.where(pt == 20, np.tile([1.0, -1.0], 200), 1.0)
    assert {15, 25} < set(pt_edges(pt).tolist())
    edges = pt_edges(pt, None, weight)
    assert not {15, 25} < set(edges.tolist())
    assert (np.histogram(pt, edges, weights=weight)[0] > 0).all()


def test_one_value_and_few_jets_are_one_bin():
    assert pt_edges(np.full(5, 33.3)).tolist() == [33, 34]
    edges = pt_edges(np.array([20.0, 60.0, 80.0]), np.array([0, 1, 1]))
    assert len(edges) == 2
    assert edges[0] <= 20 < 80 <= edges[1]
    with pytest.raises(InputError, match="finite pT, received 0 jets"):
        pt_edges(np.empty(0))
    with pytest.raises(InputError, match="finite pT"):
        pt_edges(np.array([np.nan]))


def test_the_bins_cover_jets_of_other_parts_too():
    pt = np.repeat(np.arange(10.0, 50.0), 20)
    edges = pt_edges(pt, reach=(3.0, 61.0))
    assert edges[0] <= 3
    assert edges[-1] >= 61


def test_given_edges_that_cover_the_jets_stay():
    assert covering_edges((10, 20, 50), np.array([10, 30, 50.0])).tolist() == [10, 20, 50]


def test_jets_beyond_given_edges_get_bins_of_their_own():
    rng = np.random.default_rng(5)
    label = np.tile([0, 1], 2000)
    pt = np.where(label == 1, rng.uniform(200, 900, 4000), 200 + rng.exponential(100, 4000))
    edges = covering_edges((10, 20, 50), pt, label)
    assert {10, 20, 50} < set(edges.tolist())
    assert edges[-1] >= pt.max()
    assert len(edges) > 7
    below = covering_edges((400, 1000), pt, label, reach=(190.0, 950.0))
    assert below[0] <= 190
    assert {400, 1000} < set(below.tolist())
    assert len(below) > 4


def test_a_few_jets_beyond_widen_the_outer_bin():
    label = np.tile([0, 1], 100)
    pt = np.concatenate([np.linspace(10, 50, 198), [5.5, 83.0]])
    assert covering_edges((10, 20, 50), pt, label).tolist() == [5.5, 20, 83]


def test_coarser_bins_keep_the_outer_edges():
    assert coarser((1, 2, 3, 4, 5, 6)).tolist() == [1, 2, 3, 4, 5, 6]
    assert coarser((0, 1, 2, 3, 4, 5, 6, 7)).tolist() == [0, 2, 4, 6, 7]


@pytest.mark.parametrize("edges", [(10,), (10, 10), (20, 10), (10, float("nan"))])
def test_edges_that_do_not_rise_are_refused(edges):
    with pytest.raises(InputError, match="at least two rising numbers"):
        checked_edges(edges)


def test_a_jet_far_beyond_all_others_does_not_set_the_width_of_the_bins():
    pt = np.append(np.random.default_rng(0).uniform(10, 50, 999), 1e6)
    assert pt_edges(pt, np.arange(1000) % 2).tolist() == [10, 15, 20, 25, 30, 35, 40, 45, 1e6]
