"""Checkpoints that a killed training continues from as if nothing had happened."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras

from e2e_tf.files import new_folder, read_json, write_json
from e2e_tf.models import without_auxiliary
from e2e_tf.training.callbacks import divergence

__all__ = ["Checkpoint", "last_checkpoint", "load_checkpoint"]


class Checkpoint(keras.callbacks.Callback):
    """Saves model, optimizer, history and the best epoch so far after every epoch.

    A checkpoint is a folder ``epoch-NNNN`` that appears complete or not at all; older ones are removed only
    when the next is in place. The optimizer's state is in ``model.keras``; Keras does not keep that of the
    random generators of dropout there, so it is in ``state.json``. An epoch that diverged leaves no trace: the
    checkpoint stays that of the last epoch with finite numbers.

    Args:
        folder: where checkpoints go; created.
        monitor: the quantity to be best at the best epoch; a loss is best where it is smallest, all else where
            it is largest.
        patience: stop after so many epochs without a better one; 0 never stops.
        state: what an earlier :func:`last_checkpoint` returned.
    """

    def __init__(
        self, folder: Path, monitor: str, patience: int, state: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.folder, self.monitor, self.patience = folder, monitor, patience
        state = state or {}
        self.history: dict[str, list[float]] = state.get("history", {})
        self.best: float = state.get("best", float("-inf"))
        self.best_epoch: int = state.get("best_epoch", -1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the checkpoint of the epoch, remove the one before, stop if patience has run out."""
        logs = logs or {}
        if divergence(self.model, logs):
            return
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        value = float(logs[self.monitor]) * (-1 if self.monitor.endswith("loss") else 1)
        improved = value > self.best
        if improved:
            self.best, self.best_epoch = value, epoch
        self.folder.mkdir(exist_ok=True)
        previous = last_checkpoint(self.folder)
        done = self.patience > 0 and epoch - self.best_epoch >= self.patience
        with new_folder(self.folder / f"epoch-{epoch:04d}", force=True) as part:
            self.model.save(part / "model.keras")
            if improved or previous is None:
                kept = without_auxiliary(self.model)
                if kept is self.model:
                    shutil.copyfile(part / "model.keras", part / "best.keras")
                else:
                    kept.save(part / "best.keras")
            else:
                shutil.copyfile(previous[0] / "best.keras", part / "best.keras")
            state = {
                "epoch": epoch,
                "best": self.best,
                "best_epoch": self.best_epoch,
                "done": done,
                "random": [variable.numpy().tolist() for variable in _random_states(self.model)],
                "history": self.history,
            }
            write_json(part / "state.json", state)
        if previous is not None:
            shutil.rmtree(previous[0])
        if done:
            self.model.stop_training = True


def load_checkpoint(path: Path, state: dict[str, Any]) -> Any:
    """The compiled model of a checkpoint, with the random generators where they were.

    Args:
        path: the folder of the checkpoint.
        state: what is in its ``state.json``.

    Returns:
        The Keras model.
    """
    model = keras.models.load_model(path / "model.keras")
    for variable, value in zip(_random_states(model), state["random"], strict=True):
        variable.assign(value)
    return model


def _random_states(model: Any) -> list[Any]:
    return [variable for variable in model.variables if "seed_generator_state" in variable.path]


def last_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest complete checkpoint of a folder and its state, or None.

    Args:
        folder: where checkpoints go; need not exist.

    Returns:
        The folder of the checkpoint and what is in its ``state.json``, or None.
    """
    found = sorted(folder.glob("epoch-[0-9]*")) if folder.is_dir() else []
    return (found[-1], read_json(found[-1] / "state.json")) if found else None
