"""What happens inside the process of one trial."""

from __future__ import annotations

import faulthandler
import os
import shutil
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.files import read_json, write_json
from e2e_tf.models import without_auxiliary
from e2e_tf.terminal import fresh_console
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.discovery import EMPTY, can_vary, space_of
from e2e_tf.tuning.objectives import Objective
from e2e_tf.tuning.sweep import COMPLETED, FAILED, INFEASIBLE, PRUNED, Record

__all__ = ["Request", "file_record", "run_request", "run_trial"]


@dataclass(frozen=True)
class Request:
    """What a process is asked to do.

    Attributes:
        trial: the number of the trial; empty asks for the search space only.
        hyperparameters: Keras Tuner's, as a configuration.
        part: folder to work in; it takes its place as ``trials/<trial>`` at the end.
        tune: the search.
        objective: what it optimises.
        seed: of the first execution.
        attempt: how often the trial has been run before.
        worker: who runs it.
        started: when the trial was asked for [s since 1970].
        environment: environment variables of the process, such as ``CUDA_VISIBLE_DEVICES``.
    """

    trial: str
    hyperparameters: dict[str, Any]
    part: Path
    tune: TuneConfig
    objective: Objective
    seed: int = 1
    attempt: int = 0
    worker: str = ""
    started: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the trial lies once it has ended."""
        return self.part.parent / self.trial


def run_request(hypermodel: Any, request: Request) -> None:
    """Run a trial and file its record, whatever happens; what is printed goes to ``log.txt``.

    Args:
        hypermodel: of this library or the user's own; None if the request is for the search space of none.
        request: what to run.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the search, which then ends this process
    os.environ.update(request.environment)
    request.part.mkdir(parents=True, exist_ok=True)
    with open(request.part / "log.txt", "ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    fresh_console()  # a display from before the fork would write to the terminal
    faulthandler.enable()
    if not request.trial:
        try:
            space = space_of(hypermodel)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
            space = {"error": what}
        write_json(request.part / "space.json", space)
        return
    hp = _hyperparameters(request)
    try:
        _limit_tensorflow(request.tune.threads)
        record = run_trial(hypermodel, request, hp)
    except BaseException as error:
        record = failed(request, traceback.format_exc(), getattr(error, "executions", []), hp)
        if isinstance(error, InputError) and getattr(error, "stops_search", False):
            write_json(request.part / "refused.json", {"message": str(error)})
            return
    file_record(request, record)


def failed(
    request: Request, message: str, executions: list[dict[str, Any]] | None = None, hp: Any = None
) -> Record:
    """The record of a trial that ended with an error.

    Args:
        request: what was asked for.
        message: why it failed.
        executions: trainings of the trial that had ended.
        hp: its hyperparameters, as it has left them; None for those of the request.

    Returns:
        The record, with the status ``FAILED``.
    """
    hp = _hyperparameters(request) if hp is None else hp
    return Record(
        request.trial,
        FAILED,
        _public(hp.values),
        hyperparameters=_grown(request, hp),
        executions=executions or [],
        message=message,
        seconds={"total": time.time() - request.started},
        attempt=request.attempt,
        started=request.started,
        worker=request.worker,
    )


def file_record(request: Request, record: Record) -> None:
    """Write the record and move the folder to its place; an earlier attempt there makes room.

    Args:
        request: what was asked for.
        record: what became of it.
    """
    request.part.mkdir(parents=True, exist_ok=True)
    write_json(request.part / "result.json", record.to_dict())
    try:
        request.part.rename(request.folder)
    except OSError:
        earlier = Record.read(request.folder / "result.json")
        if earlier.status != FAILED:
            shutil.rmtree(request.part, ignore_errors=True)  # a lost worker had finished after all
            return
        old = request.part.with_suffix(".old")
        request.folder.rename(old)
        request.part.rename(request.folder)
        shutil.rmtree(old, ignore_errors=True)


def run_trial(hypermodel: Any, request: Request, hp: Any = None) -> Record:
    """Train and measure a trial in this process; its model and the other files of a run folder go to ``part``.

    Args:
        hypermodel: of this library or the user's own.
        request: what is asked for; ``environment`` and ``threads`` are the caller's to set.
        hp: Keras Tuner's hyperparameters of the request, to which parameters are added that the HyperModel is the
            first to ask for; None makes them.

    Returns:
        The record; an infeasible or pruned trial has one too.

    Raises:
        InputError: the model does not log the objective, or asks for no parameter with more than one value.
        ValueError: the objective is not a number.
    """
    from e2e_tf.tuning.run_hypermodel import Infeasible, RunHyperModel

    hp = _hyperparameters(request) if hp is None else hp
    ours = isinstance(hypermodel, RunHyperModel)
    values = hypermodel.space.values(hp) if ours else {}
    config = hypermodel.configure(values).model_dump(mode="json") if ours else None
    tune, objective = request.tune, request.objective
    executions: list[dict[str, Any]] = []
    status, message = COMPLETED, ""
    training, cpu_training = 0.0, 0.0
    initial = int(hp.values.get("tuner/initial_epoch", 0))
    best_score: float | None = None
    for execution in range(tune.executions):
        hypermodel.seed = request.seed + 1000 * execution
        try:
            entry, model, log = _train(hypermodel, hp, request, execution)
        except Infeasible as reason:
            status, message = INFEASIBLE, str(reason)
            # Worse than any value of a usable model, and the worse the farther away, to lead the search back.
            score = -reason.excess if objective.direction == "max" else 1e6 * reason.excess
            executions = [
                {"metrics": {**reason.metrics, objective.name: score}, "history": {}, "best_epoch": -1}
            ]
            break
        executions.append(entry)
        training += log.seconds
        cpu_training += log.cpu_seconds
        score = entry["metrics"][objective.name]
        if best_score is None or objective.better(score, best_score):
            best_score = score
            if hasattr(model, "save"):
                without_auxiliary(model).save(request.part / "model.keras")
                if ours:
                    hypermodel.write_run(request.part, hp, entry, hypermodel.seed)
        if log.pruned:
            status, message = PRUNED, log.pruned
            break
    names = [name for name in executions[0]["metrics"] if all(name in e["metrics"] for e in executions)]
    metrics = {name: statistics.fmean(e["metrics"][name] for e in executions) for name in names}
    score = metrics[objective.name]
    if score != score:
        error = ValueError(f"the objective {objective.name} is not a number")
        error.executions = executions  # type: ignore[attr-defined]
        raise error
    total, cpu = time.time() - request.started, time.process_time()
    record = Record(
        request.trial,
        status,
        values or _public(hp.values),
        score=score,
        metrics=metrics,
        executions=executions,
        config=config,
        message=message,
        seconds={
            "total": total,
            "training": training,
            "overhead": total - training,
            "cpu": cpu,
            "cpu_overhead": cpu - cpu_training,
        },
        epochs=sum(max((len(c) for c in e["history"].values()), default=0) for e in executions),
        attempt=request.attempt,
        started=request.started,
        worker=request.worker,
        initial_epoch=initial,
        hyperparameters=_grown(request, hp),
    )
    _write_events(request.part, record, hp)
    return record


def _train(hypermodel: Any, hp: Any, request: Request, execution: int) -> tuple[dict[str, Any], Any, Any]:
    """One training: its entry of the record, the model and the log."""
    import keras

    from e2e_tf.tuning.epoch_log import EpochLog
    from e2e_tf.tuning.run_hypermodel import RunHyperModel

    tune, objective = request.tune, request.objective
    hyperband = tune.algorithm == "hyperband"
    ours = isinstance(hypermodel, RunHyperModel)
    before = hp.values.get("tuner/trial_id")
    history = None
    if not ours:
        keras.utils.set_random_seed(hypermodel.seed)
    model = hypermodel.build(hp)
    if before:
        earlier = request.part.parent / str(before)
        history = Record.read(earlier / "result.json").executions[execution]["history"]
        saved = earlier / f"last-{execution}.keras"
        if saved.is_file():
            model = keras.models.load_model(saved)
    log = EpochLog(
        objective,
        progress=request.part / "progress.json",
        others=None if hyperband or not tune.prune_after else lambda: _curves(request),
        prune_after=tune.prune_after,
        patience=hypermodel.configure(hypermodel.space.values(hp)).training.patience if ours else 0,
        last=request.part / f"last-{execution}.keras" if hyperband else None,
        execution=execution,
        history=history,
    )
    extra: dict[str, Any] = {}
    if hyperband:
        extra = {
            "epochs": int(hp.values["tuner/epochs"]),
            "initial_epoch": int(hp.values["tuner/initial_epoch"]),
        }
    started, cpu_started = time.perf_counter(), time.process_time()
    outcome = hypermodel.fit(hp, model, callbacks=[log], **extra)
    if not ours and not can_vary(hp):
        raise _stopping(InputError(EMPTY))
    if not log.seconds:  # a HyperModel that trains without Keras's callbacks
        log.seconds, log.cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    metrics = _metrics(outcome, log, objective)
    try:
        objective.require(metrics)
    except InputError as error:
        raise _stopping(error) from None
    return {"metrics": metrics, "history": log.history, "best_epoch": log.best_epoch}, model, log


def _hyperparameters(request: Request) -> Any:
    """Keras Tuner's hyperparameters of a request."""
    from keras_tuner import HyperParameters

    return HyperParameters.from_config(request.hyperparameters)


def _grown(request: Request, hp: Any) -> dict[str, Any] | None:
    """The hyperparameters of a trial if it was the first to ask for some of them, in ``build`` or in ``fit``."""
    return hp.get_config() if len(hp.space) > len(request.hyperparameters["space"]) else None


def _stopping(error: InputError) -> InputError:
    """The error, marked as one that no other trial would be without."""
    error.stops_search = True  # type: ignore[attr-defined]
    return error


def _metrics(outcome: Any, log: Any, objective: Objective) -> dict[str, float]:
    """Metrics from what ``fit`` gave: a number, a dictionary, a History, or nothing but what was logged."""
    if isinstance(outcome, bool):
        raise TypeError(f"HyperModel.fit must give a number, a dictionary or a History, not {outcome!r}")
    if isinstance(outcome, Mapping):
        return {str(name): float(value) for name, value in outcome.items()}
    if isinstance(outcome, (int, float)) or hasattr(outcome, "item"):
        return {**log.best_metrics, objective.name: float(outcome)}
    if hasattr(outcome, "history") and not log.history:
        curves = {name: [float(v) for v in values] for name, values in outcome.history.items()}
        log.history.update(curves)
        if objective.name in curves:
            log.best_epoch = objective.best(curves[objective.name])
    if not log.history:
        raise TypeError(f"HyperModel.fit must give a number, a dictionary or a History, not {outcome!r}")
    return dict(log.best_metrics)


def _curves(request: Request) -> list[list[float]]:
    """The monitored curves of the trials that have ended well."""
    found = []
    for path in request.part.parent.glob("[0-9]*/result.json"):
        record = Record.read(path)
        if record.status in (COMPLETED, PRUNED):
            found.append(record.curve(request.objective.monitor))
    return [curve for curve in found if curve]


def _limit_tensorflow(threads: int) -> None:
    """Threads, and memory of the GPU as it is needed; before TensorFlow starts."""
    if "tensorflow" not in sys.modules:
        return
    import tensorflow as tf

    from e2e_tf.tuning.devices import grow_memory

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    grow_memory()


def _write_events(folder: Path, record: Record, hp: Any) -> None:
    """Curves and hyperparameters for TensorBoard, without TensorFlow."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    hparams = {k: v for k, v in hp.values.items() if isinstance(v, (bool, int, float, str))}
    stamp = record.started
    writer.add_event(
        Event(wall_time=stamp, summary=hparams_pb(hparams, trial_id=record.trial, start_time_secs=stamp))
    )
    for number, execution in enumerate(record.executions):
        prefix = "" if number == 0 else f"execution_{number}/"
        for name, values in execution["history"].items():
            for step, value in enumerate(values):
                summary = Summary(value=[Summary.Value(tag=f"{prefix}{name}", simple_value=value)])
                writer.add_event(Event(wall_time=stamp + step, step=step, summary=summary))
    last = max((len(e["history"].get(n, [])) for e in record.executions for n in e["history"]), default=0)
    for name, value in record.metrics.items():
        summary = Summary(value=[Summary.Value(tag=f"best/{name}", simple_value=value)])
        writer.add_event(Event(wall_time=stamp + last, step=last, summary=summary))
    writer.close()


def _public(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what Hyperband adds for itself."""
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


def read_progress(part: Path) -> dict[str, Any]:
    """What the trial in that folder last said of itself; empty before its first epoch.

    Args:
        part: the folder that the trial works in.

    Returns:
        What it has written, by name.
    """
    path = part / "progress.json"
    try:
        return dict(read_json(path))
    except (InputError, OSError):
        return {}
