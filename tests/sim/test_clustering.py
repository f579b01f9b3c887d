from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.grid import PITCH
from e2e_tf.sim.clustering import Clustered, cells_at, cluster_cells
from e2e_tf.sim.hits import CRYSTAL_GRID, share_among_cells

Cell = tuple[int, int, int, float]
"""Event, row, column, energy [GeV]."""


def clustered(cells: list[Cell], seed: float = 0.23, corners: bool = True) -> Clustered:
    event, row, column, energy = (np.array(x) for x in zip(*cells, strict=True))
    keys = CRYSTAL_GRID.keys(event.astype(np.int64), row, column)
    order = np.argsort(keys)
    limits = np.full(len(keys), seed)
    return cluster_cells(CRYSTAL_GRID, keys[order], energy[order].astype(float), limits, 0.68, corners, 10)


def shower(event: int, eta: float, phi: float, energy: float, width: float = 0.68) -> dict[tuple, float]:
    """A Gaussian shower of the width that clusters are made with, in 7 x 7 crystals."""
    row, along = share_among_cells(np.array([eta / PITCH]), np.array([width]), 3)
    column, aside = share_among_cells(np.array([phi / PITCH]), np.array([width]), 3)
    return {
        (event, int(row[0]) + i, int(column[0]) + j): float(energy * along[0, i] * aside[0, j])
        for i in range(7)
        for j in range(7)
    }


def test_one_cell():
    found = clustered([(0, 10, 20, 2.5)]).clusters
    assert len(found) == 1
    assert found.energy[0] == 2.5
    assert (found.eta[0], found.phi[0]) == pytest.approx((10.5 * PITCH, 20.5 * PITCH))


def test_seeds_and_what_touches_them():
    # A cell at the corner belongs to the cluster, one two columns on is alone and below the seeds' threshold.
    found = clustered([(0, 10, 20, 2.0), (0, 11, 21, 0.2), (0, 10, 23, 0.2)])
    assert found.clusters.energy.tolist() == [2.2]
    np.testing.assert_array_equal(found.owner, [0, -1, 0])
    # The same cells of two events are two clusters.
    assert len(clustered([(0, 10, 20, 2.0), (1, 10, 20, 1.0)]).clusters) == 2
    # A corner that is higher forbids a seed only where corners count.
    cells = [(0, 10, 20, 2.0), (0, 11, 21, 3.0)]
    assert len(clustered(cells).clusters) == 1
    assert len(clustered(cells, corners=False).clusters) == 2


def test_around_the_seam():
    found = clustered([(0, -5, 359, 1.0), (0, -5, 0, 3.0), (0, -5, 180, 2.0), (0, -5, 179, 2.5)]).clusters
    np.testing.assert_allclose(sorted(found.energy), [4.0, 4.5])
    # The seed of the first is column 0, a quarter of the energy one column before it.
    first = np.argmin(found.energy)
    assert found.phi[first] == pytest.approx((0.5 - 0.25) * PITCH)
    assert np.abs(found.phi).max() < np.pi


def test_overlapping_showers_share_their_cells():
    # Two showers of 10 and 5 GeV, 2.5 crystals apart: energies and places are found again, nothing is lost.
    near, far = (0.105, 0.30), (0.105, 0.30 + 2.5 * PITCH)
    cells = shower(0, *near, 10.0)
    for place, energy in shower(0, *far, 5.0).items():
        cells[place] = cells.get(place, 0.0) + energy
    found = clustered([(*place, energy) for place, energy in cells.items()]).clusters
    assert len(found) == 2
    assert found.energy.sum() == pytest.approx(15.0)
    order = np.argsort(found.phi)
    np.testing.assert_allclose(found.energy[order], [10, 5], rtol=0.08)
    np.testing.assert_allclose(found.phi[order], [near[1], far[1]], atol=0.25 * PITCH)
    np.testing.assert_allclose(found.eta, 0.105, atol=0.1 * PITCH)


def test_the_order_of_events_does_not_matter():
    rng = np.random.default_rng(0)
    cells = [
        (event, int(r), int(c), float(e))
        for event in range(3)
        for r, c, e in zip(
            rng.integers(0, 12, 50), rng.integers(0, 12, 50) + 17 * event, rng.exponential(1, 50), strict=True
        )
    ]
    cells = list({cell[:3]: cell for cell in cells}.values())
    turned = [(2 - event, *rest) for event, *rest in cells]
    first, second = clustered(cells).clusters, clustered(turned).clusters  # type: ignore[arg-type]
    for event in range(3):
        a, b = first.take(first.event == event), second.take(second.event == 2 - event)
        np.testing.assert_allclose(a.energy, b.energy)
        np.testing.assert_allclose(a.eta, b.eta)
    # Every cell that touches a seed, or what touches it, is shared out completely.
    assert first.energy.sum() <= sum(cell[3] for cell in cells) + 1e-9
    assert first.energy.sum() > 0.9 * sum(cell[3] for cell in cells)


def test_cells_at_a_point():
    found = clustered([(0, 10, 359, 2.0), (0, 11, 0, 0.2), (0, 10, 4, 2.0)])
    at = cells_at(found, np.array([0, 0, 1]), np.full(3, 10.5 * PITCH), np.array([-0.5, 1.5, -0.5]) * PITCH)
    assert set(at[0]) == {-1, 1}  # its own cell and the corner's, of the cluster at column 359
    assert set(at[1]) == {-1, 1}  # column 1 has the corner's cell beside it
    assert set(at[2]) == {-1}


def test_nothing_at_all():
    none = np.zeros(0)
    found = cluster_cells(CRYSTAL_GRID, none.astype(np.int64), none, none, 0.68, True, 10)
    assert len(found.clusters) == 0
    assert (cells_at(found, np.zeros(2, np.int64), np.zeros(2), np.zeros(2)) == -1).all()
