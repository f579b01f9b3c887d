"""Quark and gluon jets by the recipe of the EnergyFlow set, as many as one likes.

    python -m studies.quark_gluon.generate JETS.npz [--jets 10000] [--seed 1] [--mpi]

Pythia 8 at 14 TeV, Z(νν) beside a light quark or a gluon; anti-kT jets of radius 0.4 at 500 to 550 GeV and
rapidities within ±1.7, from all stable particles but neutrinos, without a detector (Zenodo 3164691). The ten leading
constituents are kept, as in the copy that ``tasks.py`` reads, in the same format. Multiple parton interactions take
nearly nine tenths of the time, and trees cannot tell jets without them from the set's own: they are off unless
``--mpi`` is given. The same number and seed give the same jets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.files import new_file
from e2e_tf.sim.pythia import EventGenerator, Events, import_extra
from e2e_tf.sim.truth import hard_partons

PT = (500.0, 550.0)  # GeV
MAX_RAPIDITY = 1.7
RADIUS = 0.4
LEADING = 10
BATCH = 500  # events
CARDS = (
    "Beams:eCM = 14000",
    "ParticleDecays:limitTau0 = off",  # K0S and Λ decay, as in the set
    "WeakZ0:gmZmode = 2",
    "23:onMode = off",
    "23:onIfAny = 12 14 16",
    "PhaseSpace:pTHatMin = 450",
    "PhaseSpace:pTHatMax = 700",
)
PROCESSES = {1: ("WeakBosonAndParton:qg2gmZq = on",), 0: ("WeakBosonAndParton:qqbar2gmZg = on",)}
NEUTRINOS = (12, 14, 16)
PARTONS = {1: (1, 2, 3), 0: (21,)}


def generate(jets: int, seed: int, mpi: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """``X`` float64 (jets, 10, 4), pt [GeV], rapidity, φ [rad] and PDG number, and ``y`` (jets,), 1 for quarks.

    Quarks and gluons take turns; a jet with fewer than ten constituents ends in rows of zeros.

    Raises:
        InputError: the number is not even and positive, or the extra ``sim`` is not installed.
    """
    if jets < 2 or jets % 2:
        raise InputError(f"jets must be an even number of at least 2, not {jets}")
    x = np.zeros((jets, LEADING, 4))
    for label, cards in PROCESSES.items():
        cards = (*CARDS, *cards, f"PartonLevel:MPI = {'on' if mpi else 'off'}")
        generator = EventGenerator(cards, 2 * seed + label)
        found: list[np.ndarray] = []
        while sum(map(len, found)) < jets // 2:
            found.append(leading_constituents(generator.next(BATCH), PARTONS[label]))
        x[1 - label :: 2] = np.concatenate(found)[: jets // 2]
    return x, np.tile([1.0, 0.0], jets // 2)


def leading_constituents(events: Events, partons: tuple[int, ...]) -> np.ndarray:
    """float64 (n, 10, 4): of the hardest jet of each event whose hard parton is one of these, if it is selected."""
    ak, fastjet = import_extra("awkward"), import_extra("fastjet")
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    hard = hard_partons(events)
    wanted = np.zeros(len(events), bool)
    wanted[hard.event[np.isin(np.abs(hard.pdg_id), partons)]] = True
    stable = (events.status > 0) & ~np.isin(np.abs(events.pdg_id), NEUTRINOS) & wanted[events.event]
    px, py, pz, energy = events.momentum.T
    # Farther out nothing reaches a selected jet; this also leaves out what stays of the protons.
    rows = np.flatnonzero(stable & (np.abs(pz) < energy * np.tanh(MAX_RAPIDITY + 2 * RADIUS)))
    counts = np.bincount(events.event[rows], minlength=len(events))
    counts = counts[counts > 0]
    particles = {"px": px, "py": py, "pz": pz, "E": energy}
    clustered = fastjet.ClusterSequence(
        ak.unflatten(ak.zip({name: values[rows] for name, values in particles.items()}), counts),
        fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS),
    )
    jets = clustered.inclusive_jets(min_pt=PT[0])
    members = clustered.constituent_index(min_pt=PT[0])
    first = np.cumsum(counts) - counts
    selected = []
    for event in np.flatnonzero(ak.to_numpy(ak.num(jets.px)) > 0):
        p4 = np.stack([ak.to_numpy(jets[event][name]) for name in particles], 1)
        pt = np.hypot(p4[:, 0], p4[:, 1])
        hardest = int(np.argmax(pt))
        rapidity = np.arctanh(p4[hardest, 2] / p4[hardest, 3])
        if pt[hardest] < PT[1] and abs(rapidity) < MAX_RAPIDITY:
            selected.append(rows[first[event] + ak.to_numpy(members[event][hardest])])
    x = np.zeros((len(selected), LEADING, 4))
    for jet, inside in enumerate(selected):
        pt = np.hypot(px[inside], py[inside])
        inside = inside[np.argsort(-pt, kind="stable")[:LEADING]]
        x[jet, : len(inside)] = np.stack(
            [
                np.hypot(px[inside], py[inside]),
                np.arctanh(pz[inside] / energy[inside]),
                np.arctan2(py[inside], px[inside]),
                events.pdg_id[inside],
            ],
            axis=1,
        )
    return x


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="npz file with X and y")
    parser.add_argument("--jets", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mpi", action="store_true", help="with multiple parton interactions")
    options = parser.parse_args()
    x, y = generate(options.jets, options.seed, options.mpi)
    with new_file(options.output) as part, open(part, "wb") as file:
        np.savez(file, X=x, y=y)


if __name__ == "__main__":
    main()
