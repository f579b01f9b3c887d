"""Trained on all conditions: jets of 5 to 50 GeV at three pileups against all backgrounds join the larger sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets, Ragged, concatenate_jets, read_jets, write_jets
from e2e_tf.errors import InputError
from e2e_tf.files import new_file
from e2e_tf.sim.pythia import BACKGROUNDS
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.splits import split_by_event
from studies.detector.fresh import (
    BACKGROUND_RANGES,
    FRESH,
    KINDS,
    KINDS_PILEUP,
    compared,
    fresh_sample,
    fresh_scores,
    scores_of,
    simulate_missing,
)
from studies.detector.rows import (
    LARGER,
    LARGER_REFERENCE,
    MIXED_NETWORK,
    MIXED_OF_JETS,
    MIXED_REFERENCE,
    MIXED_SAMPLE,
    PART,
    SHARE,
    SHIPPED,
    SPLIT_SEED,
    sample_name,
)
from studies.detector.training import run_path

MIXED: Mapping[int, tuple[int, int]] = MappingProxyType(
    {20: (306, 24_000), 0: (307, 24_000), 40: (308, 24_000)}
)
"""By the mean number of other collisions: seed and number of jets."""
LARGER_PILEUP = 20
"""Mean number of other collisions of the larger sample."""
VALIDATION = 0.1
"""Of the events of the samples above, the share that helps to choose the epoch."""
EDGES = np.arange(5, 51, 5)  # GeV
SHARES: Mapping[str, float] = MappingProxyType(
    {"qcd": 0.5, "electron": 0.125, "muon": 0.125, "pileup": 0.125, "z_jet": 0.125}
)
"""What part of the weight of all backgrounds each of them gets, where there are enough jets of it."""
MOST = 3.0
"""Times its number of jets, the most that a background gets before all are scaled to the taus."""
_QCD_RANGES = ((10, 20), (20, 50), (10, 50))  # GeV
_ROWS = (MIXED_REFERENCE, MIXED_OF_JETS, MIXED_NETWORK)
_REFERENCES = {
    "trees": MIXED_REFERENCE,
    "of_jets": MIXED_OF_JETS,
    "trees_before": LARGER_REFERENCE,
    "before": SHIPPED,
}


def simulate_mixed(folder: Path, workers: int) -> None:
    """Make the samples that are missing.

    Args:
        folder: of the study.
        workers: processes.
    """
    for pileup, (seed, jets) in MIXED.items():
        simulate_missing(_source(folder, pileup), "wtau_all", jets, seed, pileup, workers)


def shares(pt: np.ndarray, background: np.ndarray, pileup: np.ndarray) -> np.ndarray:
    """What each jet counts: at each pileup and in each bin of pT the backgrounds together weigh as much as the taus.

    Among them each has its part of :data:`SHARES`, but no more than :data:`MOST` times its number of jets, so that few
    jets do not stand for many; what is not given away goes to all in proportion.

    Args:
        pt: float (n,) [GeV].
        background: int (n,), places in :data:`e2e_tf.sim.pythia.BACKGROUNDS`, 0 for a tau.
        pileup: (n,), mean number of other collisions.

    Returns:
        float32 (n,), 1 for taus.
    """
    place = np.clip(np.digitize(pt, EDGES) - 1, 0, len(EDGES) - 2)
    weight = np.ones(len(pt))
    for mean in np.unique(pileup):
        for number in range(len(EDGES) - 1):
            here = (pileup == mean) & (place == number)
            taus = np.count_nonzero(here & (background == 0))
            rows = {name: np.flatnonzero(here & (background == BACKGROUNDS.index(name))) for name in SHARES}
            parts = {name: min(SHARES[name] * taus, MOST * len(found)) for name, found in rows.items()}
            whole = sum(parts.values())
            for name, found in rows.items():
                if len(found):
                    weight[found] = parts[name] / len(found) * (taus / whole if whole else 0)
    return weight.astype(np.float32)


def write_mixed(folder: Path) -> None:
    """The larger sample and all mixed jets: a tenth of their events in the validation part, the others in training.

    Args:
        folder: with the larger sample and those of :func:`simulate_mixed`; a file that is there stays.

    Raises:
        InputError: a sample is missing.
    """
    path = folder / MIXED_SAMPLE
    if path.exists():
        return
    for pileup in MIXED:
        if not _source(folder, pileup).exists():
            raise InputError(f"there is no {_source(folder, pileup)}; simulate {folder} --mixed makes it")
    larger = read_jets(folder / sample_name(LARGER))
    assert larger.label is not None
    kind = np.where(larger.label == 1, BACKGROUNDS.index("signal"), BACKGROUNDS.index("qcd"))
    parts = [_common(replace(larger, truth={**larger.truth, "background": kind.astype(np.int8)}))]
    means = [np.full(len(larger), LARGER_PILEUP)]
    for pileup in MIXED:
        jets = read_jets(_source(folder, pileup))
        part = np.zeros(len(jets), np.int8)
        part[split_by_event(jets.event, (1 - VALIDATION, VALIDATION, 0.0), SPLIT_SEED)[1]] = 1
        event = jets.event + parts[-1].event.max() + 1
        parts.append(_common(replace(jets, columns={**jets.columns, PART: part}, event=event)))
        means.append(np.full(len(jets), pileup))
    jets, mean = concatenate_jets(parts), np.concatenate(means)
    share = np.ones(len(jets), np.float32)
    for number in np.unique(jets[PART]):
        rows = jets[PART] == number
        share[rows] = shares(jets["pt"][rows], jets.truth["background"][rows], mean[rows])
    write_jets(path, replace(jets, columns={**jets.columns, SHARE: share}))


def _common(jets: Jets) -> Jets:
    """What all samples have; without other collisions every candidate is of the chosen vertex, and there is no ρ."""
    candidates = jets.candidates
    assert candidates is not None
    if "from_pv" not in candidates.columns:
        chosen = np.ones(int(candidates.offsets[-1]), np.int8)
        candidates = Ragged({**candidates.columns, "from_pv": chosen}, candidates.offsets)
    return replace(
        jets,
        columns={name: values for name, values in jets.columns.items() if name != "rho"},
        truth={name: jets.truth[name] for name in ("background", "decay_mode", "visible_pt")},
        hits={},
        candidates=candidates,
        objects={kind: found for kind, found in jets.objects.items() if kind != "candidate"},
        origin={},
    )


def score_mixed(folder: Path) -> None:
    """Scores of the fresh samples that have none, by the network and the forests that were trained on all conditions.

    Args:
        folder: of the study; nothing is done without the run of the network.
    """
    path = run_path(folder, MIXED_NETWORK, 1)
    names = [
        name
        for name in (*FRESH, KINDS)
        if fresh_sample(folder, name).exists() and not _scores(folder, name).exists()
    ]
    if not names or not (path / "model.keras").is_file():
        return
    samples = {name: read_jets(fresh_sample(folder, name)) for name in names}
    found = scores_of(samples, folder, MIXED_NETWORK, (MIXED_REFERENCE, MIXED_OF_JETS), 1)
    for name, jets in samples.items():
        with new_file(_scores(folder, name)) as part_file, open(part_file, "wb") as file:
            np.savez(file, event=jets.event, **found[name])


@dataclass(frozen=True)
class _Place:
    """Jets of a table: background ``kind`` of a fresh sample, all of it if empty, in ranges of pT [GeV]."""

    title: str
    pileup: int
    sample: int | str
    kind: str
    ranges: tuple[tuple[int, int], ...]


_PLACES: Mapping[str, _Place] = MappingProxyType(
    {
        **{
            f"qcd-{pileup}": _Place("jets of QCD", pileup, pileup, "", _QCD_RANGES)
            for pileup in sorted(FRESH)
        },
        **{
            name: _Place(title, KINDS_PILEUP, KINDS, name, ranges)
            for name, (title, ranges) in BACKGROUND_RANGES.items()
        },
    }
)


def judged_mixed(folder: Path) -> dict[str, Any]:
    """Numbers of what was trained on all conditions and of what ships, on the same fresh jets.

    Args:
        folder: of the study.

    Returns:
        By background (jets of QCD by pileup as ``qcd-20``), by range in pT as text (``10-50``): ``jets`` of the
        background, ``auc`` and ``rejection`` at 70 % of the signal of that range by row, and the paired ``ratio`` of
        the network's rejection to that of the trees (``trees``), to those without the event's vertex
        (``of_jets``), to those that were trained on QCD alone (``trees_before``) and to the network that ships
        (``before``). Background is weighted to the signal's spectrum in each range.
        Samples without scores are left out.
    """
    result: dict[str, Any] = {}
    for name, place in _PLACES.items():
        if not _scores(folder, place.sample).exists():
            continue
        held = _held(folder, place.sample)
        for low, high in place.ranges:
            kept = (held["pt"] >= low) & (held["pt"] < high)
            if place.kind:
                kept &= (held["label"] == 1) | (held["background"] == BACKGROUNDS.index(place.kind))
            found = compared(
                {key: values[kept] for key, values in held.items()},
                (*_ROWS, LARGER_REFERENCE, SHIPPED),
                _REFERENCES,
                (MIXED_NETWORK,),
            )
            numbers = {row: found.numbers(row, ())["overall"] for row in found.scores}
            result.setdefault(name, {})[f"{low}-{high}"] = {
                "jets": int(np.count_nonzero(found.label == 0)),
                "auc": {row: one["auc"] for row, one in numbers.items()},
                "rejection": {row: one["rejection"][0] for row, one in numbers.items()},
                "ratio": found.ratios[MIXED_NETWORK],
            }
    return result


def _held(folder: Path, sample: int | str) -> dict[str, np.ndarray]:
    """All scores of a sample.

    Raises:
        InputError: those of the network that ships are of other jets.
    """
    with np.load(fresh_scores(folder, sample), allow_pickle=False) as file:
        held = {key: file[key] for key in file.files}
    with np.load(_scores(folder, sample), allow_pickle=False) as file:
        if not np.array_equal(file["event"], held["event"]):
            raise InputError(
                f"{_scores(folder, sample)} is of other jets than {fresh_scores(folder, sample)}"
            )
        return held | {key: file[key] for key in _ROWS}


def mixed_table(found: Mapping[str, Any]) -> list[str]:
    """Lines of a table of what :func:`judged_mixed` gave; none without numbers, and no ratio below its error."""
    if not found:
        return []
    lines = [
        "| background | other collisions | pT [GeV] | jets | trees' 1/ε_B at 70 % | the network's | "
        "of the one that ships | over the trees' | over those without the event's vertex | "
        "over the trees' of QCD alone | over the one that ships |",
        "|---" * 11 + "|",
    ]
    for name, ranges in found.items():
        place = _PLACES[name]
        for where, one in ranges.items():
            cells = [
                place.title,
                str(place.pileup),
                where.replace("-", " to "),
                f"{one['jets']:,}",
                *(with_interval(one["rejection"][row]) for row in (MIXED_REFERENCE, MIXED_NETWORK, SHIPPED)),
                *(_ratio(one["ratio"][key]) for key in _REFERENCES),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ratio(entry: Mapping[str, float]) -> str:
    return with_error(entry["value"], entry["error"]) if entry["error"] < entry["value"] else ""


def _source(folder: Path, pileup: int) -> Path:
    return folder / f"mixed-{pileup}.h5"


def _scores(folder: Path, name: int | str) -> Path:
    return folder / "scores" / f"fresh-{name}-mixed.npz"
