"""A sweep folder: what it holds and how it is read.

::

    sweep.json              what is searched; another search refuses the folder
    oracle.json             Keras Tuner's oracle with all its trials, replaced in one step
    trials/0007/            a trial that has ended, complete or not there at all
        result.json         status, score, metrics, curves, values, configuration, first traceback
        model.keras         the best epoch
        preprocess.json     and the other files of a run folder, for the models of this library
        events.out.*        for TensorBoard and its HParams page
        log.txt             what the process printed
    trials/.0008.*.part/    a trial that runs
    cache/                  graphs that trials share
    trials.csv, sweep.html  the report
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e_tf.config import RunConfig, make_config
from e2e_tf.data.source import JetSource
from e2e_tf.data.source_changes import differences
from e2e_tf.errors import InputError
from e2e_tf.files import read_json
from e2e_tf.training.run import found_base, stored_base
from e2e_tf.tuning.config import BUDGET, TuneConfig, make_tune_config
from e2e_tf.tuning.objectives import Objective, run_objective

__all__ = ["COMPLETED", "FAILED", "INFEASIBLE", "PRUNED", "NoTrialCompleted", "Record", "Sweep", "open_sweep"]

COMPLETED, FAILED, PRUNED, INFEASIBLE = "COMPLETED", "FAILED", "PRUNED", "INFEASIBLE"
FORMAT = "e2e-tf sweep"


class NoTrialCompleted(RuntimeError):
    """A search ended without a single completed trial; the message holds the first traceback."""


@dataclass(frozen=True)
class Record:
    """A trial that has ended.

    Attributes:
        trial: its number as text, ``0007``.
        status: ``COMPLETED``, ``PRUNED``, ``INFEASIBLE`` or ``FAILED``.
        values: its parameters by name.
        score: the objective, the mean of the executions; None if it failed.
        metrics: all quantities of the best epoch, the mean of the executions.
        executions: per training its ``metrics``, ``history`` and ``best_epoch``.
        config: the run configuration; None for a HyperModel of the user's own.
        message: why it failed, was pruned or rejected; a traceback where there was one.
        seconds: ``total``, ``training`` and ``overhead``, and of the processor time of the trial's process ``cpu``
            and ``cpu_overhead``, what is not training [s].
        epochs: epochs trained, of all executions together.
        attempt: how often it had been tried before.
        started: when [s since 1970].
        worker: who ran it.
        initial_epoch: where a trial of Hyperband went on from.
        hyperparameters: Keras Tuner's, as a configuration, if the trial was the first to ask for some of them; they
            join the space. None otherwise.
    """

    trial: str
    status: str
    values: dict[str, Any]
    score: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    executions: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] | None = None
    message: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    epochs: int = 0
    attempt: int = 0
    started: float = 0.0
    worker: str = ""
    initial_epoch: int = 0
    hyperparameters: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """For ``result.json``.

        Returns:
            The fields by name.
        """
        return dict(self.__dict__)

    @classmethod
    def read(cls, path: Path) -> Record:
        """From ``result.json``; unknown entries of later versions are left out.

        Args:
            path: a ``result.json``.

        Returns:
            The record.
        """
        stored = read_json(path)
        return cls(**{key: value for key, value in stored.items() if key in cls.__dataclass_fields__})

    def curve(self, name: str) -> list[float]:
        """A quantity per epoch, of the first execution.

        Args:
            name: of a quantity that is logged per epoch.

        Returns:
            One value per epoch; none if the quantity was not logged.
        """
        return self.executions[0]["history"].get(name, []) if self.executions else []


@dataclass(frozen=True)
class Sweep:
    """A folder of trials.

    Attributes:
        folder: where it lies.
        config: the run that is varied; None for a HyperModel of the user's own.
        tune: how it is searched.
        base: where relative sample paths start.
        source: the files of the run that is varied; None for a HyperModel of the user's own.
    """

    folder: Path
    config: RunConfig | None
    tune: TuneConfig
    base: Path
    source: JetSource | None = None

    @property
    def objective(self) -> Objective:
        """What is searched for; which quantities the model logs was checked when the sweep began."""
        return run_objective(self.tune, self.config, own_model=True)

    @property
    def trials(self) -> Path:
        """The folder of the trials."""
        return self.folder / "trials"

    def records(self) -> list[Record]:
        """All trials that have ended, by number.

        Returns:
            The records.
        """
        found = sorted(self.trials.glob("[0-9]*/result.json"))
        return [Record.read(path) for path in found]

    def record(self, trial: str) -> Record | None:
        """One trial, if it has ended.

        Args:
            trial: its number as text.

        Returns:
            The record, or None while the trial runs.
        """
        path = self.trials / trial / "result.json"
        return Record.read(path) if path.is_file() else None

    def best(self) -> Record:
        """The best completed trial, the first of equals; never one that failed, was pruned or rejected.

        Returns:
            Its record.

        Raises:
            NoTrialCompleted: there is none; the message holds the first traceback.
        """
        completed = [
            record for record in self.records() if record.status == COMPLETED and record.score is not None
        ]
        if not completed:
            raise NoTrialCompleted(self.why_nothing_completed())
        objective = self.objective
        best = completed[0]
        for record in completed[1:]:
            if objective.better(record.score or 0.0, best.score or 0.0):
                best = record
        return best

    def why_nothing_completed(self) -> str:
        """One sentence, and the first traceback.

        Returns:
            The text.
        """
        records = self.records()
        counts = {status: sum(r.status == status for r in records) for status in (FAILED, INFEASIBLE, PRUNED)}
        text = (
            ", ".join(f"{count} {status.lower()}" for status, count in counts.items() if count)
            or "none ended"
        )
        first = next((r for r in records if r.status == FAILED), None) or next(iter(records), None)
        message = f"no trial of {self.folder} completed ({text})"
        return message if first is None else f"{message}; trial {first.trial}:\n{first.message.rstrip()}"

    def unfinished(self) -> list[str]:
        """Trials that the oracle has started and that have not ended.

        Returns:
            Their numbers as text, in order.
        """
        path = self.folder / "oracle.json"
        if not path.is_file():
            return []
        known = {state["trial_id"] for state in read_json(path)["trials"]}
        ended = {record.trial for record in self.records()}
        return sorted(known - ended)


def open_sweep(folder: str | os.PathLike[str]) -> Sweep:
    """Open a sweep folder.

    Args:
        folder: of the sweep.

    Returns:
        The sweep.

    Raises:
        InputError: it is missing or is not a sweep.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no sweep folder {folder}")
    if not (folder / "sweep.json").is_file():
        raise InputError(f"{folder} is not a sweep folder: it has no sweep.json; make one with 'e2e-tf tune'")
    stored = read_json(folder / "sweep.json")
    if stored.get("format") != FORMAT:
        raise InputError(
            f"{folder / 'sweep.json'} is not of a sweep: its format must be {FORMAT!r}, it is {stored.get('format')!r}"
        )
    config = stored["config"]
    source = JetSource.from_dict(stored["source"]) if stored.get("source") else None
    return Sweep(
        folder,
        None if config is None else make_config(config, str(folder / "sweep.json")),
        make_tune_config(stored["tune"], str(folder / "sweep.json")),
        found_base(stored, folder, source),
        source,
    )


def describe(sweep: Sweep, space: Mapping[str, Any]) -> dict[str, Any]:
    """What ``sweep.json`` holds.

    Args:
        sweep: the sweep.
        space: its parameters, as :meth:`e2e_tf.tuning.space.SearchSpace.to_dict` gives them.

    Returns:
        What can be written as JSON, by name.
    """
    return {
        "format": FORMAT,
        "format_version": 1,
        "config": None if sweep.config is None else sweep.config.model_dump(mode="json"),
        "tune": sweep.tune.model_dump(mode="json"),
        **stored_base(sweep.base, sweep.folder),
        "space": dict(space),
        "source": None if sweep.source is None else sweep.source.to_dict(),
    }


def check_folder(folder: Path, document: Mapping[str, Any]) -> None:
    """Refuse a folder that holds something else or another search; nothing is touched.

    Args:
        folder: of the sweep, which need not exist.
        document: what :func:`describe` gives.

    Raises:
        InputError: naming the first difference.
    """
    if not folder.parent.is_dir():
        raise InputError(f"the folder {folder.parent} of {folder.name} does not exist; create it first")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose another name for the sweep folder")
    if (folder / "sweep.json").is_file():
        stored = read_json(folder / "sweep.json")
        if stored.get("config") is not None:  # of an earlier version perhaps, whose keys had other names
            stored["config"] = make_config(stored["config"], str(folder / "sweep.json")).model_dump(
                mode="json"
            )
        if stored.get("source") and document.get("source"):
            before, now = (JetSource.from_dict(one["source"]) for one in (stored, document))
            if changes := differences(before, now):
                raise InputError(f"{folder} holds a sweep on {changes[0]}; choose another folder")
        difference = _difference(_searched(stored), _searched(json.loads(json.dumps(document))))
        if difference:
            raise InputError(
                f"{folder} holds a sweep of another search, it differs in {difference}; choose another folder"
            )
    elif folder.is_dir() and any(path.name not in ("lock", "trials") for path in folder.iterdir()):
        raise InputError(f"{folder} exists already and is not a sweep; choose another folder")


def _searched(document: Mapping[str, Any]) -> dict[str, Any]:
    """What two searches must have in common to share a folder."""
    flat: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else key, inner)
        else:
            flat[prefix] = value

    walk("", {key: document.get(key) for key in ("config", "tune", "space")})
    budget = {f"tune.{key}" for key in BUDGET}
    return {key: v for key, v in flat.items() if key not in budget and not key.startswith("tune.space")}


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    for key in [*new, *old]:
        if old.get(key) != new.get(key):
            return f"{key.removeprefix('config.')}: {old.get(key)!r} there, {new.get(key)!r} here"
    return ""


@contextlib.contextmanager
def locked(folder: Path, wait: float = 20.0) -> Iterator[None]:
    """Hold a sweep folder for one searching process; waits for one that is being killed to be gone.

    Args:
        folder: of the sweep; created.
        wait: how long to wait for another process [s].

    Yields:
        Nothing; the folder is held while the block runs.

    Raises:
        InputError: another process searches in the folder.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows, where there is no CMSSW either
        yield
        return
    import time

    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as file:
        end = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise InputError(
                        f"another process searches in {folder}; wait for it, or choose another folder"
                    ) from error
                time.sleep(0.1)
            except OSError:
                break  # a file system without locks; it is then up to the user
        yield
