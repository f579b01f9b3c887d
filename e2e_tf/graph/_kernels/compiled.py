"""How the kernels are compiled: kept on disk where a folder for that can be written, in memory otherwise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba import njit

__all__ = ["kernel"]


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function with numba when it is first called, without Python's global lock.

    What was compiled is kept on disk for the next process. Where neither the installation nor the user's cache folder
    (or ``NUMBA_CACHE_DIR``) can be written, as in containers and batch jobs, every process compiles for itself.

    Kernels assign to elements and not to slices: a slice would take numba seconds more to compile, most of them for
    the message of shapes that differ.

    A function whose name begins with ``_`` is for other kernels and gets nothing by which Python could call it, which
    would take as long to compile as the function.

    Args:
        function: of arrays and numbers, in a module of this folder.

    Returns:
        The dispatcher of numba.
    """
    inner = {"no_cpython_wrapper": True} if function.__name__.startswith("_") else {}
    return njit(cache=_has_cache(), nogil=True, no_cfunc_wrapper=True, **inner)(function)


@cache
def _has_cache() -> bool:
    """Whether numba finds a folder to write to; for all modules here at once, as they lie in one folder."""
    try:
        njit(cache=True)(_nothing)
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return False
    return True


def _nothing() -> None:
    """What the cache is tried with; never compiled."""
