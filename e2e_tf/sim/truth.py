"""What the generator knows of jets that are not taus: flavour, tops, prompt muons, jets without pileup."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.table import Table
from e2e_tf.sim.cluster import ReconstructedJets, children, cluster_jets, match_nearest
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.particles import Particles
from e2e_tf.sim.pythia import Events

__all__ = [
    "Objects",
    "generated_jets",
    "hadronic_tops",
    "hard_partons",
    "heavy_flavour",
    "near_prompt",
    "top_of_jets",
]

_HARD_OUTGOING = -23  # Pythia's status of what leaves the hardest scatter
_HEAVY_HADRON_PT = 5.0  # GeV; softer heavy hadrons do not name a jet
_PROMPT_PT = 5.0


@dataclass(frozen=True)
class Objects(Table):
    """Generated objects of several events.

    Attributes:
        event: int64 (n,).
        pdg_id: int32 (n,).
        momentum: float64 (n, 4), px, py, pz, E [GeV].
    """

    event: np.ndarray
    pdg_id: np.ndarray
    momentum: np.ndarray

    def match(self, jets: ReconstructedJets, distance: float) -> np.ndarray:
        """int64 (jets,): the nearest of the same event within ΔR ``distance``, or −1.

        Args:
            jets: the jets.
            distance: largest ΔR.

        Returns:
            int64 (jets,), rows of the objects.
        """
        _, eta, phi = pt_eta_phi(self.momentum)
        return match_nearest(jets, self.event, eta, phi, distance)


def _objects(events: Events, rows: np.ndarray) -> Objects:
    return Objects(events.event[rows], events.pdg_id[rows], events.momentum[rows])


def hard_partons(events: Events) -> Objects:
    """Quarks (up to b) and gluons that leave the hardest scatter.

    Args:
        events: the generator's record.

    Returns:
        The partons, by event.
    """
    kind = np.abs(events.pdg_id)
    return _objects(events, np.flatnonzero((events.status == _HARD_OUTGOING) & ((kind < 6) | (kind == 21))))


def heavy_flavour(events: Events, jets: ReconstructedJets, distance: float) -> np.ndarray:
    """int8 (jets,): 5 with a beauty hadron above 5 GeV within ΔR ``distance``, else 4 with a charm hadron, else 0.

    Args:
        events: the generator's record.
        jets: the jets.
        distance: largest ΔR.

    Returns:
        int8 (jets,).
    """
    kind = np.abs(events.pdg_id)
    heavy = np.hypot(events.momentum[:, 0], events.momentum[:, 1]) > _HEAVY_HADRON_PT
    # The second and third digits from the right are a meson's quarks, the fourth a baryon's heaviest.
    digits = [(kind // 100) % 10, (kind // 1000) % 10]
    hadron = (kind > 100) & (kind < 100_000)
    result = np.zeros(len(jets), np.int8)
    for flavour in (4, 5):
        rows = np.flatnonzero(heavy & hadron & ((digits[0] == flavour) | (digits[1] == flavour)))
        result[_objects(events, rows).match(jets, distance) >= 0] = flavour
    return result


@dataclass(frozen=True)
class HadronicTops(Table):
    """Tops that decay to three quarks.

    Attributes:
        event: int64 (n,).
        pt: float64 (n,) [GeV].
        quarks: float64 (n, 3, 4), momenta of the quarks of the decay [GeV].
    """

    event: np.ndarray
    pt: np.ndarray
    quarks: np.ndarray


def hadronic_tops(events: Events) -> HadronicTops:
    """Tops whose W decays to quarks.

    Args:
        events: the generator's record.

    Returns:
        The tops with the directions of their quarks, by event.
    """
    kinds = np.abs(events.pdg_id)
    rows, quarks = [], []
    for row in np.flatnonzero(kinds == 6):
        daughters = children(events, int(row))
        bosons = daughters[kinds[daughters] == 24]
        # A top that radiates is its own daughter and has no W yet.
        if len(bosons) != 1:
            continue
        boson = int(bosons[0])
        while len(again := (found := children(events, boson))[kinds[found] == 24]):
            boson = int(again[0])
        found = np.concatenate([daughters[kinds[daughters] < 6], children(events, boson)])
        if len(found) == 3 and (kinds[found] < 6).all():
            rows.append(row)
            quarks.append(events.momentum[found])
    chosen = np.array(rows, np.int64)
    return HadronicTops(
        events.event[chosen],
        np.hypot(events.momentum[chosen, 0], events.momentum[chosen, 1]),
        np.array(quarks, np.float64).reshape(-1, 3, 4),
    )


def top_of_jets(jets: ReconstructedJets, tops: HadronicTops, distance: float) -> np.ndarray:
    """int64 (jets,): the top of the same event with all three quarks within ΔR ``distance``, or −1.

    Args:
        jets: the jets.
        tops: the tops of the same events.
        distance: largest ΔR.

    Returns:
        int64 (jets,), rows of ``tops``.
    """
    result = np.full(len(jets), -1)
    _, eta, phi = pt_eta_phi(tops.quarks.reshape(-1, 4))
    eta, phi = eta.reshape(-1, 3), phi.reshape(-1, 3)
    for top in range(len(tops)):
        away = np.hypot(jets.eta[:, None] - eta[top], delta_phi(jets.phi[:, None], phi[top]))
        result[(away < distance).all(1) & (jets.event == tops.event[top])] = top
    return result


def near_prompt(
    events: Events, jets: ReconstructedJets, distance: float, kind: int = 13, min_pt: float = _PROMPT_PT
) -> np.ndarray:
    """Jets within ΔR ``distance`` of a muon, or another particle, from the collision point itself.

    Args:
        events: the generator's record.
        jets: the jets.
        distance: largest ΔR.
        kind: of the particle, |PDG id|.
        min_pt: what it must have at least [GeV].

    Returns:
        bool (jets,).
    """
    pt = np.hypot(events.momentum[:, 0], events.momentum[:, 1])
    prompt = (np.abs(events.vertex) < 1e-9).all(1)
    rows = np.flatnonzero((np.abs(events.pdg_id) == kind) & (events.status > 0) & prompt & (pt > min_pt))
    return _objects(events, rows).match(jets, distance) >= 0


def generated_jets(particles: Particles, events: int, radius: float, min_pt: float) -> ReconstructedJets:
    """Anti-kT jets of the generated visible particles.

    Args:
        particles: visible ones, by rising event.
        events: number of events.
        radius: distance parameter.
        min_pt: smallest jet pT [GeV].

    Returns:
        The jets, by event and falling pT.

    Raises:
        InputError: the extra ``sim`` is not installed.
    """
    return cluster_jets(particles.event, particles.momentum, events, radius, min_pt)
