"""Which jets of a process are kept, and their truth."""

from __future__ import annotations

import numpy as np

from e2e_tf.sim.cluster import HadronicTaus, ReconstructedJets, hadronic_taus, match_taus
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.pythia import BACKGROUNDS, Events, Process, Source
from e2e_tf.sim.truth import hadronic_tops, hard_partons, heavy_flavour, near_prompt, top_of_jets

__all__ = ["select_jets"]

_LEPTONS = {"electron": 11, "muon": 13}

Selected = tuple[np.ndarray, dict[str, np.ndarray]]


def _tau_truth(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> Selected:
    """Signal has a good tau; background with a tau in it (from beauty or charm) would be labelled wrongly."""
    taus = hadronic_taus(events)
    matched = match_taus(jets, taus, process.match)
    kept = _good_tau(process, taus)[matched] & (matched >= 0) if source.label else matched < 0
    truth = _truth(taus, matched)
    if any(other.background for other in process.sources):
        kept &= _is_background(process, source, events, jets)
        code = BACKGROUNDS.index(source.background or "signal")
        truth["background"] = np.full(len(jets), code, np.int8)
    return kept, truth


def _is_background(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> np.ndarray:
    """bool (jets,): jets that are what the source stands for; whether one is of pileup is not told here."""
    if source.background in _LEPTONS:
        return near_prompt(events, jets, process.match, _LEPTONS[source.background], process.visible_pt[0])
    muons = near_prompt(events, jets, process.radius)
    if source.background == "z_jet":
        return (hard_partons(events).match(jets, process.match) >= 0) & ~muons
    return ~muons if source.background == "pileup" else np.ones(len(jets), bool)


def _flavour_truth(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> Selected:
    """Flavour of the parton, or of the heavy hadron in the jet; muons of the Z are not jets."""
    partons = hard_partons(events)
    matched = partons.match(jets, process.match)
    found = matched >= 0
    parton = np.append(np.abs(partons.pdg_id), 0)[matched]
    heavy = heavy_flavour(events, jets, process.match)
    flavour = np.where(heavy > 0, heavy, parton)
    # A gluon that splits to heavy quarks is neither: only quarks from the hard scatter are labelled as such.
    wanted = np.isin(flavour, source.flavours) & np.isin(parton, source.flavours)
    kept = found & wanted & ~near_prompt(events, jets, process.radius)
    pt = np.append(np.hypot(partons.momentum[:, 0], partons.momentum[:, 1]), 0.0)[matched]
    truth = {"flavour": flavour.astype(np.int8), "parton": parton.astype(np.int8)}
    truth |= {"parton_pt": pt.astype(np.float32), "is_uds": np.isin(flavour, (1, 2, 3)).astype(np.int8)}
    for name, code in (("is_c", 4), ("is_b", 5), ("is_gluon", 21)):
        truth[name] = (flavour == code).astype(np.int8)
    return kept, truth


def _top_truth(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> Selected:
    """Signal holds all three quarks of a top."""
    tops = hadronic_tops(events)
    matched = top_of_jets(jets, tops, process.match)
    found = matched >= 0
    momentum = np.append(tops.quarks.sum(1), np.zeros((1, 4)), axis=0)[matched]
    mass = np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))
    truth = {
        "is_top": found.astype(np.int8),
        "top_pt": np.append(tops.pt, 0.0)[matched].astype(np.float32),
        "top_mass": np.where(found, mass, 0.0).astype(np.float32),
    }
    return found if source.label else ~found, truth


def _good_tau(process: Process, taus: HadronicTaus) -> np.ndarray:
    """bool (taus + 1,): taus within the limits; the last entry, for jets without a tau, is false."""
    pt, eta, _ = pt_eta_phi(taus.momentum)
    low, high = process.visible_pt
    return np.append((pt > low) & (pt < high) & (np.abs(eta) < process.max_eta), False)


def _truth(taus: HadronicTaus, matched: np.ndarray) -> dict[str, np.ndarray]:
    """Columns per jet; what is not a tau has decay mode −1 and zeros."""
    found = matched >= 0
    momentum = np.where(found[:, None], np.append(taus.momentum, np.zeros((1, 4)), axis=0)[matched], 0.0)
    pt, eta, phi = pt_eta_phi(momentum)
    mass = np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))
    mode = np.append(taus.decay_mode, np.int8(-1))[matched]
    return {
        "decay_mode": np.where(found, mode, -1).astype(np.int8),
        "visible_pt": pt.astype(np.float32),
        "visible_eta": eta.astype(np.float32),
        "visible_phi": phi.astype(np.float32),
        "visible_mass": mass.astype(np.float32),
    }


_TRUTH = {"tau": _tau_truth, "flavour": _flavour_truth, "top": _top_truth}


def select_jets(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> Selected:
    """The jets that a class of a process consists of.

    Args:
        process: says by which truth.
        source: the class.
        events: the generator's record.
        jets: all reconstructed jets of these events.

    Returns:
        bool (jets,), and columns of truth (jets,), also of jets that are not kept.
    """
    return _TRUTH[process.truth](process, source, events, jets)
