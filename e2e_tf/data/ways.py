"""What a file is and every way to read it, with the command for each."""

from __future__ import annotations

import inspect
import os
import shlex
import typing
from dataclasses import dataclass
from pathlib import Path

from e2e_tf.data.hdf5 import DAMAGE, format_of
from e2e_tf.data.jets import JETS_FORMAT
from e2e_tf.data.readers import READERS, Reader
from e2e_tf.data.readers.checks import existing_file
from e2e_tf.data.readers.content import Content, content_of
from e2e_tf.data.readers.options import COMMON
from e2e_tf.errors import InputError
from e2e_tf.terminal import output

__all__ = ["Way", "print_ways", "ways"]


@dataclass(frozen=True)
class Way:
    """One way to read a file.

    Attributes:
        reader: its name in ``READERS``.
        description: what the format holds.
        command: that shows the file in this way; values that only the user knows are in capitals.
        complete: whether the command can be given as it is.
        options: further options, by name with their defaults.
    """

    reader: str
    description: str
    command: str
    complete: bool
    options: dict[str, str]


def ways(path: str | os.PathLike[str]) -> tuple[str, list[Way]]:
    """What a file is, and how it can be read.

    Args:
        path: the file, or its address.

    Returns:
        A description of its content, and the ways; none if no reader takes it.

    Raises:
        InputError: there is no such file, or it is of no container that is known; the sentence says what it is.
    """
    place = existing_file(path)
    content = content_of(place)
    fits = [reader for reader in READERS.values() if reader.accepts(content)]
    alone = len(fits) == 1
    return _described(place, content), [_way(str(path), reader, alone) for reader in fits]


def print_ways(path: str | os.PathLike[str], found: tuple[str, list[Way]]) -> None:
    """The result of :func:`ways` on standard output.

    Args:
        path: the file, as the user wrote it.
        found: what :func:`ways` gave.
    """
    what, each = found
    console = output()
    console.print(f"{path}: {what}", soft_wrap=True)
    if not each:
        names = ", ".join(READERS)
        console.print(
            f"no reader recognises it; with --reader one of these reads it all the same: {names}",
            soft_wrap=True,
        )
        return
    console.print("ways to read it:")
    for way in each:
        console.print(f"  {way.command}", soft_wrap=True)
        listed = ", ".join(f"{name}={value}" for name, value in way.options.items())
        text = f"    {way.description}" + (f"; more options: {listed}" if listed else "")
        console.print(text, soft_wrap=True)


def _described(path: Path, content: Content) -> str:
    if content.container == "HDF5":
        import h5py

        try:
            with h5py.File(path) as file:
                known = format_of(file)
        except DAMAGE as error:
            raise InputError(f"{path} cannot be read, it is truncated or damaged ({error})") from error
        if known:
            return f"{'jets' if known == JETS_FORMAT else known} of this library (HDF5)"
    return str(content)


def _way(path: str, reader: Reader, alone: bool) -> Way:
    types = typing.get_type_hints(reader.read)
    needed, more = [], {}
    for parameter in [*inspect.signature(reader.read).parameters.values()][1:]:
        if parameter.name in COMMON:
            continue
        if parameter.default is inspect.Parameter.empty:
            needed.append(f"--option {parameter.name}={_value(types[parameter.name], parameter.name)}")
        else:
            more[parameter.name] = "none" if parameter.default is None else str(parameter.default) or '""'
    words = ["e2e-tf", "inspect", shlex.quote(path)]
    words += [] if alone else ["--reader", reader.name]
    return Way(reader.name, reader.description, " ".join([*words, *needed]), not needed, more)


def _value(kind: object, name: str) -> str:
    choices = typing.get_args(kind)
    texts = [str(one) for one in choices if isinstance(one, str)]
    return texts[0] if texts else name.upper()
