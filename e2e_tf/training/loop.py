"""The one training loop: a new model, its compilation, its batches, ``model.fit``.

``fit``, the trials of a search, retraining, the studies and the benchmarks call these functions, so that the same
configuration, data and seed are the same training everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e2e_tf.config import OutputConfig, RunConfig, TrainingConfig
from e2e_tf.data.mirror import Mirror
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.errors import InputError
from e2e_tf.models import (
    auxiliary_heads,
    build_model,
    fill_settings,
    with_auxiliary,
    without_auxiliary,
)
from e2e_tf.training.examples import Examples
from e2e_tf.training.start import Start
from e2e_tf.training.targets import run_outputs

__all__ = [
    "buckets",
    "compile_model",
    "logged",
    "monitor",
    "new_model",
    "run_epochs",
    "steps_per_epoch",
    "train_model",
]

_METRICS = {"binary": "auc", "multiclass": "accuracy", "regression": "mae"}


def new_model(
    config: RunConfig,
    examples: Examples,
    preprocess: Preprocess,
    seed: int | None = None,
    start: Start | None = None,
) -> Any:
    """The untrained model of a run; sets every seed of Keras, TensorFlow and NumPy.

    Args:
        config: the run.
        examples: of the training part; their widths are the model's.
        preprocess: of the training part.
        seed: of the first parameters; the configuration's if None.
        start: what gives the first parameters in place of the seed, see ``training.start``.

    Returns:
        A ``keras.Model``, not compiled; with ``training.auxiliary_loss`` it has an input for the targets of the task,
        which :func:`e2e_tf.models.without_auxiliary` takes off.

    Raises:
        InputError: the model cannot be built, takes an input that the examples lack, or is another than that of
            ``start``; or the configuration has a ``training.start`` that was not given.
    """
    import keras

    keras.utils.set_random_seed(config.seed if seed is None else seed)
    settings = fill_settings(config.model_name, config.model_settings, preprocess)
    outputs, factor = run_outputs(config), config.training.auxiliary_loss
    heads = auxiliary_heads(outputs) if factor else outputs
    model = build_model(config.model_name, *examples.widths, settings, heads)
    if factor:
        model = with_auxiliary(model, outputs, factor)
    if (start.name if start else "") != config.training.start:
        raise InputError(f"training.start = {config.training.start!r} must be opened and given as start")
    if start is not None:
        start.load_into(without_auxiliary(model))
    examples.check(model, config.data.title)
    return model


def steps_per_epoch(count: int, options: TrainingConfig) -> int:
    """Batches in an epoch over so many jets.

    Args:
        count: jets of the training part.
        options: the section ``[training]``.

    Returns:
        The number of batches.
    """
    return -(-count // options.batch_size)


def compile_model(
    model: Any, options: TrainingConfig, steps: int, outputs: Mapping[str, OutputConfig] | None = None
) -> None:
    """Compile a model with the optimizer, the schedule, the losses and the metrics of a run.

    Args:
        model: a new model with one sigmoid output, or with those of ``outputs``.
        options: the section ``[training]``.
        steps: batches in an epoch.
        outputs: the sections ``[outputs]``.

    Raises:
        InputError: Keras has no such optimizer.
    """
    import keras

    settings: dict[str, Any] = {"learning_rate": options.learning_rate}
    if options.weight_decay:
        settings["weight_decay"] = options.weight_decay
    if options.clip_norm:
        settings["global_clipnorm"] = options.clip_norm
    if options.ema_momentum:
        span, total = 1 / (1 - options.ema_momentum), steps * options.epochs
        if span > total / 5:
            raise InputError(
                f"training.ema_momentum = {options.ema_momentum:g} averages over {span:.0f} steps, and the training "
                f"has {total}; with at most {max(0.0, 1 - 5 / total):.4g} the first ones do not remain"
            )
        settings |= {"use_ema": True, "ema_momentum": options.ema_momentum}
    try:
        optimizer = keras.optimizers.get({"class_name": options.optimizer, "config": settings})
    except (ValueError, TypeError) as error:
        raise InputError(
            f"training.optimizer must be one of Keras' optimizers, such as rmsprop, adam or adamw, that takes "
            f"{', '.join(settings)}, not {options.optimizer!r}"
        ) from error
    # AdamW and Muon decay weights by default, Muon those that it leaves to Adam apart from the others.
    for name in ("weight_decay", "adam_weight_decay"):
        if getattr(optimizer, name, None):
            setattr(optimizer, name, options.weight_decay)
    if options.schedule == "cosine":
        rise = round(options.warmup_epochs * steps)
        optimizer.learning_rate = keras.optimizers.schedules.CosineDecay(
            0.0 if rise else options.learning_rate,
            options.epochs * steps - rise,
            alpha=0.01,
            warmup_target=options.learning_rate if rise else None,
            warmup_steps=rise,
        )
    if outputs:
        model.compile(
            optimizer=optimizer,
            loss={name: output.loss_name for name, output in outputs.items()},
            loss_weights={name: output.loss_weight for name, output in outputs.items()},
            weighted_metrics={name: [_metric(output.kind)] for name, output in outputs.items()},
            jit_compile=False,
        )
        return
    model.compile(
        optimizer=optimizer,
        loss="binary_crossentropy",
        weighted_metrics=[_metric("binary")],
        jit_compile=False,
    )


def _metric(kind: str) -> Any:
    import keras

    if kind == "binary":
        return keras.metrics.AUC(num_thresholds=1000, name=_METRICS[kind])
    if kind == "multiclass":
        return keras.metrics.SparseCategoricalAccuracy(name=_METRICS[kind])
    return keras.metrics.MeanAbsoluteError(name=_METRICS[kind])


def logged(config: RunConfig) -> tuple[str, ...]:
    """Names of all quantities that the training of a run logs per epoch, those of the validation part first.

    Args:
        config: the run.

    Returns:
        The names, such as ``val_auc`` and ``auc``.
    """
    if not config.outputs:
        names = ["auc", "loss"]
    elif len(config.outputs) == 1:
        # Keras names the quantities of a single output without the output.
        names = [*(_METRICS[output.kind] for output in config.outputs.values()), "loss"]
    else:
        names = [
            *(f"{name}_{_METRICS[output.kind]}" for name, output in config.outputs.items()),
            *(f"{name}_loss" for name in config.outputs),
            "loss",
        ]
    return (*(f"val_{name}" for name in names), *names)


def monitor(config: RunConfig, output: str = "") -> str:
    """What chooses the best epoch of a run, as Keras names it: the first output's AUC, or its loss if it has none.

    Args:
        config: the run.
        output: look at this one of its outputs instead.

    Returns:
        The name, such as ``val_auc``.
    """
    if not config.outputs:
        return "val_auc"
    name = output or next(iter(config.outputs))
    prefix = f"{name}_" if len(config.outputs) > 1 else ""
    return f"val_{prefix}auc" if config.outputs[name].kind == "binary" else f"val_{prefix}loss"


def buckets(model: Any, wanted: bool | None = None) -> bool:
    """Whether graphs of similar size make a batch in training; ``wanted`` as :attr:`TrainingConfig.bucket`.

    Args:
        model: a Keras model.
        wanted: what the configuration says; None leaves it to the model.

    Returns:
        Whether they do.
    """
    if wanted is not None:
        return wanted
    # Batch normalisation is what keeps moving statistics, in layers of any kind and depth.
    return not any(weight.name == "moving_mean" for weight in model.non_trainable_weights)


def train_model(
    model: Any,
    options: TrainingConfig,
    train: Examples,
    validation: Examples | None,
    *,
    preprocess: Preprocess,
    seed: int,
    callbacks: Sequence[Any] = (),
    epochs: int | None = None,
    initial_epoch: int = 0,
) -> dict[str, list[float]]:
    """Train a compiled model on examples in memory.

    Args:
        model: from :func:`new_model` and :func:`compile_model`, or a saved one that goes on.
        options: the section ``[training]``.
        train: what to train on.
        validation: what to watch, if anything.
        preprocess: of the training part, which the examples are normalised with.
        seed: of the order of the jets, which is a function of seed and epoch.
        callbacks: further Keras callbacks.
        epochs: train up to this epoch, counted from 1; all of ``options`` if None. The schedule is not shortened.
        initial_epoch: epochs that the model has seen.

    Returns:
        The curves: by quantity a number per epoch trained now.

    Raises:
        TrainingDiverged: the loss or a parameter is NaN or infinite after an epoch.
        InputError: jets are to be mirrored, and it is not known how an input changes.
    """
    from e2e_tf.training.callbacks import AveragedParameters

    if options.ema_momentum:
        callbacks = [AveragedParameters(resumed=initial_epoch > 0), *callbacks]
    size = options.batch_size
    how: dict[str, Any] = {"shuffle": True, "bucket": buckets(model, options.bucket), "seed": seed}
    if options.mirror:
        how["mirror"] = Mirror.of(preprocess)
    return run_epochs(
        model,
        train.loader(model, size, **how),
        None if validation is None else validation.loader(model, 4 * size, seed=seed),
        epochs=options.epochs if epochs is None else epochs,
        initial_epoch=initial_epoch,
        callbacks=callbacks,
    )


def run_epochs(
    model: Any,
    train: Any,
    validation: Any = None,
    *,
    epochs: int,
    initial_epoch: int = 0,
    callbacks: Sequence[Any] = (),
) -> dict[str, list[float]]:
    """Train a compiled model on batches.

    Args:
        model: a compiled Keras model.
        train: a :class:`e2e_tf.data.loader.DisjointLoader`, or what has its ``dataset()`` and ``epoch``.
        validation: another one to watch, if any.
        epochs: train up to this epoch, counted from 1.
        initial_epoch: epochs that the model has seen; the next one sees the order it would have seen.
        callbacks: further Keras callbacks.

    Returns:
        The curves: by quantity a number per epoch trained now.

    Raises:
        TrainingDiverged: the loss or a parameter is NaN or infinite after an epoch.
    """
    from e2e_tf.training.callbacks import EndIfDiverged, LoaderEpoch

    if model.built and not model.optimizer.built:
        # Made within the first step, the optimizer's variables would have TensorFlow trace that step twice.
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
    history = model.fit(
        train.dataset(),
        validation_data=None if validation is None else validation.dataset(),
        initial_epoch=initial_epoch,
        epochs=epochs,
        callbacks=[LoaderEpoch(train), *callbacks, EndIfDiverged()],
        shuffle=False,  # the loader does it, reproducibly
        verbose=0,
    ).history
    return {name: [float(value) for value in values] for name, values in history.items()}
