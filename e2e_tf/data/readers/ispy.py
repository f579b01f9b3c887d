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
``EBRecHits, EERecHits``  energy [GeV], eta, phi [rad],  hits of channel ``ecal``; crystals
                          time [ns]
``HBRecHits, HERecHits``  energy [GeV], eta, phi [rad],  hits of channel ``hcal``, all depths of a tower;
                          detid                          towers in their depth
``Tracks``                pt [GeV], eta, phi [rad],      hits of channel ``track``, direction at the vertex;
                          charge, pos [m], chi2, ndof    tracks
``Vertices``              pos [m], ndof                  vertices
========================= ============================== ====================================================

Hits have η and φ of the crystal or tower as seen from the detector's centre; energy is energy, not E_T.
A hit belongs to the cell of the fixed grid (`e2e_tf.data.grid`) that its direction falls in. Endcap crystals
and towers have another geometry than that grid, and a tower beyond |η| = 1.74 spans 10° in φ: its energy goes
to the one cell at its centre.

Detector objects (``Jets.objects``, see `e2e_tf.data.objects`) within ΔR < 0.5 of the axis, where the file has their
fields. The chosen vertex is the first one, as CMS orders them.

- Measured: pt, direction and charge of tracks, χ² over degrees of freedom; energy, place and time of crystals; energy,
  place and depth of towers (the HCAL of 2012 had one depth in most of its barrel); z of vertices.
- Computed: the place of a track at the ECAL, along a helix in 3.8 T from the point that the file gives; d0 and dz with
  respect to the chosen vertex; ``from_pv``, by the vertex nearest along the beam; ``n_tracks`` of a vertex from its
  degrees of freedom, and ``sum_pt2`` of the file's tracks that are nearest to it and within five usual errors.
- Absent: errors of d0 and dz, hits of tracks, clusters of pixels. A model that takes them is refused, unless
  ``absent = "fill"`` puts these in their place: the published resolution at the track's pt and η; for hits in the
  pixels the layers that a straight line crosses, for all hits what the degrees of freedom then leave; no cluster of
  pixels at all.

What the public 2012 files hold, which is less than the detector saw:

- jets are ``ak7PFJets`` (anti-k_T, R = 0.7, uncorrected) above 3 GeV;
- calorimeter hits are the reduced collections kept around reconstructed objects. They include noise down to
  −5 GeV, which is dropped here as every energy that is not positive;
- barrel towers reach only |η| = 1.26, and endcap towers were kept only above about 30 GeV: nine of them in a
  hundred events. The channel ``hcal`` is meaningful for |η| < 1.2 or so;
- tracks start between 0.6 and 0.7 GeV.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from e2e_tf.data.around import cells_of_windows
from e2e_tf.data.grid import TOWER, delta_phi, window_corner
from e2e_tf.data.jets import Jets, concatenate_jets
from e2e_tf.data.readers.checks import existing_file, readable
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import (
    EntryValidator,
    OnError,
    PathLike,
    Report,
    check_choice,
    check_on_error,
    row_range,
)
from e2e_tf.data.readers.ispy_events import IspyEvent, event_names, event_text
from e2e_tf.data.readers.ispy_objects import IspyContents, jet_objects, object_columns
from e2e_tf.data.readers.particles import cms_event
from e2e_tf.data.readers.registry import reader
from e2e_tf.errors import InputError

__all__ = ["count_ispy", "read_ispy"]

_CHANNELS = {
    "track": (("Tracks",), "pt"),
    "ecal": (("EBRecHits", "EERecHits"), "energy"),
    "hcal": (("HBRecHits", "HERecHits"), "energy"),
}


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
        return len(event_names(path, archive))


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
    min_ecal: Sequence[float] = (0.1, 0.3),
    min_hcal: float = 0.35,
    absent: Literal["leave", "fill"] = "leave",
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets of CMS collision events with the hits of their 125 × 125 windows and the detector objects around them.

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
        min_ecal: crystals above these energies become objects, in the barrel and in the endcaps [GeV]; those of the
            simulation.
        min_hcal: towers above this energy become objects [GeV], as in the simulation.
        absent: columns of objects that no file holds are left out (``"leave"``), so that a model which needs one is
            refused, or filled by the rules above (``"fill"``).
        on_error: ``"stop"``, or ``"skip"`` to leave out unreadable events and damaged jets.
        report: counts what was left out.

    Returns:
        One entry per jet, in the file's order; hits of ``track`` (pT), ``ecal`` and ``hcal`` (energy) in GeV,
        hits of one cell summed, cells in rising order.

    Raises:
        InputError: the file is missing, truncated or of another format; a collection or field is missing; an
            energy is NaN or infinite; a jet's pT is negative; ``min_ecal`` is not two numbers.
    """
    check_on_error(on_error)
    check_choice("absent", absent, ("leave", "fill"))
    if len(min_ecal) != 2 or min(*min_ecal, min_hcal) < 0:
        raise InputError(
            f"min_ecal must be two energies, of barrel and endcaps, and min_hcal one, none of them negative [GeV]; "
            f"they are {list(min_ecal)} and {min_hcal}"
        )
    path = existing_file(path)
    report = Report() if report is None else report
    settings: dict[str, object] = {"min_pt": min_pt, "max_pt": max_pt, "max_abs_eta": max_abs_eta}
    settings |= {
        "mass_radius": mass_radius,
        "min_ecal": list(min_ecal),
        "min_hcal": min_hcal,
        "absent": absent,
    }
    upper = np.inf if max_pt is None else max_pt
    with readable(path):
        archive = zipfile.ZipFile(path)
    with archive:
        names = event_names(path, archive)
        first, last = row_range(len(names), start, stop)
        none, contents = _nothing(path, archive, names, absent == "fill")
        parts = [none]
        for number in range(first, last):
            try:
                event = IspyEvent(path, names[number], event_text(path, archive, names[number]))
                hits = {channel: _hits(event, channel) for channel in _CHANNELS}
                objects = (
                    object_columns(event, contents, min_ecal, min_hcal, absent == "fill") if contents else {}
                )
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
                made = replace(made, objects=jet_objects(objects, axes[wanted]))
                place = {"entry": np.full(len(made), number), "index": np.flatnonzero(wanted)}
                parts.append(replace(made, origin=place))
    jets = concatenate_jets(parts, {"reader": "ispy", "file": path.name, "settings": settings})
    report.read += len(jets)
    return jets


def _hits(event: IspyEvent, channel: str) -> np.ndarray:
    """float64 (hits, 3): energy or pT [GeV], η, φ; only positive energies."""
    collections, quantity = _CHANNELS[channel]
    table = event.finite(collections, (quantity, "eta", "phi"))
    return table[table[:, 0] > 0]


def _jets(
    axes: np.ndarray, hits: dict[str, np.ndarray], numbers: tuple[int, int, int], radius: float
) -> Jets:
    pt, eta, phi = axes.T
    ieta, iphi = window_corner(eta, phi)
    run, block, number = numbers
    n = len(axes)
    here = np.zeros(n, np.int64)
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
            channel: cells_of_windows(
                np.zeros(len(table), np.int64), table, here, ieta, iphi, TOWER if channel == "hcal" else 1
            )
            for channel, table in hits.items()
        },
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


def _nothing(
    path: Path, archive: zipfile.ZipFile, names: list[str], fill: bool
) -> tuple[Jets, IspyContents | None]:
    """No jets with the columns of the file, and what it holds for objects by its first event that can be read."""
    nothing = np.zeros((0, 3))
    empty = np.zeros(0, np.int64)
    jets = _jets(nothing, dict.fromkeys(_CHANNELS, nothing), (0, 0, 0), 0.4)
    jets = replace(jets, origin={"entry": empty, "index": empty})
    for name in names:
        try:
            event = IspyEvent(path, name, event_text(path, archive, name))
            contents = IspyContents.of(event)
            objects = object_columns(event, contents, (0.0, 0.0), 0.0, fill)
        except InputError:
            continue
        return replace(jets, objects=jet_objects(objects, nothing)), contents
    return jets, None
