"""Warnings of libraries about themselves stay silent, errors do not."""

from __future__ import annotations

import logging

import pytest

from e2e_tf.deploy.quiet import quiet_tensorflow


def test_warnings_are_silent_inside_the_block_only(caplog: pytest.LogCaptureFixture) -> None:
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(caplog.handler)
    try:
        with pytest.raises(ValueError, match="inside"), quiet_tensorflow():
            for logger in loggers:
                logger.warning("a warning of %s", logger.name)
                logger.error("an error of %s", logger.name)
            raise ValueError("inside")
    finally:
        for logger in loggers:
            logger.removeHandler(caplog.handler)
    assert set(caplog.messages) == {"an error of tensorflow", "an error of tf2onnx"}
    assert [logger.level for logger in loggers] == levels
