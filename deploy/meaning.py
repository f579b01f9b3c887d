"""What the columns of a score are: quantities with their units, and values of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from e2e_tf.data.features import UNITS
from e2e_tf.training.run import Run
from e2e_tf.training.targets import times_quantity

__all__ = ["column_labels", "in_units_of_jets", "output_meaning", "relative_columns"]


def output_meaning(run: Run, columns: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """The entry of the manifest.

    Args:
        run: whose configuration says what its outputs are.
        columns: how many columns each output has.

    Returns:
        By output, of those that the configuration names: its kind, the column of the sample and its unit; the values
        of the column that its classes are, in the order of the columns of the score; and the quantity of the jet that
        the score has to be multiplied by.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, output in run.config.outputs.items():
        if name not in columns:
            continue
        found[name] = {"kind": output.kind, "column": output.column}
        if output.kind == "regression" and (unit := UNITS.get(output.column, "")):
            found[name]["unit"] = unit
        if classes := output.classes or ((1,) if output.kind == "binary" else ()):
            found[name]["classes"] = list(classes)
        if output.relative_to:
            found[name]["relative_to"] = output.relative_to
    return found


def relative_columns(manifest: Mapping[str, Any]) -> list[str]:
    """The quantity of the jet that each column of the score is relative to.

    Args:
        manifest: of the bundle.

    Returns:
        Names of columns of jets, empty where there is none.
    """
    output = manifest["outputs"][0]
    meaning = output.get("meaning", {})
    columns = output.get("columns") or {"score": output["shape"][-1]}
    return [
        meaning.get(name, {}).get("relative_to", "") for name, width in columns.items() for _ in range(width)
    ]


def column_labels(manifest: Mapping[str, Any]) -> list[str]:
    """What each column of the score is called.

    Args:
        manifest: of the bundle.

    Returns:
        The name of its output; of several columns with the class, such as ``decay_mode=10``, or the number behind it.
    """
    output = manifest["outputs"][0]
    meaning = output.get("meaning", {})
    labels: list[str] = []
    for name, width in (output.get("columns") or {"score": output["shape"][-1]}).items():
        classes = meaning.get(name, {}).get("classes", ())
        several = [f"{name}={value}" for value in classes] if len(classes) == width else []
        labels += [name] if width == 1 else several or [f"{name}_{i}" for i in range(width)]
    return labels


def in_units_of_jets(scores: np.ndarray, manifest: Mapping[str, Any], jets: Any) -> np.ndarray:
    """Scores with relative quantities multiplied by those of their jets, as ``predict`` gives them.

    NaN where the quantity of a jet is not positive and finite.

    Args:
        scores: float32 (B, C) of the model.
        manifest: of the bundle.
        jets: the B jets.

    Returns:
        float32 (B, C).
    """
    found = scores.copy()
    for i, name in enumerate(relative_columns(manifest)):
        if name:
            found[:, i] = times_quantity(scores[:, i], jets[name])
    return found
