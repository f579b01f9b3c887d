"""Training again on all but the test part; the command is in test_trial.py."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.errors import InputError, TrainingDiverged
from e2e_tf.files import read_json
from e2e_tf.training.loop import train_model
from e2e_tf.training.run import open_run
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.retrain import retrain, train_on_all
from e2e_tf.tuning.sweep import COMPLETED, Record, Sweep

CONFIG = {
    "data": {"sample": "tau.h5", "split": [0.6, 0.2, 0.2], "reweight_pt": False},
    "graph": {"nodes": "candidates", "edges": "knn:2"},
    "model": {"name": "particle_net_lite", "k": 2, "channels": [[4]], "dense": [4], "coordinates": "points"},
    "training": {"epochs": 3, "batch_size": 64},
    "outputs": {"score": {}, "visible": {"kind": "regression", "column": "visible_pt", "jets": "signal"}},
}
# Five steps each; test_trial.py has the command with a trace.
pytestmark = pytest.mark.usefixtures("untraced")


def test_several_outputs_and_inputs_of_the_nodes(tau_folder, tmp_path):
    (run,) = train_on_all(
        make_config(CONFIG), tau_folder, tmp_path / "run", epochs=1, seeds=1, source={"trial": "0003"}
    )
    history = read_json(run.folder / "history.json")
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ["loss", "score_loss", "visible_loss", "score_auc", "visible_mae"], 1
    )
    assert run.provenance["tuned_in"] == {"trial": "0003"}
    assert run.provenance["best_epoch"] == 0
    assert "points" in {tensor.name for tensor in run.model().inputs}
    assert np.isfinite(run.model().get_weights()[0]).all()


def test_a_training_that_diverges_keeps_the_last_good_epoch(tau_folder, tmp_path, monkeypatch):
    """The parameters of the second seed are spoilt in its second epoch, then those of the first seed in its first."""
    trained = []

    def spoilt(at):
        def train(model, *args, callbacks=(), **options):
            class Spoil(keras.callbacks.Callback):
                def on_epoch_end(self, epoch, logs=None):
                    trained.append(self.model.get_weights())
                    if (options["seed"], epoch) == at:
                        variable = self.model.trainable_variables[0]
                        variable.assign(variable * np.inf)

            return train_model(model, *args, callbacks=[Spoil(), *callbacks], **options)

        return train

    config, folder = make_config({**CONFIG, "seed": 4}), tmp_path / "run"
    monkeypatch.setattr("e2e_tf.training.loop.train_model", spoilt((5, 1)))
    with pytest.raises(
        TrainingDiverged,
        match=r"^with seed 5 the training diverged in epoch 2: .*seeds/2/model.keras is the model of epoch 1, the l",
    ) as found:
        train_on_all(config, tau_folder, folder, epochs=2, seeds=3)

    assert found.value.epoch == 1
    whole, cut = open_run(folder), open_run(folder / "seeds" / "2")
    assert (whole.provenance["best_epoch"], cut.provenance["best_epoch"]) == (1, 0)
    assert cut.provenance["diverged_in_epoch"] == 1
    assert "diverged_in_epoch" not in whole.provenance
    assert {len(values) for values in read_json(cut.folder / "history.json").values()} == {1}
    for kept, seen in zip(cut.model().get_weights(), trained[2], strict=True):
        np.testing.assert_array_equal(kept, seen)
    assert not (folder / "seeds" / "3").exists()

    monkeypatch.setattr("e2e_tf.training.loop.train_model", spoilt((4, 0)))
    with pytest.raises(TrainingDiverged, match=r"^the training diverged in epoch 1: .*; nothing is kept$"):
        train_on_all(config, tau_folder, tmp_path / "none", epochs=2, seeds=3)
    assert not (tmp_path / "none").exists()


def test_what_cannot_be_trained_again(tmp_path):
    sweep = Sweep(tmp_path, None, TuneConfig(), tmp_path)
    folder = sweep.trials / "0000"
    folder.mkdir(parents=True)
    from e2e_tf.files import write_json

    write_json(folder / "result.json", Record("0000", COMPLETED, {"x": 1}, 0.5).to_dict())
    with pytest.raises(InputError, match="is of a HyperModel of your own"):
        retrain(sweep, tmp_path / "run")
    with pytest.raises(InputError, match="seeds must be at least 1, not 0"):
        train_on_all(make_config({}), tmp_path, tmp_path / "run", epochs=1, seeds=0)
    (tmp_path / "full").mkdir()
    with pytest.raises(InputError, match="full exists already"):
        train_on_all(make_config({}), tmp_path, tmp_path / "full", epochs=1)
