"""Events of the event display iSpy as tables; see `e2e_tf.data.readers.ispy`."""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.readers.checks import readable
from e2e_tf.errors import InputError

__all__ = ["IspyEvent", "event_names", "event_text"]

_EVENTS = "Events/"
_NOT_A_NUMBER = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<![\w.])(nan|NaN|inf|Infinity)(?![\w.])"""
)


def event_names(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """Names of the events in an archive.

    Args:
        path: the file, for messages.
        archive: open.

    Returns:
        The names, in the archive's order; at least one.

    Raises:
        InputError: there are none.
    """
    names = [name for name in archive.namelist() if name.startswith(_EVENTS) and not name.endswith("/")]
    if not names:
        raise InputError(
            f"{path} must be an iSpy archive with entries {_EVENTS}…, it has {archive.namelist()[:5]}"
        )
    return names


def event_text(path: Path, archive: zipfile.ZipFile, name: str) -> str:
    """The text of an event.

    Args:
        path: the file, for messages.
        archive: open.
        name: of the event.

    Returns:
        The text.

    Raises:
        InputError: it cannot be read.
    """
    with readable(path):
        return archive.read(name).decode()


def _parse(text: str) -> Any:
    """The event of a text: JSON, JSON with bare nan and inf, or a Python literal with them."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        pass
    words = {"nan": "NaN", "inf": "Infinity"}
    try:
        return json.loads(_NOT_A_NUMBER.sub(lambda m: m[1] or words.get(m[2], m[2]), text))
    except json.JSONDecodeError:
        pass
    # None becomes NaN when the rows become numbers, and 1e999 is infinite
    return ast.literal_eval(
        _NOT_A_NUMBER.sub(lambda m: m[1] or ("None" if m[2][0] in "nN" else "1e999"), text)
    )


class IspyEvent:
    """The collections of one event as tables.

    Args:
        path: the file, for messages.
        name: of the event, for messages.
        text: of the event.

    Raises:
        InputError: the text is no event.
    """

    def __init__(self, path: Path, name: str, text: str) -> None:
        self.where = f"{path} ({name})"
        try:
            content = _parse(text)
            self.types, self.collections = dict(content["Types"]), dict(content["Collections"])
        except (SyntaxError, ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
            raise InputError(
                f"{self.where} must be an event with Types and Collections, it is damaged ({error})"
            ) from error

    def has(self, collection: str, *fields: str) -> bool:
        """Whether the file declares a collection with these fields.

        Args:
            collection: its name without the version.
            fields: names of fields.

        Returns:
            True if all are there, in the highest version.
        """
        name = self._latest(collection)
        return bool(name) and {field[0] for field in self.types[name]} >= set(fields)

    def table(self, collection: str, fields: Sequence[str]) -> np.ndarray:
        """Numbers of the highest version of a collection.

        Args:
            collection: its name without the version.
            fields: names of fields; ``pos.0`` is the first coordinate of a place.

        Returns:
            float64 (rows, fields).

        Raises:
            InputError: there is no such collection or field, or a row is not like that.
        """
        name = self._latest(collection)
        if not name:
            raise InputError(
                f"{self.where} has no collection {collection}; there are: {', '.join(sorted(self.types))}"
            )
        found = [str(field[0]) for field in self.types[name]]
        wanted = [field.partition(".") for field in fields]
        missing = list(dict.fromkeys(field for field, _, _ in wanted if field not in found))
        if missing:
            raise InputError(
                f"{self.where}: {name} has no field {', '.join(missing)}; there are: {', '.join(found)}"
            )
        places = [(found.index(field), int(axis) if axis else None) for field, _, axis in wanted]
        try:
            rows = [
                [row[column] if axis is None else row[column][axis] for column, axis in places]
                for row in self.collections.get(name, [])
            ]
            return np.array(rows, np.float64).reshape(-1, len(fields))
        except (IndexError, TypeError, ValueError) as error:
            raise InputError(
                f"{self.where}: {name} must have rows of {len(found)} numbers ({error})"
            ) from error

    def finite(self, collections: Sequence[str], fields: Sequence[str], what: str = "hits") -> np.ndarray:
        """Numbers of collections one after the other, all of which must be finite.

        Args:
            collections: their names without the versions.
            fields: names of fields, as of :meth:`table`.
            what: the rows, for the message.

        Returns:
            float64 (rows, fields).

        Raises:
            InputError: as :meth:`table`, or a number is NaN or infinite.
        """
        table = np.concatenate([self.table(name, fields) for name in collections])
        bad = int(np.count_nonzero(~np.isfinite(table).all(axis=1)))
        if bad:
            names = list(dict.fromkeys(field.partition(".")[0] for field in fields))
            listed = ", ".join(names[:-1]) + (" and " if names[1:] else "") + names[-1]
            raise InputError(
                f"{self.where}: {listed} of {' and '.join(collections)} must be finite, "
                f"{bad} of {len(table)} {what} are not"
            )
        return table

    def _latest(self, collection: str) -> str:
        """The name of the highest version of a collection, empty if there is none."""
        versions = {
            int(match[1]): name
            for name in self.types
            if (match := re.fullmatch(rf"{collection}_V(\d+)", name))
        }
        return versions[max(versions)] if versions else ""

    def numbers(self) -> tuple[int, int, int]:
        """Run, luminosity block and event number.

        Returns:
            Three numbers.

        Raises:
            InputError: the collection ``Event`` is not one row of them.
        """
        table = self.table("Event", ("run", "ls", "event"))
        if table.shape != (1, 3) or not np.isfinite(table).all() or table.min() < 0:
            raise InputError(
                f"{self.where}: Event must be one row with run, ls and event, it is {table.tolist()}"
            )
        run, block, number = (int(value) for value in table[0])
        return run, block, number
