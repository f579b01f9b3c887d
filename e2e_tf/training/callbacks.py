"""Callbacks of a training: order of the data by epoch, progress on the terminal."""

from __future__ import annotations

import time
from typing import Any

import keras

from e2e_tf.terminal import console

__all__ = ["EpochProgress", "LoaderEpoch"]


class LoaderEpoch(keras.callbacks.Callback):
    """Tells a loader which epoch begins, so that a run that continues sees the order it would have seen."""

    def __init__(self, loader: Any) -> None:
        super().__init__()
        self.loader = loader

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the loader's epoch."""
        self.loader.epoch = epoch


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
