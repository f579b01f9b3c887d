"""The section ``[tune]`` of a configuration, checked key by key."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from e2e_tf.changes import with_changes
from e2e_tf.config import RunConfig, make_config, read_toml
from e2e_tf.errors import InputError

__all__ = ["BUDGET", "TuneConfig", "make_tune_config", "read_tune_config"]

# What may change when a sweep is continued: how long and how carefully to search, not what.
BUDGET = ("trials", "minutes", "retries", "max_failures", "threads", "worker_timeout", "chief_timeout")


class TuneConfig(BaseModel):
    """How to search.

    Attributes:
        algorithm: ``random``, ``hyperband`` or ``bayesian``.
        objective: ``val_auc``, another quantity that the training logs (``val_loss``), or
            ``rejection@0.7``, the background rejection on the validation part at 70 % signal efficiency.
        direction: ``max`` or ``min``; empty follows from the objective's name.
        latency_ms: reject a model that needs longer than this for one jet [ms], measured on its exported ONNX
            with one thread, before it is trained; None measures nothing.
        trials: start at most so many trials; Hyperband ends by itself if it needs fewer.
        minutes: of searching, over all restarts [min]; a trial that runs at the end is not counted.
        executions: trainings per trial with different seeds; the trial's score is their mean.
        retries: run a trial that failed so many times more.
        max_failures: give up after so many failed trials in a row.
        prune_after: stop a trial after at least so many epochs if its best value so far is worse than the
            median of the finished trials at that epoch; 0 never does. Hyperband prunes by itself.
        factor: of Hyperband: a third of the trials goes on for three times as many epochs.
        iterations: of Hyperband: how often to go through all its brackets.
        initial: of Bayesian optimisation: random trials before the first guess; 0 takes three per parameter.
        seed: of the search.
        threads: of TensorFlow in a trial; 0 leaves the choice to TensorFlow.
        worker_timeout: a worker that is silent for so long is given up, and another one gets its trial [s].
        chief_timeout: a worker gives up when the chief has been silent for so long [s].
        hypermodel: ``module:Class`` of a HyperModel of your own; empty takes the one of the model.
        space: what to vary, by section and key; empty takes the space of the HyperModel.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithm: Literal["random", "hyperband", "bayesian"] = "random"
    objective: str = "val_auc"
    direction: Literal["", "max", "min"] = ""
    latency_ms: float | None = Field(None, gt=0)
    trials: int = Field(20, ge=1)
    minutes: float | None = Field(None, gt=0)
    executions: int = Field(1, ge=1)
    retries: int = Field(0, ge=0)
    max_failures: int = Field(5, ge=1)
    prune_after: int = Field(0, ge=0)
    factor: int = Field(3, ge=2)
    iterations: int = Field(1, ge=1)
    initial: int = Field(0, ge=0)
    seed: int = Field(1, ge=1)
    threads: int = Field(0, ge=0)
    worker_timeout: float = Field(60, gt=0)
    chief_timeout: float = Field(600, gt=0)
    hypermodel: str = ""
    space: dict[str, Any] | None = None


def make_tune_config(document: Mapping[str, Any], where: str = "the configuration") -> TuneConfig:
    """A checked section ``[tune]``.

    Args:
        document: keys and values.
        where: what to call the document in a message.

    Returns:
        The checked section.

    Raises:
        InputError: a key is unknown or a value is not acceptable.
    """
    try:
        return TuneConfig.model_validate(dict(document))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in ("tune", *first["loc"]))
        if first["type"] == "extra_forbidden":
            accepted = ", ".join(TuneConfig.model_fields)
            raise InputError(f"{where}: unknown key {key!r}; accepted here: {accepted}") from error
        raise InputError(
            f"{where}: {key}: {first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}"
        ) from error


def read_tune_config(
    path: str | os.PathLike[str], changes: Sequence[str] = ()
) -> tuple[RunConfig, TuneConfig]:
    """The run and the search that a configuration describes.

    Args:
        path: a TOML file; without a section ``[tune]`` the defaults count.
        changes: texts ``KEY=VALUE`` as for :func:`e2e_tf.changes.with_changes`.

    Returns:
        The run and the search.

    Raises:
        InputError: the file is missing or not TOML, a key is unknown or a value is not acceptable.
    """
    document = with_changes(read_toml(path), changes)
    section = document.pop("tune", {})
    if not isinstance(section, dict):
        raise InputError(f"{path}: tune must be a section [tune], not {section!r}")
    return make_config(document, str(path)), make_tune_config(section, str(path))
