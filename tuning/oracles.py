"""Keras Tuner's oracles with their whole state in one file, replaced in one step, so that a kill loses nothing."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from e2e_tf.errors import InputError
from e2e_tf.files import read_json, write_json
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.objectives import Objective
from e2e_tf.tuning.sweep import COMPLETED, FAILED, INFEASIBLE, PRUNED, Record

__all__ = ["DurableOracle", "make_oracle"]

_RUNNING, _INVALID, _STOPPED, _IDLE = "RUNNING", "INVALID", "STOPPED", "IDLE"


class DurableOracle:
    """What is added to each of Keras Tuner's oracles.

    Keras Tuner writes a file per trial and one for the oracle, each over the old one: a kill in between leaves
    them torn or at odds. Here all of it is in ``oracle.json``. The first trial takes the values of the
    configuration itself where the space has them, so that a search never ends worse than it began.
    """

    def set_up(self, tune: TuneConfig, path: Path, defaults: Mapping[str, Any]) -> None:
        """Set the budget and the file; called once, before anything else.

        Args:
            tune: the section ``[tune]``.
            path: ``oracle.json``.
            defaults: Keras Tuner's values of the first trial; empty draws it as any other.
        """
        self.tune, self.path, self.defaults = tune, path, dict(defaults)
        self.seconds_before = 0.0
        self.began = time.monotonic()
        self.stopped, self.gave_up = "", False
        self.losses: dict[str, int] = {}
        self.verbose = 0

    # ---- one file, replaced in one step

    def save(self) -> None:
        """Replace ``oracle.json``."""
        state = {
            "state": self.get_state(),  # type: ignore[attr-defined]
            "trials": [trial.get_state() for trial in self.trials.values()],
            "seconds": self.seconds_used,
            "losses": self.losses,
        }
        write_json(self.path, state, indent=None, default=_plain)

    def _save_trial(self, trial: Any) -> None:
        """Nothing: trials are in ``oracle.json``."""

    def reload(self) -> None:
        """Read ``oracle.json``; trials that were running stay so until someone says what became of them."""
        stored = read_json(self.path)
        self.trials: dict[str, Any] = {}
        for state in stored["trials"]:
            trial = keras_tuner.engine.trial.Trial.from_state(state)
            self.trials[trial.trial_id] = trial
        self.set_state(stored["state"])  # type: ignore[attr-defined]
        self.seconds_before, self.losses = stored["seconds"], dict(stored["losses"])
        self.began = time.monotonic()

    # ---- budget

    @property
    def seconds_used(self) -> float:
        """Seconds of searching, over all restarts."""
        return self.seconds_before + time.monotonic() - self.began

    @property
    def seconds_left(self) -> float:
        """Seconds until the time budget ends; infinite without one."""
        return math.inf if self.tune.minutes is None else 60 * self.tune.minutes - self.seconds_used

    @property
    def halted(self) -> bool:
        """True once nothing at all is to be started, not even what waits to be run again."""
        return self.seconds_left <= 0 or self.gave_up

    @property
    def reason(self) -> str:
        """Why the search ended, or an empty string."""
        if not self.stopped and self.seconds_left <= 0:
            return f"the {self.tune.minutes:g} minutes are used up"
        return self.stopped

    def create_trial(self, tuner_id: str) -> Any:
        """The next trial for someone: one to run again first, then a new one.

        Args:
            tuner_id: who asks.

        Returns:
            A Keras Tuner trial; one with the status ``STOPPED`` ends the search.
        """
        if self.halted:
            if tuner_id in self.ongoing_trials:  # type: ignore[attr-defined]
                self.hand_back(tuner_id)  # cut by the end of the time; run again if there is more
            self.tuner_ids.discard(tuner_id)  # type: ignore[attr-defined]
            return keras_tuner.engine.trial.Trial(self.get_space(), "", _STOPPED)  # type: ignore[attr-defined]
        return super().create_trial(tuner_id)  # type: ignore[misc]

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values of the next trial, unless the budget is used up.

        Args:
            trial_id: number of the trial.

        Returns:
            ``status`` and ``values``, as Keras Tuner's oracles give them.
        """
        if not self.stopped and len(self.trials) >= self.tune.trials:
            self.stopped = f"all {self.tune.trials} trials have been started"
        if self.stopped:
            # A trial that runs elsewhere may come back if its worker is lost; someone has to be there for it.
            return {"status": _IDLE if self.ongoing_trials else _STOPPED, "values": None}  # type: ignore[attr-defined]
        response = self.propose(trial_id)
        if response["status"] == _STOPPED:
            self.stopped = "the algorithm has nothing more to try"
        if response.get("values"):
            response["values"] = {name: _rounded(value) for name, value in response["values"].items()}
        return response

    def propose(self, trial_id: str) -> dict[str, Any]:
        """Values by the algorithm.

        Args:
            trial_id: number of the trial.

        Returns:
            ``status`` and ``values``, as Keras Tuner's oracles give them.
        """
        return super().populate_space(trial_id)  # type: ignore[misc]

    def _random_values(self) -> dict[str, Any] | None:
        if not self.trials and self.defaults:
            hp = self.hyperparameters.copy()  # type: ignore[attr-defined]
            hp.values = dict(self.defaults)
            hp.ensure_active_values()
            return hp.values
        return super()._random_values()  # type: ignore[misc]

    # ---- ends of trials

    def attempt(self, trial_id: str) -> int:
        """How often a trial has been run to an end before.

        Args:
            trial_id: number of the trial.

        Returns:
            The number of earlier runs.
        """
        return int(self._run_times[trial_id])  # type: ignore[attr-defined]

    def finish(self, record: Record, objective: Objective) -> None:
        """End a trial as its record says; parameters that it was the first to ask for join the space.

        Args:
            record: of the trial.
            objective: of the search.
        """
        trial = self.trials[record.trial]
        if record.status == FAILED or record.score is None:
            status, message = _INVALID, record.message
        else:
            # A pruned or rejected trial is complete for the oracle, so that it learns from the score; whether
            # it may be the best, its folder tells.
            self.update_trial(record.trial, {objective.name: float(record.score)})  # type: ignore[attr-defined]
            status, message = COMPLETED, record.message
        hp = trial.hyperparameters
        if record.hyperparameters is not None:
            hp = keras_tuner.HyperParameters.from_config(record.hyperparameters)
        copy = keras_tuner.engine.trial.Trial(hp, record.trial, status, message or None)
        self.end_trial(copy)  # type: ignore[attr-defined]
        self.save()  # Keras Tuner's own comes before the trial has left the list of running ones
        self._note_failures()

    def _note_failures(self) -> None:
        ended = [self.trials[trial] for trial in self.end_order]  # type: ignore[attr-defined]
        last = ended[-self.tune.max_failures :]
        if len(last) == self.tune.max_failures and all(trial.status == FAILED for trial in last):
            self.stopped, self.gave_up = f"{self.tune.max_failures} trials failed in a row", True

    def _retry(self, trial: Any) -> bool:
        # Keras Tuner's own prints, and counts a kill of the whole search as a failure of the trial.
        if trial.status != _INVALID:
            return False
        if self.attempt(trial.trial_id) > self.tune.retries:
            trial.status = FAILED
            return False
        self._retry_queue.append(trial.trial_id)  # type: ignore[attr-defined]
        return True

    def hand_back(self, tuner_id: str) -> str:
        """Queue the trial of someone who is gone, to be run again; gives its number.

        Args:
            tuner_id: who had the trial.

        Returns:
            The trial's number as text.
        """
        trial = self.ongoing_trials.pop(tuner_id)  # type: ignore[attr-defined]
        trial.status = _INVALID
        if trial.trial_id not in self._retry_queue:  # type: ignore[attr-defined]
            self._retry_queue.append(trial.trial_id)  # type: ignore[attr-defined]
        self.save()
        return str(trial.trial_id)


class _Random(DurableOracle, RandomSearchOracle):
    pass


class _Hyperband(DurableOracle, HyperbandOracle):
    pass


class _Bayesian(DurableOracle, BayesianOptimizationOracle):
    """Keras Tuner's Gaussian process, with another search for the best guess.

    Keras Tuner starts fifty gradient descents with numerical gradients, one prediction at a time: seconds to
    minutes per trial, and most parameters are discrete, where gradients say nothing. Thousands of random points
    at once, then points around the best of them, take a fraction of a second.
    """

    POINTS, AROUND, BEST = 4000, 400, 5

    def _make_gpr(self) -> Any:
        gpr = super()._make_gpr()
        gpr.set_params(n_restarts_optimizer=2)
        return gpr

    def propose(self, trial_id: str) -> dict[str, Any]:
        from threadpoolctl import threadpool_limits

        done = [trial for trial in self.trials.values() if trial.status == COMPLETED]
        if len(done) < (self.num_initial_points or max(3 * len(self.hyperparameters.space), 3)):
            return dict(self._random_populate_space())
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a kernel length at its bound: a parameter without influence
            values = self._vector_to_values(self._best_guess())
        # In a small space, or at the end of a range, the best guess may have been tried. What has been tried is known
        # as it was rounded.
        if self._duplicate({name: _rounded(value) for name, value in values.items()}):
            return dict(self._random_populate_space())
        return {"status": _RUNNING, "values": values}

    def _vectorize_trials(self) -> tuple[np.ndarray, np.ndarray]:
        """As Keras Tuner's, with the failed trials, which it leaves out, as bad as the worst that completed.

        Without them the process knows nothing of where trials fail, and proposes the same place again and again.
        """
        x, y = super()._vectorize_trials()
        failed = [trial for trial in self.trials.values() if trial.status in (FAILED, _INVALID)]
        failed = [trial for trial in failed if trial not in self.ongoing_trials.values()]
        known = y[np.isfinite(y)] if len(y) else y
        if not failed or not len(known):
            return x, y
        rows = [
            [
                hp.value_to_prob(
                    trial.hyperparameters.values[hp.name]
                    if trial.hyperparameters.is_active(hp) and hp.name in trial.hyperparameters.values
                    else hp.default
                )
                for hp in self._nonfixed_space()
            ]
            for trial in failed
        ]
        return np.concatenate([x, np.array(rows)]), np.concatenate([y, np.full(len(rows), known.max())])

    def _best_guess(self) -> np.ndarray:
        x, y = self._vectorize_trials()
        self.gpr.fit(np.nan_to_num(x, posinf=0, neginf=0), np.nan_to_num(y, posinf=0, neginf=0))
        # From the number of trials, not from how often it was asked: a continued search guesses the same.
        rng = np.random.default_rng([self.seed, len(self.trials)])
        size = x.shape[1]
        points = rng.random((self.POINTS, size))
        best = points[np.argsort(self._bound(points))[: self.BEST]]
        near = np.repeat(best, self.AROUND, axis=0)
        # Some of the coordinates move, as a discrete one has to be left alone or jump.
        moves = rng.normal(0, 0.1, near.shape) * (rng.random(near.shape) < 0.5)
        points = np.concatenate([best, np.clip(near + moves, 0, 1 - 1e-9)])
        return np.asarray(points[np.argmin(self._bound(points))])

    def _bound(self, points: np.ndarray) -> np.ndarray:
        """Lower confidence bound of the score, whose sign is such that smaller is better."""
        mean, deviation = self.gpr.predict(points, return_std=True)
        return np.asarray(mean - self.beta * deviation)


def make_oracle(
    tune: TuneConfig,
    objective: Objective,
    hyperparameters: Any,
    path: Path,
    *,
    max_epochs: int = 1,
    defaults: Mapping[str, Any] | None = None,
) -> Any:
    """The oracle of a search; continues from ``path`` if that exists.

    Args:
        tune: the search.
        objective: what it optimises.
        hyperparameters: Keras Tuner's, with the whole space.
        path: ``oracle.json``.
        max_epochs: of a trial, for Hyperband.
        defaults: Keras Tuner's values of the first trial; None draws it as any other.

    Returns:
        A Keras Tuner oracle.

    Raises:
        InputError: ``path`` is damaged.
    """
    shared: dict[str, Any] = {
        "objective": keras_tuner.Objective(objective.name, objective.direction),
        "hyperparameters": hyperparameters,
        "seed": tune.seed,
        "max_retries_per_trial": tune.retries,
        # Keras Tuner raises inside a lock that it then never gives back; tune.max_failures does it instead.
        "max_consecutive_failed_trials": -1,
    }
    oracle: Any
    if tune.algorithm == "random":
        oracle = _Random(max_trials=None, **shared)
    elif tune.algorithm == "hyperband":
        oracle = _Hyperband(
            max_epochs=max_epochs, factor=tune.factor, hyperband_iterations=tune.iterations, **shared
        )
    else:
        oracle = _Bayesian(max_trials=None, num_initial_points=tune.initial or None, **shared)
    oracle.set_up(tune, path, defaults or {})
    if path.is_file():
        try:
            oracle.reload()
        except (KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged ({error!r}); choose another sweep folder") from error
    return oracle


def recover(
    oracle: Any, records: Iterable[Record], objective: Objective, elsewhere: bool = False
) -> list[str]:
    """Settle what was running when a search was killed.

    A trial whose folder is complete has ended, whatever the oracle knew of it; the others are queued again,
    unless they ran elsewhere and may do so still. Gives the numbers of those queued.

    Args:
        oracle: from :func:`make_oracle`.
        records: of all trials whose folders are complete.
        objective: of the search.
        elsewhere: trials run on machines that may run them still.

    Returns:
        The numbers of the trials that are queued again.
    """
    ended = {record.trial: record for record in records}
    queued = []
    for tuner_id, trial in [*oracle.ongoing_trials.items()]:
        record = ended.get(trial.trial_id)
        if trial.status != _RUNNING:
            oracle.ongoing_trials.pop(tuner_id)  # killed between two steps of ending it
        elif record is not None and (
            record.status in (COMPLETED, PRUNED, INFEASIBLE)
            or record.attempt == oracle.attempt(trial.trial_id)
        ):
            oracle.finish(record, objective)
        elif not elsewhere:
            queued.append(oracle.hand_back(tuner_id))
    return queued


def _rounded(value: Any) -> Any:
    # Six digits survive Keras Tuner's protocol, which passes 32-bit floats; more would mean nothing.
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in the state of the oracle")
