"""Files and arrays that are what they must be, or a sentence that says why not."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e_tf.data.readers.entries import PathLike
from e2e_tf.data.remote import local
from e2e_tf.errors import InputError

__all__ = ["existing_file", "need", "need_shape", "numbers_only", "optional", "readable"]


def existing_file(path: PathLike) -> Path:
    """The path of a file that is there.

    Args:
        path: of a file.

    Returns:
        The path as a ``Path``.

    Raises:
        InputError: there is no such file, or it is a folder.
    """
    path = local(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns whatever a file library raises inside the block into one sentence.

    File libraries share no base class for a damaged file (zlib.error, struct.error, uproot's own), so every
    exception counts; keep nothing but reading in the block.

    Args:
        path: the file, for the message.

    Yields:
        Nothing; the block runs once.

    Raises:
        InputError: anything was raised in the block that is not an InputError or MemoryError.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be read, it is truncated, damaged or of another format ({_first_line(error)})"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def need(path: Path, what: str, wanted: Iterable[str], found: Iterable[str]) -> None:
    """Every wanted name must be there.

    Args:
        path: the file, for the message.
        what: what a name stands for, such as ``"branch"``.
        wanted: names that must be there.
        found: names that are there.

    Raises:
        InputError: one is missing; the sentence lists what is missing and what is there.
    """
    found = list(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        listed = ", ".join(sorted(found)[:40]) + (", …" if len(found) > 40 else "")
        raise InputError(f"{path} has no {what} {', '.join(missing)}; there are: {listed or 'none'}")


def need_shape(
    path: Path, name: str, shape: Sequence[int], accepted: Sequence[int | None], words: str
) -> None:
    """``shape`` must match ``accepted``, where None matches any length.

    Args:
        path: the file, for the message.
        name: of the array.
        shape: the array's.
        accepted: lengths of its axes, None for any.
        words: what is accepted, for the message.

    Raises:
        InputError: it does not; ``words`` describe what is accepted.
    """
    fits = len(shape) == len(accepted) and all(
        a is None or a == s for s, a in zip(shape, accepted, strict=True)
    )
    if not fits:
        raise InputError(f"{path}: {name} must have the shape {words}, it has {tuple(shape)}")


def optional(module: str, extra: str, path: Path) -> Any:
    """Import a library of an optional extra.

    Args:
        module: its full name.
        extra: of this library, that installs it.
        path: the file that needs it.

    Returns:
        The module.

    Raises:
        InputError: it is not installed; the sentence names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"reading {path} needs {module}, which is not installed; run 'pip install e2e-tf[{extra}]'"
        ) from error


def numbers_only(path: Path, name: str, array: Any) -> None:
    """Raises InputError unless ``array`` holds numbers.

    Args:
        path: the file, for the message.
        name: of the array.
        array: anything with a ``dtype``.

    Raises:
        InputError: the array is not of numbers.
    """
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path}: {name} must hold numbers, it holds {array.dtype}")
