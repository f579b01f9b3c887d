from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import keras
import numpy as np
import pytest

from e2e_tf.config import RunConfig, make_config, read_config
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.preprocess import read_preprocess
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.export import export
from e2e_tf.errors import InputError, TrainingDiverged
from e2e_tf.training.fit import fit, only_python, python_note
from e2e_tf.training.loop import train_model
from e2e_tf.training.run import open_run, package_versions


def quick(folder, name, **changes):
    """A configuration of a network that is traced quickly, where the point is not the network.

    Args:
        folder: of ``tiny.toml``, from which it differs in the model.
        name: of the file.
        **changes: keys and values of ``[training]``, as TOML.
    """
    text = (folder / "tiny.toml").read_text()
    model = 'name = "deep_sets"\nphi = [8]\ndense = [8]\ndropout = 0.1\n'
    text = text[: text.index("name =")] + model + text[text.index("[training]") :]
    for key, value in changes.items():
        text = re.sub(f"^{key} = .*\n", "", text, flags=re.MULTILINE) + f"{key} = {value}\n"
    (folder / name).write_text(text)
    return folder / name


def weights(folder):
    model = keras.models.load_model(folder / "model.keras", compile=False)
    return [np.asarray(w) for w in model.get_weights()]


def test_what_a_run_holds(trained):
    assert sorted(p.name for p in trained.iterdir()) == [
        "config.json",
        "history.json",
        "model.keras",
        "preprocess.json",
        "provenance.json",
    ]
    history = json.loads((trained / "history.json").read_text())
    assert set(history) == {"loss", "auc", "val_loss", "val_auc"}
    assert all(len(values) == 2 for values in history.values())
    provenance = json.loads((trained / "provenance.json").read_text())
    assert provenance["seed"] == 3
    assert provenance["versions"] == package_versions()
    assert provenance["best_epoch"] == int(np.argmax(history["val_auc"]))
    splits = provenance["data"]["splits"]
    assert sum(part["jets"] for part in splits.values()) == 400
    low, high = provenance["data"]["range"]["pt"]
    assert 5 < low < 15 < 40 < high < 80
    assert provenance["data"]["range"]["eta"][0] < -1 < 1 < provenance["data"]["range"]["eta"][1]
    run = open_run(trained)
    assert run.model().count_params() == provenance["parameters"]
    assert read_preprocess(trained / "preprocess.json").edges == "knn:8+delaunay"


@pytest.fixture(scope="module")
def again(trained, tau_folder, tmp_path_factory):
    """The same training once more, in a folder where an earlier version had begun it: with old names of keys in
    its config.json, and without those that are new."""
    stored = json.loads((trained / "config.json").read_text())
    del stored["source"], stored["base_from_here"]
    data = stored["config"]["data"]
    data["judge_pt_bins"] = data.pop("evaluate_pt_bins")
    del data["split_seed"]
    folder = tmp_path_factory.mktemp("again")
    (folder / "config.json").write_text(json.dumps(stored))
    return fit(tau_folder / "tiny.toml", folder)


def test_the_same_seed_gives_the_same_model(trained, again):
    for a, b in zip(weights(trained), weights(again.folder), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_an_unfinished_run_of_an_earlier_version_goes_on(trained, again):
    assert again.config == open_run(trained).config


def test_a_killed_training_continues_as_if_nothing_had_happened(tau_folder, tmp_path):
    """SIGKILL after the first checkpoint; the second start gives what an undisturbed run gives."""
    config = quick(tau_folder, "four.toml", epochs=4, auxiliary_loss=1.0)
    whole = fit(config, tmp_path / "whole").folder
    broken = tmp_path / "broken"
    command = [sys.executable, "-m", "e2e_tf", "fit", str(config), "-o", str(broken)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))
    deadline = time.monotonic() + 400  # a busy machine takes minutes to import TensorFlow
    while not list(broken.glob("checkpoint/epoch-*")):
        assert process.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / "model.keras").exists()
    with pytest.raises(InputError, match=r"has no model\.keras; its training has not finished"):
        open_run(broken)
    fit(config, broken)
    assert json.loads((broken / "provenance.json").read_text())["resumed_at_epochs"] != []
    assert not (broken / "checkpoint").exists()
    first, second = (json.loads((f / "history.json").read_text()) for f in (whole, broken))
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-4, err_msg=name)
    for a, b in zip(weights(whole), weights(broken), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_an_unfinished_run_of_another_configuration_is_refused(trained, tau_folder, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text((trained / "config.json").read_text())
    config = read_config(tau_folder / "tiny.toml").model_copy(update={"seed": 4})
    with pytest.raises(InputError, match="holds an unfinished run of another configuration"):
        fit(config, folder, base=tau_folder)
    assert [p.name for p in folder.iterdir()] == ["config.json"]


def test_an_unfinished_run_on_a_file_that_has_changed_is_refused(trained, tau_folder, tmp_path):
    """Also where its folder and the configuration lie elsewhere now."""
    folder = tmp_path / "run"
    folder.mkdir()
    kept = {}
    for name in ("config.json", "preprocess.json"):
        kept[name] = (trained / name).read_bytes()
        (folder / name).write_bytes(kept[name])
    (tmp_path / "tiny.toml").write_text((tau_folder / "tiny.toml").read_text())
    jets = read_jets(tau_folder / "tau.h5")
    write_jets(tmp_path / "tau.h5", jets.take(np.arange(300)))
    with pytest.raises(
        InputError,
        match=r"--force replaces; it was begun on another tau\.h5: its SHA-256 was \w{12}…, it is \w{12}… now",
    ):
        fit(tmp_path / "tiny.toml", folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept


def test_early_stopping_keeps_the_best_epoch(tau_folder, tmp_path):
    run = fit(quick(tau_folder, "stop.toml", epochs=40, patience=1), tmp_path / "run")
    history = json.loads((run.folder / "history.json").read_text())["val_auc"]
    assert len(history) < 40
    assert run.provenance["best_epoch"] == int(np.argmax(history))
    assert len(history) - 1 - int(np.argmax(history)) == 1


def test_a_training_that_diverges_at_once_leaves_no_model(tau_folder, tmp_path):
    quick(tau_folder, "nan.toml", learning_rate="1e38", optimizer="'sgd'")
    with pytest.raises(TrainingDiverged, match="the training diverged in epoch 1: .* has no model$") as found:
        fit(tau_folder / "nan.toml", tmp_path / "run")
    assert found.value.epoch == 0
    left = ["config.json", "diverged.json", "preprocess.json"]
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == left
    with pytest.raises(
        InputError, match="diverged in epoch 1: .*learning_rate .* may help; run 'e2e-tf fit' with --force"
    ):
        open_run(tmp_path / "run")


def test_a_training_that_diverges_later_keeps_the_best_epoch_before(tau_folder, tmp_path, monkeypatch):
    """The parameters are spoilt after the third of four epochs; the AUC of such a model may still be a number."""
    quick(tau_folder, "four_nan.toml", epochs=4)

    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.trainable_variables[0].assign(self.model.trainable_variables[0] * np.inf)
                logs["val_auc"] = 1.0

    def spoilt(*args, callbacks=(), **options):
        return train_model(*args, callbacks=[Spoil(), *callbacks], **options)

    monkeypatch.setattr("e2e_tf.training.fit.train_model", spoilt)
    with pytest.raises(
        TrainingDiverged,
        match=r"diverged in epoch 3: parameters .*model\.keras is the model of epoch [12], the best",
    ):
        fit(tau_folder / "four_nan.toml", tmp_path / "run")
    run = open_run(tmp_path / "run")
    history = json.loads((run.folder / "history.json").read_text())
    assert {len(values) for values in history.values()} == {2}
    assert np.isfinite(list(history.values())).all()
    assert run.provenance["best_epoch"] == int(np.argmax(history["val_auc"]))
    assert run.provenance["diverged_in_epoch"] == 2
    assert all(np.isfinite(weight).all() for weight in weights(run.folder))
    assert not (run.folder / "checkpoint").exists()


def test_inputs_that_export_cannot_take_are_named_before_the_training():
    def note(**columns):
        recipe = GraphRecipe("candidates", "knn:2", jet_features=())
        jets = read_jets(sample_path("tau"), stop=20)
        made = build_graphs(jets, recipe).fit_preprocess(recipe)
        return python_note(RunConfig(), replace(made, extra={"columns": columns} if columns else {}))

    assert note() == ""
    assert note(jets={"ht": "2 * pt"}) == (
        "e2e-tf export will refuse this run: its inputs need ht = '2 * pt', which the C++ builder does not compute; "
        "write the column into the files to export it"
    )
    assert "need candidate_selection = 'pt > 1', which" in note(candidate_selection="pt > 1")


def test_a_computed_quantity_that_an_output_is_relative_to_is_named_and_not_exported(trained, tmp_path):
    outputs = {"mass": {"kind": "regression", "column": "mass", "relative_to": "half"}}
    config = make_config({"data": {"columns": {"half": "pt / 2", "other": "pt"}}, "outputs": outputs})
    run = replace(open_run(trained), config=config)
    needed = "its outputs are relative to half = 'pt / 2'"
    assert only_python(config, run.preprocess) == needed
    assert python_note(config, run.preprocess).startswith(
        f"e2e-tf export will refuse this run: {needed}, which"
    )
    with pytest.raises(
        InputError, match=f"cannot be exported: {needed}, which the C[+][+] builder does not compute"
    ):
        export(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
