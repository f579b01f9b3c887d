"""``manifest.json``: its schema, published as ``deploy/manifest.schema.json``, and the check against it."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["MANIFEST_FORMAT", "MANIFEST_VERSION", "check_manifest", "manifest_schema"]

MANIFEST_FORMAT = "e2e-tf hand-off"
MANIFEST_VERSION = 1


@cache
def manifest_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12)."""
    schema: dict[str, Any] = json.loads(
        files("e2e_tf.deploy").joinpath("manifest.schema.json").read_text("utf-8")
    )
    return schema


def check_manifest(document: Any, where: str = "manifest.json") -> None:
    """Check a manifest against the schema: types, required keys, allowed values.

    Raises:
        InputError: naming the entry and what it must be.
    """
    _check(document, manifest_schema(), where, "")


_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def _check(value: Any, schema: dict[str, Any], where: str, path: str) -> None:
    """The keywords that the schema uses; a full validator gives the same verdict."""
    if "$ref" in schema:
        schema = manifest_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    at = f"{where}: {path.lstrip('.') or 'the document'}"
    kinds = schema.get("type")
    if kinds is not None:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        fits = any(
            isinstance(value, _TYPES[kind])
            and not (isinstance(value, bool) and kind in ("integer", "number"))
            for kind in kinds
        )
        if not fits:
            raise InputError(f"{at} must be {' or '.join(kinds)}, not {value!r}")
    if "const" in schema and value != schema["const"]:
        raise InputError(f"{at} must be {schema['const']!r}, not {value!r}")
    if "enum" in schema and value not in schema["enum"]:
        raise InputError(f"{at} must be one of {', '.join(map(str, schema['enum']))}, not {value!r}")
    if isinstance(value, dict):
        missing = [key for key in schema.get("required", ()) if key not in value]
        if missing:
            raise InputError(f"{at} lacks {', '.join(missing)}")
        properties = schema.get("properties", {})
        for key, entry in value.items():
            rule = properties.get(key, schema.get("additionalProperties", True))
            if rule is False:
                raise InputError(f"{at} has an unknown entry {key!r}")
            if isinstance(rule, dict):
                _check(entry, rule, where, f"{path}.{key}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            raise InputError(f"{at} must have at least {schema['minItems']} entries, not {len(value)}")
        for i, entry in enumerate(value):
            _check(entry, schema.get("items", {}), where, f"{path}[{i}]")
