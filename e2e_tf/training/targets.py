"""What the outputs of a run are trained for: targets and weights from columns of the jets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.config import OutputConfig, RunConfig
from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError

__all__ = [
    "Target",
    "in_units",
    "label_output",
    "make_target",
    "positive_column",
    "run_outputs",
    "target_scale",
    "times_quantity",
]


@dataclass(frozen=True)
class Target:
    """What one output of a model is trained for.

    Attributes:
        value: float32 (B,), 0 or 1, the number of the class, or the quantity; 0 where there is none.
        weight: float32 (B,), 0 for jets that do not take part.
    """

    value: np.ndarray
    weight: np.ndarray

    def take(self, index: np.ndarray) -> Target:
        """The given jets in the given order.

        Args:
            index: int (n,) or bool (B,).

        Returns:
            The target of these jets.
        """
        return Target(self.value[index], self.weight[index])


def make_target(name: str, output: OutputConfig, jets: Jets, weight: np.ndarray) -> Target:
    """Targets of all jets for one output.

    Args:
        name: of the output, for messages.
        output: what the configuration says of it.
        jets: the jets.
        weight: float32 (B,), what each jet counts before the output chooses among them.

    Returns:
        Values and weights of all jets.

    Raises:
        InputError: the sample has no such column, or no jet takes part.
    """
    column = _column(name, output, jets).astype(np.float64)
    part = np.isfinite(column)
    if output.jets == "signal":
        if jets.label is None:
            raise InputError(
                f"outputs.{name}.jets is 'signal', but this sample has no labels to tell it by; use 'all'"
            )
        part &= jets.label == 1
    if output.kind == "multiclass":
        value = np.full(len(jets), -1.0)
        for number, member in enumerate(output.classes):
            value[column == member] = number
        part &= value >= 0
    elif output.kind == "binary":
        value = np.isin(column, output.classes or (1,)).astype(np.float64)
    else:
        value = column
        if output.relative_to:
            value = column / positive_column(name, output.relative_to, jets, part)
    if not part.any():
        raise InputError(f"outputs.{name} has no jets with a value: check its column, classes and jets")
    value = np.where(part, value, 0).astype(np.float32)
    weight = np.where(part, weight, 0).astype(np.float32)
    return Target(value, weight)


def target_scale(output: OutputConfig, train: Target) -> np.ndarray:
    """float64 (classes,) or (1,): factors that bring the training jets' mean weight to 1, per class if balanced.

    Args:
        output: what the configuration says of the output.
        train: the target of the training part.

    Returns:
        float64 (classes,), or (1,) where classes are not balanced.

    Raises:
        InputError: the weights of all jets, or of a class that is balanced, add up to less than 0.
    """
    total = float(train.weight.sum())
    if total < 0:
        raise InputError(f"the event weights of an output must add up to more than 0, not {total:g}")
    if output.kind == "regression" or not output.balance:
        return np.array([len(train.weight) / total if total > 0 else 1.0])
    count = max(2, len(output.classes))
    sums = np.bincount(train.value.astype(int), train.weight, minlength=count)
    if (sums < 0).any():
        raise InputError(
            f"classes are balanced by event weights that add up to more than 0; those of {output.column} give "
            f"{', '.join(f'{value:g}' for value in sums)}"
        )
    return np.divide(len(train.weight) / np.count_nonzero(sums), sums, out=np.zeros(count), where=sums > 0)


def scaled(target: Target, scale: np.ndarray) -> Target:
    """The target with its weights multiplied by what :func:`target_scale` gives.

    Args:
        target: of any part.
        scale: float64 (classes,) or (1,).

    Returns:
        The target with other weights.
    """
    factor = scale[0] if len(scale) == 1 else scale[target.value.astype(int)]
    return Target(target.value, (target.weight * factor).astype(np.float32))


def run_outputs(config: RunConfig) -> Any:
    """What :func:`e2e_tf.models.build_model` takes as ``outputs``: 1, or a Head for each of the configuration.

    Args:
        config: of the run.

    Returns:
        1 or the Heads by name.
    """
    from e2e_tf.models import Head

    if not config.outputs:
        return 1
    return {
        name: Head(o.kind, len(o.classes) if o.kind == "multiclass" else 1, "graph", o.hidden)
        for name, o in config.outputs.items()
    }


def label_output(config: RunConfig) -> str | None:
    """Name of the output that tells signal from background.

    Args:
        config: of the run.

    Returns:
        The first output that is the sample's label; an empty name for a model with one output and no name; None if
        no output is the label.
    """
    if not config.outputs:
        return ""
    return next((name for name, output in config.outputs.items() if output.is_label), None)


def in_units(config: RunConfig, found: Any, jets: Jets) -> Any:
    """Predictions with regressed quantities in the units of their columns.

    Args:
        config: of the run.
        found: what :func:`e2e_tf.training.predict.predict` gives.
        jets: the jets, in the same order.

    Returns:
        What ``found`` is, with other values where an output is regressed.
    """
    if not isinstance(found, Mapping):
        return found
    result = dict(found)
    nobody = np.zeros(len(jets), bool)
    for name, output in config.outputs.items():
        if output.relative_to:
            positive_column(name, output.relative_to, jets, nobody)  # that there is one
            result[name] = times_quantity(found[name], jets[output.relative_to][:, None])
    return result


def times_quantity(ratios: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    """Ratios in the unit of the quantity that they are relative to; NaN where that is not positive and finite.

    A network has not learned what such a jet's ratio is; the C++ runner and CMSSW packages follow the same rule.

    Args:
        ratios: float32, of any shape.
        quantity: of the same shape, or one that is broadcast to it.

    Returns:
        float32 of the shape of ``ratios``.
    """
    by = np.asarray(quantity, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where((by > 0) & np.isfinite(by), ratios * by, np.nan).astype(np.float32)


def _column(name: str, output: OutputConfig, jets: Jets) -> np.ndarray:
    known = {} if jets.label is None else {"label": jets.label}
    known = {**jets.columns, **jets.truth, **known}
    if output.column not in known:
        raise InputError(
            f"outputs.{name}.column must be a column of the sample ({', '.join(sorted(known))}), "
            f"not {output.column!r}"
        )
    return np.asarray(known[output.column])


def positive_column(name: str, column: str, jets: Jets, rows: np.ndarray) -> np.ndarray:
    """A jet column to divide by.

    Args:
        name: of the output, for messages.
        column: of the jets.
        jets: the jets.
        rows: bool (B,), the jets that it is needed for.

    Returns:
        float64 (B,), 1 outside ``rows``.

    Raises:
        InputError: there is no such column, or a value in ``rows`` is not positive.
    """
    if column not in jets.columns:
        raise InputError(
            f"outputs.{name}.relative_to must be a quantity of the jets ({', '.join(sorted(jets.columns))}), "
            f"not {column!r}"
        )
    values = np.asarray(jets[column], np.float64)
    if not (values[rows] > 0).all():
        raise InputError(
            f"outputs.{name}.relative_to must be positive for every jet, {column} goes down to "
            f"{values[rows].min():g}"
        )
    return np.where(rows, values, 1.0)
