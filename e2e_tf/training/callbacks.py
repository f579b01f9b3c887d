"""Callbacks of a training: order of the data by epoch, an end where it diverges, progress on the terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import keras

from e2e_tf.errors import TrainingDiverged
from e2e_tf.terminal import console
from e2e_tf.training.finite import not_finite

__all__ = [
    "AveragedParameters",
    "EndIfDiverged",
    "EpochProgress",
    "LastGoodEpoch",
    "LoaderEpoch",
    "divergence",
]


def divergence(model: Any, logs: Mapping[str, float] | None) -> str:
    """What is no finite number after an epoch, as words; empty where all is well.

    The losses alone do not tell: the last batch of an epoch may spoil the parameters after its loss was noted.

    Args:
        model: after the epoch.
        logs: quantities of the epoch by name.

    Returns:
        The words, without a full stop.
    """
    for name in ("loss", "val_loss"):
        value = float((logs or {}).get(name, 0.0))
        if not math.isfinite(value):
            return f"{name} is {value}"
    return "parameters of the model are NaN or infinite" if not_finite(model) else ""


class LoaderEpoch(keras.callbacks.Callback):
    """Tells a loader which epoch begins, so that a run that continues sees the order it would have seen."""

    def __init__(self, loader: Any) -> None:
        super().__init__()
        self.loader = loader

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the loader's epoch."""
        self.loader.epoch = epoch


class AveragedParameters(keras.callbacks.SwapEMAWeights):
    """The model has the moving averages of its parameters where it is validated, saved and at the end.

    Within an epoch it has those that are trained, and the optimizer the averages; Keras exchanges the two. Comes before
    all callbacks that look at the model.

    Args:
        resumed: the model was saved after an epoch, with the averages in it and the trained ones in its optimizer.
    """

    def __init__(self, resumed: bool) -> None:
        super().__init__(swap_on_epoch=True)
        self._ema_weights_in_model = resumed
        self._averages: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Exchange and note the averages; the last epoch too leaves what a training needs that goes on after it."""
        self._swap_variables()
        self._ema_weights_in_model = True
        self._averages = [weight.numpy() for weight in self.model.trainable_weights]

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Give the model its averages: ``fit`` of Keras ends with those that the optimizer holds, the trained ones."""
        for weight, average in zip(self.model.trainable_weights, self._averages, strict=True):
            weight.assign(average)


class EndIfDiverged(keras.callbacks.Callback):
    """Ends a training with an exception after an epoch that gave no finite numbers; comes after all other callbacks."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the losses of the epoch and at the parameters.

        Raises:
            TrainingDiverged: one of them is not finite.
        """
        if why := divergence(self.model, logs):
            raise TrainingDiverged(
                f"the training diverged in epoch {epoch + 1}: {why}; a lower training.learning_rate or a "
                "training.clip_norm may help",
                epoch,
            )


class LastGoodEpoch(keras.callbacks.Callback):
    """Keeps the parameters and quantities of the last epoch with finite numbers, of a training without checkpoints.

    Attributes:
        epochs: how many epochs had finite numbers.
        history: their quantities, a list per name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epochs = 0
        self.history: dict[str, list[float]] = {}
        self._parameters: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the epoch unless it diverged."""
        if divergence(self.model, logs):
            return
        self.epochs += 1
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self._parameters = [weight.numpy() for weight in self.model.weights]

    def restore(self) -> None:
        """Give the model the parameters of that epoch."""
        for weight, values in zip(self.model.weights, self._parameters, strict=True):
            weight.assign(values)


class EpochProgress(keras.callbacks.Callback):
    """A bar over the batches of each epoch on a terminal, and one line per epoch."""

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self.epochs, self.steps = epochs, steps
        self._bar: Any = None
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock, and on a terminal the bar."""
        self._started = time.perf_counter()
        if console().is_terminal:
            from rich.progress import Progress

            self._bar = Progress(console=console(), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(f"Epoch {epoch + 1}/{self.epochs}", total=self.steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.advance(self._task)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Print the epoch's quantities and its seconds."""
        self._close()
        seconds = time.perf_counter() - self._started
        values = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        console().print(
            f"Epoch {epoch + 1}/{self.epochs}: {values}  {seconds:.1f} s", style="dim", highlight=False
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Take the bar away, also after an early stop."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
