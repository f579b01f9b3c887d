"""Products of node features with trained matrices, shared by the layers."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

__all__ = ["heads_inside", "join_heads", "leaky_relu", "leaky_relu_gradient", "linear", "split_heads"]

Tensor = Any


def linear(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Product of the last axis of ``x`` (..., F) with ``kernel`` (F, C), plus ``bias`` (C,), as one product.

    TensorFlow multiplies a batch by a matrix batch entry by batch entry, and its gradient holds one (F, C)
    matrix per entry before it sums them; flat, both passes take about two thirds of the time, and the bias
    costs no pass of its own.

    Args:
        x: (..., F).
        kernel: (F, C).
        bias: (C,) or None.

    Returns:
        (..., C).
    """
    kernel = tf.cast(kernel, x.dtype)
    flat = x if len(x.shape) == 2 else tf.reshape(x, (-1, kernel.shape[0]))
    flat = tf.matmul(flat, kernel)
    if bias is not None:
        flat = tf.nn.bias_add(flat, tf.cast(bias, x.dtype))
    if len(x.shape) == 2:
        return flat
    lead = [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape[:-1])]
    return tf.reshape(flat, [*lead, kernel.shape[1]])


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """``x`` where positive, else ``slope * x`` with 0 < slope < 1, as a maximum.

    On a CPU TensorFlow is quicker at the maximum than at LeakyRelu, but quicker at the gradient of LeakyRelu
    than at that of the maximum, so each pass takes the better one.

    Args:
        x: any shape.
        slope: of negative values.

    Returns:
        In the shape of ``x``.
    """

    @tf.custom_gradient
    def call(values: Tensor) -> Any:
        def gradient(upstream: Tensor) -> Tensor:
            return leaky_relu_gradient(upstream, values, slope)

        return tf.maximum(values, tf.constant(slope, values.dtype) * values), gradient

    return call(x)


def leaky_relu_gradient(upstream: Tensor, features: Tensor, slope: float) -> Tensor:
    """Gradient of :func:`leaky_relu` at ``features``.

    Args:
        upstream: gradient of what :func:`leaky_relu` gave.
        features: its argument ``x``, in the same shape.
        slope: as there.

    Returns:
        Gradient to ``x``.
    """
    if features.dtype == tf.float64:
        # TensorFlow's own holds its slope in float32.
        return tf.where(features > 0, upstream, slope * upstream)
    return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=features, alpha=slope)


def split_heads(values: Tensor, heads: int) -> Tensor:
    """(B, N, heads * C) as (B, heads, N, C).

    Args:
        values: (B, N, heads * C).
        heads: number of heads.

    Returns:
        (B, heads, N, C).
    """
    if heads == 1:
        # tf2onnx makes a reshape of transposes that move an axis of 1, and gets its shape wrong.
        return values[:, None]
    shape = tf.shape(values)
    values = tf.reshape(values, [shape[0], shape[1], heads, values.shape[-1] // heads])
    return tf.transpose(values, (0, 2, 1, 3))


def join_heads(values: Tensor) -> Tensor:
    """(..., heads, N, C) as (..., N, heads * C).

    Args:
        values: (..., heads, N, C).

    Returns:
        (..., N, heads * C).
    """
    heads, channels = values.shape[-3], values.shape[-1]
    if heads == 1:
        return tf.squeeze(values, axis=-3)
    values = heads_inside(values)
    shape = tf.shape(values)
    return tf.reshape(values, tf.concat([shape[:-2], [heads * channels]], axis=0))


def heads_inside(values: Tensor) -> Tensor:
    """(..., heads, N, C) as (..., N, heads, C).

    Args:
        values: (..., heads, N, C).

    Returns:
        (..., N, heads, C).
    """
    lead = list(range(len(values.shape) - 3))
    return tf.transpose(values, [*lead, *(len(lead) + axis for axis in (1, 0, 2))])
