"""From scores to numbers, and from numbers to the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.files import new_file
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.compare import differences
from e2e_tf.training.metrics import background_efficiency
from studies.detector.fresh import BOOTSTRAPS, backgrounds_table, fresh_table, numbers_of, seeds_table
from studies.detector.mixed import mixed_table
from studies.detector.rows import (
    GROUPS,
    LARGER,
    LARGER_OF_JETS,
    LARGER_REFERENCE,
    OF_JETS,
    REFERENCE,
    ROWS,
    SHIPPED,
    TOLD,
    Row,
)
from studies.detector.training import score_path
from studies.tau.evaluation import CURVE
from studies.tau.report import between, draw_rejections

PT = (10, 20, 30, 50)  # GeV
LEVELS = (0.5, 0.7, 0.9)
MEAN = "mean of masses of groups and the trees"
LARGER_MEAN = f"mean of the one that ships and the trees, {LARGER:,} jets"
_MEANS = {MEAN: (GROUPS, REFERENCE), LARGER_MEAN: (SHIPPED, LARGER_REFERENCE)}
_LEGEND = {
    LARGER_REFERENCE: "boosted trees",
    LARGER_OF_JETS: "trees, no event's vertex",
    SHIPPED: "detector_net as it ships",
    LARGER_MEAN: "mean of net and trees",
}
"""Names of rows where there is room for short ones only."""


def judged(folder: Path, rows: Mapping[str, Row] = ROWS, seed: int = 1) -> dict[str, Any]:
    """Numbers of all rows with scores; differences are paired, to the trees that had as many jets to train on.

    Rows of the learning curves are compared with the trees on the whole sample. Rows that were trained on all
    conditions are left to :func:`studies.detector.mixed.judged_mixed`.

    Args:
        folder: of the scores.
        rows: which are looked for.
        seed: of the trainings.

    Returns:
        By row: ``trained`` jets, ``overall`` and ``pt_bins`` of
        :func:`e2e_tf.training.metrics.evaluate_score`, ``auc_difference`` and ``rejection_ratio`` of
        :func:`e2e_tf.training.compare.differences`, ``of_jets``, the same to trees without the event's vertex,
        ``curve``, background efficiencies at :data:`CURVE`.

    Raises:
        InputError: the reference has no scores, or a row has those of other jets.
    """
    found = {}
    for name, row in rows.items():
        path = score_path(folder, name, seed)
        if path.exists() and not row.mixed:
            with np.load(path, allow_pickle=False) as file:
                found[name] = {key: file[key] for key in file.files}
    if REFERENCE not in found:
        raise InputError(f"there are no scores of {REFERENCE} in {folder}; train them first")
    first = found[REFERENCE]
    for name, one in found.items():
        if not np.array_equal(one["event"], first["event"]):
            raise InputError(f"{name} was judged on other jets than {REFERENCE}")
    label, weight, event = first["label"], first["weight"].astype(np.float64), first["event"]
    scores = {name: one["score"].astype(np.float64) for name, one in found.items()}
    for mean, members in _MEANS.items():
        if all(member in scores for member in members):
            scores[mean] = np.mean([_logit(scores[member]) for member in members], axis=0)
    larger = {name for name in scores if name == LARGER_MEAN or (name in rows and rows[name].jets == LARGER)}
    paired: dict[str, Any] = {}
    of_jets: dict[str, Any] = {}
    for names, reference, others in (
        (scores.keys() - larger, REFERENCE, OF_JETS),
        (larger, LARGER_REFERENCE, LARGER_OF_JETS),
    ):
        if names and reference not in scores:
            raise InputError(f"there are no scores of {reference} in {folder}; train them first")
        for found_of, trees in ((paired, reference), (of_jets, others)):
            if trees in names:
                ordered = [trees, *(name for name in scores if name in names and name != trees)]
                found_of |= differences(
                    {name: scores[name] for name in ordered}, label, weight, event, BOOTSTRAPS
                )
    result = {}
    for name, score in scores.items():
        result[name] = {
            "trained": int(found[_MEANS[name][0] if name in _MEANS else name]["trained"]),
            **numbers_of(score, label, weight, event, first["pt"], PT, LEVELS),
            **paired[name],
            **({"of_jets": of_jets[name]} if name in of_jets else {}),
            "curve": background_efficiency(label, score, CURVE, weight).tolist(),
        }
    return {name: result[name] for name in [*rows, *_MEANS] if name in result}


def _logit(score: np.ndarray) -> np.ndarray:
    kept = np.clip(score, 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))


def _beside(found: Mapping[str, Any], reference: str) -> dict[str, Any]:
    """The rows that were trained on as many jets as a reference, which is the first of them."""
    if reference not in found:
        return {}
    count = found[reference]["trained"]
    return {reference: found[reference]} | {
        name: one for name, one in found.items() if one["trained"] == count
    }


def main_table(found: Mapping[str, Any], reference: str = REFERENCE) -> list[str]:
    """Rows that were trained on as many jets as a reference."""
    lines = [
        "| row | ROC-AUC | less the trees' | 1/ε_B at 50 % | 70 % | 90 % | over the trees' at 70 % | "
        "over those without the event's vertex |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in _beside(found, reference).items():
        auc = one["overall"]["auc"]
        first = name == reference
        change, ratio = one["auc_difference"], one["rejection_ratio"][LEVELS.index(0.7)]
        other = one["of_jets"]["rejection_ratio"][LEVELS.index(0.7)] if "of_jets" in one else None
        cells = [
            name,
            with_error(auc["value"], auc["error"]),
            "" if first else with_error(change["value"], change["error"]),
            *(with_interval(entry) for entry in one["overall"]["rejection"]),
            "" if first else with_error(ratio["value"], ratio["error"]),
            "" if other is None or name.startswith(OF_JETS) else with_error(other["value"], other["error"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def bins_table(found: Mapping[str, Any]) -> list[str]:
    """Rejection at 70 % of the signal in bins of pT, of all rows but those of the learning curves."""
    ranges = [f"{entry['low']:g} to {entry['high']:g} GeV" for entry in found[REFERENCE]["pt_bins"]]
    lines = [f"| row | {' | '.join(ranges)} |", "|---" * (1 + len(ranges)) + "|"]
    for name, one in (_beside(found, REFERENCE) | _beside(found, LARGER_REFERENCE)).items():
        cells = [with_interval(entry["rejection"][LEVELS.index(0.7)]) for entry in one["pt_bins"]]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def learning_table(found: Mapping[str, Any]) -> list[str]:
    """How AUC and rejection grow with the jets of the training."""
    lines = ["| row | jets | ROC-AUC | 1/ε_B at 70 % |", "|---|---|---|---|"]
    for base in (REFERENCE, "detector_net", GROUPS, TOLD):
        curve = [base, *(name for name, row in ROWS.items() if row.jets and name.startswith(f"{base}, "))]
        known = sorted((found[name]["trained"], name) for name in curve if name in found)
        for trained, name in known if len(known) > 1 else []:
            auc, rejections = found[name]["overall"]["auc"], found[name]["overall"]["rejection"]
            lines.append(
                f"| {base} | {trained:,} | {with_error(auc['value'], auc['error'])} | "
                f"{with_interval(rejections[LEVELS.index(0.7)])} |"
            )
    return lines


def draw(found: Mapping[str, Any], path: Path) -> None:
    """ROC curves of the rows that were trained on the most jets, with their ratio to the trees."""
    reference = LARGER_REFERENCE if LARGER_REFERENCE in found else REFERENCE
    drawn = {_LEGEND.get(name, name): one for name, one in _beside(found, reference).items()}
    curves = {name: np.array(one["curve"]) for name, one in drawn.items()}
    errors = {
        name: {entry["efficiency"]: entry["error"] / entry["value"] for entry in one["overall"]["rejection"]}
        for name, one in drawn.items()
    }
    draw_rejections(curves, _LEGEND.get(reference, reference), path, errors)


def write_page(
    found: Mapping[str, Any],
    fresh: Mapping[str, Any],
    seeds: Mapping[str, Any],
    backgrounds: Mapping[str, Any],
    mixed: Mapping[str, Any],
    page: Path,
) -> None:
    """Fill the tables between the marks of ``page`` and draw its figure in the folder of its name.

    Args:
        found: what :func:`judged` gave.
        fresh: what :func:`studies.detector.fresh.judged_fresh` gave.
        seeds: what :func:`studies.detector.fresh.judged_seeds` gave.
        backgrounds: what :func:`studies.detector.fresh.judged_backgrounds` gave.
        mixed: what :func:`studies.detector.mixed.judged_mixed` gave.
        page: the page in Markdown.
    """
    text = page.read_text(encoding="utf-8")
    tables = {
        "main": main_table(found),
        "larger": main_table(found, LARGER_REFERENCE),
        "bins": bins_table(found),
        "learning": learning_table(found),
        "fresh": fresh_table(fresh),
        "seeds": seeds_table(seeds),
        "backgrounds": backgrounds_table(backgrounds),
        "mixed": mixed_table(mixed),
    }
    for name, lines in tables.items():
        text = between(text, name, lines)
    with new_file(page, force=True) as part:
        part.write_text(text, encoding="utf-8")
    draw(found, page.with_suffix("") / "roc.png")
