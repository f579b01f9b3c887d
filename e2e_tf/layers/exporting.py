"""What is traced for other runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["exporting", "is_exporting", "may_have_loops"]

Tensor = Any

_EXPORTING = ContextVar("exporting", default=False)
_LOOPS = ContextVar("loops", default=True)


@contextmanager
def exporting(loops: bool = True) -> Iterator[None]:
    """What is traced inside is for inference in other runtimes only.

    Layers then take the form with the fewest operations, where TensorFlow's gradient wants another one. The
    numbers are the same but for rounding.

    Args:
        loops: dense graphs may hold loops; False where whoever built them knows that they do not.
    """
    tokens = (_EXPORTING, _EXPORTING.set(True)), (_LOOPS, _LOOPS.set(loops))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def is_exporting() -> bool:
    """Inside :func:`exporting`."""
    return _EXPORTING.get()


def may_have_loops() -> bool:
    """Dense graphs may hold loops: always, but inside ``exporting(loops=False)``."""
    return _LOOPS.get()
