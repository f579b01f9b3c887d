"""Models by name, each a Keras functional model built from a small dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.gat_cheb import GATCheb, gat_cheb

__all__ = ["MODELS", "GATCheb", "build_model", "gat_cheb", "model_settings"]

# name -> (settings, function of (n_features, n_globals, settings, outputs))
MODELS: dict[str, tuple[type, Callable[..., Any]]] = {"gat_cheb": (GATCheb, gat_cheb)}


def model_settings(name: str, settings: Mapping[str, Any] | None = None) -> Any:
    """The settings dataclass of a model, filled from a mapping.

    Raises:
        InputError: the model or a setting is unknown, or a value has the wrong type or is out of range.
    """
    from pydantic import TypeAdapter, ValidationError

    if name not in MODELS:
        raise InputError(f"model.name must be one of {', '.join(MODELS)}, not {name!r}")
    kind = MODELS[name][0]
    fields = [field.name for field in dataclasses.fields(kind)]
    unknown = sorted(set(settings or {}) - set(fields))
    if unknown:
        raise InputError(f"unknown key 'model.{unknown[0]}'; {name} accepts {', '.join(fields)}")
    try:
        return TypeAdapter(kind).validate_python(dict(settings or {}))
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "value_error":  # from the dataclass itself, a whole sentence
            raise InputError(str(first["ctx"]["error"])) from error
        key = ".".join(str(part) for part in ("model", *first["loc"]))
        raise InputError(f"{key}: {first['msg']}, not {first['input']!r}") from error


def build_model(
    name: str, n_features: int, n_globals: int, settings: Mapping[str, Any] | None = None, outputs: int = 1
) -> Any:
    """A Keras model by name; see :data:`MODELS`.

    Raises:
        InputError: as :func:`model_settings`.
    """
    chosen = model_settings(name, settings)
    return MODELS[name][1](n_features, n_globals, chosen, outputs)
