from __future__ import annotations

import keras
import numpy as np
import pytest

from e2e_tf.training.checkpoint import Checkpoint, last_checkpoint, load_checkpoint


def model():
    keras.utils.set_random_seed(1)
    found = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    found.compile("adam", "mse", jit_compile=False)
    return found


X, Y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)


def train(net, epochs, first, callback):
    net.fit(X, Y, epochs=epochs, initial_epoch=first, callbacks=[callback], shuffle=False, verbose=0)


def test_a_training_goes_on_with_optimizer_and_dropout(tmp_path):
    whole = model()
    reference = Checkpoint(tmp_path / "whole", "loss", 0)
    train(whole, 4, 0, reference)
    broken = model()
    train(broken, 2, 0, Checkpoint(tmp_path / "broken", "loss", 0))
    path, state = last_checkpoint(tmp_path / "broken")
    assert (path.name, state["epoch"], state["done"]) == ("epoch-0001", 1, False)
    keras.utils.set_random_seed(99)  # what a new process has is another
    again = load_checkpoint(path, state)
    log = Checkpoint(tmp_path / "broken", "loss", 0, state)
    train(again, 4, 2, log)
    assert log.history["loss"] == pytest.approx(reference.history["loss"], rel=1e-6)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_only_the_last_checkpoint_is_kept_with_the_best_model(tmp_path):
    net = model()
    callback = Checkpoint(tmp_path, "val_auc", 2)
    callback.set_model(net)
    saved = []
    for epoch, value in enumerate((0.5, 0.75, 0.75, 0.25)):
        net.layers[-1].bias.assign([epoch])
        callback.on_epoch_end(epoch, {"val_auc": value})
        saved.append(net.stop_training)
    assert saved == [False, False, False, True]  # two epochs without a better one
    assert (callback.best_epoch, callback.best) == (1, 0.75)
    path, state = last_checkpoint(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["epoch-0003"]
    assert (state["done"], state["best_epoch"], state["history"]) == (
        True,
        1,
        {"val_auc": [0.5, 0.75, 0.75, 0.25]},
    )
    best = keras.models.load_model(path / "best.keras", compile=False)
    assert best.layers[-1].bias.numpy().item() == 1


def test_a_loss_is_best_where_it_is_smallest(tmp_path):
    callback = Checkpoint(tmp_path, "val_score_loss", 0)
    callback.set_model(model())
    for epoch, value in enumerate((0.5, 0.25, 0.75)):
        callback.on_epoch_end(epoch, {"val_score_loss": value})
    assert callback.best_epoch == 1


def test_nothing_yet(tmp_path):
    assert last_checkpoint(tmp_path) is None
    assert last_checkpoint(tmp_path / "nowhere") is None
