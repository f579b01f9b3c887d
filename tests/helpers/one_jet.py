"""One jet with given hits."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.grid import window_corner
from e2e_tf.data.jets import Jets, Ragged


def hits_at(cells: dict[str, list[tuple[int, int, float]]], eta: float = 0.0, phi: float = 0.0) -> Jets:
    """One jet with (row, column, energy) per channel; rows and columns of towers for hcal."""
    ieta, iphi = window_corner(np.array([eta]), np.array([phi]))
    hits = {}
    for channel, side in (("track", 125), ("ecal", 125), ("hcal", 25)):
        rows = cells.get(channel, [])
        cell = np.array([r * side + c for r, c, _ in rows], np.uint16)
        value = np.array([e for *_, e in rows], np.float32)
        hits[channel] = Ragged.from_counts({"cell": cell, "value": value}, np.array([len(rows)]))
    columns = {"pt": [50.0], "eta": [eta], "phi": [phi], "mass": [1.0]}
    return Jets(
        columns={k: np.array(v, np.float32) for k, v in columns.items()} | {"ieta": ieta, "iphi": iphi},
        event=np.zeros(1, np.int64),
        weight=np.ones(1, np.float32),
        hits=hits,
    )
