"""Trials one after the other, each in a process of its own, until their source has no more."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from e2e_tf.errors import InputError
from e2e_tf.files import read_json
from e2e_tf.jobs import describe_exit
from e2e_tf.tuning.processes import TrialServer
from e2e_tf.tuning.sweep import FAILED, Record, Sweep
from e2e_tf.tuning.trial import Request, failed, file_record, read_progress

__all__ = ["Source", "run_trials"]

IDLE_SECONDS = 0.5


class Source(Protocol):
    """Where trials come from and where their records go: the oracle here, or the chief."""

    name: str

    def next(self) -> Any:
        """A trial of Keras Tuner; its status may be STOPPED or IDLE."""

    def wanted(self, trial: str) -> bool:
        """False if a running trial is to be ended.

        Args:
            trial: its number; empty while none runs.
        """

    def attempt(self, trial: str) -> int:
        """How often the trial has been run before.

        Args:
            trial: its number.
        """

    def finish(self, record: Record) -> None:
        """Hand in a record.

        Args:
            record: of a trial that has ended.
        """


def run_trials(
    source: Source,
    sweep: Sweep,
    server: TrialServer,
    environment: Mapping[str, str],
    ended: Callable[[Record], None] = lambda record: None,
) -> None:
    """Run trials until the source has no more.

    Args:
        source: gives trials and takes their records.
        sweep: where their folders go.
        server: starts a process for each.
        environment: environment variables of these processes.
        ended: called with each record after the source has it.

    Raises:
        InputError: the model does not log the objective; the trial is not counted.
    """
    while True:
        asked = time.time()
        trial = source.next()
        if trial.status == "STOPPED":
            return
        if trial.status == "IDLE":
            source.wanted("")
            time.sleep(IDLE_SECONDS)
            continue
        record = _run_one(source, sweep, server, trial, environment, asked)
        if record is None:
            continue  # ended from outside: time is up, or the chief has given the trial to someone else
        source.finish(record)
        ended(record)


def _run_one(
    source: Source,
    sweep: Sweep,
    server: TrialServer,
    trial: Any,
    environment: Mapping[str, str],
    asked: float,
) -> Record | None:
    part = Path(tempfile.mkdtemp(prefix=f".{trial.trial_id}.", suffix=".part", dir=sweep.trials))
    part.chmod(0o755)
    request = Request(
        trial.trial_id,
        trial.hyperparameters.get_config(),
        part,
        sweep.tune,
        sweep.objective,
        seed=1 if sweep.config is None else sweep.config.seed,
        attempt=source.attempt(trial.trial_id),
        worker=source.name,
        started=asked,
        environment=dict(environment),
    )
    try:
        code = server.run(request, partial(source.wanted, trial.trial_id))
        if code is None:
            return None
        if (part / "refused.json").is_file():
            raise InputError(read_json(part / "refused.json")["message"])
        if part.is_dir():  # it ended before it could file a record
            file_record(request, _killed(request, code))
    finally:
        shutil.rmtree(part, ignore_errors=True)
    record = sweep.record(trial.trial_id)
    assert record is not None
    return record


def _killed(request: Request, code: int) -> Record:
    progress = read_progress(request.part)
    log = request.part / "log.txt"
    tail = log.read_text(errors="replace").strip()[-2000:] if log.is_file() else ""
    epochs = f", in epoch {progress['epoch'] + 1}" if progress else ""
    message = describe_exit(code, "the process of the trial") + epochs + (f"\n{tail}" if tail else "")
    history = [{"metrics": {}, "history": progress["history"], "best_epoch": -1}] if progress else []
    record = failed(request, message, history)
    assert record.status == FAILED
    return record
