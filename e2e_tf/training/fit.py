"""Training a run from its configuration."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from e2e_tf.config import RunConfig, make_config, read_config
from e2e_tf.data.derived import computed_for_inputs
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.source import JetSource
from e2e_tf.errors import InputError, TrainingDiverged
from e2e_tf.files import cleared, followed, read_json, write_json
from e2e_tf.runtime import load_tensorflow
from e2e_tf.terminal import console
from e2e_tf.training.loop import compile_model, monitor, new_model, steps_per_epoch, train_model
from e2e_tf.training.prepare import Prepared, prepare
from e2e_tf.training.run import (
    Run,
    begin_run,
    end_run,
    mark_diverged,
    open_run,
    trains_as,
)

__all__ = ["fit", "only_python", "python_note"]


def fit(
    config: RunConfig | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    force: bool = False,
    base: str | os.PathLike[str] | None = None,
) -> Run:
    """Train a run, or continue one that was stopped.

    A folder whose training has not finished and whose configuration is the same is continued from its last
    complete epoch, with the numbers it would have had without the stop.

    Args:
        config: a configuration or the path of one.
        folder: the run folder.
        force: start anew in an existing folder.
        base: where relative sample paths start; the configuration's folder, or the working folder.

    Returns:
        The finished run.

    Raises:
        InputError: the configuration or sample cannot be used, or ``folder`` holds something else.
        TrainingDiverged: the loss or a parameter became NaN or infinite. The folder is then a finished run of the
            epochs before, with the best of them; after a first epoch that diverged it has no model.
    """
    if isinstance(config, RunConfig):
        root = Path(base or ".").resolve()
    else:
        root = Path(base or Path(config).parent).resolve()
        config = read_config(config)
    folder = followed(folder)
    begun = _claim(folder, config, force)
    if begun is None:
        prepared = prepare(config, root)
    else:
        prepared = prepare(
            config, root, begun, f"{folder} holds an unfinished run, which --force replaces; it was begun on"
        )
    load_tensorflow()
    new = not folder.exists()
    folder.mkdir(exist_ok=True)
    begin_run(folder, config, root, prepared.preprocess, prepared.source)
    started = time.perf_counter()
    try:
        model, history, best_epoch, resumed, diverged = _train(config, prepared, folder, root)
    except InputError:
        if new and not (folder / "checkpoint").exists():  # nothing was trained: a key is to be changed
            shutil.rmtree(folder)
        raise
    provenance = {
        **prepared.provenance(model, config.seed, best_epoch),
        "resumed_at_epochs": resumed,
        "training_seconds": round(time.perf_counter() - started, 1),
    }
    if diverged is not None:
        if not history:
            mark_diverged(folder, diverged)
            raise TrainingDiverged(f"{diverged}; {folder} has no model", diverged.epoch) from diverged
        provenance["diverged_in_epoch"] = diverged.epoch  # counted from 0, as best_epoch
    end_run(folder, history, provenance)
    last = max((folder / "checkpoint").glob("epoch-*"))
    (last / "best.keras").replace(folder / "model.keras")
    shutil.rmtree(folder / "checkpoint")
    if diverged is not None:
        kept = f"{folder / 'model.keras'} is the model of epoch {best_epoch + 1}, the best before"
        raise TrainingDiverged(f"{diverged}; {kept}", diverged.epoch) from diverged
    return open_run(folder)


def _claim(folder: Path, config: RunConfig, force: bool) -> JetSource | None:
    """Refuse a folder that must not be written to; empty it with ``force``. Gives the source of a run that goes on."""
    if cleared(folder, force):
        return None
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another name, or give --force to replace it")
    if not any(folder.iterdir()):
        return None
    if (folder / "model.keras").exists() or not (folder / "config.json").is_file():
        raise InputError(f"{folder} exists already; choose another name, or give --force to replace it")
    stored = read_json(folder / "config.json")
    if not _same(stored, config):
        raise InputError(
            f"{folder} holds an unfinished run of another configuration; choose another name, or give --force "
            "to replace it"
        )
    return JetSource.from_dict(stored["source"]) if stored.get("source") else None


def _same(held: Any, wanted: RunConfig) -> bool:
    """True if a stored configuration, perhaps of an earlier version, trains what is wanted."""
    try:
        return trains_as(make_config(held["config"]), wanted)
    except (InputError, KeyError, TypeError):
        return False


def only_python(config: RunConfig, preprocess: Preprocess) -> str:
    """What of a run is computed by expressions, which C++ has no builder for.

    Args:
        config: of the run.
        preprocess: of the run.

    Returns:
        The expressions of its inputs, and of the quantities that its outputs are relative to, as a part of a sentence;
        empty where there are none.
    """
    inputs = computed_for_inputs(preprocess.extra)
    columns = config.data.columns
    quantities = dict.fromkeys(output.relative_to for output in config.outputs.values())
    relative = [f"{name} = {columns[name]!r}" for name in quantities if name in columns]
    found = [f"its inputs need {'; '.join(inputs)}"] if inputs else []
    found += [f"its outputs are relative to {'; '.join(relative)}"] if relative else []
    return " and ".join(found)


def python_note(config: RunConfig, preprocess: Preprocess) -> str:
    """What a later step cannot do with a run because of what only Python computes.

    Args:
        config: of the run.
        preprocess: of the run.

    Returns:
        A sentence, or an empty text.
    """
    needed = only_python(config, preprocess)
    if not needed:
        return ""
    return (
        f"e2e-tf export will refuse this run: {needed}, which the C++ builder does not compute; write the column into "
        "the files to export it"
    )


def _train(
    config: RunConfig, prepared: Prepared, folder: Path, base: Path
) -> tuple[Any, dict[str, list[float]], int, list[int], TrainingDiverged | None]:
    """Train from the last checkpoint on.

    Gives the model, the curves, the best epoch, where it was resumed, and why it ended before its time.
    """
    from e2e_tf.training.callbacks import EpochProgress
    from e2e_tf.training.checkpoint import Checkpoint, last_checkpoint, load_checkpoint
    from e2e_tf.training.loggers import reporting

    options = config.training
    checkpoints = folder / "checkpoint"
    state: dict[str, Any] = {"epoch": -1, "done": False}
    found = last_checkpoint(checkpoints)
    resumed = read_json(folder / "resumed.json") if (folder / "resumed.json").is_file() else []
    train, validation = prepared.train.examples, prepared.validation.examples
    steps = steps_per_epoch(len(train), options)
    if found is not None:
        path, state = found
        model = load_checkpoint(path, state)
        resumed.append(state["epoch"] + 1)
        write_json(folder / "resumed.json", resumed)
        train.check(model, config.data.title)
    else:
        model = new_model(config, train, prepared.preprocess, start=prepared.start)
        if note := python_note(config, prepared.preprocess):
            console().print(note, style="yellow", highlight=False)
        compile_model(model, options, steps, config.outputs)
    checkpoint = Checkpoint(checkpoints, monitor(config), options.patience, state)
    if not state["done"] and state["epoch"] + 1 < options.epochs:
        try:
            with reporting(config, folder, base) as reports:
                train_model(
                    model,
                    options,
                    train,
                    validation,
                    preprocess=prepared.preprocess,
                    seed=config.seed,
                    callbacks=[EpochProgress(options.epochs, steps), checkpoint, *reports],
                    initial_epoch=state["epoch"] + 1,
                )
        except TrainingDiverged as error:
            return model, checkpoint.history, checkpoint.best_epoch, resumed, error
    return model, checkpoint.history, checkpoint.best_epoch, resumed, None
