"""The best configuration of a sweep, trained on all the data but the test part, with several seeds."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig, make_config
from e2e_tf.data.source import JetSource
from e2e_tf.data.source_changes import relocated
from e2e_tf.errors import InputError, TrainingDiverged
from e2e_tf.files import new_folder
from e2e_tf.jobs import import_quietly
from e2e_tf.terminal import status, track
from e2e_tf.training.run import Run, begin_run, end_run, open_run
from e2e_tf.tuning.sweep import Sweep, open_sweep

__all__ = ["retrain", "train_on_all"]


def retrain(
    sweep: Sweep | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    seeds: int = 5,
    force: bool = False,
    relocate: Mapping[str, str] | None = None,
) -> list[Run]:
    """Train the best completed trial again on training and validation part together.

    The test part stays as unseen as it was: the split is that of the sweep for every seed, only the parameters and
    the order of the jets differ. Nothing is left to choose an epoch with, so each training ends at the trial's
    best epoch, with the learning rates it had until there.

    ::

        RUN/            a run folder with the first seed, for evaluate, export and all that takes a run
        RUN/seeds/2/    the same with the second seed, and so on

    Args:
        sweep: a sweep or its folder.
        folder: the new run folder; it appears complete or not at all.
        seeds: how many trainings.
        force: replace an existing folder.
        relocate: old path to new path of files or folders of the sample that were moved.

    Returns:
        The runs, the first in ``folder`` itself.

    Raises:
        InputError: the sweep is not of a model of this library, its sample has gone or changed, or ``folder`` exists
            and ``force`` is false.
        NoTrialCompleted: there is no best trial.
        TrainingDiverged: as :func:`train_on_all`.
    """
    sweep = sweep if isinstance(sweep, Sweep) else open_sweep(sweep)
    best = sweep.best()
    if best.config is None:
        raise InputError(
            f"{sweep.folder} is of a HyperModel of your own; --retrain knows the models of this library only"
        )
    config = make_config(best.config, f"trial {best.trial}")
    epochs = 1 + round(float(np.mean([e["best_epoch"] for e in best.executions])))
    source = {"sweep": sweep.folder.resolve().name, "trial": best.trial, "score": best.score}
    jets, base = sweep.source, sweep.base
    if relocate:
        if jets is None:
            raise InputError(f"{sweep.folder} did not store its files; set data.sample in its sweep.json")
        jets, base = relocated(jets, relocate, base)
    return train_on_all(
        config,
        base,
        folder,
        epochs=epochs,
        seeds=seeds,
        source=source,
        jets=jets,
        what=f"{sweep.folder} is a sweep on",
        force=force,
    )


def train_on_all(
    config: RunConfig,
    base: Path,
    folder: str | os.PathLike[str],
    *,
    epochs: int,
    seeds: int = 5,
    source: dict[str, Any] | None = None,
    jets: JetSource | None = None,
    what: str = "it was trained on",
    force: bool = False,
) -> list[Run]:
    """Train a configuration on training and validation part together, as :func:`retrain` does.

    Args:
        config: the run; its ``seed`` chooses the split and the first seed of training.
        base: where relative sample paths start.
        folder: the new run folder.
        epochs: train so many; the schedule is that of ``config.training.epochs``.
        seeds: how many trainings, with consecutive seeds.
        source: noted in ``provenance.json``.
        jets: the files to take, in place of those of the configuration; they must be what it says of them.
        what: how a sentence about other files begins.
        force: replace an existing folder.

    Returns:
        The runs, by seed.

    Raises:
        InputError: there are no seeds to train, the sample cannot be used, or ``folder`` exists and ``force`` is
            false.
        TrainingDiverged: the loss or a parameter became NaN or infinite. ``folder`` then has the trainings before, and
            the last good epoch of this one; after a first epoch of the first training there is no folder.
    """
    if seeds < 1:
        raise InputError(f"seeds must be at least 1, not {seeds}")
    folder = Path(folder)
    with new_folder(folder, force) as part:
        with status("Loading TensorFlow"):
            import_quietly(["keras", "e2e_tf.layers"])
        from e2e_tf.training.prepare import prepare

        prepared = prepare(config, base, jets, what)
        diverged: TrainingDiverged | None = None
        for number in track(range(seeds), f"Training {config.model_name} with {seeds} seeds"):
            target = part if number == 0 else part / "seeds" / str(number + 1)
            target.mkdir(parents=True, exist_ok=True)
            try:
                _train_one(config, base, prepared, target, epochs, config.seed + number, source or {})
            except TrainingDiverged as error:
                if (target / "model.keras").exists():
                    kept = folder / target.relative_to(part) / "model.keras"
                    note = f"{kept} is the model of epoch {error.epoch}, the last before"
                elif number:
                    shutil.rmtree(target)
                    note = f"{folder} has the models of the {number} seeds before"
                else:
                    raise TrainingDiverged(f"{error}; nothing is kept", error.epoch) from error
                diverged = TrainingDiverged(f"with seed {config.seed + number} {error}; {note}", error.epoch)
                break
    if diverged is not None:
        raise diverged
    return [open_run(folder), *(open_run(folder / "seeds" / str(n)) for n in range(2, seeds + 1))]


def _train_one(
    config: RunConfig,
    base: Path,
    prepared: Any,
    folder: Path,
    epochs: int,
    seed: int,
    source: dict[str, Any],
) -> None:
    """Train with one seed.

    Raises:
        TrainingDiverged: the folder was finished with the last epoch before, or has nothing after a first epoch.
    """
    from e2e_tf.training.callbacks import LastGoodEpoch
    from e2e_tf.training.examples import join
    from e2e_tf.training.loop import compile_model, new_model, steps_per_epoch, train_model

    together = join([prepared.train.examples, prepared.validation.examples])
    started = time.perf_counter()
    model = new_model(config, together, prepared.preprocess, seed, prepared.start)
    options = config.training
    compile_model(model, options, steps_per_epoch(len(together), options), config.outputs)
    good, diverged = LastGoodEpoch(), None
    try:
        train_model(
            model,
            options,
            together,
            None,
            preprocess=prepared.preprocess,
            seed=seed,
            callbacks=[good],
            epochs=epochs,
        )
    except TrainingDiverged as error:
        if not good.epochs:
            raise
        diverged = error
        good.restore()
    # The test part is normalised as everywhere else: by what the training part alone has fitted.
    begin_run(folder, config, base, prepared.preprocess, prepared.source)
    provenance = {
        **prepared.provenance(model, seed, good.epochs - 1),
        "resumed_at_epochs": [],
        "training_seconds": round(time.perf_counter() - started, 1),
        "trained_on": ["train", "validation"],
        "tuned_in": source,
    }
    if diverged is not None:
        provenance["diverged_in_epoch"] = diverged.epoch  # counted from 0, as best_epoch
    end_run(folder, good.history, provenance, model)
    if diverged is not None:
        raise diverged
