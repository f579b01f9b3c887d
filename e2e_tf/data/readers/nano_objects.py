"""CMS NanoAOD-like trees with tables of tracks, calorimeter cells and vertices beside jets (ROOT).

Standard NanoAOD has few of them (``IsoTrack``, ``OtherPV``). Tables of rec hits and general tracks come from NanoAOD's
table producers in a configuration of one's own, and other ntuples hold the same as vectors. A tree has one entry
per event with jagged branches ``Collection_quantity``; which collection is which kind of objects
(`e2e_tf.data.objects`) is an option. Branches with other names get theirs by the option ``names``; a list of lists
holds the rows of each jet, and a tree may have one jet in each entry.

========= ========================================= ==============================================================
kind      needs                                     takes as well
========= ========================================= ==============================================================
``track`` pt [GeV], eta, phi, charge (or pdgId)     dxy or d0, dz, dxyErr, dzErr, vx, vy, vz [cm], chi2 and ndof or
                                                    normChi2, nHits, nPixelHits, fromPV, etaAtECAL, phiAtECAL
``ecal``  energy [GeV], eta, phi                    time [ns]
``hcal``  energy [GeV], eta, phi                    depth
``pixel`` eta, phi, layer                           clusters that no track uses, seen from the chosen vertex
``vertex`` z [cm]                                   nTracks, sumPt2
========= ========================================= ==============================================================

All spellings are in :data:`e2e_tf.data.readers.object_tables.SPELLINGS`. What is computed: the place of a track at the
ECAL, along a helix in 3.8 T from (vx, vy, vz), or from d0 and dz at the vertex ``PV_x``, ``PV_y``, ``PV_z`` (the origin
without one); d0 and dz from vx, vy, vz and that vertex; ``from_pv`` is 1 where CMS's ``fromPV`` is 2 or 3. Columns
that a file lacks are left out, and a model that takes them is refused, unless ``absent = "fill"`` fills them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from e2e_tf.data.around import RADIUS
from e2e_tf.data.jets import Jets
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import OnError, PathLike, Report, check_choice
from e2e_tf.data.readers.nano import Signal, jets_of
from e2e_tf.data.readers.nano_events import checked
from e2e_tf.data.readers.object_tables import ObjectSource, jet_axes, objects_of_tree
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import Renamed, open_tree, tree_length
from e2e_tf.errors import InputError

__all__ = ["count_objects", "read_nano_objects"]


def count_objects(path: PathLike, tree: str = "Events") -> int:
    """Number of entries of the tree.

    Args:
        path: the ROOT file.
        tree: its name.

    Returns:
        The number of entries.

    Raises:
        InputError: the file is missing, damaged or has no such tree.
    """
    return tree_length(path, tree)


def _accepts(content: Content) -> bool:
    cells = any("rechit" in name.lower() and name.endswith("_energy") for name in content.names)
    return cells and content.has("Events/Jet_pt", "Events/run", "Events/event")


@reader(
    "nano_objects",
    "CMS NanoAOD-like tables of tracks and rec hits",
    unit="events",
    count=count_objects,
    accepts=_accepts,
    event_numbers=True,
)
def read_nano_objects(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    track: str | None = None,
    ecal: str | None = None,
    hcal: str | None = None,
    pixel: str | None = None,
    vertex: str | None = None,
    collection: str = "Jet",
    tree: str = "Events",
    names: Mapping[str, str] | None = None,
    radius: float = RADIUS,
    min_ecal: Sequence[float] = (0.1, 0.3),
    min_hcal: float = 0.35,
    absent: Literal["leave", "fill"] = "leave",
    columns: Sequence[str] | None = None,
    signal: Signal = "tau",
    min_pt: float = 0.0,
    max_abs_eta: float | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets with the detector objects around them; jets, truth and label are those of `read_nano_jets`.

    Args:
        path: the ROOT file.
        start, stop: range of entries.
        track, ecal, hcal, pixel, vertex: collection of each kind of objects, such as ``IsoTrack``; None leaves the
            kind out.
        collection: ``Jet`` (AK4), ``FatJet`` (AK8), ``Tau`` or another with pt, eta, phi and mass.
        tree: name of the tree.
        names: name that is wanted to the branch that stands for it, such as ``{"Jet_mass": "jet_M"}``; ``run`` and
            ``event`` too.
        radius: largest ΔR of the objects from the jet axis; of a track, of its direction or its place at the ECAL.
        min_ecal: crystals above these energies become objects, in the barrel and in the endcaps [GeV]; those of the
            simulation.
        min_hcal: towers above this energy become objects [GeV], as in the simulation.
        absent: columns of tracks that the file lacks, and clusters of pixels where no collection is named, are left
            out (``"leave"``), so that a model which needs one is refused, or filled as in
            `e2e_tf.data.readers.ispy` (``"fill"``): errors of d0 and dz, hits in the pixels, all hits where the file
            has ``ndof``; no cluster of pixels.
        columns: branches of jets to read, without the collection's name; None reads every one.
        signal: which jets have label 1.
        min_pt: smallest pT of a jet [GeV].
        max_abs_eta: largest |η| of a jet; None is no limit.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets of the range of events that pass the selection, in the order of the file.

    Raises:
        InputError: as `read_nano_jets`; no collection of objects is named; one lacks a branch; a number of an object
            is NaN or infinite.
    """
    given = {"track": track, "ecal": ecal, "hcal": hcal, "pixel": pixel, "vertex": vertex}
    chosen = {kind: name for kind, name in given.items() if name is not None}
    if not chosen:
        raise InputError(
            f"the reader nano_objects needs a collection for one of {', '.join(given)}, such as --option track=IsoTrack"
        )
    if len(min_ecal) != 2:
        raise InputError(f"min_ecal must be two energies, of barrel and endcaps [GeV], not {list(min_ecal)}")
    check_choice("absent", absent, ("leave", "fill"))
    with open_tree(path, tree) as (path, opened):
        source = ObjectSource(collection, path, Renamed(path, opened, names or {}), start, stop, report)
        jets, counts = jets_of(source, collection, columns, signal)
        axes = jet_axes(jets.columns, counts)
        objects = objects_of_tree(source, chosen, axes, radius, min_ecal, min_hcal, absent == "fill")
    settings: dict[str, object] = {
        **given,
        "collection": collection,
        "tree": tree,
        "names": dict(names or {}),
        "radius": radius,
    }
    settings |= {"min_ecal": list(min_ecal), "min_hcal": min_hcal, "absent": absent, "signal": signal}
    settings |= {"min_pt": min_pt, "max_abs_eta": max_abs_eta}
    attributes = {"reader": "nano_objects", "file": path.name, "settings": settings}
    jets = replace(jets, objects=objects, attributes=attributes)
    return checked(jets, path, min_pt, max_abs_eta, on_error, report)
