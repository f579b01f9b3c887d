"""The jets of the study: simulated, with three amounts of pileup, joined to one sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from e2e_tf import simulate
from e2e_tf.data.jets import Jets, concatenate_jets, read_jets, write_jets
from e2e_tf.training.augment import Augmentation, augment_jets
from e2e_tf.training.splits import split_by_event

PILEUP = (0, 20, 40)  # mean collisions beside the hard one
JETS = 48_000  # of each pileup
SEED = 4101
ALL = "all.h5"
MIXTURE = "mixture.h5"  # as many jets as one pileup has, a third of each
AUGMENTED = "augmented.h5"  # all, and a copy of every jet for training
QUARK_GLUON = "quark_gluon.h5"  # Z + quark against Z + gluon, a third of each pileup
QUARK_GLUON_JETS = 18_000
FRESH = "fresh.h5"  # as all, with other collisions; nothing was trained on it or chosen by it
FRESH_JETS = 16_000  # of each pileup
COPY = Augmentation(rotation=np.pi, flip_eta=True, smearing=0.05)
SPLIT = (0.625, 0.0625, 0.3125)  # of events: 90,000, 9,000 and 45,000 jets
_EVENTS = 10**9  # between the event numbers of the parts
# No collision at all, and yet the same reconstruction: vertex association, subtraction, matching of the truth.
_NONE = 1e-9


def pileup_sample(pileup: int) -> str:
    """File name of the part with a mean pileup."""
    return f"pileup_{pileup}.h5"


def sample_of(event: np.ndarray) -> np.ndarray:
    """Place in :data:`PILEUP` of the sample that each event comes from; event numbers tell."""
    return event // _EVENTS - 1


def make_samples(folder: Path, jets: int = JETS, workers: int = 2) -> None:
    """Simulate what is missing; parts share no collision and no event number.

    The split is a function of the event number, so a jet is in the same part of every sample that has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for i, pileup in enumerate(PILEUP):
        path = folder / pileup_sample(pileup)
        if path.is_file():
            continue
        raw = folder / f"raw_{pileup}.h5"
        write_jets(path, _simulated(raw, "tau", jets, SEED, i, workers))
        raw.unlink()
    _make_joined(
        folder / QUARK_GLUON, "z_jet", min(jets, QUARK_GLUON_JETS) // len(PILEUP), SEED + 10, workers
    )
    parts = [folder / pileup_sample(pileup) for pileup in PILEUP]
    if not (folder / ALL).is_file():
        write_jets(folder / ALL, _joined([read_jets(path) for path in parts]))
    if not (folder / MIXTURE).is_file():
        thirds = [read_jets(path) for path in parts]
        write_jets(folder / MIXTURE, _joined([part.take(np.arange(len(part) // 3)) for part in thirds]))
    if not (folder / AUGMENTED).is_file():
        whole = read_jets(folder / ALL)
        # Copies keep their event and so their part of the split; jets that choose the epoch or test have none.
        chosen = whole.take(split_by_event(whole.event, SPLIT, 1)[0])
        write_jets(folder / AUGMENTED, concatenate_jets([whole, augment_jets(chosen, COPY, SEED)]))


def make_fresh(folder: Path, jets: int = FRESH_JETS, workers: int = 2) -> None:
    """Simulate :data:`FRESH` if it is missing."""
    _make_joined(folder / FRESH, "tau", jets, SEED + 20, workers)


def _make_joined(path: Path, process: str, jets: int, seed: int, workers: int) -> None:
    """One file with so many jets of each pileup."""
    if path.is_file():
        return
    raw = [path.with_name(f"raw_{path.stem}_{pileup}.h5") for pileup in PILEUP]
    write_jets(path, _joined([_simulated(raw[i], process, jets, seed, i, workers) for i in range(len(raw))]))
    for part in raw:
        part.unlink()


def _simulated(raw: Path, process: str, jets: int, seed: int, i: int, workers: int) -> Jets:
    """Jets with the pileup at place ``i``, with event numbers that no other place has; ``raw`` stays."""
    if not raw.is_file():
        pileup = float(PILEUP[i] or _NONE)
        simulate(process, jets, seed + i, raw, pileup=pileup, workers=workers, resume=True)
    made = read_jets(raw)
    return replace(made, event=made.event + (i + 1) * _EVENTS)


def _joined(parts: list[Jets]) -> Jets:
    settings = {f"pileup_{pileup}": part.attributes for pileup, part in zip(PILEUP, parts, strict=True)}
    return concatenate_jets(parts, attributes=settings)
