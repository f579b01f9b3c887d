"""CMS collision events of the iSpy event display (``.ig``).

CMS publishes samples of its 2010–2012 collisions for the event display iSpy (CMS Open Data, CC0;
https://github.com/cms-outreach/ispy-webgl, files such as ``TauParked_Run2012C_0.ig``). An ``.ig`` file is a
zip archive with one text per event, ``Events/Run_<run>/Event_<event>``, in JSON with bare ``nan`` in it
(older writers: a Python literal). A text holds named collections of rows; a collection's fields are listed
under ``Types``, and its name ends in a version, such as ``EBRecHits_V2``. Used here:

========================= ============================== ====================================================
collection                fields                         use
========================= ============================== ====================================================
``Event``                 run, event, ls                 event number
``PFJets``                et [GeV], eta, phi [rad]       one entry per jet
``EBRecHits, EERecHits``  energy [GeV], eta, phi [rad]   hits of channel ``ecal``
``HBRecHits, HERecHits``  energy [GeV], eta, phi [rad]   hits of channel ``hcal``, all depths of a tower
``Tracks``                pt [GeV], eta, phi [rad]       hits of channel ``track``, direction at the vertex
========================= ============================== ====================================================

Hits have η and φ of the crystal or tower as seen from the detector's centre; energy is energy, not E_T.
A hit belongs to the cell of the fixed grid (`e2e_tf.data.grid`) that its direction falls in. Endcap crystals
and towers have another geometry than that grid, and a tower beyond |η| = 1.74 spans 10° in φ: its energy goes
to the one cell at its centre.

What the public 2012 files hold, which is less than the detector saw:

- jets are ``ak7PFJets`` (anti-k_T, R = 0.7, uncorrected) above 3 GeV;
- calorimeter hits are the reduced collections kept around reconstructed objects. They include noise down to
  −5 GeV, which is dropped here as every energy that is not positive;
- barrel towers reach only |η| = 1.26, and endcap towers were kept only above about 30 GeV: nine of them in a
  hundred events. The channel ``hcal`` is meaningful for |η| < 1.2 or so;
- tracks start between 0.6 and 0.7 GeV.
"""

from __future__ import annotations

import ast
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.grid import CRYSTALS, CRYSTALS_IN_PHI, PITCH, TOWER, TOWERS, delta_phi, window_corner
from e2e_tf.data.jets import Jets, Ragged, concatenate_jets
from e2e_tf.data.readers.checks import existing_file, readable
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, check_on_error, row_range
from e2e_tf.data.readers.particles import cms_event
from e2e_tf.data.readers.registry import reader
from e2e_tf.errors import InputError

__all__ = ["count_ispy", "read_ispy"]

_EVENTS = "Events/"
_CHANNELS = {
    "track": (("Tracks",), "pt"),
    "ecal": (("EBRecHits", "EERecHits"), "energy"),
    "hcal": (("HBRecHits", "HERecHits"), "energy"),
}
_NOT_A_NUMBER = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<![\w.])(nan|NaN|inf|Infinity)(?![\w.])"""
)


def count_ispy(path: PathLike) -> int:
    """Number of events in the file.

    Args:
        path: the ``.ig`` file.

    Returns:
        The number of events.

    Raises:
        InputError: the file is missing, truncated or not an ``.ig`` file.
    """
    path = existing_file(path)
    with readable(path), zipfile.ZipFile(path) as archive:
        return len(_names(path, archive))


def _accepts(content: Content) -> bool:
    return content.container == "ig"


@reader(
    "ispy", "CMS collisions for iSpy", unit="events", count=count_ispy, accepts=_accepts, event_numbers=True
)
def read_ispy(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    min_pt: float = 10.0,
    max_pt: float | None = None,
    max_abs_eta: float = 2.3,
    mass_radius: float = 0.4,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets of CMS collision events with the hits of their 125 × 125 windows.

    Jets have the columns ``pt`` (the collection's ``et``: the two differ by m²/2p², below 1 % for most jets),
    ``eta``, ``phi``, ``mass``, ``ieta``, ``iphi``, ``run``, ``luminosity_block`` and ``event_number``. The
    collection has no mass: it is that of the ECAL and HCAL hits, as massless four-vectors, within
    ``mass_radius`` of the jet axis, scaled to the jet's pT (0 where there are no hits). It knows nothing of
    tracks bent out of that cone and is a rough stand-in for the jet's own mass.

    There is no truth: ``label`` is None. ``event`` is run · 2⁴⁰ + event number, which no two
    CMS events share.

    Args:
        path: an ``.ig`` file.
        start, stop: range of events, in the archive's order.
        min_pt, max_pt: range of the jet's pT [GeV]; None is no limit.
        max_abs_eta: largest |η| of a jet's axis.
        mass_radius: ΔR of the hits that make the mass.
        on_error: ``"stop"``, or ``"skip"`` to leave out unreadable events and damaged jets.
        report: counts what was left out.

    Returns:
        One entry per jet, in the file's order; hits of ``track`` (pT), ``ecal`` and ``hcal`` (energy) in GeV,
        hits of one cell summed, cells in rising order.

    Raises:
        InputError: the file is missing, truncated or of another format; a collection or field is missing; an
            energy is NaN or infinite; a jet's pT is negative.
    """
    check_on_error(on_error)
    path = existing_file(path)
    report = Report() if report is None else report
    settings = {"min_pt": min_pt, "max_pt": max_pt, "max_abs_eta": max_abs_eta, "mass_radius": mass_radius}
    upper = np.inf if max_pt is None else max_pt
    none = np.zeros(0, np.int64)
    parts = [replace(_no_jets(), origin={"entry": none, "index": none})]
    with readable(path):
        archive = zipfile.ZipFile(path)
    with archive:
        names = _names(path, archive)
        first, last = row_range(len(names), start, stop)
        for number in range(first, last):
            try:
                event = _Event(path, names[number], _text(path, archive, names[number]))
                hits = {channel: event.hits(channel) for channel in _CHANNELS}
                axes = event.table("PFJets", ("et", "eta", "phi"))
                numbers = event.numbers()
            except InputError:
                if on_error == "stop":
                    raise
                report.add("an event must be readable, with every collection and no NaN in it", 1)
                continue
            entries = EntryValidator(path, len(axes), on_error, report, unit=f"jets of {names[number]}")
            entries.energy("PFJets et", axes[:, 0])
            entries.finite("PFJets eta and phi", axes[:, 1:])
            axes = axes[entries.keep]
            wanted = (axes[:, 0] >= min_pt) & (axes[:, 0] <= upper) & (np.abs(axes[:, 1]) <= max_abs_eta)
            if wanted.any():
                made = _jets(axes[wanted], hits, numbers, mass_radius)
                place = {"entry": np.full(len(made), number), "index": np.flatnonzero(wanted)}
                parts.append(replace(made, origin=place))
    jets = concatenate_jets(parts, {"reader": "ispy", "file": path.name, "settings": settings})
    report.read += len(jets)
    return jets


def _names(path: Path, archive: zipfile.ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if name.startswith(_EVENTS) and not name.endswith("/")]
    if not names:
        raise InputError(
            f"{path} must be an iSpy archive with entries {_EVENTS}…, it has {archive.namelist()[:5]}"
        )
    return names


def _text(path: Path, archive: zipfile.ZipFile, name: str) -> str:
    with readable(path):
        return archive.read(name).decode()


def _parse(text: str) -> Any:
    """The event of a text: JSON, JSON with bare nan and inf, or a Python literal with them."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    words = {"nan": "NaN", "inf": "Infinity"}
    try:
        return json.loads(_NOT_A_NUMBER.sub(lambda m: m[1] or words.get(m[2], m[2]), text))
    except json.JSONDecodeError:
        pass
    # None becomes NaN when the rows become numbers, and 1e999 is infinite
    return ast.literal_eval(
        _NOT_A_NUMBER.sub(lambda m: m[1] or ("None" if m[2][0] in "nN" else "1e999"), text)
    )


class _Event:
    """The collections of one event as tables."""

    def __init__(self, path: Path, name: str, text: str) -> None:
        self.where = f"{path} ({name})"
        try:
            content = _parse(text)
            self.types, self.collections = dict(content["Types"]), dict(content["Collections"])
        except (SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
            raise InputError(
                f"{self.where} must be an event with Types and Collections, it is damaged ({error})"
            ) from error

    def table(self, collection: str, fields: tuple[str, ...]) -> np.ndarray:
        """float64 (rows, fields) of the highest version of a collection."""
        versions = {
            int(match[1]): name
            for name in self.types
            if (match := re.fullmatch(rf"{collection}_V(\d+)", name))
        }
        if not versions:
            raise InputError(
                f"{self.where} has no collection {collection}; there are: {', '.join(sorted(self.types))}"
            )
        name = versions[max(versions)]
        found = [str(field[0]) for field in self.types[name]]
        missing = [field for field in fields if field not in found]
        if missing:
            raise InputError(
                f"{self.where}: {name} has no field {', '.join(missing)}; there are: {', '.join(found)}"
            )
        columns = [found.index(field) for field in fields]
        try:
            rows = [[row[column] for column in columns] for row in self.collections.get(name, [])]
            return np.array(rows, np.float64).reshape(-1, len(fields))
        except (IndexError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.where}: {name} must have rows of {len(found)} numbers ({error})"
            ) from error

    def hits(self, channel: str) -> np.ndarray:
        """float64 (hits, 3): energy or pT [GeV], η, φ; only positive energies."""
        collections, quantity = _CHANNELS[channel]
        table = np.concatenate([self.table(name, (quantity, "eta", "phi")) for name in collections])
        bad = int(np.count_nonzero(~np.isfinite(table).all(axis=1)))
        if bad:
            raise InputError(
                f"{self.where}: {quantity}, eta and phi of {' and '.join(collections)} must be finite, "
                f"{bad} of {len(table)} hits are not"
            )
        return table[table[:, 0] > 0]

    def numbers(self) -> tuple[int, int, int]:
        """Run, luminosity block and event number."""
        table = self.table("Event", ("run", "ls", "event"))
        if table.shape != (1, 3) or not np.isfinite(table).all() or table.min() < 0:
            raise InputError(
                f"{self.where}: Event must be one row with run, ls and event, it is {table.tolist()}"
            )
        run, block, number = (int(value) for value in table[0])
        return run, block, number


def _jets(
    axes: np.ndarray, hits: dict[str, np.ndarray], numbers: tuple[int, int, int], radius: float
) -> Jets:
    pt, eta, phi = axes.T
    ieta, iphi = window_corner(eta, phi)
    run, block, number = numbers
    n = len(axes)
    return Jets(
        columns={
            "pt": pt.astype(np.float32),
            "eta": eta.astype(np.float32),
            "phi": phi.astype(np.float32),
            "mass": _mass(axes, np.concatenate([hits["ecal"], hits["hcal"]]), radius),
            "ieta": ieta,
            "iphi": iphi,
            "run": np.full(n, run, np.int64),
            "luminosity_block": np.full(n, block, np.int64),
            "event_number": np.full(n, number, np.int64),
        },
        event=cms_event(np.full(n, run), np.full(n, number)),
        weight=np.ones(n, np.float32),
        hits={
            channel: _cells(table, ieta, iphi, TOWER if channel == "hcal" else 1)
            for channel, table in hits.items()
        },
    )


def _cells(hits: np.ndarray, ieta: np.ndarray, iphi: np.ndarray, side: int) -> Ragged:
    """Hits of every window in cells of ``side`` crystals, hits of one cell summed."""
    value, eta, phi = hits.T
    row = np.floor(eta / PITCH).astype(np.int64) - ieta.astype(np.int64)[:, None]  # (jets, hits)
    column = (np.floor(phi / PITCH).astype(np.int64) - iphi.astype(np.int64)[:, None]) % CRYSTALS_IN_PHI
    jet, hit = np.nonzero((row >= 0) & (row < CRYSTALS) & (column < CRYSTALS))
    across = TOWERS if side == TOWER else CRYSTALS
    cell = (row[jet, hit] // side) * across + column[jet, hit] // side
    key, index = np.unique(jet * across**2 + cell, return_inverse=True)
    total = np.bincount(index, weights=value[hit], minlength=len(key))
    counts = np.bincount(key // across**2, minlength=len(ieta))
    return Ragged.from_counts(
        {"cell": (key % across**2).astype(np.int32), "value": total.astype(np.float32)}, counts
    )


def _mass(axes: np.ndarray, hits: np.ndarray, radius: float) -> np.ndarray:
    """float32 (jets,): mass of the hits around each axis, scaled to the jet's pT [GeV]."""
    energy, eta, phi = hits.T
    near = np.hypot(eta - axes[:, 1:2], delta_phi(phi, axes[:, 2:3])) < radius  # (jets, hits)
    pt = energy / np.cosh(eta)
    p4 = near @ np.stack([energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)
    mass = np.sqrt(np.maximum(p4[:, 0] ** 2 - (p4[:, 1:] ** 2).sum(axis=1), 0))
    total = np.hypot(p4[:, 1], p4[:, 2])
    return (mass * np.divide(axes[:, 0], total, out=np.zeros_like(total), where=total > 0)).astype(np.float32)


def _no_jets() -> Jets:
    nothing = np.zeros((0, 3))
    return _jets(nothing, dict.fromkeys(_CHANNELS, nothing), (0, 0, 0), 0.4)
