"""Changes of jets that a tagger should survive: lost signals, wrong scales, wrong kinds of particles.

Hits and candidates of a jet change together. What reconstruction would do to the jet's own momentum is left out,
but for energy scales, which move it by the share that the calorimeters measure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from e2e_tf.data.grid import PITCH
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.quantities import hit_positions

DEAD_SIDE = 10 * PITCH  # of the square without signals in the calorimeters, in η and φ [rad]
DEAD_REACH = 0.2  # its middle is within this ΔR of the jet axis
_PHOTON, _NEUTRAL_HADRON, _CHARGED_HADRON, _ELECTRON = 22, 130, 211, 11


def dropped(jets: Jets, share: float, seed: int = 1) -> Jets:
    """Every hit and every candidate is lost with the same chance."""
    rng = np.random.default_rng(seed)

    def kept(rows: Ragged) -> Ragged:
        return kept_rows(rows, rng.random(int(rows.offsets[-1])) >= share)

    hits = {channel: kept(rows) for channel, rows in jets.hits.items()}
    return replace(jets, hits=hits, candidates=None if jets.candidates is None else kept(jets.candidates))


def dead_region(jets: Jets, seed: int = 1) -> Jets:
    """A square of 10 x 10 crystals near each axis in which the calorimeters see nothing; tracks stay."""
    rng = np.random.default_rng(seed)
    n = len(jets)
    radius, angle = DEAD_REACH * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    middle = radius * np.cos(angle), radius * np.sin(angle)

    def inside(owner: np.ndarray, deta: np.ndarray, dphi: np.ndarray) -> np.ndarray:
        distance = np.maximum(np.abs(deta - middle[0][owner]), np.abs(dphi - middle[1][owner]))
        return distance < DEAD_SIDE / 2

    hits = dict(jets.hits)
    for channel in ("ecal", "hcal"):
        hits[channel] = kept_rows(jets.hits[channel], ~inside(*hit_positions(jets, channel)))
    candidates = jets.candidates
    assert candidates is not None
    neutral = candidates["charge"] == 0
    gone = neutral & inside(candidates.owner, candidates["deta"], candidates["dphi"])
    return replace(jets, hits=hits, candidates=kept_rows(candidates, ~gone))


def scaled(jets: Jets, factor: float) -> Jets:
    """The calorimeters measure ``factor`` times the energy; the jet follows with its share of neutral candidates."""
    hits = dict(jets.hits)
    for channel in ("ecal", "hcal"):
        rows = jets.hits[channel]
        hits[channel] = Ragged({**rows.columns, "value": rows["value"] * np.float32(factor)}, rows.offsets)
    candidates = jets.candidates
    assert candidates is not None
    neutral = candidates["charge"] == 0
    owner, pt = candidates.owner, candidates["pt"].astype(np.float64)
    total = np.bincount(owner, pt, len(jets))
    share = np.bincount(owner, pt * neutral, len(jets)) / np.maximum(total, 1e-9)
    by = np.where(neutral, factor, 1).astype(np.float32)
    columns = {**candidates.columns, **{name: candidates[name] * by for name in ("pt", "energy")}}
    jet = (1 + (factor - 1) * share).astype(np.float32)
    kinematics = {**jets.columns, **{name: jets[name] * jet for name in ("pt", "mass")}}
    return replace(jets, columns=kinematics, hits=hits, candidates=Ragged(columns, candidates.offsets))


def misidentified(jets: Jets, share: float, seed: int = 1) -> Jets:
    """Photons and neutral hadrons change places, and so do electrons and charged hadrons, with one chance."""
    candidates = jets.candidates
    assert candidates is not None
    rng = np.random.default_rng(seed)
    kind = candidates["pdg_id"].copy()
    wrong = rng.random(len(kind)) < share
    before = np.abs(kind)
    for one, other in ((_PHOTON, _NEUTRAL_HADRON), (_CHARGED_HADRON, _ELECTRON)):
        kind[wrong & (before == one)] = other
        kind[wrong & (before == other)] = one
    columns = {**candidates.columns, "pdg_id": kind}
    return replace(jets, candidates=Ragged(columns, candidates.offsets))


VARIATIONS: dict[str, Callable[[Jets], Jets]] = {
    "5 % of hits lost": lambda jets: dropped(jets, 0.05),
    "10 % of hits lost": lambda jets: dropped(jets, 0.10),
    "20 % of hits lost": lambda jets: dropped(jets, 0.20),
    "dead region": dead_region,
    "calorimeters +3 %": lambda jets: scaled(jets, 1.03),
    "calorimeters -3 %": lambda jets: scaled(jets, 0.97),
    "5 % misidentified": lambda jets: misidentified(jets, 0.05),
    "20 % misidentified": lambda jets: misidentified(jets, 0.20),
}


def kept_rows(rows: Ragged, mask: np.ndarray) -> Ragged:
    """The rows of a mask; every jet stays."""
    counts = np.bincount(rows.owner[mask], minlength=len(rows))
    return Ragged.from_counts({name: column[mask] for name, column in rows.columns.items()}, counts)
