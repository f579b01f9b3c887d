"""The validation passes on what agrees, and fails on what does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from typer.testing import CliRunner

import e2e_tf.deploy.validate
from e2e_tf.cli import app
from e2e_tf.deploy.agreement import Agreement
from e2e_tf.deploy.bundle import open_bundle
from e2e_tf.deploy.manifest import check_manifest
from e2e_tf.deploy.tolerance import TOLERANCE
from e2e_tf.deploy.validate import validate
from e2e_tf.errors import InputError

PYTHON = ["Keras in a tf.function", "frozen graph", "SavedModel", "ONNX"]
CPP = ["ONNX in C++", "frozen graph in C++", "SavedModel in C++"]


def short(runtime: str) -> str:
    return runtime.split(" (")[0]


@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_all_runtimes_agree_with_keras(
    bundles: dict[str, Path], tmp_path: Path, kind: str, not_built: None
) -> None:
    folder = Path(shutil.copytree(bundles[kind], tmp_path / "copy"))
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["tested"] == []
    agreements = validate(folder, jets=60, write=True)
    assert [short(a.runtime) for a in agreements] == PYTHON + CPP
    for agreement in agreements[:4]:
        assert agreement.passed
        assert not agreement.failed
        assert agreement.difference <= TOLERANCE
        assert agreement.jets >= 2000  # batches of every size from 1 to 64 are among them
    for agreement in agreements[4:]:  # in the table, and neither a pass nor a failure
        assert agreement.missing == agreement.verdict == "not built, see 'make cpp'"
        assert not agreement.passed
        assert not agreement.failed
    manifest = open_bundle(folder)
    check_manifest(manifest)
    assert manifest["tested"] == [agreement.to_dict() for agreement in agreements[:4]]


def test_a_model_with_other_weights_is_caught(
    copy: Path, not_built: None, perturb: Callable[[Path], None]
) -> None:
    perturb(copy)
    done = CliRunner().invoke(app, ["validate", str(copy), "--jets", "1", "--record"])
    assert done.exit_code == 1
    assert done.output.count("DIFFERS") == 2
    tested = json.loads((copy / "manifest.json").read_text("utf-8"))["tested"]
    passed = {short(t["runtime"]): t["largest_difference"] <= t["tolerance"] for t in tested}
    assert passed == dict(zip(PYTHON, (True, False, True, False), strict=True))


def test_a_model_on_tensors_is_validated_too(
    tmp_path: Path, not_built: None, resign: Callable[[Path, str], None]
) -> None:
    import keras

    from e2e_tf.deploy.export import export

    inputs = keras.Input((4,), name="values")
    outputs = keras.layers.Dense(2, "sigmoid")(keras.layers.Dense(8, "relu")(inputs))
    keras.Model(inputs, outputs).save(tmp_path / "mine.keras")
    folder = export(tmp_path / "mine.keras", tmp_path / "out", formats=("onnx",), proof=20)
    tested = {short(t["runtime"]): t for t in json.loads((folder / "manifest.json").read_text())["tested"]}
    assert list(tested) == ["Keras in a tf.function", "ONNX"]
    assert all(t["jets"] == 20 and t["largest_difference"] <= TOLERANCE for t in tested.values())
    model = onnx.load(folder / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.shape == (8, 2):
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.02), tensor.name))
    onnx.save(model, folder / "model.onnx")
    resign(folder, "model.onnx")
    agreements = validate(folder, jets=20)
    assert [(short(a.runtime), a.failed) for a in agreements] == [
        ("Keras in a tf.function", False),
        ("ONNX", True),
        ("ONNX in C++", False),
    ]
    assert agreements[2].missing


def test_jets_must_be_positive(copy: Path) -> None:
    with pytest.raises(InputError, match="jets must be positive, not 0"):
        validate(copy, jets=0)


def test_the_status_is_1_where_a_runtime_that_must_agree_differs(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found, status in (
        (Agreement("ONNX", 3, 1e-7, 1), 0),
        (Agreement("ONNX", 3, 2e-5, 1), 1),
        (Agreement("ONNX", 3, float("nan"), 1), 1),
        (Agreement("ONNX, int8", 3, 0.5, 1, tolerance=0.2, required=False), 0),
        (Agreement("ONNX in C++", 0, float("nan"), -1, missing="not built"), 0),
    ):
        monkeypatch.setattr(e2e_tf.deploy.validate, "validate", lambda *a, found=found, **k: [found])
        done = CliRunner().invoke(app, ["validate", str(copy)])
        assert done.exit_code == status
        assert found.verdict in done.output
