from __future__ import annotations

import keras
import numpy as np
import pytest

from e2e_tf import GraphBatch
from e2e_tf.data.content import CONTENT, CONTENT_INPUT
from e2e_tf.errors import InputError
from e2e_tf.models import Head, auxiliary_heads, build_model, with_auxiliary, without_auxiliary

SETTINGS = {"phi": [4], "dense": [4], "dropout": 0.0}
OWN = {"first": Head(), "second": Head("regression", 2)}


def batch():
    rng = np.random.default_rng(1)
    n_node = np.array([3, 1, 4], np.int32)
    return GraphBatch(
        x=rng.normal(size=(8, 5)).astype(np.float32),
        senders=np.array([0, 4], np.int32),
        receivers=np.array([1, 5], np.int32),
        n_node=n_node,
        n_edge=np.array([1, 0, 1], np.int32),
        u=rng.normal(size=(3, 2)).astype(np.float32),
    )


def inputs_of(model, content=None):
    graphs = batch()
    told = {} if content is None else {CONTENT_INPUT: content}
    return {t.name: told[t.name] if t.name in told else getattr(graphs, t.name) for t in model.inputs}


@pytest.mark.parametrize("outputs", [1, 3, OWN], ids=["one", "classes", "several"])
def test_what_is_left_has_the_inputs_outputs_and_numbers_of_the_model(outputs):
    whole = with_auxiliary(build_model("deep_sets", 5, 2, SETTINGS, auxiliary_heads(outputs)), outputs, 0.5)
    plain = build_model("deep_sets", 5, 2, SETTINGS, outputs)
    kept = without_auxiliary(whole)
    assert sorted(t.name for t in whole.inputs) == sorted([CONTENT_INPUT, *(t.name for t in plain.inputs)])
    assert sorted(t.name for t in kept.inputs) == sorted(t.name for t in plain.inputs)
    shapes = [[(w.path, tuple(w.shape)) for w in model.weights] for model in (kept, plain)]
    assert sorted(shapes[0]) == sorted(shapes[1])
    content = np.zeros((3, len(CONTENT)), np.float32)
    expected, found = whole(inputs_of(whole, content)), kept(inputs_of(kept))
    if isinstance(outputs, dict):
        assert list(found) == list(expected)
        assert set(found) == set(outputs)
        for name in outputs:
            np.testing.assert_array_equal(found[name], expected[name])
    else:
        assert found.shape == (3, outputs)
        np.testing.assert_array_equal(found, expected)


def test_the_task_learns_from_what_the_score_is_made_of():
    whole = with_auxiliary(build_model("deep_sets", 5, 2, SETTINGS, auxiliary_heads(1)), 1, 0.25)
    inputs = inputs_of(whole, np.ones((3, len(CONTENT)), np.float32))
    whole(inputs, training=True)
    (loss,) = whole.losses
    head = whole.get_layer("learnt_content")
    assert head.input is whole.get_layer("score").input
    distance = np.abs(np.asarray(keras.Model(whole.inputs, head.output)(inputs)) - 1)
    near = np.minimum(distance, 1)
    assert float(loss) == pytest.approx(0.25 * np.mean(near * (distance - near / 2)), rel=1e-5)


def test_a_model_without_a_task_stays_what_it_is():
    model = build_model("deep_sets", 5, 2, SETTINGS)
    assert without_auxiliary(model) is model


def test_a_model_of_somebody_s_own_stays_whatever_its_layers_are_called():
    x = keras.Input((2,), name="x")
    layer = keras.layers.Dense(1, name="auxiliary_loss")
    for model in (keras.Model(x, layer(x)), keras.Sequential([layer]), object()):
        assert without_auxiliary(model) is model


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(
        InputError, match=r"cannot be called learnt_content, as that of training\.auxiliary_loss is"
    ):
        auxiliary_heads({"learnt_content": Head()})
