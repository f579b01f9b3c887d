"""What `e2e-tf new` writes beside the configuration: a script that trains a network in plain Keras."""

from __future__ import annotations

import runpy

import keras
import numpy as np
import pytest

from e2e_tf.data.preprocess import read_preprocess
from e2e_tf.errors import InputError
from e2e_tf.new_project import new_project


def test_the_script_in_plain_keras_trains_and_saves(tmp_path, tau_folder, monkeypatch):
    """With one epoch on the first 400 jets; the saved file gives the scores of the model, as export reads it."""
    folder = new_project(tmp_path / "tagger")
    monkeypatch.chdir(folder)
    config = (folder / "tagger.toml").read_text(encoding="utf-8")
    assert 'sample = "tau"' in config
    (folder / "tagger.toml").write_text(
        config.replace('sample = "tau"', f'sample = "{tau_folder / "tau.h5"}"'), encoding="utf-8"
    )
    script = (folder / "keras_model.py").read_text(encoding="utf-8")
    assert "epochs=5" in script
    (folder / "keras_model.py").write_text(script.replace("epochs=5", "epochs=1"), encoding="utf-8")
    found = runpy.run_path("keras_model.py")
    model, check = found["model"], found["check"]
    assert np.isfinite(model.history.history["val_loss"]).all()
    assert len(model.history.history["loss"]) == 1
    saved = keras.models.load_model("keras_model.keras")
    np.testing.assert_array_equal(
        saved.predict(check.dataset(), verbose=0), model.predict(check.dataset(), verbose=0)
    )
    assert read_preprocess("preprocess.json").to_dict() == found["data"].preprocess.to_dict()


def test_an_existing_folder_is_not_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="exists already"):
        new_project(tmp_path / "mine")
    assert [*(tmp_path / "mine").iterdir()] == []
