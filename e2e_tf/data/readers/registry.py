"""The readers by name, how one is registered, and how the one for a file is found."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.readers.checks import existing_file
from e2e_tf.data.readers.content import Content, content_of
from e2e_tf.data.readers.entries import PathLike
from e2e_tf.data.readers.options import COMMON, checked_options
from e2e_tf.errors import InputError

__all__ = ["READERS", "OpenFile", "Reader", "open_reader", "reader"]

Read = TypeVar("Read", bound=Callable[..., Any])


@dataclass(frozen=True)
class Reader:
    """One format.

    Attributes:
        name: its name in `READERS`.
        description: what it holds, in a few words.
        unit: what ``start``, ``stop`` and ``count`` count.
        read: ``read(path, *, start, stop, on_error, report, …)`` gives `Jets` or `Images`.
        count: ``count(path, …)`` gives the number of units.
        accepts: whether a file's content can be this format.
        files: options that are paths of further files.
        event_numbers: whether ``event`` is the number that CMS gave to the event, see
            :func:`e2e_tf.data.readers.particles.cms_event`; other formats count in each file.
    """

    name: str
    description: str
    unit: str
    read: Callable[..., Any]
    count: Callable[..., int]
    accepts: Callable[[Content], bool]
    files: tuple[str, ...] = ()
    event_numbers: bool = False

    @property
    def class_options(self) -> tuple[str, ...]:
        """Options that say which jets are signal and that the reader cannot do without; None is accepted."""
        parameters = inspect.signature(self.read).parameters
        return tuple(
            name
            for name in ("signal", "label")
            if name in parameters and parameters[name].default is inspect.Parameter.empty
        )


READERS: dict[str, Reader] = {}
"""Every reader by name, in the order of the alphabet."""


def reader(
    name: str,
    description: str,
    *,
    count: Callable[..., int],
    accepts: Callable[[Content], bool],
    unit: str = "jets",
    files: tuple[str, ...] = (),
    event_numbers: bool = False,
) -> Callable[[Read], Read]:
    """Register the decorated function as the reader of a format.

    The function takes a path and, by name, ``start``, ``stop``, ``on_error`` and ``report`` beside its own
    options, and gives `Jets` or `Images`. A module of this package that holds one is found by itself.

    Args:
        name: how users call the format.
        description: what it holds, in a few words.
        count: gives the number of units of a file; it may take some of the reader's options.
        accepts: whether a file's content can be this format.
        unit: what ``start``, ``stop`` and ``count`` count.
        files: options that are paths of further files.
        event_numbers: whether ``event`` is the number that CMS gave to the event.

    Returns:
        The decorator, which gives the function as it is.

    Raises:
        TypeError: the function lacks one of the common arguments.
        ValueError: there is a reader of that name.
    """

    def register(read: Read) -> Read:
        lacking = [option for option in COMMON if option not in inspect.signature(read).parameters]
        if lacking:
            raise TypeError(f"the reader {name} must take {', '.join(COMMON)}; it lacks {', '.join(lacking)}")
        if name in READERS:
            raise ValueError(f"there are two readers of the name {name!r}")
        READERS[name] = Reader(name, description, unit, read, count, accepts, files, event_numbers)
        return read

    return register


@dataclass(frozen=True)
class OpenFile:
    """A file with the reader that reads it.

    Attributes:
        path: the file.
        reader: its reader.
    """

    path: Path
    reader: Reader

    def read(self, **options: Any) -> Jets | Images:
        """What the reader gives for its options.

        Args:
            options: of the reader.

        Returns:
            The jets or images.

        Raises:
            InputError: as the reader, or an option it does not have or cannot do without.
        """
        given = checked_options(self.reader.name, self.reader.read, options)
        found: Jets | Images = self.reader.read(self.path, **given)
        return found

    def count(self, **options: Any) -> int:
        """Number of units (jets, events, images) in the file.

        Args:
            options: of the reader; those that do not change the number are not looked at.

        Returns:
            The number of units.

        Raises:
            InputError: as the reader's count.
        """
        known = inspect.signature(self.reader.count).parameters
        return int(self.reader.count(self.path, **{k: v for k, v in options.items() if k in known}))

    def chunks(self, size: int, **options: Any) -> Iterator[Jets | Images]:
        """The file in pieces of ``size`` units, the last one shorter.

        Args:
            size: units of a piece.
            options: of the reader.

        Yields:
            The jets or images of a piece.

        Raises:
            InputError: as the reader, or ``size`` is not positive.
        """
        if size < 1:
            raise InputError(f"size must be a positive number, not {size}")
        for start in range(0, self.count(**options), size):
            yield self.read(**options, start=start, stop=start + size)


def open_reader(path: PathLike, name: str | None = None) -> OpenFile:
    """The reader for a file, by name or by what is in the file (its name and ending do not matter).

    Args:
        path: a file.
        name: a name of `READERS`; None finds it.

    Returns:
        The file with its reader.

    Raises:
        InputError: the file is missing or damaged, the name is unknown, no format fits, or several do; the
            sentence lists them.
    """
    path = existing_file(path)
    if name is not None:
        if name not in READERS:
            raise InputError(f"there is no reader {name!r}; there are: {', '.join(READERS)}")
        return OpenFile(path, READERS[name])
    content = content_of(path)
    fits = [reader for reader in READERS.values() if reader.accepts(content)]
    if not fits:
        raise InputError(
            f"{path} is of no known format: it is {content}; the formats are {', '.join(READERS)}"
        )
    if len(fits) > 1:
        names = ", ".join(reader.name for reader in fits)
        raise InputError(f"{path} can be read as {names}; say which one with --reader, or as data.reader")
    return OpenFile(path, fits[0])
