"""Models on tensors, whatever their inputs and outputs are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2e_tf.deploy.export import export
from e2e_tf.deploy.model_inputs import integer_limits
from e2e_tf.files import read_json


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
