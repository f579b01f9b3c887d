"""CMS PFNano: NanoAOD jets with their particle-flow candidates (ROOT).

PFNano is NanoAOD plus every particle-flow candidate of the event and the links of jets to them
(https://github.com/cms-opendata-analyses/PFNanoProducerTool). Candidates are ``PFCands_{pt [GeV], eta, phi,
mass [GeV], charge, pdgId, d0 [cm], d0Err, dz [cm], dzErr, puppiWeight, puppiWeightNoLep, pvAssocQuality,
lostInnerHits, trkQuality, trkChi2, vtxChi2}``; links are ``JetPFCands_{pFCandsIdx, jetIdx}`` with a few
b-tagging quantities, and ``FatJetPFCands_…``. The Run-3 names ``PFCand_…``, ``JetPFCand_{pfCandIdx, jetIdx}``
are accepted too. Jets and their truth are those of `e2e_tf.data.readers.nano`.

A candidate without a track has d0 = dz = −1 and errors of −1 in the file; so have charged ones below about
1 GeV, whose tracks MiniAOD does not store. Here all four are 0, and ``has_track`` is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.checks import need
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import OnError, PathLike, Report
from e2e_tf.data.readers.nano import Signal, jets_of
from e2e_tf.data.readers.nano_events import Source, candidate_columns, checked, count_nano, grouped, owners
from e2e_tf.data.readers.particles import charge_of, mass_of
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import open_tree, row_counts
from e2e_tf.errors import InputError

__all__ = ["count_pfnano", "read_pfnano"]

_TRACK = {"d0": "d0", "d0_error": "d0Err", "dz": "dz", "dz_error": "dzErr"}
_NAMES = (("PFCands", "PFCands", "pFCandsIdx"), ("PFCand", "PFCand", "pfCandIdx"))
_OTHER = (
    "puppiWeight",
    "puppiWeightNoLep",
    "pvAssocQuality",
    "lostInnerHits",
    "trkQuality",
    "trkChi2",
    "vtxChi2",
)


def count_pfnano(path: PathLike) -> int:
    """Number of events in the file.

    Args:
        path: the ROOT file.

    Returns:
        The number of events.

    Raises:
        InputError: the file is missing, damaged or has no tree ``Events``.
    """
    return count_nano(path)


def _accepts(content: Content) -> bool:
    links = [f"{jet}{suffix}_{index}" for _, suffix, index in _NAMES for jet in ("Jet", "FatJet")]
    return any(content.has(f"Events/{link}") for link in links)


@reader("pfnano", "CMS PFNano jets", unit="events", count=count_pfnano, accepts=_accepts, event_numbers=True)
def read_pfnano(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    collection: str = "Jet",
    columns: Sequence[str] | None = (),
    candidate_columns: Sequence[str] | None = (),
    signal: Signal = "tau",
    min_pt: float = 0.0,
    max_abs_eta: float | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets with their particle-flow candidates.

    Candidates have ``pt``, ``energy``, ``deta``, ``dphi``, ``charge``, ``pdg_id`` (1 and 2 are hadronic and
    electromagnetic deposits in the forward calorimeter), the flags ``is_…``, ``d0``, ``d0_error``, ``dz``,
    ``dz_error`` [cm], ``has_track``, and by their own names the other candidate branches and the ``btag…``
    branches of the link. A ``btag…`` value that is not finite, as the producer writes for a vanishing error,
    becomes 0 and is counted in ``report.replaced``. A candidate's order is that of the links; its pT is not
    weighted by PUPPI.

    Args:
        path: a PFNano file.
        start, stop: range of events.
        collection: ``Jet`` (AK4) or ``FatJet`` (AK8).
        columns: jet branches to read beyond pt, eta, phi, mass, without the collection's name; None reads
            every one.
        candidate_columns: branches of candidates to read beyond those above, without the collection's name; None
            reads every one.
        signal: which jets have label 1, as in `e2e_tf.data.readers.nano.read_nano_jets`.
        min_pt: smallest jet pT [GeV].
        max_abs_eta: largest |η| of a jet; None is no limit.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets of the range of events that pass the selection, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, the extra ``root`` is not installed, a branch is missing,
            a link points nowhere, a momentum is negative, NaN or infinite.
    """
    report = Report() if report is None else report
    with open_tree(path, "Events") as (path, tree):
        source = Source(path, tree, start, stop, report)
        jets, counts = jets_of(source, collection, columns, signal)
        candidates = _candidates(source, collection, jets, counts, report, candidate_columns)
    settings = {"collection": collection, "signal": signal, "min_pt": min_pt, "max_abs_eta": max_abs_eta}
    attributes = {"reader": "pfnano", "file": path.name, "settings": settings}
    jets = Jets(**vars(jets) | {"candidates": candidates, "attributes": attributes})
    return checked(jets, path, min_pt, max_abs_eta, on_error, report)


def _candidates(
    source: Source,
    collection: str,
    jets: Jets,
    counts: np.ndarray,
    report: Report,
    more: Sequence[str] | None,
) -> Ragged:
    for cands, suffix, index_name in _NAMES:  # noqa: B007  # the names of the version that is there
        link = f"{collection}{suffix}"
        if f"{link}_{index_name}" in source.names:
            break
    else:
        for other in ("Jet", "FatJet"):
            links = [f"{other}{suffix}_{index}" for _, suffix, index in _NAMES]
            if other != collection and any(name in source.names for name in links):
                raise InputError(
                    f"{source.path} has no candidates of {collection}, but of {other}: give the option "
                    f"collection={other}"
                )
        need(source.path, "branch", [f"{collection}PFCands_pFCandsIdx"], source.names)
    need(
        source.path,
        "branch",
        [f"{link}_jetIdx", *(f"{cands}_{n}" for n in ("pt", "eta", "phi", "pdgId"))],
        source.names,
    )
    n_links = row_counts(source.branch(f"{link}_jetIdx"))
    owner = owners(source.path, f"{link}_jetIdx", source.column(f"{link}_jetIdx"), n_links, counts)
    n_candidates = row_counts(source.branch(f"{cands}_pt"))
    index = source.column(f"{link}_{index_name}").astype(np.int64)
    bad = (index < 0) | (index >= np.repeat(n_candidates, n_links))
    if bad.any():
        raise InputError(
            f"{source.path}: {link}_{index_name} must be the number of one of the {cands} of its event, from 0 on; "
            f"{index[bad][0]} is not"
        )
    row = np.repeat(np.cumsum(n_candidates) - n_candidates, n_links) + index

    def linked(name: str) -> Any:
        return source.column(f"{cands}_{name}")[row]

    there = {name.removeprefix(f"{cands}_") for name in source.names if name.startswith(f"{cands}_")}
    rows = {name: linked(name) for name in ("pt", "eta", "phi")}
    pdg_id = linked("pdgId").astype(np.int32)
    mass = linked("mass") if "mass" in there else mass_of(pdg_id)
    charge = linked("charge") if "charge" in there else charge_of(pdg_id)
    columns = candidate_columns(rows, dict(jets.columns), owner, mass, pdg_id, charge)
    if {*_TRACK.values()} <= there:
        has_track = linked("d0Err") >= 0
        columns |= {
            name: np.where(has_track, linked(stored), np.float32(0)) for name, stored in _TRACK.items()
        }
        columns["has_track"] = has_track.astype(np.int8)
    columns |= {name: linked(name) for name in _OTHER if name in there}
    known = {"pt", "eta", "phi", "mass", "charge", "pdgId", *_OTHER, *_TRACK.values()}
    wanted = sorted(there - known) if more is None else list(more)
    need(source.path, "branch", [f"{cands}_{name}" for name in wanted], source.names)
    columns |= {
        name: report.replace(f"{cands}_{name}", linked(name)) for name in wanted if name not in columns
    }
    for name in sorted(source.names):
        if name.startswith(f"{link}_btag"):
            short = name.removeprefix(f"{link}_")
            columns[short] = report.replace(short, source.column(name))
    return grouped(columns, owner, len(jets))
