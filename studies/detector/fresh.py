"""Jets that were simulated after all choices were made: the network that ships beside the trees, by pileup and pT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.weights import PtReweighting
from e2e_tf.files import new_file
from e2e_tf.sim.pythia import BACKGROUNDS
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.compare import differences
from e2e_tf.training.metrics import evaluate_score
from e2e_tf.training.predict import predict
from e2e_tf.training.prepare import prepare
from e2e_tf.training.run import open_run
from studies.detector.rows import LARGER_OF_JETS, LARGER_REFERENCE, ROWS, SHIPPED
from studies.detector.training import TREES, run_path, trees_of

FRESH: Mapping[int, tuple[int, int]] = {20: (302, 20_000), 0: (303, 8_000), 40: (304, 8_000)}
"""By the mean number of other collisions: seed and number of jets."""
KINDS = "backgrounds"
"""The sample with other backgrounds than jets of QCD, and from 5 GeV on."""
KINDS_SEED, KINDS_JETS, KINDS_PILEUP = 305, 24_000, 20
BACKGROUND_RANGES: Mapping[str, tuple[str, tuple[tuple[int, int], ...]]] = {
    "qcd": ("jets of QCD", ((5, 10), (10, 50))),
    "electron": ("electrons", ((12, 50),)),
    "muon": ("muons", ((12, 50),)),
    "pileup": ("jets of pileup", ((5, 10), (10, 20))),
    "z_jet": ("jets beside Z → μμ", ((5, 10), (10, 50))),
}
"""By the name of a background: what it is called, and ranges in pT [GeV] where there are such jets."""
PT = (10, 20, 50)  # GeV
_NAMES = (LARGER_REFERENCE, LARGER_OF_JETS, SHIPPED)
SEEDS = (1, 2, 3)
"""Of trainings of the network that ships; the first one ships, the others show the spread."""
_RATIOS = ("trees", "of_jets")
_BINS = 10  # of pT, that background is weighted in
BOOTSTRAPS = 200


def simulate_missing(path: Path, process: str, jets: int, seed: int, pileup: float, workers: int) -> None:
    """Simulate a sample with detector objects, if it is not there; what was stopped goes on.

    Args:
        path: of the sample.
        process, jets, seed, pileup, workers: of :func:`e2e_tf.sim.simulate`.
    """
    from e2e_tf.sim import simulate

    if not path.exists():
        simulate(process, jets, seed, path, pileup=pileup, objects=True, workers=workers, resume=True)


def simulate_fresh(folder: Path, workers: int) -> None:
    """Make the samples that are missing.

    Args:
        folder: of the study.
        workers: processes.
    """
    for pileup, (seed, jets) in FRESH.items():
        simulate_missing(fresh_sample(folder, pileup), "wtau", jets, seed, pileup, workers)
    simulate_missing(fresh_sample(folder, KINDS), "wtau_all", KINDS_JETS, KINDS_SEED, KINDS_PILEUP, workers)


def score_fresh(folder: Path) -> None:
    """Scores of the samples that are there and have none: of each training of the network, and of forests beside it.

    The forests of the first seed are those of the tables, trained again.

    Args:
        folder: of the study, with the larger sample and the runs of the network.
    """
    for seed in SEEDS:
        if seed == 1 or (run_path(folder, SHIPPED, seed) / "model.keras").is_file():
            _score_seed(folder, seed)


def _score_seed(folder: Path, seed: int) -> None:
    samples = {
        name: read_jets(fresh_sample(folder, name))
        for name in (*FRESH, KINDS)
        if fresh_sample(folder, name).exists() and not fresh_scores(folder, name, seed).exists()
    }
    if not samples:
        return
    found = scores_of(samples, folder, SHIPPED, (LARGER_REFERENCE, LARGER_OF_JETS), seed)
    for name, jets in samples.items():
        path = fresh_scores(folder, name, seed)
        path.parent.mkdir(exist_ok=True)
        assert jets.label is not None
        kinds = {"background": jets.truth["background"]} if name == KINDS else {}
        with new_file(path) as part_file, open(part_file, "wb") as file:
            np.savez(file, label=jets.label, event=jets.event, pt=jets["pt"], **kinds, **found[name])


def scores_of(
    samples: Mapping[int | str, Jets], folder: Path, network: str, forests: Sequence[str], seed: int
) -> dict[int | str, dict[str, np.ndarray]]:
    """Scores by a training of a network, and by forests that are trained for this.

    Args:
        samples: jets by the name of their sample.
        folder: of the study.
        network: the row.
        forests: rows of trees, all on the training part of the first.
        seed: of the training.

    Returns:
        By sample and row (n,).
    """
    run = open_run(run_path(folder, network, seed))
    model = run.model()
    found: dict[int | str, dict[str, np.ndarray]] = {
        name: {network: np.asarray(predict(model, graphs_of(jets, run.preprocess)))[:, 0]}
        for name, jets in samples.items()
    }
    part = prepare(ROWS[forests[0]].config(1), folder).train
    for row in forests:
        score = trees_of(ROWS[row], part, 1 + TREES * (seed - 1))
        for name, jets in samples.items():
            found[name][row] = score(jets)
    return found


def numbers_of(
    score: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    event: np.ndarray,
    pt: np.ndarray,
    bins: tuple[int, ...],
    levels: tuple[float, ...],
) -> dict[str, Any]:
    """What :func:`e2e_tf.training.metrics.evaluate_score` says of a score, without thresholds.

    Args:
        score, label, weight, event, pt: (n,) of the jets, pT in GeV.
        bins: edges in pT [GeV]; none for no numbers in bins.
        levels: signal efficiencies.

    Returns:
        ``overall`` and ``pt_bins``.
    """
    numbers = evaluate_score(
        label,
        score,
        pt=pt if bins else None,
        weight=weight,
        event=event,
        pt_bins=bins,
        efficiencies=levels,
        bootstraps=BOOTSTRAPS,
    )
    for part in (numbers["overall"], *numbers["pt_bins"]):
        part.pop("working_points")
    return {key: numbers[key] for key in ("overall", "pt_bins")}


@dataclass(frozen=True)
class Judged:
    """Scores of several rows on the same jets.

    Attributes:
        label, event, pt, weight: (n,) of the jets, pT in GeV; background has the signal's spectrum.
        scores: (n,) by row.
        ratios: by row, by what it is compared with, the paired ratio of rejections at 70 % of the signal.
    """

    label: np.ndarray
    event: np.ndarray
    pt: np.ndarray
    weight: np.ndarray
    scores: dict[str, np.ndarray]
    ratios: dict[str, dict[str, Any]]

    def numbers(self, name: str, bins: tuple[int, ...] = PT) -> dict[str, Any]:
        """What :func:`numbers_of` says of a row at 70 % of the signal.

        Args:
            name: of the row.
            bins: edges in pT [GeV], if any.

        Returns:
            ``overall`` and ``pt_bins``.
        """
        return numbers_of(self.scores[name], self.label, self.weight, self.event, self.pt, bins, (0.7,))


def judged_fresh(folder: Path) -> dict[str, Any]:
    """Numbers of each sample with scores; background is weighted to the signal's pT spectrum in each.

    Args:
        folder: of the study.

    Returns:
        By pileup as text, by row: ``jets``, ``overall`` and ``pt_bins`` of
        :func:`e2e_tf.training.metrics.evaluate_score`, and the paired ``ratio`` of rejections at 70 % of the signal to
        the trees (``trees``) and to those without the event's vertex (``of_jets``), ``value`` and ``error``.
    """
    result = {}
    for pileup in sorted(FRESH):
        if not fresh_scores(folder, pileup).exists():
            continue
        held = _read(fresh_scores(folder, pileup))
        result[str(pileup)] = {
            name: {"jets": len(held.label), "ratio": held.ratios[name], **held.numbers(name)}
            for name in held.scores
        }
    return result


def judged_seeds(folder: Path) -> dict[str, Any]:
    """How the network and the trees differ between trainings with other seeds, on the same fresh jets.

    Args:
        folder: of the study.

    Returns:
        By pileup as text, by seed as text: ``rejection`` at 70 % of the signal and ``auc`` by row, and the paired
        ``ratio`` of the network's rejection to those of the trees of the same seed, as in :func:`judged_fresh`.
        Pileups with one seed alone are left out.
    """
    result: dict[str, Any] = {}
    for pileup in sorted(FRESH):
        seeds = [seed for seed in SEEDS if fresh_scores(folder, pileup, seed).exists()]
        for seed in seeds if len(seeds) > 1 else []:
            held = _read(fresh_scores(folder, pileup, seed))
            one: dict[str, Any] = {"rejection": {}, "auc": {}, "ratio": held.ratios[SHIPPED]}
            for name in held.scores:
                overall = held.numbers(name)["overall"]
                one["rejection"][name], one["auc"][name] = overall["rejection"][0], overall["auc"]
            result.setdefault(str(pileup), {})[str(seed)] = one
    return result


def judged_backgrounds(folder: Path) -> dict[str, Any]:
    """Numbers of each background of :data:`BACKGROUND_RANGES` in each range of pT, against the signal there.

    Args:
        folder: of the study.

    Returns:
        By background, by range as text (``10-50``): ``jets`` of the background, ``rejection`` at 70 % of the signal of
        that range by row, and the paired ``ratio`` of the network's as in :func:`judged_fresh`. Empty without scores.
    """
    path, result = fresh_scores(folder, KINDS), {}
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        label, kind, pt = file["label"], file["background"], file["pt"]
    for name, (_, ranges) in BACKGROUND_RANGES.items():
        result[name] = {}
        for low, high in ranges:
            of_kind = (label == 1) | (kind == BACKGROUNDS.index(name))
            held = _read(path, of_kind & (pt >= low) & (pt < high))
            result[name][f"{low}-{high}"] = {
                "jets": int(np.sum(held.label == 0)),
                "rejection": {row: held.numbers(row, ())["overall"]["rejection"][0] for row in held.scores},
                "ratio": held.ratios[SHIPPED],
            }
    return result


def backgrounds_table(found: Mapping[str, Any]) -> list[str]:
    """Lines of a table of what :func:`judged_backgrounds` gave."""
    lines = [
        "| background | pT [GeV] | jets | trees' 1/ε_B at 70 % | the network's | over the trees' | "
        "over those without the event's vertex |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, ranges in found.items():
        for place, one in ranges.items():
            cells = [BACKGROUND_RANGES[name][0], place.replace("-", " to "), f"{one['jets']:,}"]
            lines.append(f"| {' | '.join([*cells, *_compared(one)])} |")
    return lines


def _compared(one: Mapping[str, Any]) -> list[str]:
    """Cells of the rejections of trees and network, and of their ratios."""
    return [
        *(with_interval(one["rejection"][row]) for row in (LARGER_REFERENCE, SHIPPED)),
        *(with_error(one["ratio"][key]["value"], one["ratio"][key]["error"]) for key in _RATIOS),
    ]


def _read(path: Path, kept: np.ndarray | None = None) -> Judged:
    """Scores of one sample and one seed, with the weights of its jets and the ratios of rejections."""
    with np.load(path, allow_pickle=False) as file:
        held = {key: file[key] if kept is None else file[key][kept] for key in file.files}
    return compared(held, _NAMES, {"trees": LARGER_REFERENCE, "of_jets": LARGER_OF_JETS})


def compared(
    held: Mapping[str, np.ndarray],
    rows: Sequence[str],
    references: Mapping[str, str],
    of: Sequence[str] = (),
) -> Judged:
    """Scores with the weights of their jets and the ratios of rejections.

    Args:
        held: (n,) ``label``, ``event``, ``pt`` [GeV], and the scores by row.
        rows: names of those that are looked at.
        references: by the name of a comparison the row that others are compared with.
        of: the others; all if none are given.

    Returns:
        The jets, of which background is weighted to the signal's spectrum in pT.
    """
    label, event, pt = held["label"], held["event"], held["pt"]
    weight = PtReweighting.fit(pt, label, _BINS).weights(pt, label).astype(np.float64)
    scores = {name: held[name].astype(np.float64) for name in rows}
    ratios: dict[str, dict[str, Any]] = {name: {} for name in rows}
    for key, reference in references.items():
        ordered = {name: scores[name] for name in (reference, *(of or rows))}
        for name, one in differences(ordered, label, weight, event, BOOTSTRAPS).items():
            ratio = next(entry for entry in one["rejection_ratio"] if entry["efficiency"] == 0.7)
            ratios[name][key] = {"value": ratio["value"], "error": ratio["error"]}
    return Judged(label, event, pt, weight, scores, ratios)


def fresh_table(found: Mapping[str, Any]) -> list[str]:
    """Lines of a table of what :func:`judged_fresh` gave."""
    first = next(iter(next(iter(found.values())).values())) if found else {"pt_bins": []}
    ranges = [f"{entry['low']:g} to {entry['high']:g} GeV" for entry in first["pt_bins"]]
    lines = [
        f"| other collisions | row | ROC-AUC | 1/ε_B at 70 % | {' | '.join(ranges)} | over the trees' | "
        "over those without the event's vertex |",
        "|---" * (6 + len(ranges)) + "|",
    ]
    for pileup, rows in found.items():
        for name, one in rows.items():
            auc, ratio = one["overall"]["auc"], one["ratio"]
            cells = [
                pileup,
                name,
                with_error(auc["value"], auc["error"]),
                *(with_interval(part["rejection"][0]) for part in (one["overall"], *one["pt_bins"])),
                ""
                if name == LARGER_REFERENCE
                else with_error(ratio["trees"]["value"], ratio["trees"]["error"]),
                with_error(ratio["of_jets"]["value"], ratio["of_jets"]["error"]) if name == SHIPPED else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def seeds_table(found: Mapping[str, Any]) -> list[str]:
    """Lines of a table of what :func:`judged_seeds` gave, with the means of the trainings.

    The error of a mean ratio is that of the jets, which all trainings share, and that of the mean over the seeds,
    in quadrature.
    """
    lines = [
        "| other collisions | seed | trees' 1/ε_B at 70 % | the network's | over the trees' | "
        "over those without the event's vertex |",
        "|---|---|---|---|---|---|",
    ]
    for pileup, seeds in found.items():
        for seed, one in seeds.items():
            lines.append(f"| {' | '.join([pileup, seed, *_compared(one)])} |")
        mean = [
            f"{np.mean([one['rejection'][name]['value'] for one in seeds.values()]):.1f}"
            for name in (LARGER_REFERENCE, SHIPPED)
        ]
        ratios = [with_error(*mean_ratio([one["ratio"][key] for one in seeds.values()])) for key in _RATIOS]
        lines.append(f"| {' | '.join([pileup, 'mean', *mean, *ratios])} |")
    return lines


def mean_ratio(ratios: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """The mean of ratios of several trainings on the same jets, and its error.

    Args:
        ratios: at least two, each with ``value`` and the ``error`` of the jets.

    Returns:
        Mean, and the root of the mean squared error of the jets (common to all trainings, so that it does not shrink)
        plus the variance of the n values over n.
    """
    values = np.array([one["value"] for one in ratios])
    jets = np.mean([one["error"] ** 2 for one in ratios])
    return float(values.mean()), float(np.sqrt(jets + values.var(ddof=1) / len(values)))


def fresh_sample(folder: Path, name: int | str) -> Path:
    """Where the sample of a mean number of other collisions is, or the one with all backgrounds (:data:`KINDS`)."""
    return folder / f"fresh-{name}.h5"


def fresh_scores(folder: Path, name: int | str, seed: int = 1) -> Path:
    """Where the scores of that sample by one training of the network and the forests beside it are."""
    return folder / "scores" / (f"fresh-{name}.npz" if seed == 1 else f"fresh-{name}-seed-{seed}.npz")
