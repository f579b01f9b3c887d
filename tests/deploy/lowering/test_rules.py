"""Operations that the converter does not know, against TensorFlow; layers of Keras are in test_keras_layers.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from e2e_tf.deploy.exported import freeze
from e2e_tf.deploy.lowering import convert
from e2e_tf.deploy.lowering.session import run_model
from e2e_tf.errors import InputError

VALUES = np.array([[-3, -0.0, 0, 1e-4, 0.1, 0.5, 0.9, 2, 30, 80]], np.float32)


def lowered(function: Callable[[Any], Any]) -> np.ndarray:
    import tensorflow as tf

    call = tf.function(function, input_signature=[tf.TensorSpec((None, 10), tf.float32, "x")])
    graph, names = freeze(call)
    return run_model(convert(graph, names, "score", 13, 7), {"x": VALUES})


def functions() -> dict[str, Callable[[Any], Any]]:
    import keras
    import tensorflow as tf

    def searched(side: str) -> Callable[[Any], Any]:
        edges = tf.constant([[-0.0, 0.1, 0.5, 0.5]])
        return lambda x: tf.cast(tf.searchsorted(edges, x, side=side), tf.float32)

    def whole(x: Any) -> Any:
        return tf.cast(x, tf.int32)

    def spread(x: Any) -> Any:
        """Classes along an axis of their own, with weights of their own."""
        classes = tf.one_hot(whole(x), 4, on_value=2.0, off_value=-1.0, axis=1)
        return tf.reduce_sum(classes * [[1.0], [2.0], [4.0], [8.0]], axis=1)

    return {
        "floor div": lambda x: tf.cast(whole(x) // 4, tf.float32),
        "floor div by less": lambda x: tf.cast(whole(x) // -7, tf.float32),
        "floor div of floats": lambda x: tf.math.floordiv(x, -0.25),
        "floor mod": lambda x: tf.cast(whole(x) % 4, tf.float32),
        "floor mod by less": lambda x: tf.cast(whole(x) % -7, tf.float32),
        "floor mod of floats": lambda x: x % 0.7 + (x - 1) % -0.3,
        "one hot": lambda x: tf.reshape(tf.one_hot(whole(x), 4), (-1, 40)),
        "one hot before": spread,
        "erfc": tf.math.erfc,
        "log1p": lambda x: tf.math.log1p(tf.abs(x)),
        "expm1": lambda x: tf.math.expm1(-tf.abs(x)),
        "bucketize": lambda x: tf.cast(tf.raw_ops.Bucketize(input=x / x, boundaries=[0.5, 1.0]), tf.float32),
        "left": searched("left"),
        "right": searched("right"),
        "signbit": lambda x: tf.cast(keras.ops.signbit(x), tf.float32),
    }


NAMES = ("erfc", "log1p", "expm1", "bucketize", "left", "right", "signbit")
NAMES += ("floor div", "floor div by less", "floor div of floats", "one hot", "one hot before")
NAMES += ("floor mod", "floor mod by less", "floor mod of floats")


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_gives_what_tensorflow_gives(name: str) -> None:
    """-0 has a sign, 0 / 0 is above all boundaries, equal values are found on either side, and -3 is no class."""
    import tensorflow as tf

    function = functions()[name]
    expected = np.asarray(function(tf.constant(VALUES)))
    np.testing.assert_allclose(lowered(function), expected, rtol=1e-6, atol=2e-7)


def test_bits_are_lowered_for_a_sign_only() -> None:
    import tensorflow as tf

    with pytest.raises(InputError, match="no operation for Bitcast .*; the table in docs/export.md"):
        lowered(lambda x: tf.cast(tf.bitcast(x, tf.int32), tf.float32))
