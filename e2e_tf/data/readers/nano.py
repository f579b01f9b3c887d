"""CMS NanoAOD: hadronic tau candidates or jets, with their generator truth (ROOT).

NanoAOD is the CMS analysis format (https://cms-nanoaod-integration.web.cern.ch/autoDoc; CMS Open Data
records such as 19980 for 2015): a tree ``Events`` with one entry per collision and one jagged branch per
quantity, ``Tau_pt`` [GeV], ``Jet_eta``, … Branches come and go between versions and integers change their
widths, so everything is read by name and nothing is assumed of a type.

Truth, in simulation:

- ``Tau_genPartFlav``: 5 for a real hadronic decay, 1 and 2 prompt electron and muon, 3 and 4 those from a τ,
  0 for anything else, jets above all. With 5, ``Tau_genPartIdx`` is a row of ``GenVisTau``.
- ``GenVisTau``: visible part of generated hadronic decays; ``status`` is the decay mode (0, 1, 2: one prong
  with so many π⁰; 10, 11: three prongs with none or one; 15: anything else).
- ``Jet_partonFlavour`` and ``Jet_hadronFlavour``: PDG numbers, 0 for none.

Late Run-3 versions add ``TauProd``, the constituents of each tau (pt, eta, phi, pdgId, tauIdx); they become
candidates where they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.checks import need
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import OnError, PathLike, Report
from e2e_tf.data.readers.nano_events import (
    KINEMATICS,
    Source,
    candidate_columns,
    checked,
    count_nano,
    grouped,
    owners,
)
from e2e_tf.data.readers.particles import charge_of, mass_of
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import open_tree, row_counts
from e2e_tf.errors import InputError

__all__ = ["Signal", "jets_of", "read_nano_jets", "read_nano_taus"]

Signal = Literal["tau", "b", "c", "gluon", "quark"]
MATCH_RADIUS = 0.3
_REAL_TAU = 5


def _has_taus(content: Content) -> bool:
    return content.has("Events/Tau_pt", "Events/run", "Events/event")


@reader(
    "nano_taus", "CMS NanoAOD taus", unit="events", count=count_nano, accepts=_has_taus, event_numbers=True
)
def read_nano_taus(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    columns: Sequence[str] | None = None,
    min_pt: float = 0.0,
    max_abs_eta: float | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Hadronic tau candidates; label 1 is a real hadronic decay (genPartFlav 5), 0 is everything else.

    Jets have ``pt``, ``eta``, ``phi``, ``mass`` and the wanted branches without their ``Tau_``. In
    simulation the truth holds ``gen_part_flav``, ``decay_mode`` (−1 where there is none) and
    ``visible_pt``, ``visible_eta``, ``visible_phi``, ``visible_mass`` of the matched ``GenVisTau`` (0 where
    there is none); in collision data there is no truth and the label is None. Weights are ``genWeight``, or
    1. A value that is not finite in a branch other than these four, as some taggers write, becomes 0 and is
    counted in ``report.replaced``. ``event`` is run · 2⁴⁰ + event number.

    With ``TauProd`` branches, candidates have ``pt``, ``energy`` (the mass is that of the PDG number),
    ``deta``, ``dphi``, ``charge``, ``pdg_id`` and the flags ``is_…``.

    Args:
        path: a NanoAOD file.
        start, stop: range of events.
        columns: branches to read, without ``Tau_``; None reads every one.
        min_pt: smallest pT [GeV].
        max_abs_eta: largest |η|; None is no limit.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged taus.
        report: counts what was left out.

    Returns:
        The taus of the range of events that pass the selection, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, the extra ``root`` is not installed, a branch is missing,
            a momentum is negative, NaN or infinite.
    """
    with open_tree(path, "Events") as (path, tree):
        source = Source(path, tree, start, stop, report)
        jets, counts = source.collection("Tau", columns)
        truth = _tau_truth(source, counts) if "Tau_genPartFlav" in source.names else {}
        candidates = _tau_products(source, jets, counts) if "TauProd_pt" in source.names else None
        event, weight = source.event_and_weight(counts)
        origin = source.origin(counts)
    label = (truth["gen_part_flav"] == _REAL_TAU).astype(np.int8) if truth else None
    settings = {"min_pt": min_pt, "max_abs_eta": max_abs_eta}
    attributes = {"reader": "nano_taus", "file": path.name, "settings": settings}
    taus = Jets(jets, event, weight, label, truth, {}, candidates, attributes, origin=origin)
    return checked(taus, path, min_pt, max_abs_eta, on_error, report)


def _has_jets(content: Content) -> bool:
    return content.has("Events/Jet_pt", "Events/run", "Events/event")


@reader(
    "nano_jets", "CMS NanoAOD jets", unit="events", count=count_nano, accepts=_has_jets, event_numbers=True
)
def read_nano_jets(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    collection: str = "Jet",
    columns: Sequence[str] | None = None,
    signal: Signal = "tau",
    min_pt: float = 0.0,
    max_abs_eta: float | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets with their generator truth and no candidates.

    Jets have ``pt``, ``eta``, ``phi``, ``mass`` and the wanted branches without the collection's name. In
    simulation label 1 is what ``signal`` names and 0 every other jet: ``tau`` within ΔR < 0.3 of a
    ``GenVisTau``; ``b`` and ``c`` by hadronFlavour 5 and 4; ``gluon`` and ``quark`` (u, d, s) by
    partonFlavour. The truth is that of `read_nano_taus`, with ``parton_flavour`` and ``hadron_flavour`` in
    place of ``gen_part_flav``, as far as the file has them. In collision data the label is None.

    Args:
        path: a NanoAOD file.
        start, stop: range of events.
        collection: ``Jet`` (AK4), ``FatJet`` (AK8) or another with pt, eta, phi and mass.
        columns: branches to read, without the collection's name; None reads every one.
        signal: which jets have label 1.
        min_pt: smallest pT [GeV].
        max_abs_eta: largest |η|; None is no limit.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets of the range of events that pass the selection, in the order of the file.

    Raises:
        InputError: as `read_nano_taus`, or ``signal`` is unknown.
    """
    with open_tree(path, "Events") as (path, tree):
        source = Source(path, tree, start, stop, report)
        jets, _ = jets_of(source, collection, columns, signal)
    settings = {"collection": collection, "signal": signal, "min_pt": min_pt, "max_abs_eta": max_abs_eta}
    jets = Jets(
        **vars(jets) | {"attributes": {"reader": "nano_jets", "file": path.name, "settings": settings}}
    )
    return checked(jets, path, min_pt, max_abs_eta, on_error, report)


def jets_of(
    source: Source, collection: str, columns: Sequence[str] | None, signal: Signal
) -> tuple[Jets, np.ndarray]:
    """Jets of a collection with truth and label, and the jets per event (int64).

    Args:
        source: the events.
        collection: ``Jet``, ``FatJet`` or another with pt, eta, phi and mass.
        columns: branches to read without the collection's name; None reads every one.
        signal: which jets have label 1.

    Returns:
        The jets of all events, and int64 (events,), how many of them are in each event.

    Raises:
        InputError: a branch is missing, or ``signal`` is unknown.
    """
    if signal not in ("tau", "b", "c", "gluon", "quark"):
        raise InputError(f"signal must be tau, b, c, gluon or quark, not {signal!r}")
    jets, counts = source.collection(collection, columns)
    truth: dict[str, np.ndarray] = {}
    for name, stored in (("parton_flavour", "partonFlavour"), ("hadron_flavour", "hadronFlavour")):
        if f"{collection}_{stored}" in source.names:
            truth[name] = source.column(f"{collection}_{stored}").astype(np.int32)
    if "GenVisTau_pt" in source.names:
        taus = {name: source.column(f"GenVisTau_{name}") for name in (*KINEMATICS, "status")}
        gen_counts = row_counts(source.branch("GenVisTau_pt"))
        index = _nearest(jets, counts, taus, gen_counts)
        truth |= _visible(taus, index)
    event, weight = source.event_and_weight(counts)
    return Jets(jets, event, weight, _label(truth, signal), truth, origin=source.origin(counts)), counts


def _label(truth: dict[str, np.ndarray], signal: Signal) -> np.ndarray | None:
    column = {"tau": "decay_mode", "b": "hadron_flavour", "c": "hadron_flavour"}.get(signal, "parton_flavour")
    if column not in truth:
        return None
    values = truth[column]
    if signal == "tau":
        return (values >= 0).astype(np.int8)
    codes = {"b": (5,), "c": (4,), "gluon": (21,), "quark": (1, 2, 3)}[signal]
    return np.isin(np.abs(values), codes).astype(np.int8)


def _tau_truth(source: Source, counts: np.ndarray) -> dict[str, np.ndarray]:
    flavour = source.column("Tau_genPartFlav").astype(np.int32)
    truth = {"gen_part_flav": flavour}
    if "GenVisTau_pt" not in source.names:
        return truth
    taus = {name: source.column(f"GenVisTau_{name}") for name in (*KINEMATICS, "status")}
    gen_counts = row_counts(source.branch("GenVisTau_pt"))
    row = source.column("Tau_genPartIdx").astype(np.int64)
    inside = (flavour == _REAL_TAU) & (row >= 0) & (row < np.repeat(gen_counts, counts))
    first = np.repeat(np.cumsum(gen_counts) - gen_counts, counts)
    return truth | _visible(taus, np.where(inside, first + row, -1))


def _visible(taus: dict[str, np.ndarray], index: np.ndarray) -> dict[str, np.ndarray]:
    """Truth columns of the matched generated taus; an index of −1 is no match."""
    matched = index >= 0
    mode = np.full(len(index), -1, np.int32)
    mode[matched] = taus["status"][index[matched]]
    truth: dict[str, np.ndarray] = {"decay_mode": mode}
    for name in KINEMATICS:
        values = np.zeros(len(index), np.float32)
        values[matched] = taus[name][index[matched]]
        truth[f"visible_{name}"] = values
    return truth


def _nearest(
    jets: dict[str, np.ndarray], counts: np.ndarray, taus: dict[str, np.ndarray], gen_counts: np.ndarray
) -> np.ndarray:
    """int64 (jets,): row of the nearest generated tau of the same event within the radius, or −1."""
    first = np.repeat(np.cumsum(gen_counts) - gen_counts, counts)
    available = np.repeat(gen_counts, counts)
    best, found = np.full(len(first), MATCH_RADIUS), np.full(len(first), -1)
    for k in range(int(gen_counts.max(initial=0))):
        jet = np.flatnonzero(available > k)
        row = first[jet] + k
        deta = taus["eta"][row].astype(np.float64) - jets["eta"][jet]
        distance = np.hypot(deta, delta_phi(taus["phi"][row].astype(np.float64), jets["phi"][jet]))
        closer = distance < best[jet]
        best[jet[closer]], found[jet[closer]] = distance[closer], row[closer]
    return found


def _tau_products(source: Source, taus: dict[str, np.ndarray], counts: np.ndarray) -> Ragged:
    names = ("pt", "eta", "phi", "pdgId", "tauIdx")
    need(source.path, "branch", [f"TauProd_{name}" for name in names], source.names)
    rows = {name: source.column(f"TauProd_{name}") for name in names}
    owner = owners(
        source.path, "TauProd_tauIdx", rows.pop("tauIdx"), row_counts(source.branch("TauProd_pt")), counts
    )
    pdg_id = rows["pdgId"].astype(np.int32)
    mass = mass_of(pdg_id)
    return grouped(
        candidate_columns(rows, taus, owner, mass, pdg_id, charge_of(pdg_id)), owner, int(counts.sum())
    )
