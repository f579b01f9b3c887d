from __future__ import annotations

import io
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from e2e_tf.config import make_config
from e2e_tf.errors import InputError
from e2e_tf.training import callbacks
from e2e_tf.training.callbacks import AveragedParameters, EpochProgress, LoaderEpoch
from e2e_tf.training.checkpoint import Checkpoint, last_checkpoint, load_checkpoint
from e2e_tf.training.loop import compile_model, run_epochs


def test_the_loader_is_told_the_epoch():
    loader = SimpleNamespace(epoch=0)
    callback = LoaderEpoch(loader)
    for epoch in (0, 1, 7):
        callback.on_epoch_begin(epoch)
        assert loader.epoch == epoch


@pytest.mark.parametrize("terminal", [False, True])
def test_one_line_per_epoch(terminal, monkeypatch):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    monkeypatch.setattr(callbacks, "console", lambda: console)
    progress = EpochProgress(epochs=5, steps=2)
    progress.on_epoch_begin(1)
    for batch in range(2):
        progress.on_train_batch_end(batch)
    progress.on_epoch_end(1, {"loss": 0.5, "val_auc": 0.75})
    progress.on_train_end()
    assert "Epoch 2/5: loss 0.5000  val_auc 0.7500  0.0 s" in out.getvalue()


MOMENTUM = 0.75


def averages(epochs: int) -> list[tuple[float, float]]:
    """Weight and its average after each epoch of two steps down the gradient of (w - 1)², from w = 0."""
    weight, average, found = 0.0, 0.0, []
    for step in range(2 * epochs):
        weight -= 0.1 * 2 * (weight - 1)
        average = weight if step == 0 else MOMENTUM * average + (1 - MOMENTUM) * weight
        if step % 2:
            found.append((weight, average))
    return found


def averaged(folder, epochs, model=None, first=0, patience=0, state=None):
    """Train the one weight of a linear model, with checkpoints."""
    if model is None:
        inputs = keras.Input((1,))
        model = keras.Model(inputs, keras.layers.Dense(1, "linear", False, "zeros", name="y")(inputs))
        training = {"optimizer": "sgd", "learning_rate": 0.1, "schedule": "constant"}
        options = make_config({"training": training | {"ema_momentum": MOMENTUM}}).training
        compile_model(model, options, 2, make_config({"outputs": {"y": {"kind": "regression"}}}).outputs)
    batches = tf.data.Dataset.from_tensor_slices((np.ones((2, 1), "f4"), np.ones((2, 1), "f4"))).batch(1)
    loader = SimpleNamespace(epoch=0, dataset=lambda: batches)
    checkpoint = Checkpoint(folder, "val_loss" if not patience else "constant", patience, state)
    constant = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(constant=1.0))
    how = [AveragedParameters(resumed=first > 0), constant, checkpoint]
    return model, run_epochs(model, loader, loader, epochs=epochs, initial_epoch=first, callbacks=how)


def test_averages_of_the_parameters_are_validated_kept_and_last(tmp_path):
    expected = averages(4)
    model, curves = averaged(tmp_path / "whole", 4)
    assert curves["val_loss"] == pytest.approx([(w - 1) ** 2 for _, w in expected], rel=1e-5)
    assert model.get_weights()[0].item() == pytest.approx(expected[-1][1], rel=1e-6)
    best = keras.models.load_model(last_checkpoint(tmp_path / "whole")[0] / "best.keras")
    assert best.get_weights()[0].item() == pytest.approx(expected[-1][1], rel=1e-6)


def test_a_training_with_averages_goes_on(tmp_path):
    """From a checkpoint, from the same model in memory, and after it stopped early."""
    model, _ = averaged(tmp_path / "broken", 2)
    path, state = last_checkpoint(tmp_path / "broken")
    for again in (model, load_checkpoint(path, state)):
        assert again.get_weights()[0].item() == pytest.approx(averages(2)[-1][1], rel=1e-6)
        again, _ = averaged(tmp_path / "broken", 4, again, first=2)
        assert again.get_weights()[0].item() == pytest.approx(averages(4)[-1][1], rel=1e-6)
    early, _ = averaged(tmp_path / "early", 9, patience=2)  # nothing is better than the first epoch
    assert early.get_weights()[0].item() == pytest.approx(averages(3)[-1][1], rel=1e-6)


def test_averages_that_first_steps_stay_in_are_refused():
    options = make_config({"training": {"epochs": 5, "ema_momentum": 0.98}}).training
    with pytest.raises(
        InputError, match=r"0.98 averages over 50 steps, and the training has 200; with at most 0.975"
    ):
        compile_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), options, 40)
    compile_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), options, 50)
