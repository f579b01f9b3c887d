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
    bits, byte, wide = (keras.Input((2,), dtype=d, name=d) for d in ("bool", "uint8", "float64"))
    cast = [keras.ops.cast(part, "float32") for part in (bits, byte, wide)]
    x = keras.layers.Concatenate()([a, b, table, *cast])
    outputs = [keras.layers.Dense(1, name="tau")(x), keras.layers.Dense(2, name="kind")(x)]
    inputs = {"z": a, "first": b, "second": kind, "t_bits": bits, "t_byte": byte, "t_wide": wide}
    model = keras.Model(inputs, outputs)
    assert integer_limits(model) == {"pdg_id": 7, "bool": 2, "uint8": 7}
    folder = export(model, tmp_path / "bundle", formats=("onnx", "savedmodel"), proof=31)
    manifest = read_json(folder / "manifest.json")
    inputs = {info["name"]: info for info in manifest["inputs"]}
    assert {name: info["shape"] for name, info in inputs.items()} == {
        "input_score": ["B", 3],
        "pdg_id": ["B", 2],
        "my_input": ["B", 4],
        **{name: ["B", 2] for name in ("bool", "uint8", "float64")},
    }
    assert {name: info["keras"] for name, info in inputs.items() if "keras" in info} == {
        "input_score": "score",
        "pdg_id": "pdg:id",
        "my_input": "my input",
    }
    assert inputs["pdg_id"]["below"] == 7
    assert manifest["outputs"][0]["columns"] == {"tau": 1, "kind": 2}
    assert all(found["largest_difference"] <= found["tolerance"] < 1e-3 for found in manifest["tested"])
    with np.load(folder / "inputs.npz") as vectors:
        assert {int(v) for v in vectors["2/pdg_id"].ravel()} <= set(range(7))
