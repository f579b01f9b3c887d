"""Clusters of calorimeter cells: seeds, what hangs together, and cells shared among Gaussian showers.

The algorithm of the particle-flow paper (JINST 12 (2017) P10003, section 3.4): seeds are local maxima above a
threshold, topological clusters are what touches a seed by sides or corners, and the cells of each are shared among
its seeds as a mixture of Gaussians of fixed width would fill them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from e2e_tf.data.grid import PITCH, delta_phi
from e2e_tf.data.table import Table
from e2e_tf.sim.hits import Grid
from e2e_tf.sim.kinematics import ranges, sums

__all__ = ["Clustered", "Clusters", "cells_at", "cluster_cells"]

_SIDES = ((0, 1), (1, 0), (0, -1), (-1, 0))
_CORNERS = ((1, 1), (1, -1), (-1, -1), (-1, 1))


@dataclass(frozen=True)
class Clusters(Table):
    """Clusters of one calorimeter, by rising event.

    Attributes:
        event: int64 (n,).
        eta, phi: float64 (n,), centre, seen from the detector's centre [rad].
        energy: float64 (n,), sum of the cells' shares [GeV].
    """

    event: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True)
class Clustered:
    """Cells and their clusters.

    Attributes:
        grid: of the cells.
        keys: int64 (cells,), rising.
        owner: int64 (cells,), the cluster with the largest share of each cell, −1 where no cluster has any.
        clusters: the clusters.
    """

    grid: Grid
    keys: np.ndarray
    owner: np.ndarray
    clusters: Clusters


def cluster_cells(
    grid: Grid,
    keys: np.ndarray,
    energy: np.ndarray,
    seed_energy: np.ndarray,
    width: float,
    corners: bool,
    iterations: int,
) -> Clustered:
    """Cluster the cells of several events.

    Args:
        grid: of the cells.
        keys: int64 (n,), rising.
        energy: float64 (n,) [GeV].
        seed_energy: float64 (n,), what each cell needs to be a seed [GeV].
        width: σ of the Gaussian shower [cells].
        corners: whether a seed must also be above the neighbours at its corners.
        iterations: of sharing.

    Returns:
        One cluster for each seed, in the order of the seeds' keys, and the clusters of the cells.
    """
    beside = np.stack([_neighbours(grid, keys, *step) for step in (*_SIDES, *_CORNERS)])
    rivals = beside if corners else beside[: len(_SIDES)]
    highest = np.where(rivals >= 0, energy[rivals], 0.0).max(0, initial=0.0)
    seeds = np.flatnonzero((energy > seed_energy) & (energy > highest))

    cell, touched = np.flatnonzero(beside >= 0), beside[beside >= 0]
    links = coo_array((np.ones(len(cell), bool), (cell % max(len(keys), 1), touched)), shape=(len(keys),) * 2)
    _, component = connected_components(links, directed=False) if len(keys) else (0, np.zeros(0, np.int64))

    # Every seed with every cell of its topological cluster.
    order = np.argsort(component, kind="stable")
    first = np.searchsorted(component[order], component[seeds])
    counts = np.searchsorted(component[order], component[seeds], side="right") - first
    seed, cell = np.repeat(np.arange(len(seeds)), counts), order[ranges(first, counts)]
    event, row, column = grid.split(keys)
    up = (row[cell] - row[seeds][seed]).astype(np.float64)
    half = grid.columns // 2
    aside = ((column[cell] - column[seeds][seed] + half) % grid.columns - half).astype(np.float64)

    total, mean = energy[seeds], np.zeros((2, len(seeds)))
    share = np.zeros(len(seed))
    for _ in range(iterations):
        distance = (up - mean[0][seed]) ** 2 + (aside - mean[1][seed]) ** 2
        weight = total[seed] * np.exp(-np.minimum(distance / (2 * width**2), 300.0))
        share = weight / sums(cell, weight, len(keys))[cell]
        part = share * energy[cell]
        total = sums(seed, part, len(seeds))
        mean = np.stack([sums(seed, part * x, len(seeds)) for x in (up, aside)]) / total

    owner = np.full(len(keys), -1)
    rising = np.argsort(share, kind="stable")
    owner[cell[rising]] = seed[rising]  # the largest share is written last
    side = grid.size * PITCH
    clusters = Clusters(
        event[seeds],
        (row[seeds] + 0.5 + mean[0]) * side,
        delta_phi((column[seeds] + 0.5 + mean[1]) * side, 0.0),
        total,
    )
    return Clustered(grid, keys, owner, clusters)


def cells_at(cells: Clustered, event: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Clusters of the cell that holds a point and of the eight around it.

    Args:
        cells: of one calorimeter.
        event: int64 (n,), of the points.
        eta, phi: float64 (n,), seen from the detector's centre [rad].

    Returns:
        int64 (n, 9), −1 where there is no cell or none of a cluster.
    """
    side = cells.grid.size * PITCH
    row, column = (np.floor(x / side).astype(np.int64) for x in (np.clip(eta, -3.1, 3.1), phi))
    if not len(cells.keys):
        return np.full((len(event), 9), -1)
    owners = []
    for up, aside in ((0, 0), *_SIDES, *_CORNERS):
        place = _places(cells.keys, cells.grid.keys(event, row + up, column + aside))
        owners.append(np.where(place >= 0, cells.owner[place], -1))
    return np.stack(owners, 1)


def _neighbours(grid: Grid, keys: np.ndarray, up: int, aside: int) -> np.ndarray:
    event, row, column = grid.split(keys)
    return _places(keys, grid.keys(event, row + up, column + aside))


def _places(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted key stands among rising keys, −1 where it does not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
