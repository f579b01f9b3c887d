"""Training a run from its configuration."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from e2e_tf.config import OutputConfig, RunConfig, TrainingConfig, read_config
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, write_json
from e2e_tf.runtime import load_tensorflow
from e2e_tf.training.prepare import Prepared, Split, prepare
from e2e_tf.training.run import Run, open_run
from e2e_tf.training.targets import run_outputs

__all__ = ["buckets", "compile_model", "fit", "package_versions", "training_provenance"]

_RECORDED = (
    "e2e-tf",
    "tensorflow",
    "keras",
    "spektral",
    "numpy",
    "h5py",
    "scikit-learn",
    "tf2onnx",
    "onnxruntime",
)


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def training_provenance(prepared: Prepared, model: Any, seed: int, best_epoch: int) -> dict[str, Any]:
    """What ``provenance.json`` of every training holds: versions, seed, data, weighting, size, best epoch from 0."""
    return {
        "versions": package_versions(),
        "seed": seed,
        "data": prepared.source,
        "reweighting": None if prepared.reweighting is None else prepared.reweighting.to_dict(),
        "parameters": int(model.count_params()),
        "best_epoch": best_epoch,
    }


def compile_model(
    model: Any, options: TrainingConfig, steps: int, outputs: Mapping[str, OutputConfig] | None = None
) -> None:
    """Compile a model with the optimizer, the schedule, the losses and the metrics of a run.

    Args:
        model: a new model with one sigmoid output, or with those of ``outputs``.
        options: the section ``[training]``.
        steps: batches in an epoch.
        outputs: the sections ``[outputs]``.
    """
    import keras

    settings: dict[str, Any] = {"learning_rate": options.learning_rate}
    if options.weight_decay:
        settings["weight_decay"] = options.weight_decay
    if options.clip_norm:
        settings["global_clipnorm"] = options.clip_norm
    optimizer = keras.optimizers.get({"class_name": options.optimizer, "config": settings})
    if options.schedule == "cosine":
        rise = round(options.warmup_epochs * steps)
        optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(
            0.0 if rise else options.learning_rate,
            options.epochs * steps - rise,
            alpha=0.01,
            warmup_target=options.learning_rate if rise else None,
            warmup_steps=rise,
        )

    def metric(kind: str) -> Any:
        if kind == "binary":
            return keras.metrics.AUC(num_thresholds=1000, name="auc")
        if kind == "multiclass":
            return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        return keras.metrics.MeanAbsoluteError(name="mae")

    if outputs:
        model.compile(
            optimizer=optimizer,
            loss={name: output.loss_name for name, output in outputs.items()},
            loss_weights={name: output.loss_weight for name, output in outputs.items()},
            weighted_metrics={name: [metric(output.kind)] for name, output in outputs.items()},
            jit_compile=False,
        )
        return
    model.compile(
        optimizer=optimizer,
        loss="binary_crossentropy",
        weighted_metrics=[metric("binary")],
        jit_compile=False,
    )


def buckets(model: Any, wanted: bool | None = None) -> bool:
    """Whether graphs of similar size make a batch in training; ``wanted`` as :attr:`TrainingConfig.bucket`."""
    if wanted is not None:
        return wanted
    # Batch normalisation is what keeps moving statistics, in layers of any kind and depth.
    return not any(weight.name == "moving_mean" for weight in model.non_trainable_weights)


def _monitor(config: RunConfig) -> str:
    """What the best epoch and early stopping look at, as Keras calls it."""
    if not config.outputs:
        return "val_auc"
    name, output = next(iter(config.outputs.items()))
    # Keras names the quantities of a single output without the output.
    prefix = f"{name}_" if len(config.outputs) > 1 else ""
    return f"val_{prefix}auc" if output.kind == "binary" else f"val_{prefix}loss"


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

    Raises:
        InputError: the configuration or sample cannot be used, or ``folder`` holds something else.
    """
    if isinstance(config, RunConfig):
        root = Path(base or ".").resolve()
    else:
        root = Path(base or Path(config).parent).resolve()
        config = read_config(config)
    folder = Path(folder)
    stored = {"config": config.model_dump(mode="json"), "base": str(root)}
    _claim(folder, stored, force)
    prepared = prepare(config, root)
    load_tensorflow()

    import keras

    keras.utils.set_random_seed(config.seed)
    folder.mkdir(exist_ok=True)
    write_json(folder / "config.json", stored)
    prepared.preprocess.write(folder / "preprocess.json", force=True)
    started = time.perf_counter()
    model, history, best_epoch, resumed = _train(config, prepared, folder)
    provenance = {
        **training_provenance(prepared, model, config.seed, best_epoch),
        "resumed_at_epochs": resumed,
        "training_seconds": round(time.perf_counter() - started, 1),
    }
    write_json(folder / "history.json", history)
    write_json(folder / "provenance.json", provenance)
    last = max((folder / "checkpoint").glob("epoch-*"))
    (last / "best.keras").replace(folder / "model.keras")
    shutil.rmtree(folder / "checkpoint")
    return open_run(folder)


def _claim(folder: Path, stored: dict[str, Any], force: bool) -> None:
    """Refuse a folder that must not be written to; empty it with ``force``."""
    if not folder.parent.is_dir():
        raise InputError(f"the folder {folder.parent} of {folder.name} does not exist; create it first")
    if not folder.exists():
        return
    if force:
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another name, or give --force to replace it")
    if not any(folder.iterdir()):
        return
    if (folder / "model.keras").exists() or not (folder / "config.json").is_file():
        raise InputError(f"{folder} exists already; choose another name, or give --force to replace it")
    if read_json(folder / "config.json") != stored:
        raise InputError(
            f"{folder} holds an unfinished run of another configuration; choose another name, or give --force "
            "to replace it"
        )


def _train(
    config: RunConfig, prepared: Prepared, folder: Path
) -> tuple[Any, dict[str, list[float]], int, list[int]]:
    from e2e_tf.data.loader import DisjointLoader
    from e2e_tf.models import build_model, check_inputs, fill_settings
    from e2e_tf.training.callbacks import EpochProgress, LoaderEpoch
    from e2e_tf.training.checkpoint import Checkpoint, last_checkpoint, load_checkpoint

    options = config.training

    checkpoints = folder / "checkpoint"
    state: dict[str, Any] = {"epoch": -1, "done": False}
    found = last_checkpoint(checkpoints)
    resumed = read_json(folder / "resumed.json") if (folder / "resumed.json").is_file() else []
    graphs = prepared.train.graphs
    if found is not None:
        path, state = found
        model = load_checkpoint(path, state)
        resumed.append(state["epoch"] + 1)
        write_json(folder / "resumed.json", resumed)
    else:
        model = build_model(
            config.model_name,
            len(graphs.node_features),
            len(graphs.jet_features),
            fill_settings(config.model_name, config.model_settings, prepared.preprocess),
            run_outputs(config),
        )
    names = [tensor.name for tensor in model.inputs]
    has = ["x", "senders", "receivers", "n_node", *(["u"] if graphs.batch.u is not None else [])]
    check_inputs(model, [*has, *graphs.node_inputs()], config.data.sample)

    def loader(split: Split, shuffle: bool) -> DisjointLoader:
        targets = split.targets
        extra = split.graphs.node_inputs()
        return DisjointLoader(
            split.graphs.batch,
            {name: target.value for name, target in targets.items()} if targets else split.label,
            {name: target.weight for name, target in targets.items()} if targets else split.weight,
            batch_size=options.batch_size if shuffle else 4 * options.batch_size,
            shuffle=shuffle,
            bucket=shuffle and buckets(model, options.bucket),
            seed=config.seed,
            nodes={name: values for name, values in extra.items() if name in names},
            inputs=names,
        )

    train, validation = loader(prepared.train, True), loader(prepared.validation, False)
    if found is None:
        compile_model(model, options, len(train), config.outputs)
    checkpoint = Checkpoint(checkpoints, _monitor(config), options.patience, state)
    if not state["done"] and state["epoch"] + 1 < options.epochs:
        model.fit(
            train.dataset(),
            validation_data=validation.dataset(),
            initial_epoch=state["epoch"] + 1,
            epochs=options.epochs,
            callbacks=[LoaderEpoch(train), EpochProgress(options.epochs, len(train)), checkpoint],
            shuffle=False,  # the loader does it, reproducibly
            verbose=0,
        )
    return model, checkpoint.history, checkpoint.best_epoch, resumed
