"""Functions of TensorFlow that run as Python: for a few steps quicker than tracing them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def eagerly(wanted: bool = True) -> Iterator[None]:
    """Within, nothing is traced when it is called, if that is wanted."""
    tf.config.run_functions_eagerly(wanted)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
