"""Columns of detector objects that ``benchmarks.real_objects`` compares: bins, and where real jets have them from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LINEAR = ("deta", "dphi", "deta_face", "dphi_face", "charge", "from_pv", "depth", "z")
MEASURED, COMPUTED, FILLED = "measured", "computed", "filled"
ORIGIN = {
    "track": {
        "deta_face": COMPUTED, "dphi_face": COMPUTED, "d0": COMPUTED, "dz": COMPUTED, "from_pv": COMPUTED,
        "d0_error": FILLED, "dz_error": FILLED, "n_hits": FILLED, "n_pixel_hits": FILLED,
    },
    "pixel": {"number": FILLED},
    "vertex": {"n_tracks": COMPUTED, "sum_pt2": COMPUTED},
}  # fmt: skip
"""Where columns of real jets come from; what is not here is measured."""


@dataclass(frozen=True)
class Column:
    """A quantity of one kind of objects.

    Attributes:
        kind: of the objects.
        name: ``number`` in a jet, or a column.
        title: on the axis.
        edges: of the bins.
    """

    kind: str
    name: str
    title: str
    edges: np.ndarray

    @property
    def origin(self) -> str:
        """Where the real jets' values come from."""
        return ORIGIN.get(self.kind, {}).get(self.name, MEASURED)


def _wide(low: float, high: float, bins: int = 12) -> np.ndarray:
    return np.linspace(low, high, bins + 1)


def _log(low: float, high: float, bins: int = 12) -> np.ndarray:
    return np.geomspace(low, high, bins + 1)


def _whole(high: int, step: int = 1) -> np.ndarray:
    return np.arange(-0.5, high + step, step)


SIGNED = np.array([-10, -1, -0.3, -0.1, -0.03, -0.01, -0.003, 0, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 10.0])

COLUMNS = (
    Column("track", "number", "Tracks per jet", _whole(24, 2)),
    Column("track", "pt", r"$p_\mathrm{T}$ of tracks [GeV]", _log(0.8, 40)),
    Column("track", "deta", r"$\Delta\eta$ of tracks at the vertex", _wide(-0.4, 0.4)),
    Column("track", "dphi", r"$\Delta\phi$ of tracks at the vertex", _wide(-0.4, 0.4)),
    Column("track", "deta_face", r"$\Delta\eta$ of tracks at the ECAL", _wide(-0.6, 0.6)),
    Column("track", "dphi_face", r"$\Delta\phi$ of tracks at the ECAL", _wide(-1.6, 1.6)),
    Column("track", "charge", "Charge of tracks", np.array([-1.5, 0.0, 1.5])),
    Column("track", "d0", r"$d_0$ of tracks [cm]", SIGNED),
    Column("track", "dz", r"$d_z$ of tracks [cm]", SIGNED),
    Column("track", "d0_error", r"Error of $d_0$ [cm]", _log(1e-3, 0.1)),
    Column("track", "dz_error", r"Error of $d_z$ [cm]", _log(3e-3, 0.3)),
    Column("track", "chi2", r"$\chi^2$ of tracks per degree of freedom", _wide(0, 4)),
    Column("track", "n_hits", "Hits of tracks", _whole(30, 2)),
    Column("track", "n_pixel_hits", "Pixel hits of tracks", _whole(5)),
    Column("track", "from_pv", "Tracks of the chosen vertex", _whole(1)),
    Column("ecal", "number", "Crystals per jet", _whole(56, 4)),
    Column("ecal", "energy", "Energy of crystals [GeV]", _log(0.2, 30)),
    Column("ecal", "deta", r"$\Delta\eta$ of crystals", _wide(-0.4, 0.4)),
    Column("ecal", "dphi", r"$\Delta\phi$ of crystals", _wide(-0.4, 0.4)),
    Column("ecal", "time", "Time of crystals [ns]", _wide(-60, 60, 24)),
    Column("hcal", "number", "Towers per jet", _whole(8)),
    Column("hcal", "energy", "Energy of towers [GeV]", _log(2, 60)),
    Column("hcal", "deta", r"$\Delta\eta$ of towers", _wide(-0.4, 0.4)),
    Column("hcal", "dphi", r"$\Delta\phi$ of towers", _wide(-0.4, 0.4)),
    Column("hcal", "depth", "Depth of towers", np.arange(0.5, 5.0)),
    Column("vertex", "number", "Vertices", _whole(32, 2)),
    Column("vertex", "z", r"$z$ of vertices [cm]", _wide(-15, 15)),
    Column("vertex", "sum_pt2", r"$\Sigma p_\mathrm{T}^2$ of vertices [GeV$^2$]", _log(1, 1e5)),
    Column("vertex", "n_tracks", "Tracks of vertices", _whole(100, 10)),
)
