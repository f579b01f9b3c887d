"""Outputs of a model by name and side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.export import export
from e2e_tf.deploy.interface import edges_feeds, edges_function
from e2e_tf.deploy.jets import random_batch
from e2e_tf.deploy.outputs import joined_outputs
from e2e_tf.deploy.padded import padded_feeds, padded_function
from e2e_tf.deploy.reference import keras_scores
from e2e_tf.errors import InputError
from e2e_tf.files import read_json


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


def flat(x: Any, name: str) -> Any:
    """One number for each entry, (B,)."""
    import keras

    return keras.ops.squeeze(keras.layers.Dense(1, bias_initializer="random_normal", name=name)(x), -1)


def test_one_number_for_each_entry_is_a_column(tmp_path: Path) -> None:
    import keras
    import onnxruntime

    keras.utils.set_random_seed(2)
    x = keras.Input((6,), name="x")
    several = keras.Model(x, {"a": flat(x, "first"), "b": keras.layers.Dense(2)(x), "c": flat(x, "last")})
    joined, columns = joined_outputs(several)
    assert columns == {"a": 1, "b": 2, "c": 1}
    values = np.random.default_rng(1).normal(0, 1, (5, 6)).astype(np.float32)
    found = several(values)
    wanted = np.concatenate([found["a"][:, None], found["b"], found["c"][:, None]], axis=1)
    np.testing.assert_array_equal(joined(values), wanted)
    # Alone, from the file of the model to the runtimes.
    model = keras.Model(x, flat(x, "momentum"))
    model.save(tmp_path / "mine.keras")
    folder = export(tmp_path / "mine.keras", tmp_path / "out", formats=("onnx", "pb"), proof=20)
    output = read_json(folder / "manifest.json")["outputs"][0]
    assert output["shape"] == ["B", 1]
    assert list(output["columns"].values()) == [1]
    (score,) = onnxruntime.InferenceSession(folder / "model.onnx").run(None, {"x": values})
    assert score.shape == (5, 1)
    np.testing.assert_allclose(score[:, 0], model(values), rtol=0, atol=1e-6)
    assert np.ptp(score) > 0.1


def test_one_number_for_each_graph_is_a_column(inputs_like: Callable[..., Preprocess]) -> None:
    import keras

    from e2e_tf.layers import DisjointToBlocks, GlobalAvgPool
    from e2e_tf.models.inputs import disjoint_inputs

    preprocess = inputs_like(jet_features=())
    inputs = disjoint_inputs(len(preprocess.node_features.features), 0)
    nodes, _, mask = DisjointToBlocks()([inputs[name] for name in ("x", "senders", "receivers", "n_node")])
    model = keras.Model(inputs, flat(GlobalAvgPool()([nodes, mask]), "pt"))
    joined, columns = joined_outputs(model)
    assert list(columns.values()) == [1]
    batch = random_batch(preprocess, np.array([4, 0, 9]), np.random.default_rng(3))
    (expected,) = keras_scores(model, [batch])
    assert expected.shape == (3, 1)
    assert len(np.unique(expected)) == 3
    padded = padded_function(joined, preprocess)(**padded_feeds(batch))
    np.testing.assert_allclose(padded, expected, rtol=0, atol=1e-6)
    edges = edges_function(joined)(**edges_feeds(batch.graphs))
    np.testing.assert_allclose(edges[0], expected, rtol=0, atol=1e-6)


def test_an_output_without_entries_is_refused() -> None:
    import keras

    x = keras.Input((6,), name="x")
    with pytest.raises(
        InputError, match=r"must have shape \(B, C\) or \(B,\), sum\w* of this model has \(\)"
    ):
        joined_outputs(keras.Model(x, keras.ops.sum(x)))
    with pytest.raises(InputError, match="must have a row for each entry; .* of this model has 12 for 2"):
        joined_outputs(keras.Model(x, keras.ops.reshape(x, (-1,))))
