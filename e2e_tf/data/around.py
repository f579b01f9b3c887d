"""What is measured in events put around jets: objects near an axis, relative to it, and cells of windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from e2e_tf.data.grid import CRYSTALS, CRYSTALS_IN_PHI, PITCH, TOWER, TOWERS, delta_phi
from e2e_tf.data.jets import Ragged
from e2e_tf.data.objects import OBJECTS

__all__ = [
    "RADIUS",
    "Axes",
    "cells_of_windows",
    "leading_first",
    "objects_around",
    "rows_near",
    "rows_of_jets",
]

RADIUS = 0.5
"""Largest ΔR of the objects of a jet from its axis."""

Axes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Event (int64), η and φ [rad] of jets, (jets,) each."""


def rows_of_jets(event: np.ndarray, jet_event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every jet with every object of its event: jets and rows of the objects, jet by jet.

    Args:
        event: int64 (n,), of the objects, in any order.
        jet_event: int64 (jets,), in any order.

    Returns:
        Rows of the jets and rows of the objects, int64 (pairs,) each.
    """
    order = np.argsort(event, kind="stable")
    first = np.searchsorted(event[order], jet_event)
    counts = np.searchsorted(event[order], jet_event, side="right") - first
    jet = np.repeat(np.arange(len(jet_event)), counts)
    inside = np.arange(len(jet)) - np.repeat(np.cumsum(counts) - counts, counts)
    return jet, order[first[jet] + inside]


def rows_near(
    event: np.ndarray, places: Sequence[tuple[np.ndarray, np.ndarray]], jets: Axes, radius: float = RADIUS
) -> tuple[np.ndarray, np.ndarray]:
    """Jets and rows of the objects of their event that have one of their places within ΔR ``radius`` of the axis.

    Args:
        event: int64 (n,), of the objects.
        places: η and φ (n,) of each place [rad].
        jets: event, η and φ of the jets.
        radius: largest ΔR.

    Returns:
        Rows of the jets and rows of the objects, int64 (pairs,) each, jet by jet.
    """
    jet_event, jet_eta, jet_phi = jets
    jet, row = rows_of_jets(event, jet_event)
    near = np.zeros(len(jet), bool)
    for eta, phi in places:
        near |= np.hypot(eta[row] - jet_eta[jet], delta_phi(phi[row], jet_phi[jet])) < radius
    return jet[near], row[near]


def leading_first(kind: str, columns: Mapping[str, np.ndarray], jet: np.ndarray) -> np.ndarray:
    """The order of objects within their jets: by falling transverse momentum, clusters of pixels by layer and distance.

    Args:
        kind: one of :data:`~e2e_tf.data.objects.OBJECTS`.
        columns: (pairs,); ``pt`` of tracks and candidates, ``energy`` and ``eta`` of cells, ``layer``, ``deta`` and
            ``dphi`` of clusters of pixels; of vertices nothing, their order is kept.
        jet: int64 (pairs,), the jet of each.

    Returns:
        int64 (pairs,), rows in their order, jet by jet.
    """
    if kind in ("track", "candidate"):
        return np.lexsort((-columns["pt"], jet))
    if kind == "pixel":
        return np.lexsort((np.hypot(columns["deta"], columns["dphi"]), columns["layer"], jet))
    if kind == "vertex":
        return np.argsort(jet, kind="stable")
    return np.lexsort((-columns["energy"] / np.cosh(columns["eta"]), jet))


def objects_around(
    kind: str, event: np.ndarray, columns: Mapping[str, np.ndarray], jets: Axes, radius: float = RADIUS
) -> Ragged:
    """Objects of one kind around each jet, with the columns of a file.

    Args:
        kind: one of :data:`~e2e_tf.data.objects.OBJECTS`; a jet has all vertices of its event.
        event: int64 (n,), of the objects.
        columns: (n,) each, by the names of :data:`~e2e_tf.data.objects.OBJECTS`, but with ``eta`` and ``phi`` [rad] of
            the detector (of tracks ``eta_face`` and ``phi_face`` too) in place of those relative to the axis. Further
            columns stay as they are.
        jets: event, η and φ of the jets.
        radius: largest ΔR of the objects from the axis; of a track its direction or its place at the face counts.

    Returns:
        The objects of each jet, the leading ones first, in the types of :data:`~e2e_tf.data.objects.OBJECTS`.
    """
    _, jet_eta, jet_phi = jets
    places = [f for f in ("", "_face") if f"eta{f}" in columns]
    if kind == "vertex":
        jet, row = rows_of_jets(event, jets[0])
    else:
        jet, row = rows_near(
            event, [(columns[f"eta{face}"], columns[f"phi{face}"]) for face in places], jets, radius
        )
    found = {name: values[row] for name, values in columns.items()}
    for face in places:
        found[f"deta{face}"] = found[f"eta{face}"] - jet_eta[jet]
        found[f"dphi{face}"] = delta_phi(found[f"phi{face}"], jet_phi[jet])
    order = leading_first(kind, found, jet)
    types = {column.name: column.dtype for column in OBJECTS[kind]}
    absolute = {f"{name}{face}" for face in places for name in ("eta", "phi")}
    stored = {
        name: values[order].astype(types.get(name, values.dtype))
        for name, values in found.items()
        if name not in absolute
    }
    return Ragged.from_counts(stored, np.bincount(jet, minlength=len(jet_eta)))


def cells_of_windows(
    event: np.ndarray,
    deposits: np.ndarray,
    jet_event: np.ndarray,
    ieta: np.ndarray,
    iphi: np.ndarray,
    side: int,
) -> Ragged:
    """Deposits of the window around each jet in cells of the fixed grid, those of one cell summed.

    Args:
        event: int64 (n,), of the deposits.
        deposits: float64 (n, 3): energy or pT [GeV], η and φ [rad].
        jet_event: int64 (jets,).
        ieta, iphi: (jets,), the crystal at the corner of each window.
        side: of a cell, in crystals.

    Returns:
        ``cell`` int32 and ``value`` float32 of the hits of each jet, cells in rising order.
    """
    value, eta, phi = deposits.T
    jet, hit = rows_of_jets(event, jet_event)
    row = np.floor(eta / PITCH).astype(np.int64)[hit] - ieta.astype(np.int64)[jet]
    column = (np.floor(phi / PITCH).astype(np.int64)[hit] - iphi.astype(np.int64)[jet]) % CRYSTALS_IN_PHI
    inside = (row >= 0) & (row < CRYSTALS) & (column < CRYSTALS)
    jet, hit, row, column = jet[inside], hit[inside], row[inside], column[inside]
    across = TOWERS if side == TOWER else CRYSTALS
    key, index = np.unique(jet * across**2 + row // side * across + column // side, return_inverse=True)
    total = np.bincount(index, weights=value[hit], minlength=len(key))
    counts = np.bincount(key // across**2, minlength=len(ieta))
    return Ragged.from_counts(
        {"cell": (key % across**2).astype(np.int32), "value": total.astype(np.float32)}, counts
    )
