"""Progress displays on standard error: a bar on a terminal, one closing line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["console", "status", "track"]

T = TypeVar("T")


def console() -> Any:
    """The console on standard error that every progress display shares."""
    global _console
    if _console is None:
        from rich.console import Console

        _console = Console(stderr=True, soft_wrap=True)
    return _console


_console: Any = None


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over ``items`` under a progress bar with rate and remaining time."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if total is None and isinstance(items, Sized):
        total = len(items)
    if not console().is_terminal:
        with status(description):
            yield from items
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console()) as progress:
        yield from progress.track(items, total=total, description=description)


@contextmanager
def status(description: str, out: Any = None) -> Iterator[None]:
    """A spinner while the block runs on a terminal; the time it took is printed at the end.

    Args:
        description: what happens.
        out: a rich console to use instead of :func:`console`.
    """
    out = out or console()
    start = time.perf_counter()
    if out.is_terminal:
        with out.status(description):
            yield
    else:
        yield
    out.print(f"{description}: {time.perf_counter() - start:.1f} s", style="dim", highlight=False)
