"""The best configuration of a sweep, trained on all the data but the test part, with several seeds."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig, make_config
from e2e_tf.errors import InputError
from e2e_tf.files import new_folder, write_json
from e2e_tf.graph import concatenate
from e2e_tf.jobs import import_quietly
from e2e_tf.terminal import status, track
from e2e_tf.training.run import Run, open_run
from e2e_tf.tuning.sweep import Sweep, open_sweep

__all__ = ["retrain", "train_on_all"]


def retrain(
    sweep: Sweep | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    seeds: int = 5,
    force: bool = False,
) -> list[Run]:
    """Train the best completed trial again on training and validation part together.

    The test part stays as unseen as it was: the split is that of the sweep for every seed, only the weights and
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

    Returns:
        The runs, the first in ``folder`` itself.

    Raises:
        InputError: the sweep is not of a model of this library, or ``folder`` exists and ``force`` is false.
        NoTrialCompleted: there is no best trial.
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
    return train_on_all(config, sweep.base, folder, epochs=epochs, seeds=seeds, source=source, force=force)


def train_on_all(
    config: RunConfig,
    base: Path,
    folder: str | os.PathLike[str],
    *,
    epochs: int,
    seeds: int = 5,
    source: dict[str, Any] | None = None,
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
        force: replace an existing folder.
    """
    if seeds < 1:
        raise InputError(f"seeds must be at least 1, not {seeds}")
    folder = Path(folder)
    with new_folder(folder, force) as part:
        with status("Loading TensorFlow"):
            import_quietly(["e2e_tf.tuning.training", "e2e_tf.layers"])
        from e2e_tf.training.prepare import prepare

        prepared = prepare(config, base)
        for number in track(range(seeds), f"Training {config.model_name} with {seeds} seeds"):
            target = part if number == 0 else part / "seeds" / str(number + 1)
            target.mkdir(parents=True, exist_ok=True)
            _train_one(config, base, prepared, target, epochs, config.seed + number, source or {})
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
    import keras

    from e2e_tf.models import build_model, fill_settings
    from e2e_tf.training.fit import training_provenance
    from e2e_tf.tuning.cache import Part
    from e2e_tf.tuning.training import compile_model, fit_model

    parts = (prepared.train, prepared.validation)
    together = Part(
        concatenate([p.graphs.batch for p in parts]),
        np.concatenate([p.label for p in parts]),
        np.concatenate([p.weight for p in parts]),
    )
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    graphs = together.graphs
    widths = graphs.x.shape[1], 0 if graphs.u is None else graphs.u.shape[1]
    settings = fill_settings(config.model_name, config.model_settings, prepared.preprocess)
    model = build_model(config.model_name, *widths, settings)
    compile_model(model, config, graphs.n_graph)
    history = fit_model(model, config, together, None, epochs=epochs, seed=seed)
    model.save(folder / "model.keras")
    write_json(folder / "config.json", {"config": config.model_dump(mode="json"), "base": str(base)})
    write_json(folder / "history.json", history)
    # The test part is normalised as everywhere else: by what the training part alone has fitted.
    prepared.preprocess.write(folder / "preprocess.json", force=True)
    provenance = {
        **training_provenance(prepared, model, seed, epochs - 1),
        "resumed_at_epochs": [],
        "training_seconds": round(time.perf_counter() - started, 1),
        "trained_on": ["train", "validation"],
        "tuned_in": source,
    }
    write_json(folder / "provenance.json", provenance)
