"""What can be exported: a finished run, or a Keras model in a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.deploy.sources import ModelFile, open_source
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.training.run import Run


def dense_model(path: Path) -> Path:
    import keras

    inputs = keras.Input((4,), name="values")
    keras.Model(inputs, keras.layers.Dense(1)(inputs)).save(path)
    return path


def test_a_run_folder_is_a_run(runs: dict[str, Path]) -> None:
    source = open_source(runs["padded"])
    assert type(source) is Run
    assert source.config.model_name == "gat_cheb"


def test_a_keras_file_of_tensors_needs_nothing_beside_it(tmp_path: Path) -> None:
    source = open_source(dense_model(tmp_path / "mine.keras"))
    assert isinstance(source, ModelFile)
    assert source.config.model_name == "mine"
    assert source.preprocess.node_features is None
    data = {"model": "mine.keras", "sha256": sha256(tmp_path / "mine.keras")}
    assert source.provenance == {"data": data}
    assert source.model() is source.model()  # read once
    assert np.asarray(source.model()(np.zeros((2, 4), np.float32))).shape == (2, 1)


def test_a_keras_file_on_graphs_needs_its_preprocess_json(runs: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(runs["padded"] / "model.keras", tmp_path / "mine.keras")
    with pytest.raises(InputError, match=r"needs the preprocess\.json of its inputs beside it; there is no "):
        open_source(tmp_path / "mine.keras")
    shutil.copy(runs["padded"] / "preprocess.json", tmp_path)
    assert open_source(tmp_path / "mine.keras").preprocess.edges == "knn:3"


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no model .*none\.keras"):
        open_source(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("not a model")
    with pytest.raises(InputError, match=r"text\.keras must be a Keras model whose layers are registered"):
        open_source(tmp_path / "text.keras")
    with pytest.raises(InputError, match="there is no run folder"):
        open_source(tmp_path / "none")


def test_a_model_whose_parameters_are_not_finite_is_refused(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.layers[-1].bias.assign([np.inf])
    model.save(tmp_path / "m.keras")
    with pytest.raises(InputError, match=r"every parameter of .*m\.keras must be finite, 1 of 2 arrays"):
        open_source(tmp_path / "m.keras")
