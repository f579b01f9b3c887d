"""The ROC curve of a score, and the checks of labels, scores and weights before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["Rejection", "Roc", "checked", "checked_efficiencies", "effective_count", "rejection_of"]

# No background jet seen: at 95 % confidence fewer than -ln 0.05 were expected.
_UPPER_LIMIT_OF_NONE = -math.log(0.05)


@dataclass(frozen=True)
class Rejection:
    """Background rejection 1/ε_B at a signal efficiency.

    Attributes:
        value: 1/ε_B, or the lower limit at 95 % confidence.
        is_limit: less than one background jet passes and ``value`` is that limit.
    """

    value: float
    is_limit: bool


class Roc:
    """The ROC curve of checked inputs, one point per distinct score.

    Args:
        label: int8 (n,), 1 for signal and 0 for background, as :func:`checked` gives it.
        score: float64 (n,).
        weight: float64 (n,).

    Attributes:
        background, signal: float64 (points,), efficiencies from 0 to 1.
        threshold: float64 (points,), falling.
    """

    def __init__(self, label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> None:
        import sklearn
        from sklearn.metrics import roc_curve

        with sklearn.config_context(assume_finite=True):  # the callers have looked
            self.background, self.signal, self.threshold = roc_curve(
                label, score, sample_weight=weight, drop_intermediate=False
            )

    @property
    def auc(self) -> float:
        """The area under the curve."""
        from sklearn.metrics import auc

        return float(auc(self.background, self.signal))

    def reaching(self, targets: np.ndarray) -> np.ndarray:
        """Index of the first point whose signal efficiency is at least each target.

        Args:
            targets: float64 (k,), signal efficiencies.

        Returns:
            int (k,).
        """
        # A weighted sum that should be the target exactly may miss it by rounding.
        return np.minimum(np.searchsorted(self.signal, targets - 1e-12), len(self.signal) - 1)

    def background_at(self, targets: np.ndarray) -> np.ndarray:
        """Background efficiency at each signal efficiency, between points by a straight line.

        Args:
            targets: float64 (k,), signal efficiencies.

        Returns:
            float64 (k,).
        """
        after = self.reaching(targets)
        before = np.maximum(after - 1, 0)
        step = self.signal[after] - self.signal[before]
        share = np.divide(targets - self.signal[before], step, out=np.ones(len(targets)), where=step > 0)
        rise = self.background[after] - self.background[before]
        return self.background[before] + np.minimum(share, 1) * rise


def rejection_of(passing: float, n_background: float) -> Rejection:
    """1/ε_B, or its lower limit where less than one background jet passes.

    Args:
        passing: background efficiency ε_B.
        n_background: background jets, see :func:`effective_count`.

    Returns:
        The rejection, and whether it is a lower limit.
    """
    if passing * n_background < 1 - 1e-9:
        return Rejection(n_background / _UPPER_LIMIT_OF_NONE, True)
    return Rejection(1 / passing, False)


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
        weight: float (n,), not negative; None means 1.

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
    if bad := int(np.count_nonzero(~(np.isfinite(weight) & (weight >= 0)))):
        raise InputError(f"every weight must be finite and not negative, {bad} of {len(weight)} are not")
    for name, value in (("signal", 1), ("background", 0)):
        if not weight[label == value].sum() > 0:
            raise InputError(f"a ROC curve needs signal and background, the sample holds no {name}")
    return label.astype(np.int8), score, weight
