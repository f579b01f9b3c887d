"""Kinds of candidates in light-quark jets: CMS full simulation, particle flow of the simulation, perfect candidates.

usage: python -m benchmarks.particle_flow --data ../shared/data

Jets of up, down and strange quarks of 20 to 50 GeV, those of the simulation with a mean of 20 pileup collisions and
weighted to the pT spectrum of the full simulation's. Prints the Markdown that stands in docs/simulation.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from e2e_tf.data.jets import Jets, Ragged, concatenate_jets
from e2e_tf.data.readers.cms_uds_g import CHARGED, NEUTRAL
from e2e_tf.sim.chunk import Chunk, simulate_chunk
from e2e_tf.sim.flown import flown_pool
from e2e_tf.sim.pileup import minimum_bias
from e2e_tf.sim.pythia import PROCESSES

HERE = Path(__file__).parent
FULL = "cms_fullsim_jets/uds_vs_g.h5"
STEPS = np.arange(20.0, 51.0, 5.0)
MAX_ETA, RADIUS, PILEUP, POOL = 2.0, 0.4, 20.0, 600
SOFT = ("PhaseSpace:pTHatMin = 15", "PhaseSpace:pTHatMax = 80", "PhaseSpace:bias2SelectionRef = 30")
LEAST = (0.0, 1.0, 2.0, 5.0)
KINDS = ("charged candidate", "photon", "neutral hadron")


@dataclass(frozen=True)
class Side:
    """Candidates of jets: ``jet`` (n,), ``kind`` (n,) as numbers of KINDS, ``pt`` (n,), and ``pt`` and weight of the
    jets."""

    jet: np.ndarray
    kind: np.ndarray
    pt: np.ndarray
    jet_pt: np.ndarray
    weight: np.ndarray

    def number(self, kind: int, least: float) -> float:
        """Mean number in a jet above a pT [GeV]."""
        chosen = (self.kind == kind) & (self.pt > least)
        return float(self.weight[self.jet[chosen]].sum() / self.weight.sum())

    def share(self, kind: int) -> float:
        """Mean share of the jets' pT."""
        chosen = self.kind == kind
        of = self.jet[chosen]
        return float((self.weight[of] * self.pt[chosen] / self.jet_pt[of]).sum() / self.weight.sum())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--jets", type=int, default=400)
    options = parser.parse_args()
    full = full_simulation(options.data / FULL)
    jets = simulated(options.jets)
    assert jets.candidates is not None
    spectrum = np.histogram(full.jet_pt, STEPS)[0]
    rows = {
        "CMS full simulation": full,
        "particle flow": of_candidates(jets, jets.objects["candidate"], spectrum),
        "perfect candidates": of_candidates(jets, jets.candidates, spectrum),
    }
    table(rows)


def full_simulation(path: Path) -> Side:
    """Candidates of the public jets; at most 25 of each charge are kept there."""
    with h5py.File(path) as file:
        charged, neutral, jet, gluon = (file[name][:] for name in ("cpf", "npf", "globalvars", "is_gluon"))
    pt = 10.0 ** jet[:, 0]
    chosen = (pt > STEPS[0]) & (pt < STEPS[-1]) & (gluon == 0) & (np.abs(jet[:, 1]) < MAX_ETA)
    pt = pt[chosen]
    parts = []
    for values, names in ((charged[chosen], CHARGED), (neutral[chosen], NEUTRAL)):
        of, place = np.nonzero(np.any(values != 0, axis=2))
        rows = values[of, place]
        if "isGamma" in names:
            kind = np.where(rows[:, names.index("isGamma")] > 0.5, 1, 2)
        else:
            kind = np.zeros(len(of), np.int64)
        parts.append((of, kind, rows[:, names.index("ptrel")] * pt[of]))
    return Side(*(np.concatenate(column) for column in zip(*parts, strict=True)), pt, np.ones(len(pt)))


def simulated(count: int) -> Jets:
    """Light-quark jets of the same pT with objects."""
    process = PROCESSES["dijet"]
    quarks = replace(process.sources[0], cards=(*process.sources[0].cards, *SOFT), flavours=(1, 2, 3))
    PROCESSES["soft dijet"] = replace(
        process, sources=(quarks, process.sources[1]), jet_pt=(float(STEPS[0]), float(STEPS[-1]))
    )
    pool = minimum_bias(1, POOL)
    flown = flown_pool(1, pool)
    size = 200
    chunks = [
        Chunk("soft dijet", 1, 0, number, size, PILEUP, objects=True) for number in range(-(-count // size))
    ]
    return concatenate_jets([simulate_chunk(chunk, pool, flown) for chunk in chunks])


def of_candidates(jets: Jets, candidates: Ragged, spectrum: np.ndarray) -> Side:
    """Candidates in the cone, without tracks of other vertices; jets are weighted to a spectrum."""
    near = np.hypot(candidates["deta"], candidates["dphi"]) < RADIUS
    near &= candidates["from_pv"] != 0
    kind = np.select([candidates["charge"] != 0, candidates["pdg_id"] == 22], [0, 1], 2)
    pt = jets["pt"].astype(np.float64)
    step = np.clip(np.digitize(pt, STEPS) - 1, 0, len(spectrum) - 1)
    weight = (spectrum / np.maximum(np.bincount(step, minlength=len(spectrum)), 1))[step]
    return Side(candidates.owner[near], kind[near], candidates["pt"][near].astype(np.float64), pt, weight)


def table(rows: Mapping[str, Side]) -> None:
    """Numbers above each pT and shares of the jets' pT."""
    print("| in a jet | " + " | ".join(rows) + " |\n|" + "---|" * (len(rows) + 1))
    for number, kind in enumerate(KINDS):
        for least in LEAST:
            above = f"{kind}s" + (f" above {least:g} GeV" if least else "")
            print(
                f"| {above} | "
                + " | ".join(f"{side.number(number, least):.2f}" for side in rows.values())
                + " |"
            )
        print(
            f"| share of {kind}s | "
            + " | ".join(f"{side.share(number):.3f}" for side in rows.values())
            + " |"
        )


if __name__ == "__main__":
    main()
