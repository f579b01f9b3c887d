"""Embedding: a learned vector for each integer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["Embedding"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class Embedding(keras.layers.Embedding):
    r"""Keras' ``Embedding`` whose gradient holds every row of the table.

    .. math::
        y = E_{i}

    TensorFlow's own gradient lists the rows that were looked up. Keras does not look for infinite numbers in such
    a list, so that under ``mixed_float16`` a step whose gradient is too large for float16 is not left out
    but makes the table NaN. Constructor, weight and numbers are Keras'. For small tables: the gradient is as large
    as the table.

    Args:
        input_dim: rows of the table E.
        output_dim: length of a vector.
        **kwargs: of ``keras.layers.Embedding``.

    Call arguments:
        inputs: int, any shape, 0 to ``input_dim - 1``.

    Output:
        The shape of the inputs and one axis more, of ``output_dim``.
    """

    def call(self, inputs: Any) -> Any:
        rows = tf.convert_to_tensor(inputs)
        if not rows.dtype.is_integer:
            rows = tf.cast(rows, tf.int32)

        @tf.custom_gradient
        def look_up(table: Any) -> Any:
            def gradient(upstream: Any) -> Any:
                flat = tf.reshape(upstream, (-1, self.output_dim))
                return tf.math.unsorted_segment_sum(flat, tf.reshape(rows, (-1,)), self.input_dim)

            return tf.gather(table, rows), gradient

        return tf.cast(look_up(tf.convert_to_tensor(self.embeddings)), self.compute_dtype)
