"""``check_layer``: everything that a layer of this library promises, in one call.

A layer says in which forms it takes a graph (:class:`Form`); the helper feeds the same graphs in each form and
checks the numbers, the gradients, the configuration, the files and the exports.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from layer_exports import check_onnx, check_symbolic
from layer_graphs import EMPTY, OTHER, STANDARD, Form, Graphs, run, set_weights, tensors
from layer_modes import check_modes
from layer_numerics import check_compiled, check_double, check_half, check_little

import e2e_tf.layers  # noqa: F401  (registers)

_COMPILED: set[tuple[type, str]] = set()  # layers and names of forms
_MODES_CHECKED: set[tuple[type, str]] = set()
_RELOADED: set[tuple[type, str]] = set()


def check_layer(
    make: Callable[[], Any],
    forms: Sequence[Form],
    kind: str,
    *,
    reference: Callable[[list[np.ndarray], Graphs], np.ndarray] | None = None,
    half: float | None = 4.0,
    permutable: bool = True,
    gradients: bool = True,
    slopes: bool | None = None,
    training: bool = False,
    tolerance: float = 2e-6,
) -> Any:
    """Check what every layer promises.

    Args:
        make: a new layer, of the same configuration in each call.
        forms: the forms in which it takes graphs; the first one is the standard of comparison.
        kind: what a row of its output belongs to: ``node``, ``graph``, ``edge`` or ``pair``.
        reference: an independent calculation in NumPy of the rows, from the weights.
        half: allowed error in units of the last digit of float16 and bfloat16, relative to the largest
            output; None if half the precision may choose other neighbours, and only finite numbers are asked for.
        permutable: it does not depend on the order of nodes.
        gradients: it has a gradient.
        slopes: its gradient is the slope of its output; as ``gradients`` if None.
        training: compare the forms in training mode as well.
        tolerance: largest difference between forms, relative to the largest output (or 1).

    Returns:
        The built layer.
    """
    layer = make()
    standard = forms[0]
    expected = run(layer, standard, STANDARD, reset=True)
    assert np.isfinite(expected).all()
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    if reference is not None:
        np.testing.assert_allclose(
            expected,
            reference([np.array(w) for w in layer.weights], STANDARD),
            atol=tolerance * scale,
            rtol=0,
        )
    for form in forms:
        for graphs in (STANDARD, OTHER, EMPTY):
            np.testing.assert_allclose(
                run(layer, form, graphs),
                run(layer, standard, graphs),
                atol=tolerance * scale,
                rtol=0,
                err_msg=f"{form.name} differs from {standard.name}",
            )
        check_alone(layer, form, kind, expected, tolerance * scale)
        if permutable:
            check_permutation(layer, form, kind, expected, 5 * tolerance * scale)
    if training:
        seen = [np.array(f.rows(layer(tensors(f.feed(STANDARD)), training=True), STANDARD)) for f in forms]
        for rows in seen[1:]:
            np.testing.assert_allclose(rows, seen[0], atol=5 * tolerance * scale, rtol=0)
        set_weights(layer)
    if gradients:
        check_gradients(layer, forms, tolerance)
        for form in forms:
            # They do not depend on settings.
            if (key := (type(layer), form.like or form.name)) not in _MODES_CHECKED:
                _MODES_CHECKED.add(key)
                check_modes(layer, form, tolerance)
        set_weights(layer)
    check_config(make, layer, standard, expected)
    stored = [form for form in forms if form.exports or form.blocks]
    for form in forms:
        if form in stored:
            # A file of each setting in one form, of each layer in all forms: they differ in the inputs alone.
            check_symbolic(layer, form, form is stored[0] or (type(layer), form.name) not in _RELOADED)
            _RELOADED.add((type(layer), form.name))
        # Compiling takes longest of all: forms that are not blocks, which models seldom compile, once for a layer.
        if form.compiles and (form.blocks or (type(layer), form.name) not in _COMPILED):
            check_compiled(layer, form, tolerance)
            _COMPILED.add((type(layer), form.name))
        if form.exports:
            check_onnx(layer, form)
    check_double(make, forms, reference, gradients if slopes is None else slopes, training)
    check_little(layer, forms, tolerance)
    check_half(make, layer, forms, expected, half)
    return layer


def _counts(kind: str, graphs: Graphs) -> np.ndarray:
    if kind == "node":
        return graphs.n_node
    if kind == "graph":
        return np.ones_like(graphs.n_node)
    if kind == "pair":
        return graphs.n_node**2
    return np.bincount(graphs.local[0], minlength=len(graphs.n_node))


def check_alone(layer: Any, form: Form, kind: str, expected: np.ndarray, atol: float) -> None:
    """A graph in a batch gives what it gives alone."""
    counts = _counts(kind, STANDARD)
    if kind == "edge":
        parts = [expected[STANDARD.local[0] == i] for i in range(len(counts))]
    else:
        parts = np.split(expected, np.cumsum(counts)[:-1])
    for i, part in enumerate(parts):
        rows = run(layer, form, STANDARD.alone(i))
        assert rows.shape == part.shape, f"{form.name}: graph {i} alone"
        np.testing.assert_allclose(rows, part, atol=atol, rtol=0, err_msg=f"{form.name}: graph {i} alone")


def check_permutation(layer: Any, form: Form, kind: str, expected: np.ndarray, atol: float) -> None:
    """Nodes in another order give the same, in that order."""
    graphs, order = STANDARD.permuted(seed=5)
    if kind == "node":
        expected = expected[order]
    elif kind == "pair":
        parts, start = [], 0
        for i, n in enumerate(STANDARD.n_node):
            part = expected[start : start + n * n].reshape(n, n, *expected.shape[1:])
            inside = order[STANDARD.starts[i] : STANDARD.starts[i] + n] - STANDARD.starts[i]
            parts.append(part[inside][:, inside].reshape(n * n, *expected.shape[1:]))
            start += n * n
        expected = np.concatenate(parts)
    np.testing.assert_allclose(
        run(layer, form, graphs), expected, atol=atol, rtol=0, err_msg=f"{form.name}: nodes in another order"
    )


def check_gradients(layer: Any, forms: Sequence[Form], tolerance: float) -> None:
    """Gradients of weights and node features are finite, and the same in all forms."""
    found = []
    for form in forms:
        inputs = tensors(form.feed(STANDARD))
        with tf.GradientTape() as tape:
            tape.watch(inputs[0])
            rows = form.rows(layer(inputs), STANDARD)
            loss = tf.reduce_sum(tf.square(rows) + tf.sin(3.0 * rows))
        weights = [w.value for w in layer.trainable_weights]
        by_weight, by_x = tape.gradient(loss, (weights, inputs[0]))
        assert by_x is not None, f"{form.name}: no gradient reaches the nodes"
        assert all(g is not None for g in by_weight), f"{form.name}: a weight has no gradient"
        by_x = tf.convert_to_tensor(by_x)
        by_x = tf.boolean_mask(by_x, STANDARD.mask() > 0) if form.blocks else by_x
        found.append([np.array(tf.convert_to_tensor(g)) for g in (*by_weight, by_x)])
        for gradient in found[-1]:
            assert np.isfinite(gradient).all(), f"{form.name}: a gradient is not finite"
        with tf.GradientTape() as tape:
            empty = tensors(form.feed(EMPTY))
            loss = tf.reduce_sum(layer(empty))
        for gradient in tape.gradient(loss, weights):
            assert gradient is None or np.isfinite(np.array(tf.convert_to_tensor(gradient))).all()
    for form, other in zip(forms[1:], found[1:], strict=True):
        for one, two in zip(found[0], other, strict=True):
            atol = 20 * tolerance * max(1.0, float(np.abs(one).max(initial=0)))
            np.testing.assert_allclose(two, one, atol=atol, rtol=0, err_msg=f"{form.name}: gradients")


def check_config(make: Callable[[], Any], layer: Any, form: Form, expected: np.ndarray) -> None:
    """The configuration survives JSON and makes the same layer."""
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert again.get_config() == layer.get_config()
    bare = keras.saving.deserialize_keras_object(
        json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    )
    assert type(bare) is type(layer)
    bare(tensors(form.feed(OTHER)))
    assert [(w.name, tuple(w.shape)) for w in bare.weights] == [
        (w.name, tuple(w.shape)) for w in layer.weights
    ]
    bare.set_weights(layer.get_weights())
    np.testing.assert_array_equal(run(bare, form, STANDARD), expected)
