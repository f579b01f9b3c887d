"""Runs side by side on the test jets that they share."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.files import new_file, refuse_existing
from e2e_tf.page import Cell, Section, page, plots, table
from e2e_tf.terminal import output as standard_output
from e2e_tf.terminal import with_error, with_interval
from e2e_tf.training.metrics import bootstrap, evaluate_score
from e2e_tf.training.predict import predict_examples
from e2e_tf.training.prepare import Split, prepare_run
from e2e_tf.training.roc import Roc
from e2e_tf.training.run import Run, open_run
from e2e_tf.training.run_report.curves import rejection
from e2e_tf.training.targets import label_output

__all__ = ["compare", "comparison_table", "differences"]

_LEVELS = (0.5, 0.7, 0.9)


def compare(
    runs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None = None,
    *,
    bootstraps: int = 200,
    force: bool = False,
) -> dict[str, Any]:
    """Compare runs on the jets that are in the test part of every one.

    Differences to the first run have paired errors: every replica of the bootstrap draws the same events for all runs.

    Args:
        runs: folders of at least two finished runs, trained on the same sample.
        output: a page with table, curves and what differs in the configurations; None writes none.
        bootstraps: replicas behind each error.
        force: replace an existing page.

    Returns:
        ``jets``, the number of shared test jets, ``test``, that of each run's test part, and ``runs``: by name what
        :func:`e2e_tf.training.metrics.evaluate_score` gives overall, with ``auc_difference`` and ``rejection_ratio``
        (per efficiency) to the first run as ``{"value", "error"}``.

    Raises:
        InputError: fewer than two runs, one without an output that is the label, runs of other data, or test parts
            that share too few jets; the message says what differs.
    """
    if len(runs) < 2:
        raise InputError(f"a comparison needs at least two runs, received {len(runs)}")
    if output is not None:
        refuse_existing(Path(output), force)
    opened = [open_run(run) for run in runs]
    names = _names(opened)
    tests: list[Split] = []
    samples: list[dict[str, Any]] = []
    for run in opened:
        if label_output(run.config) is None:
            raise InputError(f"{run.folder} has no output that tells signal from background, to compare by")
        prepared = prepare_run(run)
        tests.append(prepared.test)
        samples.append({"sha256": prepared.source.identity()["sha256"], "jet_pt": run.config.data.jet_pt})
    for run, sample in zip(opened, samples, strict=True):
        different = [
            f"{key} {samples[0][key]} and {sample[key]}" for key in sample if sample[key] != samples[0][key]
        ]
        if different:
            raise InputError(
                f"{opened[0].folder} and {run.folder} are runs of different data: {'; '.join(different)}"
            )
    rows = _shared(tests)
    first = tests[0]
    label, weight = first.label[rows[0]], first.weight[rows[0]].astype(np.float64)
    if min(np.bincount(label, weight, 2)) <= 0:
        seeds = [f"{run.folder}: split {list(run.config.data.split)}, seed {_seed(run)}" for run in opened]
        raise InputError(
            f"the test parts share {len(label)} jets, which are not of both classes ({'; '.join(seeds)}); runs with "
            "the same data.split and data.split_seed are tested on the same jets"
        )
    scores = {}
    for name, run, test, chosen in zip(names, opened, tests, rows, strict=True):
        found = predict_examples(run.model(), test.examples)
        main = label_output(run.config)
        scores[name] = (found[main] if run.config.outputs else found)[chosen, 0].astype(np.float64)
    event = first.jets.event[rows[0]]
    result: dict[str, Any] = {
        "jets": len(label),
        "test": {name: len(test.jets) for name, test in zip(names, tests, strict=True)},
        "runs": {},
    }
    pt = first.jets["pt"][rows[0]] if "pt" in first.jets.columns else np.zeros(len(label))
    for name, score in scores.items():
        result["runs"][name] = evaluate_score(
            label, score, pt=pt, weight=weight, event=event, pt_bins=(-1e9, 1e9), efficiencies=_LEVELS,
            bootstraps=bootstraps,
        )["overall"]  # fmt: skip
    for name, found in differences(scores, label, weight, event, bootstraps).items():
        result["runs"][name] |= found
    if output is not None:
        text = _page(opened, names, scores, result, label, weight, event)
        with new_file(output, force) as part:
            part.write_text(text, encoding="utf-8")
    return result


def _names(runs: Sequence[Run]) -> list[str]:
    """Names of the folders, with those above where they are the same."""
    paths = [run.folder.resolve() for run in runs]
    if len(set(paths)) < len(paths):
        raise InputError(
            "each run can be compared once, received " + ", ".join(str(run.folder) for run in runs)
        )
    short = [path.name for path in paths]
    longer = ["/".join(path.parts[-2:]) for path in paths]
    return [name if short.count(name) == 1 else more for name, more in zip(short, longer, strict=True)]


def _seed(run: Run) -> int:
    seed = run.config.data.split_seed
    return run.config.seed if seed is None else seed


def _shared(tests: Sequence[Split]) -> list[np.ndarray]:
    """Rows of the same jets in each test part, known by their event and their quantities."""
    keys = []
    for test in tests:
        names = sorted(set.intersection(*(set(one.jets.columns) for one in tests)))
        rows = np.empty((len(test.jets), len(names)))
        for i, name in enumerate(names):
            rows[:, i] = test.jets[name]
        rows[np.isnan(rows)] = np.nan  # the same bytes: as a number, it is equal to no other
        keys.append([(int(e), row.tobytes()) for e, row in zip(test.jets.event, rows, strict=True)])
    common = set.intersection(*(set(key) for key in keys))
    found = []
    for key in keys:
        place = {one: i for i, one in enumerate(key) if one in common}
        found.append(np.array([place[one] for one in keys[0] if one in common], int))
    return found


def differences(
    scores: Mapping[str, np.ndarray],
    label: np.ndarray,
    weight: np.ndarray,
    event: np.ndarray,
    bootstraps: int,
) -> dict[str, Any]:
    """Differences of scores to the first of them on the same jets, with paired errors.

    Args:
        scores: float64 (n,) by name, higher for signal.
        label: int (n,), 1 for signal and 0 for background.
        weight: float64 (n,).
        event: int (n,), the event of each jet; every replica of the bootstrap draws the same events for all scores.
        bootstraps: replicas behind each error.

    Returns:
        By name ``auc_difference`` {value, error}, the AUC less that of the first, and ``rejection_ratio``, at 50, 70
        and 90 % of the signal {efficiency, value, error}, the rejection over that of the first.
    """
    stacked, levels = np.stack([*scores.values()]), np.array(_LEVELS)

    def values(label: np.ndarray, row: np.ndarray, weight: np.ndarray) -> np.ndarray:
        rocs = [Roc(label, one, weight) for one in stacked[:, row.astype(int)]]
        passing = np.maximum([roc.background_at(levels) for roc in rocs], 1e-9)
        areas = np.array([roc.auc for roc in rocs])
        return np.concatenate([(areas - areas[0])[:, None], np.log(passing[0] / passing)], axis=1)

    row = np.arange(len(label), dtype=np.float64)  # stands in for the score, to look up those of all runs
    value, error = values(label, row, weight), bootstrap(values, label, row, weight, bootstraps, 0, event)
    found = {}
    for name, one, spread in zip(scores, value, error, strict=True):
        ratios = np.exp(one[1:])
        found[name] = {
            "auc_difference": {"value": float(one[0]), "error": float(spread[0])},
            "rejection_ratio": [
                {"efficiency": e, "value": float(r), "error": float(r * s)}
                for e, r, s in zip(_LEVELS, ratios, spread[1:], strict=True)
            ],
        }
    return found


def _rows(result: Mapping[str, Any]) -> tuple[list[str], list[list[Cell]]]:
    """Head and cells of the table, the same on the terminal and on the page."""
    head = ["run", "ROC-AUC", "difference"]
    for level in _LEVELS:
        head += [f"1/ε_B at {level:.0%}", "ratio"]
    rows = []
    for i, (name, found) in enumerate(result["runs"].items()):
        auc, other = found["auc"], found["auc_difference"]
        row = [Cell(name, name), Cell(with_error(auc["value"], auc["error"]), auc["value"])]
        row.append(Cell("" if i == 0 else with_error(other["value"], other["error"]), other["value"]))
        for entry, ratio in zip(found["rejection"], found["rejection_ratio"], strict=True):
            shown = "" if i == 0 or entry["is_limit"] else with_error(ratio["value"], ratio["error"])
            row += [Cell(with_interval(entry), entry["value"]), Cell(shown, ratio["value"])]
        rows.append(row)
    return head, rows


def comparison_table(result: Mapping[str, Any]) -> None:
    """The comparison on the terminal.

    Args:
        result: what :func:`compare` returns.
    """
    from rich.table import Table

    head, rows = _rows(result)
    first = next(iter(result["runs"]))
    shown = Table(
        title=f"{result['jets']} shared test jets; difference and ratio to {first}, paired errors",
        title_justify="left",
    )
    for name in head:
        shown.add_column(name, justify="left" if name == "run" else "right")
    for row in rows:
        shown.add_row(*(cell.text for cell in row))
    standard_output().print(shown)


def _page(
    runs: Sequence[Run],
    names: Sequence[str],
    scores: Mapping[str, np.ndarray],
    result: Mapping[str, Any],
    label: np.ndarray,
    weight: np.ndarray,
    event: np.ndarray,
) -> str:
    sizes = ", ".join(f"{name} {count}" for name, count in result["test"].items())
    note = (
        f"<p class='dim'>{result['jets']} jets that are in the test part of every run ({sizes}), with the weights of "
        "the first. Difference and ratio are to the first run; errors are paired, from the same resampled events.</p>"
    )
    settings = [_flat(run.config.model_dump(mode="json")) for run in runs]
    keys = sorted({key for one in settings for key in one})
    different = [key for key in keys if len({str(one.get(key, "")) for one in settings}) > 1]
    changes = [[key, *(str(one.get(key, "")) for one in settings)] for key in different]
    curves = rejection({name: (label, score, weight) for name, score in scores.items()}, event)
    return page(
        f"Comparison of {len(runs)} runs",
        [
            Section("Results", note + table(*_rows(result))),
            Section("Curves", plots(*curves)),
            Section(
                "What differs",
                table(["key", *names], changes) if changes else "<p>Nothing but the training.</p>",
            ),
        ],
        style=runs[0].style,
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
