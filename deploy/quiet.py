"""Silence for the warnings that libraries print about their own use of TensorFlow 1 interfaces."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from e2e_tf.runtime import load_tensorflow
from e2e_tf.terminal import held_stderr

__all__ = ["quiet_tensorflow"]


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Only errors of TensorFlow and tf2onnx are logged inside the block.

    CMSSW loads graphs through TensorFlow's first interface, so the export must use it too.

    Yields:
        Nothing; the log is quiet while the block runs.
    """
    _transposed()
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@cache
def _transposed() -> None:
    """Transpose a bool, unseen.

    When a bool is first transposed, TensorFlow prints that oneDNN has no kernel for it, which says nothing of a model.
    It says so once in a process: here, so that standard error need not be held back where errors may occur.
    """
    load_tensorflow()
    import tensorflow as tf

    with held_stderr():
        tf.transpose(tf.constant([[True]]))
