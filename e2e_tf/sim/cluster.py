"""Anti-kT jets of candidates, and what they are in truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.table import Table
from e2e_tf.sim.kinematics import pt_eta_phi, ranges
from e2e_tf.sim.pythia import Events, import_extra

__all__ = [
    "HadronicTaus",
    "ReconstructedJets",
    "children",
    "cluster_jets",
    "hadronic_taus",
    "match_nearest",
    "match_taus",
]

_MAX_PI0 = 4


@dataclass(frozen=True)
class ReconstructedJets(Table):
    """Jets of several events, by event and falling pT.

    Attributes:
        event: int64 (n,).
        pt, eta, phi, mass: float64 (n,) [GeV, rad].
    """

    event: np.ndarray
    pt: np.ndarray
    eta: np.ndarray
    phi: np.ndarray
    mass: np.ndarray


@dataclass(frozen=True)
class HadronicTaus(Table):
    """Generated taus that decay to hadrons.

    Attributes:
        event: int64 (n,).
        momentum: float64 (n, 4), of the visible decay products [GeV].
        decay_mode: int8 (n,), 5 (prongs − 1) + neutral pions; a fifth neutral pion is not counted, so that
            codes stay unique.
    """

    event: np.ndarray
    momentum: np.ndarray
    decay_mode: np.ndarray


def cluster_jets(
    event: np.ndarray, momentum: np.ndarray, events: int, radius: float, min_pt: float
) -> ReconstructedJets:
    """Anti-kT jets, with FastJet (Cacciari, Salam, Soyez, Eur. Phys. J. C 72 (2012) 1896).

    Args:
        event: int64 (n,), rising: event of each candidate.
        momentum: float64 (n, 4), px, py, pz, E [GeV].
        events: number of events.
        radius: distance parameter.
        min_pt: smallest jet pT [GeV].

    Returns:
        The jets, by event and falling pT.

    Raises:
        InputError: the extra ``sim`` is not installed.
    """
    ak, fastjet = import_extra("awkward"), _fastjet()
    names = ("px", "py", "pz", "E")
    counts = np.bincount(event, minlength=events)
    candidates = ak.unflatten(ak.zip({name: momentum[:, i] for i, name in enumerate(names)}), counts)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    jets = fastjet.ClusterSequence(candidates, definition).inclusive_jets(min_pt=min_pt)
    jet_event = np.repeat(np.arange(events), ak.to_numpy(ak.num(jets.px)))
    p4 = np.stack([ak.to_numpy(ak.flatten(jets[name])) for name in names], 1)
    pt, eta, phi = pt_eta_phi(p4)
    mass = np.sqrt(np.maximum(p4[:, 3] ** 2 - (p4[:, :3] ** 2).sum(1), 0.0))
    order = np.lexsort((-pt, jet_event))
    return ReconstructedJets(jet_event, pt, eta, phi, mass).take(order)


def _fastjet() -> Any:
    fastjet = import_extra("fastjet")
    # FastJet greets on standard output, where results of the command line go.
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    return fastjet


def hadronic_taus(events: Events) -> HadronicTaus:
    """Taus whose daughters hold no electron or muon.

    Args:
        events: the generator's record.

    Returns:
        The taus, by event.
    """
    rows, momenta, modes = [], [], []
    kinds = np.abs(events.pdg_id)
    for row in np.flatnonzero((kinds == 15) & (events.status < 0)):
        daughters = children(events, int(row))
        neutrinos = daughters[kinds[daughters] == 16]
        # A tau that radiates is its own daughter and has no neutrino yet.
        if not len(neutrinos) or np.isin(kinds[daughters], (11, 13)).any():
            continue
        prongs, pi0 = _count_hadrons(events, daughters)
        rows.append(row)
        momenta.append(events.momentum[row] - events.momentum[neutrinos].sum(0))
        modes.append(5 * (prongs - 1) + min(pi0, _MAX_PI0))
    return HadronicTaus(
        events.event[np.array(rows, np.int64)],
        np.array(momenta, np.float64).reshape(-1, 4),
        np.array(modes, np.int8),
    )


def children(events: Events, row: int) -> np.ndarray:
    """int64: rows of the daughters of a row.

    Args:
        events: the generator's record.
        row: of the mother.

    Returns:
        int64 (daughters,), none for a stable particle.
    """
    first, last = events.daughters[row]
    return np.arange(first, last + 1) if first else np.zeros(0, np.int64)


def _count_hadrons(events: Events, rows: np.ndarray) -> tuple[int, int]:
    """Charged pions, kaons and neutral pions, also of resonances such as ω, but not of neutral pions."""
    prongs = pi0 = 0
    for row in rows:
        kind = abs(int(events.pdg_id[row]))
        if kind == 111:
            pi0 += 1
        elif events.status[row] > 0:
            prongs += kind in (211, 321)
        else:
            deeper = _count_hadrons(events, children(events, int(row)))
            prongs, pi0 = prongs + deeper[0], pi0 + deeper[1]
    return prongs, pi0


def match_taus(jets: ReconstructedJets, taus: HadronicTaus, distance: float) -> np.ndarray:
    """int64 (jets,): the nearest tau of the same event within ΔR ``distance``, or −1.

    Args:
        jets: the jets.
        taus: the taus of the same events.
        distance: largest ΔR.

    Returns:
        int64 (jets,), rows of ``taus``.
    """
    _, eta, phi = pt_eta_phi(taus.momentum)
    return match_nearest(jets, taus.event, eta, phi, distance)


def match_nearest(
    jets: ReconstructedJets, event: np.ndarray, eta: np.ndarray, phi: np.ndarray, distance: float
) -> np.ndarray:
    """int64 (jets,): the nearest object of the same event within ΔR ``distance``, or −1.

    Args:
        jets: the jets.
        event: int64 (n,), of each object.
        eta, phi: float64 (n,), of each object [rad].
        distance: largest ΔR.

    Returns:
        int64 (jets,), rows of the objects.
    """
    result = np.full(len(jets), -1)
    if not len(event):
        return result
    order = np.argsort(event, kind="stable")
    first = np.searchsorted(event[order], jets.event)
    counts = np.searchsorted(event[order], jets.event, side="right") - first
    jet = np.repeat(np.arange(len(jets)), counts)
    target = order[ranges(first, counts)]
    away = np.hypot(jets.eta[jet] - eta[target], delta_phi(jets.phi[jet], phi[target]))
    for pair in np.argsort(-away, kind="stable"):  # the nearest is written last
        if away[pair] < distance:
            result[jet[pair]] = target[pair]
    return result
