"""Bad input to the commands of deploy/: one sentence, status 2, nothing left behind."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e_tf.cli import main
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.files import sha256


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The sentence with which a command ends, checked to be one and to come with status 2."""
    monkeypatch.setattr(sys, "argv", ["e2e-tf", *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if line.startswith("e2e-tf: error: ")]
    assert len(lines) == 1
    assert said.err.splitlines()[-1] == lines[0]
    assert "Traceback" not in said.err
    return lines[0].removeprefix("e2e-tf: error: ")


def sparse_input(inputs: dict[str, Any]) -> Any:
    import keras

    inputs["x"] = keras.Input((16,), name="x", sparse=True)
    return keras.layers.Dense(1)(inputs["u"])


def string_input(inputs: dict[str, Any]) -> Any:
    import keras

    inputs["x"] = keras.Input((16,), name="x", dtype="string")
    return keras.layers.Dense(1)(inputs["u"])


def integer_output(inputs: dict[str, Any]) -> Any:
    import keras

    return keras.ops.cast(keras.layers.Dense(1)(inputs["u"]) > 0, "int32")


def in_python(inputs: dict[str, Any]) -> Any:
    from e2e_tf.layers import DisjointToBlocks

    x, _, _ = DisjointToBlocks()([inputs[k] for k in ("x", "senders", "receivers", "n_node")])
    return _mean_in_python()(x)


def _mean_in_python() -> Any:
    import keras
    import tensorflow as tf

    @keras.saving.register_keras_serializable(package="test_bad_input")
    class InPython(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return tf.ensure_shape(
                tf.numpy_function(lambda v: v.mean(axis=(1, 2)), [x], tf.float32), (None,)
            )[:, None]

        def compute_output_spec(self, x: Any) -> Any:
            return keras.KerasTensor((None, 1))

    return InPython()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (sparse_input, "inputs must be dense tensors; x of this model is sparse"),
        (string_input, "inputs must be numbers; x of this model is string"),
        (integer_output, "the output must be float32, that of this model is int32"),
        (in_python, "PyFunc"),
    ],
)
def test_a_model_that_cannot_be_handed_off(
    make_run: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outputs: Callable[[dict[str, Any]], Any],
    message: str,
) -> None:
    import keras

    from e2e_tf.models.gat_cheb import disjoint_inputs

    inputs = disjoint_inputs(16, 2)
    output = outputs(inputs)
    run = make_run(tmp_path / "run", model=keras.Model(inputs, output))
    assert message in refused(monkeypatch, capsys, "export", run, "-o", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_unknown_release(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("export", runs["padded"], "-o", tmp_path / "out", "--cmssw", "CMSSW_99_0")
    said = refused(monkeypatch, capsys, *arguments)
    assert said.endswith("such as 14_1, not 'CMSSW_99_0'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("a" * 300, "cannot be written: File name too long"),
        ("none/out", "does not exist; create it first"),
        ("file", "file is a file, not a folder"),
        ("file/out", "does not exist; create it first"),
        (".", "holds the working folder"),
    ],
)
@pytest.mark.parametrize("command", ["export", "triton", "cmssw"])
def test_a_place_that_cannot_be_written(
    runs: dict[str, Path],
    bundles: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    output: str,
    message: str,
) -> None:
    if output == "." and command != "export":  # they write below it
        message = "exists already"
    source = runs["padded"] if command == "export" else bundles["padded"]
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    force = [] if message == "exists already" else ["--force"]
    assert message in refused(monkeypatch, capsys, command, source, "-o", output, *force)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def changed_file(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"x")


def other_preprocess(folder: Path) -> None:
    path = folder / "preprocess.json"
    document = json.loads(path.read_text("utf-8"))
    name = document["features"]["var_names"].pop()
    del document["features"]["var_infos"][name]
    path.write_text(json.dumps(document), "utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["checksums"]["preprocess.json"] = sha256(path)
    write_manifest(folder, manifest)


@pytest.mark.parametrize("command", ["validate", "triton"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (changed_file, "model.onnx has changed: its SHA-256 is 2d711642b726…, the manifest says"),
        (other_preprocess, "has 15 variables for features, the model takes 16"),
    ],
)
def test_a_damaged_bundle(
    bundles: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    folder = Path(shutil.copytree(bundles["padded"], tmp_path / "bundle"))
    damage(folder)
    arguments = [command, folder] if command == "validate" else [command, folder, "-o", tmp_path / "out"]
    assert message in refused(monkeypatch, capsys, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
