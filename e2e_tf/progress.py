"""Progress displays on standard error: a bar on a terminal, one closing line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["console", "status", "track"]

T = TypeVar("T")


def console():  # type: ignore[no-untyped-def]  # rich is imported late
    """The console on standard error that every progress display shares."""
    global _console
    if _console is None:
        from rich.console import Console

        _console = Console(stderr=True, soft_wrap=True)
    return _console


_console = None


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over ``items`` under a progress bar with rate and remaining time."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if not console().is_terminal:
        with status(description):
            yield from items
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console()) as progress:
        yield from progress.track(items, total=total, description=description)


@contextmanager
def status(description: str) -> Iterator[None]:
    """A spinner while the block runs on a terminal; the time it took is printed at the end."""
    start = time.perf_counter()
    if console().is_terminal:
        with console().status(description):
            yield
    else:
        yield
    console().print(f"{description}: {time.perf_counter() - start:.1f} s", style="dim", highlight=False)
