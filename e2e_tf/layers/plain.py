"""Layers that compute by the formula in their file, for runtimes other than TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["plain"]


@contextmanager
def plain(layer: Any, kind: str | None = None) -> Iterator[None]:
    """Within, a layer or the layers of a model leave their fast kernels and compute the formula of their file.

    What is traced inside holds common operations only, few of them, which every converter knows. The numbers
    are the same but for rounding.

    Args:
        layer: a Keras layer, or a model, those inside of it included.
        kind: name of a class of layers; the others keep their kernels. None for all.

    Yields:
        Nothing; within the block the formulas count.
    """
    parts = layer._flatten_layers(include_self=True, recursive=True)
    changed = [part for part in parts if getattr(part, "fast", False) and kind in (None, type(part).__name__)]
    for part in changed:
        part.fast = False
    try:
        yield
    finally:
        for part in changed:
            part.fast = True
