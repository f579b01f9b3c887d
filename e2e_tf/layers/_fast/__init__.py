"""Fast kernels, each equal to the formula that stands in a layer's file, and where they apply."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from e2e_tf.compat import is_compiling

__all__ = ["use_fast"]


def use_fast(layer: Any, dtype: Any = None, *, xla: bool, gpu: bool) -> bool:
    """True if a layer may take a fast kernel in the place of its formula.

    Args:
        layer: its attribute ``fast`` is True, unless it computes for another runtime
            (:func:`e2e_tf.layers.plain.plain`).
        dtype: of what is computed, where the kernel needs float32 or float64; None if it takes any.
        xla: the kernel compiles.
        gpu: the kernel runs on graphics cards.
    """
    if not layer.fast or dtype not in (None, tf.float32, tf.float64):
        return False
    return (xla or not is_compiling()) and (gpu or not tf.config.list_physical_devices("GPU"))
