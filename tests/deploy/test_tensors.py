"""Models on tensors, whatever their inputs and outputs are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.deploy.export import export
from e2e_tf.deploy.model_inputs import integer_limits, tensor_names
from e2e_tf.files import read_json


def two(first: str, second: str = "other") -> Any:
    import keras

    x, y = keras.Input((6,), name=first), keras.Input((3,), name=second)
    return keras.Model([x, y], keras.layers.Dense(1)(keras.layers.Concatenate()([x, y])))


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("my input", "a:b", ["my_input", "a_b"]),
        ("score", "π", ["input_score", "input_1"]),
        ("_x", "a.b", ["input_x", "a.b"]),
        ("a b", "a:b", ["a_b", "a_b_2"]),
    ],
)
def test_names_are_made_such_that_runtimes_take_them(first: str, second: str, names: list[str]) -> None:
    model = two(first, second)
    found = tensor_names(model)
    assert list(found) == names
    assert [tensor.name for tensor in found.values()] == [first, second]


def test_odd_names_nested_inputs_and_integers_are_exported(tmp_path: Path) -> None:
    """A dictionary of inputs with keys unlike the names of its layers, an embedding, and outputs in a list."""
    import keras

    keras.utils.set_random_seed(2)
    a, b = keras.Input((4,), name="my input"), keras.Input((3,), name="score")
    kind = keras.Input((2,), dtype="int32", name="pdg:id")
    table = keras.layers.Flatten()(keras.layers.Embedding(7, 2)(kind))
    x = keras.layers.Concatenate()([a, b, table])
    outputs = [keras.layers.Dense(1, name="tau")(x), keras.layers.Dense(2, name="kind")(x)]
    model = keras.Model({"z": a, "first": b, "second": kind}, outputs)
    assert integer_limits(model) == {"pdg_id": 7}
    folder = export(model, tmp_path / "bundle", formats=("onnx", "savedmodel"), proof=31)
    manifest = read_json(folder / "manifest.json")
    inputs = {info["name"]: info for info in manifest["inputs"]}
    assert {name: info["shape"] for name, info in inputs.items()} == {
        "input_score": ["B", 3],
        "pdg_id": ["B", 2],
        "my_input": ["B", 4],
    }
    assert {name: info["keras"] for name, info in inputs.items()} == {
        "input_score": "score",
        "pdg_id": "pdg:id",
        "my_input": "my input",
    }
    assert inputs["pdg_id"]["below"] == 7
    assert manifest["outputs"][0]["columns"] == {"tau": 1, "kind": 2}
    assert all(found["largest_difference"] <= found["tolerance"] < 1e-3 for found in manifest["tested"])
    with np.load(folder / "inputs.npz") as vectors:
        assert {int(v) for v in vectors["2/pdg_id"].ravel()} <= set(range(7))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_half_precision_is_exported_in_float32(tmp_path: Path, policy: str) -> None:
    import keras

    keras.utils.set_random_seed(4)
    x = keras.Input((6,), name="x", dtype="float32")
    y = keras.layers.LayerNormalization(dtype=policy)(
        keras.layers.Dense(8, activation="gelu", dtype=policy)(x)
    )
    model = keras.Model(x, keras.layers.Dense(2, dtype=policy, name="kind")(y))
    folder = export(model, tmp_path / "bundle", formats=("onnx",), proof=20)
    manifest = read_json(folder / "manifest.json")
    assert manifest["model"]["policy"] == policy
    assert all(found["largest_difference"] < 1e-5 for found in manifest["tested"])
    with np.load(folder / "inputs.npz") as inputs, np.load(folder / "outputs.npz") as outputs:
        found, rounded = outputs["2/score"], np.asarray(model(inputs["2/x"]), np.float32)
    assert found.dtype == np.float32
    assert 0 < np.abs(found - rounded).max() < 0.1  # the parameters are the same, the arithmetic is finer
