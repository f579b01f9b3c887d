"""k-fold training: one run for each fold, and the score of every jet by the run that has not seen it.

::

    FOLDER/fold-0/      a run folder, whose test part are the jets of fold 0; and so on
    FOLDER/scores.h5    scores of all jets in their order, with the fold that each was in
    FOLDER/folds.json   how good they are: mean and spread of the folds, and all jets together
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig, make_config, read_config
from e2e_tf.data.jets import Jets, concatenate_jets
from e2e_tf.data.source import SourcePart
from e2e_tf.errors import InputError
from e2e_tf.files import cleared, followed, new_file, write_json
from e2e_tf.terminal import output, with_error
from e2e_tf.training.fit import fit
from e2e_tf.training.metrics import evaluate_score
from e2e_tf.training.output_metrics import evaluate_outputs
from e2e_tf.training.predict import scorer
from e2e_tf.training.prepare import Split, prepare_run
from e2e_tf.training.run import Run, open_run, trains_as
from e2e_tf.training.scores import write_scores
from e2e_tf.training.targets import Target, in_units, label_output

__all__ = ["fit_folds", "folds_table"]

_RESULTS = ("scores.h5", "folds.json")


def fit_folds(
    config: RunConfig | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    folds: int = 0,
    *,
    force: bool = False,
    base: str | os.PathLike[str] | None = None,
    bootstraps: int = 200,
) -> dict[str, Any]:
    """Train one run for each fold, or go on, and score every jet by the run that has not seen it.

    Of a folder that holds some of the runs already, those that have finished are kept.

    Args:
        config: a configuration or the path of one; its ``data.fold`` does not count.
        folder: of the runs.
        folds: how many, at least 3; 0 takes ``data.folds`` of the configuration.
        force: start anew in an existing folder.
        base: where relative sample paths start; the configuration's folder, or the working folder.
        bootstraps: replicas behind each error.

    Returns:
        What ``folds.json`` holds: ``folds``, ``jets`` of each fold, and under ``quantities`` by name (``auc``,
        ``rejection at 50 %``, or output and quantity) ``each``, the value of each fold, their ``mean`` and ``spread``
        (standard deviation), and of all jets together ``out_of_fold`` with its ``error``. A value is None where it
        could not be measured, such as a rejection where no background passes.

    Raises:
        InputError: the number of folds, the configuration or the sample cannot be used, or ``folder`` holds something
            else.
        TrainingDiverged: a training did; the folds before it are kept.
    """
    if isinstance(config, RunConfig):
        root = Path(base or ".").resolve()
    else:
        root = Path(base or Path(config).parent).resolve()
        config = read_config(config)
    folder, folds = followed(folder), folds or config.data.folds
    if not folds:
        raise InputError("the number of folds must be given: at least 3, here or as data.folds")
    configs = [_of_fold(config, folds, fold) for fold in range(folds)]
    _claim(folder, folds, force)
    finished = [_finished(one, folder / f"fold-{fold}") for fold, one in enumerate(configs)]
    folder.mkdir(exist_ok=True)
    tests, scores, each = [], [], []
    for fold, (one, known) in enumerate(zip(configs, finished, strict=True)):
        run = known or fit(one, folder / f"fold-{fold}", base=root)
        test = prepare_run(run).test
        found = in_units(one, scorer(run.model())(test.examples), test.jets)
        each.append(_quantities(test, one, found, 2))
        plain = _columns(test.jets, fold)
        # The graphs and nodes of a fold are not needed any more.
        tests.append(replace(test, jets=plain, graphs=None, rows={}))
        scores.append(found)
    order = np.argsort(np.concatenate([test.index for test in tests]), kind="stable")
    together, found = _together(tests, order), _joined(scores, order)
    pooled = _quantities(together, config, found, bootstraps)
    result = {
        "folds": folds,
        "jets": [len(test.jets) for test in tests],
        "quantities": {name: _summary([one.get(name) for one in each], pooled[name]) for name in pooled},
    }
    with new_file(folder / "scores.h5", force=True) as part:
        write_scores(part, ".h5", replace(run, folder=folder), SourcePart(()), together.jets, found)
    write_json(folder / "folds.json", result)
    return result


def _of_fold(config: RunConfig, folds: int, fold: int) -> RunConfig:
    document = config.model_dump()
    document["data"] |= {"folds": folds, "fold": fold}
    return make_config(document, "the configuration of a fold")


def _claim(folder: Path, folds: int, force: bool) -> None:
    """Refuse a folder with something else in it; empty it with ``force``."""
    if cleared(folder, force):
        return
    ours = {*_RESULTS, *(f"fold-{fold}" for fold in range(folds))}
    if not folder.is_dir() or any(path.name not in ours for path in folder.iterdir()):
        raise InputError(
            f"{folder} exists already and is not of {folds} folds; choose another name, or give --force to replace it"
        )


def _finished(config: RunConfig, folder: Path) -> Run | None:
    """The run of a fold, if it has finished."""
    if not (folder / "model.keras").is_file():
        return None
    run = open_run(folder)
    if not trains_as(run.config, config):
        raise InputError(
            f"{folder} holds a run of another configuration; choose another name, or give --force to replace it"
        )
    return run


def _columns(jets: Any, fold: int) -> Jets:
    """What is known of jets or images, without candidates, hits and pixels, and the fold."""
    return Jets(
        columns={**jets.columns, "fold": np.full(len(jets), fold, np.int32)},
        event=jets.event,
        weight=jets.weight,
        label=jets.label,
        truth=jets.truth,
        origin=getattr(jets, "origin", {}),
    )


def _together(tests: list[Split], order: np.ndarray) -> Split:
    """The test parts of all folds as one part, in the order of the sample."""
    targets = {
        name: Target(
            np.concatenate([test.targets[name].value for test in tests]),
            np.concatenate([test.targets[name].weight for test in tests]),
        ).take(order)
        for name in tests[0].targets
    }
    jets = concatenate_jets([test.jets for test in tests]).take(order)
    return Split(jets, None, np.concatenate([test.weight for test in tests])[order], targets)


def _joined(scores: list[Any], order: np.ndarray) -> Any:
    if isinstance(scores[0], Mapping):
        return {name: np.concatenate([one[name] for one in scores])[order] for name in scores[0]}
    return np.concatenate(scores)[order]


def _quantities(
    test: Split, config: RunConfig, found: Any, bootstraps: int
) -> dict[str, dict[str, float | None]]:
    """``{"value", "error"}`` of everything that one number says, by name."""
    result: dict[str, dict[str, float | None]] = {}
    main = label_output(config)
    if main is not None:
        score = (found[main] if config.outputs else found)[:, 0]
        overall = evaluate_score(
            test.label,
            score,
            pt=None,
            weight=test.weight,
            event=test.jets.event,
            bootstraps=bootstraps,
            seed=config.seed,
        )["overall"]
        result["auc"] = overall["auc"]
        for entry in overall["rejection"]:
            limit = entry["is_limit"]
            result[f"rejection at {entry['efficiency']:.0%}"] = {
                key: None if limit else entry[key] for key in ("value", "error")
            }
    if config.outputs:
        judged = evaluate_outputs(test, config, found, bootstraps, config.seed)
        for name, entry in judged.items():
            result |= _numbers(entry, name)
    return result


def _numbers(entry: Mapping[str, Any], name: str) -> dict[str, dict[str, float | None]]:
    """Every ``{"value", "error"}`` in nested dictionaries, by its way."""
    if set(entry) == {"value", "error"}:
        return {name: dict(entry)}
    found: dict[str, dict[str, float | None]] = {}
    for key, value in entry.items():
        if isinstance(value, Mapping):
            found |= _numbers(value, f"{name} {key}")
    return found


def _summary(each: list[dict[str, float | None] | None], pooled: Mapping[str, Any]) -> dict[str, Any]:
    values = [None if one is None else one["value"] for one in each]
    known = [value for value in values if value is not None]
    complete = len(known) == len(values)
    return {
        "each": values,
        "mean": float(np.mean(known)) if complete else None,
        "spread": float(np.std(known, ddof=1)) if complete else None,
        "out_of_fold": pooled["value"],
        "error": pooled["error"],
    }


def folds_table(result: Mapping[str, Any]) -> None:
    """Mean and spread of the folds, and all jets together, on the terminal.

    Args:
        result: what :func:`fit_folds` returns.
    """
    from rich.table import Table

    table = Table(title=f"{result['folds']} folds, {sum(result['jets'])} jets", title_justify="left")
    for column in ("quantity", "mean of the folds", "spread", "all jets together"):
        table.add_column(column, justify="left" if column == "quantity" else "right")
    for name, one in result["quantities"].items():
        shown = ["-" if one[key] is None else f"{one[key]:.4g}" for key in ("mean", "spread")]
        pooled = "-" if one["out_of_fold"] is None else with_error(one["out_of_fold"], one["error"])
        table.add_row(name, *shown, pooled)
    output().print(table)
