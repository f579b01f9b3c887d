"""Where the fast kernels apply."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from e2e_tf.compat import is_compiling
from e2e_tf.layers.exporting import is_exporting

__all__ = ["has_products"]

Tensor = Any


def has_products(dtype: Any) -> bool:
    """Sparse matrices multiply here: TensorFlow has them for these dtypes on a processor, XLA has not."""
    return dtype in (tf.float32, tf.float64) and not (
        is_exporting() or is_compiling() or tf.config.list_physical_devices("GPU")
    )
