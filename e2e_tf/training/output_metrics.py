"""Metrics of the outputs of a run: one entry per output, each number with its error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.prepare import Split
from e2e_tf.training.targets import positive_column

__all__ = ["evaluate_outputs"]


def evaluate_outputs(
    test: Split, config: RunConfig, found: Mapping[str, np.ndarray], bootstraps: int, seed: int
) -> dict[str, Any]:
    """How good each output is on the test part.

    Args:
        test: the jets that no training has seen, with their targets.
        config: of the run.
        found: predictions of the test jets in units, see :func:`e2e_tf.training.targets.in_units`.
        bootstraps: replicas of the jets behind each error.
        seed: of the replicas.

    Returns:
        By output: ``jets``, the number of jets that have it; of ``binary`` outputs ``auc``; of ``multiclass``
        ones ``accuracy``, ``auc`` of each class against the others and ``confusion``, true classes in rows that
        add up to 1; of ``regression`` ``bias`` and ``resolution``, the weighted median and half the width of the
        central 68 % of the difference, and where the true value is positive ``relative_bias`` and
        ``relative_resolution`` of the ratio. Numbers are ``{"value", "error"}``.
    """
    result: dict[str, Any] = {}
    for name, output in config.outputs.items():
        target = test.targets[name]
        rows = np.flatnonzero(target.weight)  # a weight of 0 takes no part, a negative one subtracts
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
                true = true * positive_column(name, output.relative_to, test.jets.take(rows), rows >= 0)
            parts = {"": score[:, 0] - true}
            if (true > 0).all():
                parts["relative_"] = score[:, 0] / true - 1
            for prefix, difference in parts.items():
                entry[f"{prefix}bias"] = _with_error(_median, (difference, weight), *options)
                entry[f"{prefix}resolution"] = _with_error(_half_width, (difference, weight), *options)
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


def _median(difference: np.ndarray, weight: np.ndarray) -> float:
    return float(_quantiles(difference, weight, np.array([0.5]))[0])


def _half_width(difference: np.ndarray, weight: np.ndarray) -> float:
    low, high = _quantiles(difference, weight, np.array([0.16, 0.84]))
    return float(0.5 * (high - low))


def _quantiles(values: np.ndarray, weight: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Values below which the given shares of the weights lie; NaN where the weights do not add up to more than 0."""
    if np.ptp(weight) == 0 and weight[0] > 0:
        return np.asarray(np.quantile(values, shares))
    order = np.argsort(values, kind="stable")
    # A value stands in the middle of its own weight; negative ones make the sum fall, where the first place counts.
    place = np.cumsum(weight[order]) - weight[order] / 2
    if not weight.sum() > 0:
        return np.full(len(shares), np.nan)
    return np.interp(shares, np.maximum.accumulate(place / weight.sum()), values[order])


def _share(right: np.ndarray, weight: np.ndarray) -> float:
    return float(np.average(right, weights=weight)) if weight.sum() > 0 else float("nan")


def _auc(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    sums = [weight[label == value].sum() for value in (0, 1)]
    return roc_auc(label, score, weight) if min(sums) > 0 else float("nan")
