"""Options of readers: from text, and checked against the types that a reader declares."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["COMMON", "checked_options", "reader_options"]

COMMON = ("start", "stop", "on_error", "report")
"""Arguments that every reader has and that are no options of a format."""


def reader_options(items: Sequence[str]) -> dict[str, Any]:
    """Arguments of a reader from text.

    Args:
        items: ``name=value`` each; values are numbers, ``true`` and ``false``, ``none``, lists with commas, or text.
            ``name.key=value`` gives one entry of an option that is a table, such as ``jet_keys.pt=jet_pt``.

    Returns:
        The values by name, as numbers, bools, None, lists, text or tables.

    Raises:
        InputError: an item is not like that.
    """
    options: dict[str, Any] = {}
    for item in items:
        name, equals, text = item.partition("=")
        name, dot, key = name.partition(".")
        if not equals or not name.isidentifier() or (dot and not key):
            raise InputError(f"an option of a reader must be name=value, got {item!r}")
        values = [_value(part.strip()) for part in text.split(",")]
        value = values if len(values) > 1 else values[0]
        if dot:
            table = options.setdefault(name, {})
            if not isinstance(table, dict):
                raise InputError(f"the option {name} is given as a value and as a table; give one of them")
            table[key] = value
        else:
            options[name] = value
    return options


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def checked_options(name: str, read: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options in the types that a reader declares: a single text where it wants a list, ``none`` where None may be.

    Args:
        name: of the reader, for messages.
        read: its function.
        options: by name, with or without those that all readers share.

    Returns:
        The options as the function takes them.

    Raises:
        InputError: the reader does not have an option, cannot do without one, or takes no such value.
    """
    parameters = [*inspect.signature(read).parameters.values()][1:]
    known = {p.name: p for p in parameters if p.name not in COMMON}
    what = f"the reader {name} cannot be called like that"
    has = f"it has {', '.join(known)}" if known else "it has none"
    for key in options:
        if key not in known and key not in COMMON:
            raise InputError(f"{what}: it has no option {key!r}; {has}")
    types = typing.get_type_hints(read)
    for key, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and key not in options:
            raise InputError(
                f"{what}: it needs the option {key} ({_words(types[key])}), in data.options or as --option {key}=VALUE"
            )
    return {
        key: value if key in COMMON else _checked(what, key, types[key], value)
        for key, value in options.items()
    }


def _checked(what: str, key: str, kind: Any, value: Any) -> Any:
    from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

    members = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, UnionType) else (kind,)
    texts = any(member is str or typing.get_origin(member) is typing.Literal for member in members)
    if isinstance(value, str):
        if value.lower() in ("none", "null") and NoneType in members:
            return None
        if not texts and any(typing.get_origin(member) is Sequence for member in members):
            value = [value]
    try:
        return TypeAdapter(kind).validate_python(value)  # a number that is written as text is one
    except PydanticSchemaGenerationError:  # a type that only the reader knows
        return value
    except ValidationError as error:
        raise InputError(f"{what}: {key} must be {_words(kind)}, not {value!r}") from error


def _words(kind: Any) -> str:
    """A type as a user writes values of it."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, UnionType):
        return " or ".join(dict.fromkeys(_words(member) for member in arguments))
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if origin is Sequence:
        return f"a list of {_words(arguments[0])}"
    if origin is Mapping:
        return "a table"
    return {NoneType: "none", str: "text", int: "whole number", float: "number", bool: "true or false"}.get(
        kind, "path"
    )
