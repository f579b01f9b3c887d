"""Inputs and outputs of a model by the names of an interface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from e2e_tf.deploy.model_inputs import all_layers, call_model, integer_limits, tensor_names


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


def test_a_model_is_called_by_these_names_and_its_outputs_stand_side_by_side() -> None:
    import keras

    a, b = keras.Input((2,), name="my input"), keras.Input((2,), name="other", dtype="int32")
    total = keras.layers.Add(dtype="float32")([a, keras.ops.cast(b, "float32")])
    model = keras.Model({"z": a, "y": b}, {"sum": total, "again": 2 * a})
    values = {"my_input": np.array([[1.0, 2]], np.float32), "other": np.array([[3.0, 4]], np.float32)}
    assert call_model(model, values).numpy().tolist() == [[2, 4, 4, 6]]  # by key: again, then sum


def test_layers_inside_of_others_count() -> None:
    import keras

    kind = keras.Input((1,), dtype="int32", name="kind")
    inner = keras.Sequential([keras.layers.Embedding(5, 2), keras.layers.Flatten()])
    model = keras.Model(kind, keras.layers.Dense(1)(inner(kind)))
    assert "Embedding" in {type(layer).__name__ for layer in all_layers(model)}
    assert integer_limits(model) == {"kind": 5}
    assert integer_limits(two("a")) == {}
