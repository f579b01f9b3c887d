"""A ``.keras`` file that older versions of Keras read."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["save_keras"]

# Settings of dense layers and of initializers that came after Keras 3.11.
_NEW_IN_KERAS = ("quantization_config", "input_axes", "output_axes")


def save_keras(model: Any, path: Path) -> None:
    """Write a Keras model without the settings that nobody has set and Keras 3.11 does not know.

    Args:
        model: Keras model.
        path: new ``.keras`` file.
    """
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = json.dumps(_known(json.loads(parts["config.json"]))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _known(v) for k, v in value.items() if k not in _NEW_IN_KERAS or v is not None}
    return [_known(entry) for entry in value] if isinstance(value, list) else value
