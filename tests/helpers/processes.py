"""Waiting for processes, and whether they live."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def until(happened: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for something to happen, and fail if it does not."""
    stop = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < stop
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Whether a process runs; a zombie that waits for its parent is as dead as can be."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
