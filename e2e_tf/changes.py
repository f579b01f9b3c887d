"""Changes of a configuration, as they are given on the command line."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from e2e_tf.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["with_changes"]


def with_changes(document: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A configuration in which some keys have other values.

    Args:
        document: sections by name; it stays as it is.
        changes: texts ``KEY=VALUE``, such as ``training.epochs=3``; the value is written as in TOML, or is a text
            without quotation marks. The last one of a key counts.

    Returns:
        The changed copy.

    Raises:
        InputError: there is no ``=`` or no key in a text, or its key goes through a value that is no section.
    """
    changed = copy.deepcopy(dict(document))
    for change in changes:
        key, equals, text = (part.strip() for part in change.partition("="))
        *sections, name = key.split(".")
        if not (equals and all((*sections, name))):
            raise InputError(f"a change must be KEY=VALUE, such as training.epochs=3, not {change!r}")
        inner = changed
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise InputError(f"{key!r} cannot be set: {section!r} is {inner!r} and no section")
        inner[name] = _value(text)
    return changed


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text
