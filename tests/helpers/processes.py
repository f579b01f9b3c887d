"""Processes of tests: a fresh one, waiting for one, and whether it lives."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh process, with further environment variables; its status is the caller's to check."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


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
