"""The ROC curve of a score, and the checks of labels, scores and weights before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["Roc", "checked", "checked_efficiencies", "effective_count"]


class Roc:
    """The ROC curve of checked inputs, one point per distinct score.

    Args:
        label: int8 (n,), 1 for signal and 0 for background, as :func:`checked` gives it.
        score: float64 (n,).
        weight: float64 (n,).

    Weights may be negative, as those of simulations at next-to-leading order are: the curve then turns back here and
    there, and the area is still the weighted share of the pairs that are in order.

    Attributes:
        background, signal: float64 (points,), efficiencies from (0, 0) to (1, 1).
        threshold: float64 (points,), falling.
    """

    def __init__(self, label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> None:
        counted = weight != 0
        label, score, weight = label[counted], score[counted], weight[counted]
        order = np.argsort(score, kind="stable")[::-1]
        label, score, weight = label[order], score[order], weight[order]
        last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of the jets that share a score
        self.threshold = np.concatenate([[np.inf], score[last]])
        self._weight, self._last = np.where(label == 0, weight, 0.0), last
        self._passing = _cumulated(self._weight, last)
        signal = _cumulated(np.where(label == 1, weight, 0.0), last)
        self.background, self.signal = self._passing / self._passing[-1], signal / signal[-1]
        self._highest = np.maximum.accumulate(self.signal)

    @property
    def auc(self) -> float:
        """The area under the curve."""
        middle = (self.signal[1:] + self.signal[:-1]) / 2
        return float(np.sum(middle * np.diff(self.background)))

    @property
    def variance(self) -> np.ndarray:
        """float64 (points,), Σw² of the background that passes over (Σw)² of all of it."""
        return _cumulated(np.square(self._weight), self._last) / self._passing[-1] ** 2

    def reaching(self, targets: np.ndarray) -> np.ndarray:
        """Index of the first point whose signal efficiency is at least each target.

        Args:
            targets: float64 (k,), signal efficiencies.

        Returns:
            int (k,).
        """
        # A weighted sum that should be the target exactly may miss it by rounding.
        return np.minimum(np.searchsorted(self._highest, targets - 1e-12), len(self.signal) - 1)

    def background_at(self, targets: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
        """Background efficiency at each signal efficiency, between points by a straight line.

        Args:
            targets: float64 (k,), signal efficiencies.
            values: float64 (points,), what to look up instead of the background efficiency.

        Returns:
            float64 (k,).
        """
        values = self.background if values is None else values
        after = self.reaching(targets)
        before = np.maximum(after - 1, 0)
        step = self.signal[after] - self.signal[before]
        share = np.divide(targets - self.signal[before], step, out=np.ones(len(targets)), where=step > 0)
        return values[before] + np.clip(share, 0, 1) * (values[after] - values[before])


def _cumulated(values: np.ndarray, last: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(values)[last]])


def effective_count(weight: np.ndarray) -> float:
    """(Σw)²/Σw²: so many jets of weight 1 would have the same relative error.

    Args:
        weight: float (n,).

    Returns:
        The number of jets.
    """
    return float(weight.sum() ** 2 / np.square(weight).sum())


def checked_efficiencies(efficiency: float | Sequence[float] | np.ndarray) -> np.ndarray:
    """Signal efficiencies as float64 (k,).

    Args:
        efficiency: one or several.

    Returns:
        float64 (k,).

    Raises:
        InputError: one is outside (0, 1].
    """
    targets = np.atleast_1d(np.asarray(efficiency, np.float64))
    if targets.ndim != 1 or not np.all((targets > 0) & (targets <= 1)):
        raise InputError(f"signal efficiencies must be above 0 and at most 1, received {efficiency}")
    return targets


def checked(
    label: np.ndarray, score: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels int8 (n,), scores float64 (n,) and weights float64 (n,) that a ROC curve can be drawn of.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), higher for signal.
        weight: float (n,), of either sign; None means 1.

    Returns:
        The three arrays.

    Raises:
        InputError: lengths differ, a value is not acceptable, or a class is missing.
    """
    label, score = np.asarray(label), np.asarray(score, np.float64)
    weight = np.ones(label.shape) if weight is None else np.asarray(weight, np.float64)
    if label.ndim != 1 or score.shape != label.shape or weight.shape != label.shape:
        raise InputError(
            f"label, score and weight must have one entry per jet, received shapes {label.shape}, "
            f"{score.shape} and {weight.shape}"
        )
    if not np.all((label == 0) | (label == 1)):
        raise InputError(f"label must be 0 or 1, received {np.unique(label)[:5].tolist()}")
    bad = int(np.count_nonzero(~np.isfinite(score)))
    if bad:
        raise InputError(f"every score must be finite, {bad} of {len(score)} are NaN or infinite")
    if bad := int(np.count_nonzero(~np.isfinite(weight))):
        raise InputError(f"every weight must be finite, {bad} of {len(weight)} are not")
    for name, value in (("signal", 1), ("background", 0)):
        total = weight[label == value].sum()
        if not np.any(weight[label == value]):
            raise InputError(f"a ROC curve needs signal and background, the sample holds no {name}")
        if not total > 0:
            raise InputError(
                f"the weights of the {name} must have a positive sum to share out, received {total:g}"
            )
    return label.astype(np.int8), score, weight
