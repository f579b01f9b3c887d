"""Outputs of a model by name and side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.deploy.export import export
from e2e_tf.deploy.outputs import joined_outputs
from e2e_tf.errors import InputError


def several(kind: str) -> Any:
    """A model of x (B, 6) with outputs of 1, 1 and 2 columns, the first two of one layer."""
    import keras

    x, inner = keras.Input((6,), name="x"), keras.Input((6,))

    def dense(name: str, size: int = 1) -> Any:
        return keras.layers.Dense(size, activation="sigmoid", name=name, bias_initializer="random_normal")

    parts = keras.Model(inner, [dense("one")(inner), dense("two")(inner)], name="inner")
    shared = dense("shared")
    first, second = parts(x) if kind == "inner" else (shared(x), shared(keras.layers.ReLU()(x)))
    outputs = {
        "dictionary": {"tau": first, "muon": second, "kind": dense("t", 2)(x)},
        "nested": {"first": {"b": first, "a": second}, "b": dense("t", 2)(x)},
        "clash": [first, second, dense("shared_1", 2)(x)],
        "one": {"pt": first},
        "list of one": [second],
        "called score": {"score": dense("score")(x), "tau": first},
        "key clash": {"a": {"b": first}, "a_b": second},
    }
    return keras.Model(x, outputs.get(kind, [first, second, dense("t", 2)(x)]))


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("inner", {"inner_0": 1, "inner_1": 1, "t": 2}),
        ("shared", {"shared_0": 1, "shared_1": 1, "t": 2}),
        ("dictionary", {"kind": 2, "muon": 1, "tau": 1}),
        ("nested", {"b": 2, "first_a": 1, "first_b": 1}),
        ("one", {"pt": 1}),
        ("list of one", {"shared": 1}),
        ("called score", {"score": 1, "tau": 1}),
    ],
)
def test_every_output_keeps_its_columns(kind: str, columns: dict[str, int]) -> None:
    import keras

    model = several(kind)
    joined, found = joined_outputs(model)
    assert list(found.items()) == list(columns.items())
    x = np.random.default_rng(1).normal(0, 1, (5, 6)).astype(np.float32)
    wanted = np.concatenate([np.array(part) for part in keras.tree.flatten(model(x))], axis=1)
    assert wanted.shape == (5, sum(columns.values()))
    assert isinstance(joined.output, keras.KerasTensor)
    assert len(np.unique(wanted)) == wanted.size
    np.testing.assert_array_equal(np.array(joined(x)), wanted)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("clash", "shared and shared_1 are both called shared_1"),
        ("key clash", "shared and shared are both called a_b"),
    ],
)
def test_outputs_of_one_name_are_refused(kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        joined_outputs(several(kind))


def test_an_output_of_another_width_than_keras_says_is_refused() -> None:
    """Columns behind it would be those of other outputs."""
    import keras

    class Lying(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x[:, :2]

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    x = keras.Input((4,))
    for first in (Lying(), keras.layers.Activation("glu")):
        model = keras.Model(x, {"a": first(x), "b": keras.layers.Dense(1)(x)})
        with pytest.raises(
            InputError, match="the output a of this model gives 2 columns where Keras says 4;"
        ):
            joined_outputs(model)
    whole = keras.Model(x, keras.ops.reshape(x, (-1, 2)))
    with pytest.raises(InputError, match="must have a row for each entry; .* of this model has 4 for 2"):
        joined_outputs(whole)


def test_a_sequential_model_has_one_output() -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="kind")])
    joined, columns = joined_outputs(model)
    assert columns == {"kind": 2}
    x = np.ones((4, 3), np.float32)
    np.testing.assert_array_equal(joined(x), model(x))


def test_a_model_without_fixed_inputs_is_refused(tmp_path: Path) -> None:
    import keras

    class Mine(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(
        InputError, match=r"\(Mine\) has no fixed inputs and outputs; build it with keras.Input"
    ):
        joined_outputs(Mine())
    with pytest.raises(InputError, match=r"\(Sequential\) has no fixed inputs and outputs"):
        export(keras.Sequential([keras.layers.Dense(1)]), tmp_path / "out")
