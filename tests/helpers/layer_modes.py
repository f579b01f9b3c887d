"""``check_modes``: a layer's gradients are right in every way in which TensorFlow takes them.

The fast kernels have gradients of their own. Each way is compared with the plain formula, differentiated by
TensorFlow itself, on one tape.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from layer_graphs import OTHER, Form, tensors

from e2e_tf.layers.plain import plain

Function = Callable[[Any], Any]


def check_modes(layer: Any, form: Form, tolerance: float = 2e-6) -> None:
    """Gradients to the nodes and the weights: outside of a function, in forward mode and of a saved model.

    Of layers with fast kernels also in loops, of gradients and as a Jacobian. A sparse matrix is read as edges before
    anything is computed: of this form only what may keep hold of the matrix.

    Args:
        layer: built, without dropout.
        form: one in which it takes graphs.
        tolerance: largest difference from the plain formula, relative to the largest number (or 1), times 20.
    """
    x, *rest = tensors(form.feed(OTHER))
    options = {"training": True} if "training" in inspect.signature(layer.call).parameters else {}

    def loss(x: Any) -> Any:
        rows = tf.nest.flatten(layer([x, *rest], **options))[0]
        return tf.reduce_sum(tf.sin(3.0 * form.rows(rows, OTHER)))

    def gradients(function: Function) -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return tape.gradient(value, [x, *weights])

    def second(function: Function) -> tuple[list[Any], list[Any]]:
        """The gradients, and those of the sum of their squares."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = gradients(function)
            value = tf.add_n([tf.reduce_sum(tf.square(one)) for one in found])
        return found, tape.gradient(value, [x, *weights], unconnected_gradients="zero")

    weights = [weight.value for weight in layer.trainable_weights]
    with plain(layer):
        expected, twice = second(loss)

    def check(mode: str, found: list[Any], wanted: list[Any]) -> None:
        pairs = [
            [np.array(tf.convert_to_tensor(one)) for one in both] for both in zip(found, wanted, strict=True)
        ]
        atol = 20 * tolerance * max(1.0, *(float(np.abs(other).max(initial=0)) for _, other in pairs))
        for one, other in pairs:
            np.testing.assert_allclose(one, other, atol=atol, rtol=1e-4, err_msg=f"{form.name}: {mode}")

    traced, total = _traced(loss), [tf.reduce_sum(expected[0])]
    once, again = second(traced)
    check("a tape outside of a function", once, expected)
    check("gradients of gradients outside of a function", again, twice)
    if form.compiles:
        check("forward mode over a function", [_forward(_traced(loss), x)], total)
    fast = any(hasattr(part, "fast") for part in layer._flatten_layers())
    if fast:
        once, again = second(loss)
        check("eager", once, expected)
        check("gradients of gradients", again, twice)
    if fast and form.compiles:
        inside, loop = _traced(lambda: (gradients(loss), gradients(lambda x: _looped(loss, x))))()
        check("a tape inside of a function", inside, expected)
        check("a loop", loop, expected)
        check("a loop over a function", gradients(lambda x: _looped(traced, x)), expected)
        check("rows of a Jacobian", [row[1] for row in _jacobian(loss, x, weights)], expected)
        check("forward mode", [_forward(loss, x)], total)
    with tempfile.TemporaryDirectory() as folder:
        module = tf.Module()
        module.layer, module.loss = layer, _traced(loss, input_signature=[tf.TensorSpec.from_tensor(x)])
        tf.saved_model.save(module, folder)
        saved = tf.saved_model.load(folder)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = saved.loss(x)
        check("a saved model", [tape.gradient(value, x)], expected[:1])


def _traced(function: Callable[..., Any], **options: Any) -> Any:
    """As Keras traces a step: without AutoGraph, which rewrites every Python function that it meets."""
    return tf.function(function, autograph=False, **options)


def _looped(function: Function, x: Any) -> Any:
    """Half of the function twice, in a loop of TensorFlow's own."""
    return tf.while_loop(
        lambda i, _: i < 2, lambda i, total: (i + 1, total + 0.5 * function(x)), (0, tf.zeros((), x.dtype))
    )[1]


def _jacobian(function: Function, x: Any, weights: list[Any]) -> list[Any]:
    """That of three values, of which the function is the second."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
        values = tf.stack([2.0 * value, value, tf.sin(value)])
    return tape.jacobian(values, [x, *weights])


def _forward(function: Function, x: Any) -> Any:
    with tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)) as accumulator:
        value = function(x)
    return accumulator.jvp(value)
