"""What can be exported: a finished run, or a Keras model in a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.deploy.signing import write_manifest
from e2e_tf.deploy.sources import ModelFile, import_modules, open_source
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, sha256
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
    import keras

    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: 2 * x)]).save(tmp_path / "code.keras")
    with pytest.raises(
        InputError, match=r"^the model has a Lambda layer, whose Python code is not read .* --import$"
    ):
        open_source(tmp_path / "code.keras")
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


def test_a_model_in_memory_needs_no_file(runs: dict[str, Path]) -> None:
    import keras

    x = keras.Input((4,), name="values")
    source = open_source(keras.Model(x, keras.layers.Dense(1)(x), name="mine"))
    assert (source.config.model_name, source.provenance) == ("mine", {"data": {"model": "mine"}})
    model = open_source(runs["padded"]).model()
    with pytest.raises(
        InputError, match="needs features, the Preprocess of its inputs or its preprocess.json"
    ):
        open_source(model)
    assert open_source(model, runs["padded"] / "preprocess.json").preprocess.edges == "knn:3"
    assert open_source(model, open_source(runs["padded"]).preprocess).preprocess.max_nodes == 20
    with pytest.raises(InputError, match="a run, a bundle and a model on tensors have their own"):
        open_source(runs["padded"], runs["padded"] / "preprocess.json")
    with pytest.raises(
        InputError,
        match=r"must be a run, a bundle, a file \.keras or \.h5 or \.hdf5 or a Keras model, not int",
    ):
        open_source(3)


def test_an_h5_file_and_layers_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    (tmp_path / "own_layers_of_a_test.py").write_text(
        "import keras\n\n"
        "@keras.saving.register_keras_serializable(package='own')\n"
        "class Doubled(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n",
        "utf-8",
    )
    monkeypatch.chdir(tmp_path)
    import_modules(["own_layers_of_a_test"])
    (made,) = (kind for name, kind in keras.saving.get_custom_objects().items() if name == "own>Doubled")
    x = keras.Input((4,), name="values")
    model = keras.Model(x, keras.layers.Dense(1)(made()(x)))
    for name in ("mine.h5", "mine.keras"):
        model.save(tmp_path / name)
    keras.saving.get_custom_objects().pop("own>Doubled")
    with pytest.raises(
        InputError, match=r"mine\.keras must be .* \(--import names the module of your own ones\)"
    ):
        open_source(tmp_path / "mine.keras")
    values = np.arange(8, dtype=np.float32).reshape(2, 4)
    for name in ("mine.h5", "mine.keras"):  # once by its path
        source = open_source(tmp_path / name, imports=[str(tmp_path / "own_layers_of_a_test.py")])
        np.testing.assert_allclose(source.model()(values), model(values), rtol=1e-6)
    with pytest.raises(InputError, match="the module nowhere_at_all cannot be imported: ModuleNotFoundError"):
        import_modules(["nowhere_at_all"])


def test_a_bundle_is_exported_again_for_another_release(
    bundles: dict[str, Path], tmp_path: Path, not_built: None
) -> None:
    from e2e_tf.deploy.export import export

    before = Path(shutil.copytree(bundles["padded"], tmp_path / "before"))
    manifest = read_json(before / "manifest.json")
    point = {"target": 0.7, "threshold": 0.4, "signal_efficiency": 0.7, "background_efficiency": 0.01}
    rest = {"signal_error": 0.1, "rejection": 100.0, "is_limit": False, "low": 80.0, "high": None}
    manifest |= {
        "working_points": [point],
        "binned_working_points": [
            {"low": 10.0, "high": 20.0, "signal": 5, "background": 9, "working_points": [point | rest]},
        ],
        "jets": {"candidates": "constituents", "momentum": "stored", "rho": "candidates"},
    }
    manifest["outputs"][0]["meaning"] = {"score": {"kind": "binary", "column": "label"}}
    write_manifest(before, manifest)
    after = export(before, tmp_path / "after", cmssw="12_4", formats=("onnx",), proof=5)
    found = read_json(after / "manifest.json")
    assert found["release"]["cmssw"] == "12_4"
    assert list(found["formats"]) == ["onnx"]
    for key in (
        "interface",
        "model",
        "graph",
        "jets",
        "limits",
        "working_points",
        "binned_working_points",
        "auc",
        "inputs",
        "outputs",
    ):
        assert found[key] == manifest[key], key
    assert found["provenance"]["seed"] == manifest["provenance"]["seed"]
    assert found["provenance"]["config"] == manifest["provenance"]["config"]
    assert read_json(after / "preprocess.json") == read_json(before / "preprocess.json")
    with np.load(before / "outputs.npz") as old, np.load(after / "outputs.npz") as new:
        assert sorted(old) == sorted(new)
        assert all(np.array_equal(old[name], new[name]) for name in old)
    (before / "preprocess.json").write_text("{}")
    with pytest.raises(InputError, match=r"preprocess\.json has changed"):
        export(before, tmp_path / "other")
