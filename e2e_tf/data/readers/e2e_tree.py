"""Trees of the CMS end-to-end group's ``MLAnalyzer`` (``fevt/RHTree``): images of whole events.

The group's analyzers (https://github.com/mbandrews/MLAnalyzer and its copies) write one entry per event with images of
the whole detector as flat vectors, row by row, rows by rising η, and the towers that jets are centred on:

======================== ============ ==================================================================================
branch                   rows, cols   contents
======================== ============ ==================================================================================
``ECAL_energy``          280 × 360    crystals [GeV]: 170 rows of the barrel, and beyond |η| = 1.479 endcap crystals in
                                      five bins for each HCAL tower
``EB_energy, EB_time``   170 × 360    the barrel alone, with times [ns]
``HBHE_energy``          56 × 72      towers [GeV], depths summed; one that spans 10° is shared by two columns
``ECAL_tracksPt…``       280 × 360    pT of tracks [GeV], summed in the crystal that a track meets; the end of the name
                                      says how that is found (``_atECALfixIP``)
``jetSeed_ieta, _iphi``  per jet      row and column of ``HBHE_energy``
``jet_Pt, jet_Eta, …``   per jet      kinematics; names differ with the selection that was run
======================== ============ ==================================================================================

Columns are those of the barrel's iphi: the first begins at φ = −10°, for towers too. An image that is not there is left
out; one of ECAL and HCAL must be.

Crystals and towers become hits of the window around the seed, which is the image of 125 × 125 crystals that the group's
networks take, and detector objects around the jet. Tracks become hits alone: an image does not say which track is
which, nor its charge and direction, so that models of detector objects that take tracks are refused. ``RecoE2E``
(https://github.com/cms-e2e/RecoE2E) makes the same images inside of CMSSW and keeps them in its own files, as
``JetFrames``, which only CMSSW reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.around import RADIUS, cells_of_windows, objects_around
from e2e_tf.data.grid import TOWER, delta_phi, window_corner
from e2e_tf.data.jets import Jets, Ragged, concatenate_jets
from e2e_tf.data.readers.checks import need
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import cms_event
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import branch, flat, open_tree, row_counts, tree_length
from e2e_tf.errors import InputError

__all__ = ["count_e2e", "read_e2e_tree"]

_TREE = "fevt/RHTree"
_BLOCK = 64  # entries that are held at once: an image is 0.4 MB
_FIRST_PHI = -10.0  # degrees, where the first column begins
_TOWER_EDGES = (
    *(0.087 * np.arange(21)), 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 3.0,
)  # fmt: skip
"""|η| of the edges of HCAL towers: the detector paper of CMS, JINST 3 (2008) S08004."""
_BARREL_TOWERS = 17  # whose crystals are those of the ECAL's barrel
_TRACKS = "ECAL_tracksPt"


@dataclass(frozen=True)
class _Image:
    """The cells of an image.

    Attributes:
        eta: float64 (rows,), middle of each row.
        columns: number of columns around the beam.
    """

    eta: np.ndarray
    columns: int

    @property
    def size(self) -> int:
        return len(self.eta) * self.columns

    def place(self, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """η and φ of the middle of cells [rad]."""
        phi = np.radians(_FIRST_PHI + (cell % self.columns + 0.5) * 360 / self.columns)
        return self.eta[cell // self.columns], delta_phi(phi, 0.0)


def _both_sides(edges: np.ndarray) -> np.ndarray:
    """Middles of the bins between edges of |η|, from the most negative η on."""
    line = np.concatenate([-edges[:0:-1], edges])
    return (line[1:] + line[:-1]) / 2


def _fine_edges() -> np.ndarray:
    """Edges of five bins for each tower."""
    coarse = np.asarray(_TOWER_EDGES)
    parts = coarse[:-1, None] + np.diff(coarse)[:, None] * np.arange(5) / 5
    return np.append(parts.ravel(), coarse[-1])


_CRYSTALS = _Image(_both_sides(_fine_edges()), 360)
_BARREL = _Image(_both_sides(_fine_edges()[: 5 * _BARREL_TOWERS + 1]), 360)
_TOWERS = _Image(_both_sides(np.array(_TOWER_EDGES)), 72)
_IMAGES = {"ECAL_energy": _CRYSTALS, "EB_energy": _BARREL, "HBHE_energy": _TOWERS}
_JET = {
    "pt": ("jet_Pt", "jetPt", "jet_pt", "jetpT"),
    "eta": ("jet_Eta", "jetEta", "jet_eta"),
    "phi": ("jet_Phi", "jetPhi", "jet_phi"),
    "mass": ("jet_M", "jetM", "jet_mass"),
}


def count_e2e(path: PathLike, tree: str = _TREE) -> int:
    """Number of events in the file.

    Args:
        path: the ROOT file.
        tree: its tree.

    Returns:
        The number of events.

    Raises:
        InputError: the file is missing, damaged or has no such tree.
    """
    return tree_length(path, tree)


def _accepts(content: Content) -> bool:
    seeds = content.has(f"{_TREE}/jetSeed_ieta", f"{_TREE}/jetSeed_iphi")
    return seeds and any(f"{_TREE}/{name}" in content.names for name in _IMAGES)


@reader(
    "e2e_tree",
    "event images of the CMS end-to-end group",
    unit="events",
    count=count_e2e,
    accepts=_accepts,
    event_numbers=True,
)
def read_e2e_tree(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    tree: str = _TREE,
    label: str | None = None,
    track: str | None = None,
    barrel: bool = False,
    radius: float = RADIUS,
    min_pt: float = 0.0,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets with the hits of their windows, and crystals and towers around them.

    Jets have ``pt``, ``eta``, ``phi``, ``ieta``, ``iphi`` and, where the tree has it, ``mass``. φ is that of ``jet_Px``
    and ``jet_Py`` where there is no other; η and φ that the tree does not hold are those of the seed's middle. The
    window has the seed in its middle tower. ``event`` is run · 2⁴⁰ + event number.

    Args:
        path: the ROOT file.
        start, stop: range of events.
        tree: the tree's place in the file.
        label: branch with one number per jet, 1 for signal and 0 else, such as ``jet_IsTau`` or ``jetIsQuark``; None
            gives no label.
        track: branch of the image of tracks; None takes the only one whose name begins with ``ECAL_tracksPt`` and that
            is no ``…_maxPt``.
        barrel: take ``EB_energy`` with ``EB_time``, so that crystals have times but the endcaps are left out.
        radius: largest ΔR of crystals and towers from the axis.
        min_pt: smallest pT [GeV].
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets of the range of events, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, a branch is missing or has another length, a seed is outside of
            the image, a number is NaN, infinite or, of a jet's pT, negative, or a label is neither 0 nor 1.
    """
    report = Report() if report is None else report
    settings = {
        "tree": tree,
        "label": label,
        "track": track,
        "barrel": barrel,
        "radius": radius,
        "min_pt": min_pt,
    }
    with open_tree(path, tree) as (path, opened):
        names = _Names.of(path, set(opened.keys()), label, track, barrel)
        first, last = row_range(int(opened.num_entries), start, stop)
        edges = [*range(first, last, _BLOCK), last] if last > first else [first, first]
        parts = []
        for low, high in pairwise(edges):
            block = _Block(path, opened, low, high)
            parts.append(block.jets(names, radius, min_pt, on_error, report))
    return concatenate_jets(parts, {"reader": "e2e_tree", "file": path.name, "settings": settings})


@dataclass(frozen=True)
class _Names:
    """Branches of a tree.

    Attributes:
        images: of the channels ``track``, ``ecal`` and ``hcal``, as far as they are there.
        time: of the crystals' times, empty for none.
        jets: columns of jets.
        momentum: ``jet_Px`` and ``jet_Py``, which give φ, or nothing.
        label: empty for none.
    """

    images: Mapping[str, str]
    time: str
    jets: Mapping[str, str]
    momentum: tuple[str, ...]
    label: str

    @classmethod
    def of(cls, path: Path, names: set[str], label: str | None, track: str | None, barrel: bool) -> _Names:
        wanted = ["runId", "eventId", "jetSeed_ieta", "jetSeed_iphi", *(n for n in (label, track) if n)]
        need(path, "branch", [*wanted, *(("EB_energy", "EB_time") if barrel else ())], names)
        ecal = "EB_energy" if barrel or "ECAL_energy" not in names else "ECAL_energy"
        images = {channel: n for channel, n in (("ecal", ecal), ("hcal", "HBHE_energy")) if n in names}
        if not images:
            raise InputError(
                f"{path} has no branch {', '.join(_IMAGES)}, one of which is needed; there are: "
                f"{', '.join(sorted(names)[:40])}"
            )
        tracks = [name for name in sorted(names) if name.startswith(_TRACKS) and "maxPt" not in name]
        if track is None and len(tracks) > 1:
            raise InputError(
                f"{path} has several images of tracks: {', '.join(tracks)}; --option track=BRANCH says which one"
            )
        if track or tracks:
            images = {"track": track or tracks[0], **images}
        jets = {column: n for column, spelled in _JET.items() for n in spelled[::-1] if n in names}
        if "pt" not in jets:
            need(path, "branch", [" or ".join(_JET["pt"])], names)
        momentum = ("jet_Px", "jet_Py")
        given = "phi" not in jets and names >= set(momentum)
        return cls(
            images, "EB_time" if ecal == "EB_energy" and "EB_time" in names else "", jets,
            momentum if given else (), label or "",
        )  # fmt: skip


class _Block:
    """Some entries of a tree, from ``start`` to ``stop``."""

    def __init__(self, path: Path, tree: Any, start: int, stop: int) -> None:
        self.path, self.tree, self.start, self.stop = path, tree, start, stop

    def jets(self, names: _Names, radius: float, min_pt: float, on_error: OnError, report: Report) -> Jets:
        """The jets of the entries."""
        seeds = self._branch("jetSeed_ieta")
        counts = row_counts(seeds)
        n = int(counts.sum())
        entry = np.repeat(np.arange(self.stop - self.start), counts)
        row = flat(seeds, np.float64)
        column, *momentum = (self._of_jets(name, counts) for name in ("jetSeed_iphi", *names.momentum))
        columns = {name: self._of_jets(stored, counts) for name, stored in names.jets.items()}
        entries = EntryValidator(self.path, n, on_error, report, unit=f"jets from event {self.start} on")
        rows, across = len(_TOWERS.eta), _TOWERS.columns
        entries.require(
            (row >= 0) & (row < rows) & (column >= 0) & (column < across),
            f"jetSeed_ieta must be from 0 to {rows - 1} and jetSeed_iphi from 0 to {across - 1}",
        )
        if momentum:
            columns["phi"] = np.arctan2(momentum[1], momentum[0])
        entries.energy("pt", columns["pt"])
        for name, values in columns.items():
            entries.finite(name, values)
        inside = np.where(entries.keep, row * across + column, 0).astype(np.int64)
        seed_eta, seed_phi = _TOWERS.place(inside)
        columns.setdefault("eta", seed_eta)
        columns.setdefault("phi", seed_phi)
        ieta, iphi = window_corner(seed_eta, seed_phi)
        label = None
        if names.label:
            stored = self._of_jets(names.label, counts)
            entries.one_of(names.label, stored, (0, 1))
            label = np.where(np.isin(stored, (0, 1)), stored, 0).astype(np.int8)
        axes = (entry, columns["eta"], columns["phi"])
        hits: dict[str, Ragged] = {}
        objects: dict[str, Ragged] = {}
        for channel, name in names.images.items():
            image = _IMAGES.get(name, _CRYSTALS)
            values = self._image(name, image)
            entries.require(np.isfinite(values).all(axis=1)[entry], f"{name} must be finite")
            with np.errstate(invalid="ignore"):
                event, cell = np.nonzero((values > 0) & np.isfinite(values))
            eta, phi = image.place(cell)
            energy = values[event, cell].astype(np.float64)
            deposits = np.stack([energy, eta, phi], axis=1)
            side = TOWER if channel == "hcal" else 1
            hits[channel] = cells_of_windows(event, deposits, entry, ieta, iphi, side)
            if channel == "track":
                continue
            found = {"energy": energy, "eta": eta, "phi": phi}
            if channel == "ecal" and names.time:
                found["time"] = self._image(names.time, image)[event, cell]
            objects[channel] = objects_around(channel, event, found, axes, radius)
        run, number = (flat(self._branch(name)).astype(np.int64) for name in ("runId", "eventId"))
        entries.keep &= columns["pt"] >= min_pt
        place = (np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)).astype(np.int32)
        jets = Jets(
            {name: values.astype(np.float32) for name, values in columns.items()}
            | {"ieta": ieta, "iphi": iphi},
            cms_event(run, number)[entry],
            np.ones(n, np.float32),
            label,
            hits=hits,
            objects=objects,
            origin={"entry": self.start + entry, "index": place},
        )
        return entries.select(jets)

    def _branch(self, name: str) -> Any:
        return branch(self.path, self.tree, name, self.start, self.stop)

    def _of_jets(self, name: str, counts: np.ndarray) -> np.ndarray:
        """A number per jet, float64 (jets,)."""
        values = self._branch(name)
        if values.ndim != 2 or not np.array_equal(row_counts(values), counts):
            raise InputError(f"{self.path}: {name} must have one number for each of the jets of jetSeed_ieta")
        return flat(values, np.float64)

    def _image(self, name: str, image: _Image) -> np.ndarray:
        """float32 (entries, cells)."""
        values = self._branch(name)
        counts = row_counts(values)
        wrong = np.flatnonzero(counts != image.size)
        if len(wrong):
            raise InputError(
                f"{self.path}: {name} must have {image.size} numbers ({len(image.eta)} x {image.columns}) in each "
                f"event, event {self.start + wrong[0]} has {counts[wrong[0]]}"
            )
        return flat(values, np.float32).reshape(-1, image.size)
