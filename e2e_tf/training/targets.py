"""What the outputs of a run are trained for: targets and weights from columns of the jets, and their judgement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from e2e_tf.config import OutputConfig, RunConfig
from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError

if TYPE_CHECKING:
    from e2e_tf.training.prepare import Prepared

__all__ = [
    "Target",
    "in_units",
    "judge_outputs",
    "label_output",
    "make_target",
    "run_outputs",
    "target_scale",
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
        """The given jets in the given order."""
        return Target(self.value[index], self.weight[index])


def make_target(name: str, output: OutputConfig, jets: Jets, weight: np.ndarray) -> Target:
    """Targets of all jets for one output.

    Args:
        name: of the output, for messages.
        output: what the configuration says of it.
        jets: the jets.
        weight: float32 (B,), what each jet counts before the output chooses among them.

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
            value = column / _positive(name, output.relative_to, jets, part)
    if not part.any():
        raise InputError(f"outputs.{name} has no jets with a value: check its column, classes and jets")
    value = np.where(part, value, 0).astype(np.float32)
    weight = np.where(part, weight, 0).astype(np.float32)
    return Target(value, weight)


def target_scale(output: OutputConfig, train: Target) -> np.ndarray:
    """float64 (classes,) or (1,): factors that bring the training jets' mean weight to 1, per class if balanced."""
    total = float(train.weight.sum())
    if output.kind == "regression" or not output.balance:
        return np.array([len(train.weight) / total if total > 0 else 1.0])
    count = max(2, len(output.classes))
    sums = np.bincount(train.value.astype(int), train.weight, minlength=count)
    return np.divide(len(train.weight) / np.count_nonzero(sums), sums, out=np.zeros(count), where=sums > 0)


def scaled(target: Target, scale: np.ndarray) -> Target:
    """The target with its weights multiplied by what :func:`target_scale` gives."""
    factor = scale[0] if len(scale) == 1 else scale[target.value.astype(int)]
    return Target(target.value, (target.weight * factor).astype(np.float32))


def run_outputs(config: RunConfig) -> Any:
    """What :func:`e2e_tf.models.build_model` takes as ``outputs``: 1, or a Head for each of the configuration."""
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
    """
    if not isinstance(found, Mapping):
        return found
    result = dict(found)
    everyone = np.ones(len(jets), bool)
    for name, output in config.outputs.items():
        if output.relative_to:
            by = _positive(name, output.relative_to, jets, everyone)
            result[name] = (found[name] * by[:, None]).astype(np.float32)
    return result


def judge_outputs(
    prepared: Prepared, config: RunConfig, found: Mapping[str, np.ndarray], bootstraps: int, seed: int
) -> dict[str, Any]:
    """How good each output is on the test part.

    Args:
        prepared: the splits.
        config: of the run.
        found: predictions of the test jets in units, see :func:`in_units`.
        bootstraps: replicas of the jets behind each error.
        seed: of the replicas.

    Returns:
        By output: ``jets``, the number of jets that have it; of ``binary`` outputs ``auc``; of ``multiclass``
        ones ``accuracy``, ``auc`` of each class against the others and ``confusion``, true classes in rows that
        add up to 1; of ``regression`` ``bias`` and ``resolution``, the median and half the width of the central
        68 % of the difference, and where the true value is positive ``relative_bias`` and
        ``relative_resolution`` of the ratio. Numbers are ``{"value", "error"}``.
    """
    test = prepared.test
    result: dict[str, Any] = {}
    for name, output in config.outputs.items():
        target = test.targets[name]
        rows = np.flatnonzero(target.weight > 0)
        entry: dict[str, Any] = {"kind": output.kind, "jets": len(rows)}
        result[name] = entry
        if not len(rows):
            continue
        value, weight = target.value[rows], target.weight[rows].astype(np.float64)
        score = found[name][rows].astype(np.float64)
        options = (bootstraps, seed)
        if output.kind == "regression":
            true = value.astype(np.float64)
            if output.relative_to:
                true = true * _positive(name, output.relative_to, test.jets.take(rows), rows >= 0)
            parts = {"": score[:, 0] - true}
            if (true > 0).all():
                parts["relative_"] = score[:, 0] / true - 1
            for prefix, difference in parts.items():
                entry[f"{prefix}bias"] = _with_error(np.median, (difference,), *options)
                entry[f"{prefix}resolution"] = _with_error(_half_width, (difference,), *options)
        elif output.kind == "binary":
            entry["auc"] = _with_error(_auc, (value, score[:, 0], weight), *options)
        else:
            truth, guess = value.astype(int), score.argmax(axis=1)
            entry["accuracy"] = _with_error(_share, (truth == guess, weight), *options)
            entry["auc"] = {
                str(member): _with_error(_auc, (truth == number, score[:, number], weight), *options)
                for number, member in enumerate(output.classes)
            }
            table = np.zeros((len(output.classes),) * 2)
            np.add.at(table, (truth, guess), weight)
            sums = table.sum(axis=1, keepdims=True)
            shares = np.divide(table, sums, out=np.zeros_like(table), where=sums > 0)
            entry["confusion"] = shares.round(4).tolist()
    return result


def _with_error(
    calculate: Callable[..., Any], columns: tuple[np.ndarray, ...], bootstraps: int, seed: int
) -> dict[str, float | None]:
    """A quantity of the jets, and its standard deviation over resampled jets."""
    rng, count = np.random.default_rng(seed), len(columns[0])
    replicas = []
    for _ in range(bootstraps):
        index = rng.integers(0, count, count)
        replicas.append(float(calculate(*(column[index] for column in columns))))
    usable = [value for value in replicas if np.isfinite(value)]
    value = float(calculate(*columns))
    return {
        "value": value if np.isfinite(value) else None,
        "error": float(np.std(usable)) if len(usable) > 1 else None,
    }


def _half_width(difference: np.ndarray) -> float:
    low, high = np.quantile(difference, [0.16, 0.84])
    return float(0.5 * (high - low))


def _share(right: np.ndarray, weight: np.ndarray) -> float:
    return float(np.average(right, weights=weight)) if weight.sum() > 0 else float("nan")


def _auc(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    from e2e_tf.training.metrics import roc_auc

    return roc_auc(label, score, weight) if 0 < np.sum(label) < len(label) else float("nan")


def _column(name: str, output: OutputConfig, jets: Jets) -> np.ndarray:
    known = {} if jets.label is None else {"label": jets.label}
    known = {**jets.columns, **jets.truth, **known}
    if output.column not in known:
        raise InputError(
            f"outputs.{name}.column must be a column of the sample ({', '.join(sorted(known))}), "
            f"not {output.column!r}"
        )
    return np.asarray(known[output.column])


def _positive(name: str, column: str, jets: Jets, rows: np.ndarray) -> np.ndarray:
    """float64 (B,): a jet column to divide by, 1 outside ``rows``."""
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
