"""How a node combines what it receives, in each form of a graph; a node that receives nothing gives 0."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from spektral.layers.ops.scatter import serialize_scatter

from e2e_tf.errors import InputError
from e2e_tf.layers.segments import segment_max, segment_sum

__all__ = ["AGGREGATIONS", "aggregate_blocks", "aggregate_edges", "aggregate_slots", "aggregation"]

AGGREGATIONS = ("sum", "mean", "max", "min", "prod")


def aggregation(how: Any) -> Any:
    """Check the name of an aggregation; a callable, which Spektral takes too, passes.

    Args:
        how: one of ``AGGREGATIONS``, or a function.

    Returns:
        The same.

    Raises:
        InputError: it is neither.
    """
    if not callable(how) and how not in AGGREGATIONS:
        raise InputError(f"aggregate must be one of {', '.join(AGGREGATIONS)}, got {how!r}")
    return how


def _name(how: Any) -> str | None:
    return how if isinstance(how, str) else serialize_scatter(how)


def aggregate_edges(values: Any, receivers: Any, n_nodes: Any, how: Any, keep: Any = None) -> Any:
    """Combine messages by receiver.

    Args:
        values: (n_edges, F).
        receivers: int (n_edges,).
        n_nodes: scalar int.
        how: one of ``AGGREGATIONS``, or a function of values, receivers and n_nodes.
        keep: bool (n_edges,), edges that count; all if None.

    Returns:
        (n_nodes, F).
    """
    name = _name(how)
    some = tf.ones(tf.shape(values)[:1], values.dtype) if keep is None else tf.cast(keep, values.dtype)
    kept = (
        values if keep is None else tf.where(keep[:, None], values, tf.constant(_neutral(name), values.dtype))
    )
    if name is None:
        if keep is not None:
            kept = tf.boolean_mask(values, keep)
            receivers = tf.boolean_mask(receivers, keep)
        return how(kept, receivers, n_nodes)
    if name in ("sum", "mean"):
        if name == "sum":
            return segment_sum(kept, receivers, n_nodes)
        kept, some = _wide(kept), _wide(some)
        counts = tf.maximum(segment_sum(some, receivers, n_nodes), 1)
        return tf.cast(segment_sum(kept, receivers, n_nodes) / counts[:, None], values.dtype)
    received = segment_sum(some, receivers, n_nodes)[:, None] > 0
    if name == "prod":
        result = tf.math.unsorted_segment_prod(kept, receivers, n_nodes)
    else:
        sign = 1 if name == "max" else -1
        lowest = values.dtype.min
        if keep is not None:
            kept = tf.where(keep[:, None], values, tf.constant(sign * lowest, values.dtype))
        result = sign * segment_max(sign * kept, receivers, n_nodes, lowest)
    return tf.where(received, result, tf.zeros((), values.dtype))


def aggregate_slots(values: Any, weight: Any, how: Any) -> Any:
    """Combine messages that lie on the last axis but one.

    Args:
        values: (..., K, F).
        weight: (..., K), how often each message counts, 0 for a slot without one.
        how: one of ``AGGREGATIONS``.

    Returns:
        (..., F).

    Raises:
        InputError: ``how`` is a function.
    """
    name = _name(how)
    if name is None:
        raise InputError(
            f"on dense blocks aggregate must be one of {', '.join(AGGREGATIONS)}, got a function"
        )
    weight = weight[..., None]
    if name in ("sum", "mean"):
        if name == "sum":
            return tf.reduce_sum(values * weight, axis=-2)
        total = tf.reduce_sum(_wide(values) * _wide(weight), axis=-2)
        return tf.cast(total / tf.maximum(tf.reduce_sum(_wide(weight), axis=-2), 1), values.dtype)
    if name == "prod":
        # The gradient of 0 to the power of 0 is no number: slots without a message hold 1 to the power of 1.
        some, one = weight > 0, tf.ones((), values.dtype)
        factors = tf.pow(tf.where(some, values, one), tf.where(some, weight, one))
        result = tf.reduce_prod(factors, axis=-2)
    else:
        sign = 1 if name == "max" else -1
        result = sign * tf.reduce_max(
            tf.where(weight > 0, sign * values, tf.constant(values.dtype.min, values.dtype)), axis=-2
        )
    return tf.where(tf.reduce_sum(weight, axis=-2) > 0, result, tf.zeros((), values.dtype))


def aggregate_blocks(x: Any, a: Any, how: Any) -> Any:
    """Combine node features (..., N, F) over the neighbours in a dense graph (..., N, N).

    Sum and mean are one matrix product; the others hold (..., N, N, F).

    Args:
        x: (..., N, F).
        a: (..., N, N), ``a[receiver, sender]`` how often an edge is listed.
        how: one of ``AGGREGATIONS``.

    Returns:
        (..., N, F), 0 for a node without neighbours.
    """
    name = _name(how)
    if name in ("sum", "mean"):
        if name == "sum":
            return tf.matmul(a, x)
        wide = _wide(a)
        counts = tf.maximum(tf.reduce_sum(wide, axis=-1, keepdims=True), 1)
        return tf.cast(tf.matmul(wide, _wide(x)) / counts, x.dtype)
    return aggregate_slots(x[..., None, :, :] + tf.zeros_like(a)[..., None], a, how)


def _wide(values: Any) -> Any:
    """Values in float32 at least: a sum can leave the range of float16, and the digits of bfloat16, where the
    mean does not."""
    return values if values.dtype in (tf.float32, tf.float64) else tf.cast(values, tf.float32)


def _neutral(name: str | None) -> float:
    return 1.0 if name == "prod" else 0.0
