"""Everything that is printed: results on standard output, progress on standard error.

On a terminal there are bars and spinners; elsewhere one closing line each, and tables of a fixed width. No text is
read as rich's markup: names of files, columns and units have square brackets.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import IO, Any, TypeVar

__all__ = [
    "console",
    "fresh_console",
    "held_stderr",
    "output",
    "print_json",
    "say",
    "status",
    "track",
    "with_error",
    "with_interval",
]

T = TypeVar("T")
_WIDTH = 110  # of tables where standard output is not a terminal


def output() -> Any:
    """A rich console on standard output, for results; 110 columns wide where it is not a terminal.

    Returns:
        A ``rich.console.Console``.
    """
    from rich.console import Console

    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=_WIDTH)


def say(text: str) -> None:
    """Print one line on standard output.

    Args:
        text: the line; it is not wrapped.
    """
    output().print(text, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output, and nothing else.

    Args:
        document: nested dictionaries and lists; arrays become lists, NaN and infinities null, all else its text.
    """
    print(json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    """Types of JSON, as :func:`print_json` says."""
    if hasattr(value, "tolist"):  # arrays and numbers of NumPy
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def console() -> Any:
    """The rich console on standard error that all progress displays share.

    Returns:
        A ``rich.console.Console``, the same in every call.
    """
    global _console
    if _console is None:
        from rich.console import Console

        _console = Console(stderr=True, soft_wrap=True, markup=False)
    return _console


_console: Any = None


def fresh_console() -> None:
    """Forget the shared console: after a fork, its displays and settings belong to the parent."""
    global _console
    _console = None


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate under a progress bar with rate and remaining time.

    Args:
        items: what to iterate over.
        description: what happens, shown before the bar.
        total: number of items; by default ``len(items)``, if they have one.

    Yields:
        The items.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if total is None and isinstance(items, Sized):
        total = len(items)
    if not console().is_terminal:
        with status(description):
            yield from items
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console()) as progress:
        yield from progress.track(items, total=total, description=description)


@contextmanager
def status(description: str, out: Any = None) -> Iterator[None]:
    """A spinner while the block runs on a terminal; the time it took is printed at the end.

    Args:
        description: what happens.
        out: a rich console to use instead of :func:`console`.

    Yields:
        Nothing; the spinner turns while the block runs.
    """
    from rich.text import Text

    out = out or console()
    start = time.perf_counter()
    if out.is_terminal:
        with out.status(Text(description)):
            yield
    else:
        yield
    out.print(
        f"{description}: {time.perf_counter() - start:.1f} s", style="dim", highlight=False, markup=False
    )


@contextmanager
def held_stderr() -> Iterator[IO[str]]:
    """Hold back standard error, of native code too, while the block runs, and show it only if the block fails.

    ``sys.stderr`` stays the object it is: loggers that are made in the block keep a reference to it.

    Yields:
        A text stream that does reach standard error.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held, os.fdopen(os.dup(2), "w", buffering=1) as visible:
        os.dup2(held.fileno(), 2)
        try:
            yield visible
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def with_error(value: float, error: float | None, is_limit: bool = False) -> str:
    """A value with two digits of its error: 0.9512 ± 0.0046, 84 ± 11, or > 120.

    Args:
        value: the value.
        error: its uncertainty, in the same unit; None or below 1e-6 shows the value alone, with four digits.
        is_limit: the value is a lower limit.

    Returns:
        The number as text.
    """
    if is_limit:
        return f"> {value:.0f}"
    if error is None or not error > 1e-6:
        return f"{value:.4g}"
    from math import floor, log10

    digits = max(0, 1 - floor(log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


FEW = 30
"""Jets below which an interval of counts is shown with its two arms."""


def with_interval(entry: Mapping[str, Any]) -> str:
    """A rejection as text: 84 ± 11, with few jets 44 +16 −10, or > 120.

    Args:
        entry: of :func:`e2e_tf.training.metrics.evaluate_score`, also one of before, without ``low`` and ``high``.

    Returns:
        The number as text.
    """
    value, passing = entry["value"], entry.get("passing")
    if entry["is_limit"] or passing is None or passing >= FEW:
        return with_error(value, entry["error"], entry["is_limit"])
    from math import floor, log10

    down = value - entry["low"]
    digits = max(0, 1 - floor(log10(down))) if down > 1e-6 else 0
    up = "∞" if entry["high"] is None else f"{entry['high'] - value:.{digits}f}"
    return f"{value:.{digits}f} +{up} −{down:.{digits}f}"
