"""Checks of a layer in float64, in half precision, compiled by XLA, and on graphs with little in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from layer_graphs import DOUBLE, SPARSE_GRAPHS, STANDARD, Form, Graphs, set_weights, tensors

_STEP = 1e-5  # of finite differences: far from kinks, and far above rounding in float64


def with_dtype(make: Callable[[], Any], dtype: str) -> Any:
    """The layer under another dtype policy."""
    layer = make()
    return type(layer).from_config({**layer.get_config(), "dtype": dtype})


def in_double(feed: Any) -> Any:
    """The inputs as tensors, floating-point numbers in float64."""
    return tf.nest.map_structure(
        lambda part: tf.cast(part, tf.float64) if part.dtype.is_floating else part, tensors(feed)
    )


def call(layer: Any, inputs: Any, training: bool = False) -> Any:
    """The first output."""
    mode = {"training": training} if layer._call_has_training_arg else {}
    return tf.nest.flatten(layer(inputs, **mode))[0]


def loss_of(rows: Any) -> Any:
    return tf.reduce_sum(tf.square(rows) + tf.sin(3.0 * rows))


def replace_first(inputs: Any, first: Any) -> Any:
    return tf.nest.pack_sequence_as(inputs, [first, *tf.nest.flatten(inputs)[1:]])


def check_double(
    make: Callable[[], Any],
    forms: Sequence[Form],
    reference: Callable[[list[np.ndarray], Graphs], np.ndarray] | None,
    slopes: bool,
    training: bool,
) -> None:
    """In float64 the layer is its formula, and its gradients the slopes of it, to the digits of float64.

    Args:
        make, forms, reference: as in ``check_layer``.
        slopes: compare the gradients with finite differences.
        training: in training mode too.
    """
    layer = with_dtype(make, "float64")
    expected = None
    for form in forms:
        inputs = in_double(form.feed(DOUBLE))
        if expected is None:
            layer(inputs)
            set_weights(layer)
        rows = form.rows(call(layer, inputs), DOUBLE)
        assert rows.dtype == tf.float64, f"{form.name}: {rows.dtype}"
        if expected is None:
            weights = [np.array(w) for w in layer.weights]
            expected = np.array(rows) if reference is None else reference(weights, DOUBLE)
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(
            rows, expected, atol=1e-12 * scale, rtol=0, err_msg=f"{form.name}: float64"
        )
        for mode in ((False, True) if training else (False,)) if slopes else ():
            check_slopes(layer, form, mode)


def check_slopes(layer: Any, form: Form, training: bool) -> None:
    """The gradients are what finite differences give, along one direction of the weights and one of the input."""
    inputs, start = in_double(form.feed(DOUBLE)), layer.get_weights()
    weights, x = [w.value for w in layer.trainable_weights], tf.nest.flatten(inputs)[0]

    def loss(x: Any) -> Any:
        return loss_of(form.rows(call(layer, replace_first(inputs, x), training), DOUBLE))

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    by_weight, by_x = tape.gradient(value, (weights, x))
    rng = np.random.default_rng(6)
    along_x = tf.constant(rng.normal(size=x.shape) * (x.numpy() != 0))  # empty slots stay empty
    along = [rng.normal(size=w.shape) for w in weights]
    trainable = [any(w is t for t in layer.trainable_weights) for w in layer.weights]

    def moved_weights(step: float) -> Any:
        steps = iter(along)
        layer.set_weights([w + step * next(steps) if t else w for w, t in zip(start, trainable, strict=True)])
        result = loss(x)
        layer.set_weights(start)
        return result

    def terms(gradients: list[Any], directions: list[Any]) -> list[float]:
        pairs = zip(gradients, directions, strict=True)
        return [float(np.sum(np.array(tf.convert_to_tensor(g)) * np.array(d))) for g, d in pairs]

    layer.set_weights(start)
    for name, move, found in (
        ("weights", moved_weights, terms(by_weight, along)),
        ("input", lambda step: loss(x + step * along_x), terms([by_x], [along_x])),
    ):
        if not found:
            continue
        near, far = (float(move(k * _STEP) - move(-k * _STEP)) for k in (1, 2))
        expected = (8 * near - far) / (12 * _STEP)
        scale = max(1.0, abs(float(value)), *(abs(term) for term in found))
        assert abs(sum(found) - expected) < 2e-9 * scale, (
            f"{form.name}: the gradient of the {name} gives {sum(found)}, differences {expected} (training {training})"
        )
    layer.set_weights(start)


def check_little(layer: Any, forms: Sequence[Form], tolerance: float) -> None:
    """Batches without graphs, nodes or edges, and single nodes, give the same in all forms, and finite gradients."""
    weights = [w.value for w in layer.trainable_weights]
    start = layer.get_weights()
    for name, graphs in SPARSE_GRAPHS.items():
        expected = None
        for form in forms:
            for training in (False, True) if layer._call_has_training_arg else (False,):
                inputs = tensors(form.feed(graphs))
                x = tf.nest.flatten(inputs)[0]
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    rows = form.rows(call(layer, inputs, training), graphs)
                    loss = loss_of(rows)
                for gradient in tape.gradient(loss, [*weights, x]):
                    finite = gradient is None or np.isfinite(np.array(tf.convert_to_tensor(gradient))).all()
                    assert finite, f"{form.name}: a gradient is not finite on {name}"
                layer.set_weights(start)
                if training:
                    assert np.isfinite(rows).all(), f"{form.name}: training on {name}"
                    continue
                expected = np.array(rows) if expected is None else expected
                scale = max(1.0, float(np.abs(expected).max(initial=0)))
                np.testing.assert_allclose(
                    rows, expected, atol=tolerance * scale, rtol=0, err_msg=f"{form.name}: {name}"
                )


def check_compiled(layer: Any, form: Form, tolerance: float) -> None:
    """XLA compiles the layer, and gives the same output and the same gradients."""
    inputs = tensors(form.feed(STANDARD))
    weights = [w.value for w in layer.trainable_weights]

    def step(inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            x = tf.nest.flatten(inputs)[0]
            tape.watch(x)
            output = call(layer, inputs)
            loss = loss_of(output)
        gradients = tape.gradient(loss, [*weights, x])
        return [output, *(tf.zeros(()) if g is None else tf.convert_to_tensor(g) for g in gradients)]

    compiled = tf.function(step, jit_compile=True, autograph=False)(inputs)
    for one, two in zip(step(inputs), compiled, strict=True):
        scale = max(1.0, float(np.abs(one).max(initial=0)))
        np.testing.assert_allclose(
            two, one, atol=10 * tolerance * scale, rtol=0, err_msg=f"{form.name}: compiled by XLA"
        )


def check_half(
    make: Callable[[], Any], layer: Any, forms: Sequence[Form], expected: np.ndarray, digits: float | None
) -> None:
    """Mixed precision gives its dtype, finite numbers, the same to a few of its digits, and dense gradients."""
    for policy, step in (("mixed_float16", 2.0**-10), ("mixed_bfloat16", 2.0**-7)):
        low = with_dtype(make, policy)
        for form in forms:
            inputs = tensors(form.feed(STANDARD))
            output = low(inputs)
            low.set_weights(layer.get_weights())
            weights = [w.value for w in low.trainable_weights]
            with tf.GradientTape() as tape:
                output = call(low, inputs)
                loss = tf.reduce_mean(tf.cast(form.rows(output, STANDARD), tf.float32))
            assert output.dtype.name == policy.removeprefix("mixed_"), f"{form.name}: {output.dtype}"
            rows = np.array(tf.cast(form.rows(output, STANDARD), tf.float32))
            assert np.isfinite(rows).all(), f"{form.name}: {policy}"
            for gradient in tape.gradient(loss, weights):
                # Keras' loss scaling does not see infinities in a list of rows (tf.IndexedSlices).
                assert isinstance(gradient, tf.Tensor), f"{form.name}: {policy}: {type(gradient)}"
                assert np.isfinite(gradient).all(), f"{form.name}: {policy}: gradient"
            if digits is not None:
                atol = digits * step * max(1.0, float(np.abs(expected).max(initial=0)))
                np.testing.assert_allclose(
                    rows, expected, atol=atol, rtol=0, err_msg=f"{form.name}: {policy}"
                )
