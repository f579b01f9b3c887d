"""What a file is and every way to read it, with the command for each."""

from __future__ import annotations

import inspect
import os
import shlex
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from e2e_tf.data.hdf5 import DAMAGE, format_of
from e2e_tf.data.jets import JETS_FORMAT
from e2e_tf.data.readers import READERS, OpenFile, Reader
from e2e_tf.data.readers.checks import existing_file
from e2e_tf.data.readers.content import Content, content_of
from e2e_tf.data.readers.options import COMMON
from e2e_tf.errors import InputError
from e2e_tf.terminal import say

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
        problem: why the command fails; empty where it was tried and works, or is the only one, or not complete.
        recognised: whether the reader knows its format by what is in the file.
    """

    reader: str
    description: str
    command: str
    complete: bool
    options: dict[str, str]
    problem: str = ""
    recognised: bool = True


def ways(path: str | os.PathLike[str]) -> tuple[str, list[Way]]:
    """What a file is, and how it can be read.

    Args:
        path: the file, or its address.

    Returns:
        A description of its content, and the ways. Where several readers recognise it, each was tried on the first
        entry; where none does, all were, and the ways are of those that read it and of those that need to be told more.

    Raises:
        InputError: there is no such file, or it is of no container that is known; the sentence says what it is.
    """
    place = existing_file(path)
    content = content_of(place)
    what = _described(place, content)
    fits = [reader for reader in READERS.values() if reader.accepts(content)]
    if len(fits) == 1:
        return what, [_way(str(path), fits[0], alone=True)]
    if fits:
        return what, [_tried(place, reader, _way(str(path), reader), {}) for reader in fits]
    of_arrays = _of_arrays(content)
    made = []
    for reader in READERS.values():
        given = of_arrays if reader.name == "padded" else {}
        made.append(_tried(place, reader, _way(str(path), reader, given=given), given))
    return what, [replace(way, recognised=False) for way in made if not way.problem]


def print_ways(path: str | os.PathLike[str], found: tuple[str, list[Way]]) -> None:
    """The result of :func:`ways` on standard output.

    Args:
        path: the file, as the user wrote it.
        found: what :func:`ways` gave.
    """
    what, each = found
    say(f"{path}: {what}")
    if not any(way.recognised for way in each):
        say(f"no reader recognises it; the formats are {', '.join(READERS)}")
    known = [way for way in each if not way.problem]
    _print("ways to read it:", [way for way in known if way.recognised or way.complete])
    _print(
        "ways that may read it, with values of yours in place of the capitals:",
        [way for way in known if not (way.recognised or way.complete)],
    )
    _print("commands that fail as they stand, and why:", [way for way in each if way.problem])


def _print(head: str, each: Sequence[Way]) -> None:
    """Ways below a line."""
    if each:
        say(head)
    for way in each:
        listed = ", ".join(f"{name}={value}" for name, value in way.options.items())
        say(f"  {way.command}")
        say(f"    {way.description}" + (f"; more options: {listed}" if listed else ""))
        if way.problem:
            say(f"    {way.problem}")


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


def _of_arrays(content: Content) -> dict[str, Any]:
    """Options of the reader ``padded`` for an archive whose arrays have other names than it looks for."""
    boxes = [name for name, shape in content.names.items() if len(shape or ()) == 3]
    key = {} if content.has("X") or not boxes else {"key": boxes[0]}
    return key if content.has("y") else key | {"label_key": None}


def _tried(path: Path, reader: Reader, way: Way, given: Mapping[str, Any]) -> Way:
    """The way with what its reader says to the first entry of the file, without the class of jets.

    A reader that needs to be told more is only asked for the number of entries.
    """
    file = OpenFile(path, reader)
    try:
        if _needed(reader) - set(reader.class_options):
            file.count(**given)
        else:
            file.read(start=0, stop=1, **given, **dict.fromkeys(reader.class_options))
    except InputError as error:
        return replace(way, problem=str(error))
    return way


def _needed(reader: Reader) -> set[str]:
    """Options that a reader cannot do without."""
    parameters = [*inspect.signature(reader.read).parameters.values()][1:]
    return {one.name for one in parameters if one.default is inspect.Parameter.empty}


def _way(path: str, reader: Reader, alone: bool = False, given: Mapping[str, Any] | None = None) -> Way:
    types = typing.get_type_hints(reader.read)
    needed, more = [], {}
    known = {
        name: "none" if value is None else shlex.quote(str(value)) for name, value in (given or {}).items()
    }
    for parameter in [*inspect.signature(reader.read).parameters.values()][1:]:
        if parameter.name in (*COMMON, *known):
            continue
        if parameter.default is inspect.Parameter.empty:
            needed.append(f"--option {parameter.name}={_value(types[parameter.name], parameter.name)}")
        else:
            more[parameter.name] = "none" if parameter.default is None else str(parameter.default) or '""'
    words = ["e2e-tf", "inspect", shlex.quote(path)]
    words += [] if alone else ["--reader", reader.name]
    chosen = [f"--option {name}={value}" for name, value in known.items()]
    return Way(reader.name, reader.description, " ".join([*words, *needed, *chosen]), not needed, more)


def _value(kind: object, name: str) -> str:
    choices = typing.get_args(kind)
    texts = [str(one) for one in choices if isinstance(one, str)]
    return texts[0] if texts else name.upper()
