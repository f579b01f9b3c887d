"""The callback that watches a trial epoch by epoch: curves, the best parameters, progress, early ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from e2e_tf.files import write_json
from e2e_tf.tuning.objectives import Objective
from e2e_tf.tuning.stopping import below_median

__all__ = ["EpochLog"]


class EpochLog(keras.callbacks.Callback):
    """Keeps the curves and the best parameters, writes progress, ends a trial that is worse than others were.

    Args:
        objective: what is monitored.
        progress: file for ``{"execution", "epoch", "epochs", "history"}``, replaced after every epoch; or None.
        others: gives the curves of the monitored quantity of finished trials, for pruning; or None.
        prune_after: epochs before which no trial is stopped.
        patience: stop after so many epochs without a better one; 0 never does.
        last: where to save the model of the last epoch, to go on from; or None.
        execution: which training of the trial this is.
        history: curves of the epochs before ``initial_epoch``, of a trial that goes on.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        progress: Path | None = None,
        others: Callable[[], list[list[float]]] | None = None,
        prune_after: int = 0,
        patience: int = 0,
        last: Path | None = None,
        execution: int = 0,
        history: dict[str, list[float]] | None = None,
    ) -> None:
        super().__init__()
        self.objective, self.progress, self.others = objective, progress, others
        self.prune_after, self.patience, self.last, self.execution = prune_after, patience, last, execution
        self.history: dict[str, list[float]] = {key: [*values] for key, values in (history or {}).items()}
        self.best_epoch = -1
        self.pruned = ""
        self.seconds, self.cpu_seconds = 0.0, 0.0
        self._parameters: list[np.ndarray] | None = None
        self._started: tuple[float, float] | None = None

    @property
    def best_metrics(self) -> dict[str, float]:
        """The quantities of the best epoch."""
        return (
            {name: values[self.best_epoch] for name, values in self.history.items()} if self.history else {}
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clocks."""
        self._started = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch; a HyperModel without Keras may call it itself and look at :attr:`pruned`.

        Args:
            epoch: its number, from 0.
            logs: the quantities of the epoch by name.
        """
        logs = {name: float(value) for name, value in (logs or {}).items()}
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        model = getattr(self, "_model", None)
        curve = self.history.get(self.objective.monitor)
        done = False
        if curve is not None:
            best = self._best_of(curve)
            if best != self.best_epoch or len(curve) == 1:
                self.best_epoch = best
                if model is not None:
                    self._parameters = model.get_weights()
            done = self.patience > 0 and len(curve) - 1 - self.best_epoch >= self.patience
            if self.others is not None and self.prune_after and len(curve) >= self.prune_after:
                self.pruned = below_median(curve, self.others(), self.objective.monitor_direction)
        if self.progress is not None:
            document = {"execution": self.execution, "epoch": epoch + 1, "history": self.history}
            write_json(self.progress, document, indent=None)
        if (done or self.pruned) and model is not None:
            model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Stop the clocks, save the last model if asked, put the best parameters back."""
        if self._started is not None:
            self.seconds += time.perf_counter() - self._started[0]
            self.cpu_seconds += time.process_time() - self._started[1]
            self._started = None
        model = getattr(self, "_model", None)
        if model is None:
            return
        if self.last is not None:
            model.save(self.last)
        if self._parameters is not None:
            model.set_weights(self._parameters)

    def _best_of(self, curve: list[float]) -> int:
        sign = 1 if self.objective.monitor_direction == "max" else -1
        # A value that is no number is never the best.
        ranked = [sign * value if value == value else float("-inf") for value in curve]
        return ranked.index(max(ranked))
