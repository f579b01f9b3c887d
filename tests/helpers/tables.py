"""Detector objects written by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

import numpy as np

from e2e_tf.data.grid import PITCH, TOWER
from e2e_tf.data.table import Table
from e2e_tf.sim.hits import CRYSTAL_GRID, TOWER_GRID
from e2e_tf.sim.objects import Crystals, Segments, TrackObjects

Rows = TypeVar("Rows", bound=Table)
Cell = tuple[int, int, int, float]
"""Event, row, column, energy [GeV]."""


def nothing(table: type[Rows]) -> Rows:
    """A table without rows."""
    whole = {"event", "key", "origin", "charge", "pdg_id", "from_pv", "depth", "layer", "process"}
    columns = {
        field.name: np.zeros(0, np.int64 if field.name in whole else np.float64) for field in fields(table)
    }  # type: ignore[arg-type]
    return table(**columns)


def tracks_at(*tracks: tuple[int, float, float, float, int]) -> TrackObjects:
    """Tracks of (event, pT, η, φ, kind) that fly straight to the ECAL, by rising event."""
    event, pt, eta, phi, pdg_id = (np.array(column) for column in zip(*tracks, strict=True))
    count = len(tracks)
    columns = {field.name: np.zeros(count) for field in fields(TrackObjects)}
    columns |= {"event": event, "pt": pt, "eta": eta, "phi": phi, "eta_face": eta, "phi_face": phi}
    columns |= {"pdg_id": pdg_id, "origin": np.arange(count), "from_pv": np.ones(count, np.int8)}
    return TrackObjects(**columns | {"charge": np.full(count, 1, np.int8)})


def crystals_at(*cells: Cell) -> Crystals:
    """Crystals of (event, row, column, energy)."""
    event, row, column, energy = (np.array(x) for x in zip(*cells, strict=True))
    key = CRYSTAL_GRID.keys(event, row, column)
    place = (row + 0.5) * PITCH, (column + 0.5) * PITCH
    return Crystals(key, event, *place, energy, np.zeros(len(key))).take(np.argsort(key))


def towers_at(*cells: Cell) -> Segments:
    """The first segments of towers of (event, row, column, energy)."""
    event, row, column, energy = (np.array(x) for x in zip(*cells, strict=True))
    key = TOWER_GRID.keys(event, row, column)
    place = (row + 0.5) * TOWER * PITCH, (column + 0.5) * TOWER * PITCH
    return Segments(key, event, *place, energy, np.ones(len(key), np.int8)).take(np.argsort(key))
