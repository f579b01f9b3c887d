"""Jets that were simulated after all choices were made: the network that ships beside the trees, by pileup and pT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import read_jets
from e2e_tf.data.weights import PtReweighting
from e2e_tf.files import new_file
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.compare import differences
from e2e_tf.training.metrics import evaluate_score
from e2e_tf.training.predict import predict
from e2e_tf.training.prepare import prepare
from e2e_tf.training.run import open_run
from studies.detector.rows import LARGER_OF_JETS, LARGER_REFERENCE, ROWS, SHIPPED
from studies.detector.training import run_path, trees_of

FRESH: Mapping[int, tuple[int, int]] = {20: (302, 20_000), 0: (303, 8_000), 40: (304, 8_000)}
"""By the mean number of other collisions: seed and number of jets."""
PT = (10, 20, 50)  # GeV
_NAMES = (LARGER_REFERENCE, LARGER_OF_JETS, SHIPPED)
_BINS = 10  # of pT, that background is weighted in
BOOTSTRAPS = 200


def simulate_fresh(folder: Path, workers: int) -> None:
    """Make the samples that are missing.

    Args:
        folder: of the study.
        workers: processes.
    """
    from e2e_tf.sim import simulate

    for pileup, (seed, jets) in FRESH.items():
        path = _sample(folder, pileup)
        if not path.exists():
            simulate("wtau", jets, seed, path, pileup=pileup, objects=True, workers=workers, resume=True)


def score_fresh(folder: Path) -> None:
    """Scores of the samples that are there and have none: the trained network's, and those of the same forests again.

    Args:
        folder: of the study, with the larger sample and the run of the network.
    """
    samples = {
        pileup: read_jets(_sample(folder, pileup)) for pileup in FRESH if _sample(folder, pileup).exists()
    }
    samples = {pileup: jets for pileup, jets in samples.items() if not _scores(folder, pileup).exists()}
    if not samples:
        return
    found: dict[int, dict[str, np.ndarray]] = {pileup: {} for pileup in samples}
    run = open_run(run_path(folder, SHIPPED, 1))
    model = run.model()
    for pileup, jets in samples.items():
        found[pileup][SHIPPED] = np.asarray(predict(model, graphs_of(jets, run.preprocess)))[:, 0]
    part = prepare(ROWS[LARGER_REFERENCE].config(1), folder).train
    for name in (LARGER_REFERENCE, LARGER_OF_JETS):
        score = trees_of(ROWS[name], part, 1)
        for pileup, jets in samples.items():
            found[pileup][name] = score(jets)
    for pileup, jets in samples.items():
        path = _scores(folder, pileup)
        path.parent.mkdir(exist_ok=True)
        assert jets.label is not None
        with new_file(path) as part_file, open(part_file, "wb") as file:
            np.savez(file, label=jets.label, event=jets.event, pt=jets["pt"], **found[pileup])


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
        bins: edges in pT [GeV].
        levels: signal efficiencies.

    Returns:
        ``overall`` and ``pt_bins``.
    """
    numbers = evaluate_score(
        label,
        score,
        pt=pt,
        weight=weight,
        event=event,
        pt_bins=bins,
        efficiencies=levels,
        bootstraps=BOOTSTRAPS,
    )
    for part in (numbers["overall"], *numbers["pt_bins"]):
        part.pop("working_points")
    return {key: numbers[key] for key in ("overall", "pt_bins")}


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
        path = _scores(folder, pileup)
        if not path.exists():
            continue
        with np.load(path, allow_pickle=False) as file:
            held = {key: file[key] for key in file.files}
        label, event, pt = held["label"], held["event"], held["pt"]
        weight = PtReweighting.fit(pt, label, _BINS).weights(pt, label).astype(np.float64)
        scores = {name: held[name].astype(np.float64) for name in _NAMES}
        ratios: dict[str, dict[str, Any]] = {name: {} for name in _NAMES}
        for key, reference in (("trees", LARGER_REFERENCE), ("of_jets", LARGER_OF_JETS)):
            ordered = {reference: scores[reference], **scores}
            for name, one in differences(ordered, label, weight, event, BOOTSTRAPS).items():
                ratio = next(entry for entry in one["rejection_ratio"] if entry["efficiency"] == 0.7)
                ratios[name][key] = {"value": ratio["value"], "error": ratio["error"]}
        rows = {}
        for name, score in scores.items():
            numbers = numbers_of(score, label, weight, event, pt, PT, (0.7,))
            rows[name] = {"jets": len(label), "ratio": ratios[name], **numbers}
        result[str(pileup)] = rows
    return result


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


def _sample(folder: Path, pileup: int) -> Path:
    return folder / f"fresh-{pileup}.h5"


def _scores(folder: Path, pileup: int) -> Path:
    return folder / "scores" / f"fresh-{pileup}.npz"
