"""Where a training reports to beside its run folder: TensorBoard, Weights & Biases, MLflow, Comet, own callbacks.

Each service is a small adapter behind one Keras callback; its library is imported when a configuration names it.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import keras

from e2e_tf.config import LoggingConfig, RunConfig
from e2e_tf.errors import InputError

__all__ = ["EpochLogger", "Service", "reporting", "settings_of"]


class Service(Protocol):
    """What keeps the numbers of a training."""

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Keep the quantities of an epoch.

        Args:
            values: by name.
            epoch: counted from 0.
        """

    def end(self, failed: bool) -> None:
        """Say that the training has ended.

        Args:
            failed: by an exception.
        """


class EpochLogger(keras.callbacks.Callback):
    """Sends the quantities of each epoch to a service; those that are not finite are left out.

    Args:
        service: where to.
    """

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.service = service

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Send the epoch's quantities."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.service.log({name: value for name, value in values.items() if math.isfinite(value)}, epoch)


@contextmanager
def reporting(config: RunConfig, folder: Path, base: Path) -> Iterator[list[Any]]:
    """The callbacks that the section ``[logging]`` of a configuration asks for; services are ended with the block.

    Args:
        config: the run.
        folder: of the run, which exists.
        base: where modules of callbacks are looked for first, the configuration's folder.

    Yields:
        Keras callbacks.

    Raises:
        InputError: a library is not installed, or a callback cannot be imported or made.
    """
    options = config.logging
    callbacks = [_own(name, base) for name in options.callbacks]
    if options.tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False))
    with ExitStack() as stack:
        for name in options.services:
            service = _SERVICES[name](options, folder, settings_of(config))
            stack.push(lambda kind, *_, service=service: service.end(failed=kind is not None))
            callbacks.append(EpochLogger(service))
        yield callbacks


def settings_of(config: RunConfig) -> dict[str, Any]:
    """A configuration as services keep it: one level, names joined by dots, lists as text.

    Args:
        config: the run.

    Returns:
        Values by name, such as ``training.epochs``.
    """

    def flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name, value in values.items():
            if isinstance(value, Mapping):
                yield from flat(value, f"{prefix}{name}.")
            elif value is not None:
                yield f"{prefix}{name}", value if isinstance(value, (bool, int, float, str)) else str(value)

    return dict(flat(config.model_dump(mode="json", exclude={"logging"}), ""))


def _own(name: str, base: Path) -> Any:
    module, colon, attribute = name.partition(":")
    if not (colon and module and attribute):
        raise InputError(f"logging.callbacks must be 'module:Class', not {name!r}")
    if str(base) not in sys.path:  # a module beside the configuration
        sys.path.insert(0, str(base))
    try:
        made = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        raise InputError(f"logging.callbacks {name!r} cannot be made: {error}") from error
    if not isinstance(made, keras.callbacks.Callback):
        raise InputError(
            f"logging.callbacks {name!r} must be a keras.callbacks.Callback, not {type(made).__name__}"
        )
    return made


def _library(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"logging.services {extra!r} needs {module}, which is not installed; run 'pip install e2e-tf[{extra}]'"
        ) from error


class _Wandb:
    """Weights & Biases; ``WANDB_MODE=offline`` keeps the numbers in the run folder."""

    def __init__(self, options: LoggingConfig, folder: Path, settings: dict[str, Any]) -> None:
        wandb = _library("wandb", "wandb")
        self.run = wandb.init(project=options.project, name=folder.name, config=settings, dir=str(folder))

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        self.run.log(dict(values), step=epoch)

    def end(self, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


class _Mlflow:
    """MLflow, at ``MLFLOW_TRACKING_URI``."""

    def __init__(self, options: LoggingConfig, folder: Path, settings: dict[str, Any]) -> None:
        self.mlflow = _library("mlflow", "mlflow")
        self.mlflow.set_experiment(options.project)
        self.mlflow.start_run(run_name=folder.name)
        self.mlflow.log_params(settings)

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        self.mlflow.log_metrics(dict(values), step=epoch)

    def end(self, failed: bool) -> None:
        self.mlflow.end_run("FAILED" if failed else "FINISHED")


class _Comet:
    """Comet; ``COMET_START_ONLINE=0`` keeps an archive in ``COMET_OFFLINE_DIRECTORY``."""

    def __init__(self, options: LoggingConfig, folder: Path, settings: dict[str, Any]) -> None:
        comet = _library("comet_ml", "comet")
        self.experiment = comet.start(project_name=options.project)
        self.experiment.set_name(folder.name)
        self.experiment.log_parameters(settings)

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        self.experiment.log_metrics(dict(values), epoch=epoch, step=epoch)

    def end(self, failed: bool) -> None:
        if failed:
            self.experiment.log_other("failed", True)
        self.experiment.end()


_SERVICES: dict[str, Callable[[LoggingConfig, Path, dict[str, Any]], Service]] = {
    "wandb": _Wandb,
    "mlflow": _Mlflow,
    "comet": _Comet,
}
