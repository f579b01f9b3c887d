"""The log of a trial: the best epoch, progress, early ends; with and without Keras."""

from __future__ import annotations

import keras
import numpy as np

from e2e_tf.files import read_json
from e2e_tf.tuning.epoch_log import EpochLog
from e2e_tf.tuning.objectives import make_objective

AUC, LOSS = make_objective("val_auc"), make_objective("val_loss")


def logged(log, *values, name="val_auc"):
    for epoch, value in enumerate(values):
        log.on_epoch_end(epoch, {name: value})
    return log


def test_the_best_epoch_of_each_direction():
    log = logged(EpochLog(AUC), 0.5, 0.75, float("nan"), 0.75, 0.5)
    assert (log.best_epoch, log.best_metrics) == (1, {"val_auc": 0.75})
    assert logged(EpochLog(LOSS), 0.5, 0.25, 0.75, name="val_loss").best_epoch == 1
    assert logged(EpochLog(AUC), float("nan"), 0.25).best_epoch == 1


def test_progress_is_written_after_every_epoch(tmp_path):
    path = tmp_path / "progress.json"
    logged(EpochLog(AUC, progress=path, execution=2), 0.5, 0.75)
    assert read_json(path) == {"execution": 2, "epoch": 2, "history": {"val_auc": [0.5, 0.75]}}


def test_a_trial_below_the_median_is_pruned_after_so_many_epochs():
    others = [[0.9, 0.9], [0.8, 0.8], [0.7, 0.7]]
    early = EpochLog(AUC, others=lambda: others, prune_after=2)
    assert logged(early, 0.5).pruned == ""
    early.on_epoch_end(1, {"val_auc": 0.6})
    assert "its best value 0.6 was worse than 0.8, the median of 3 finished trials" in early.pruned


def model():
    keras.utils.set_random_seed(1)
    found = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    found.compile("sgd", "mse", jit_compile=False)
    return found


def test_the_parameters_of_the_best_epoch_come_back_and_the_last_are_saved(tmp_path):
    x, y = np.ones((4, 1), np.float32), np.full((4, 1), 3, np.float32)
    seen = []
    net = model()
    worse = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(net.get_weights()[0])
    )
    log = EpochLog(LOSS, last=tmp_path / "last.keras", patience=2)
    net.optimizer.learning_rate.assign(1.2)  # so large that the loss grows
    net.fit(x, y, validation_data=(x, y), epochs=9, callbacks=[worse, log], shuffle=False, verbose=0)
    assert log.best_epoch == 0
    assert len(log.history["val_loss"]) == 3  # two more without a better one
    np.testing.assert_array_equal(net.get_weights()[0], seen[1])  # as after the first epoch
    last = keras.models.load_model(tmp_path / "last.keras").get_weights()[0]
    assert abs(last - seen[1]).item() > 0
    assert log.seconds > 0


def test_it_goes_on_from_earlier_epochs():
    log = logged(EpochLog(AUC, history={"val_auc": [0.9, 0.8]}), 0.7)
    assert log.history["val_auc"] == [0.9, 0.8, 0.7]
    assert log.best_epoch == 0
