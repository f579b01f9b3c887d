"""Metrics of a score: area under the ROC curve, background rejection, working points, and their errors.

Labels are 1 for signal and 0 for background, and a higher score means more like signal. A jet passes a
threshold when its score is equal to it or above. Event weights may be negative.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.data.pt_bins import checked_edges, coarser, pt_edges
from e2e_tf.errors import InputError
from e2e_tf.training.rejection import Rejection, rejection_of
from e2e_tf.training.roc import Roc, checked, checked_efficiencies, effective_count

__all__ = [
    "Rejection",
    "WorkingPoint",
    "background_efficiency",
    "background_rejection",
    "bootstrap",
    "evaluate_score",
    "roc_auc",
    "working_points",
]


@dataclass(frozen=True)
class WorkingPoint:
    """A threshold and what passes it.

    Attributes:
        target: the signal efficiency that was asked for.
        threshold: the tightest score cut (score >= threshold) that keeps at least ``target`` of the signal.
        signal_efficiency: the share of signal that passes; at least ``target``.
        signal_error: its binomial error at this threshold, √(max(ε(1 − ε), 1/n)/n) with n = (Σw)²/Σw² jets.
        background_efficiency: the share of background that passes.
        rejection: 1/``background_efficiency`` with its interval, a lower limit where no background passes.
    """

    target: float
    threshold: float
    signal_efficiency: float
    signal_error: float
    background_efficiency: float
    rejection: Rejection


def roc_auc(label: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve: the chance that signal scores above background, ties counting one half.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), higher for signal.
        weight: float (n,), event weights; None means 1.

    Returns:
        The area, 0.5 for chance.

    Raises:
        InputError: a class is missing, a score is not finite, or lengths differ.
    """
    return Roc(*checked(label, score, weight)).auc


def background_efficiency(
    label: np.ndarray,
    score: np.ndarray,
    efficiency: float | Sequence[float] | np.ndarray,
    weight: np.ndarray | None = None,
) -> np.ndarray:
    """Background efficiency ε_B where the signal efficiency is ``efficiency``; float64, in its shape.

    The ROC curve's points, one per distinct score, are joined by straight lines. Where a whole range of ε_B
    has exactly the signal efficiency asked for, the lowest counts: the tightest cut that reaches it.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), higher for signal.
        efficiency: signal efficiencies in (0, 1].
        weight: float (n,), event weights; None means 1.

    Returns:
        float64, in the shape of ``efficiency``.

    Raises:
        InputError: as `roc_auc`, or an efficiency outside (0, 1].
    """
    targets = checked_efficiencies(efficiency)
    return Roc(*checked(label, score, weight)).background_at(targets).reshape(np.shape(efficiency))


def background_rejection(
    label: np.ndarray, score: np.ndarray, efficiency: float, weight: np.ndarray | None = None
) -> Rejection:
    """1/ε_B at the signal efficiency ``efficiency``, with ε_B interpolated as `background_efficiency` does.

    Where no background jet passes, 1/ε_B is not measured and the lower limit at 95 % confidence comes instead:
    n/3.0 with n = (Σw)²/Σw² background jets. Elsewhere it has the interval of the counts, see
    :func:`e2e_tf.training.rejection.rejection_of`.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), higher for signal.
        efficiency: a signal efficiency in (0, 1].
        weight: float (n,), event weights; None means 1.

    Returns:
        The rejection.

    Raises:
        InputError: as `background_efficiency`.
    """
    label, score, weight = checked(label, score, weight)
    roc, targets = Roc(label, score, weight), checked_efficiencies(efficiency)
    passing, variance = (float(roc.background_at(targets, of)[0]) for of in (roc.background, roc.variance))
    return rejection_of(passing, variance, effective_count(weight[label == 0]))


def working_points(
    label: np.ndarray,
    score: np.ndarray,
    efficiencies: Sequence[float] = (0.5, 0.7, 0.9),
    weight: np.ndarray | None = None,
) -> list[WorkingPoint]:
    """The tightest thresholds that keep at least the given shares of the signal.

    A threshold is the score of a jet, and its efficiencies are those of this very cut: nothing is
    interpolated, so the numbers can be found again by counting.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), higher for signal.
        efficiencies: signal efficiencies in (0, 1].
        weight: float (n,), event weights; None means 1.

    Returns:
        One for each efficiency, in their order.

    Raises:
        InputError: as `background_efficiency`.
    """
    label, score, weight = checked(label, score, weight)
    targets = checked_efficiencies(efficiencies)
    roc, n_background = Roc(label, score, weight), effective_count(weight[label == 0])
    n_signal = effective_count(weight[label == 1])
    points, variance = [], roc.variance
    for target, i in zip(targets, roc.reaching(targets), strict=True):
        passing, kept = float(roc.background[i]), float(roc.signal[i])
        points.append(
            WorkingPoint(
                target=float(target),
                threshold=float(roc.threshold[i]),
                signal_efficiency=kept,
                signal_error=math.sqrt(max(kept * (1 - kept), 1 / n_signal) / n_signal),
                background_efficiency=passing,
                rejection=rejection_of(passing, float(variance[i]), n_background),
            )
        )
    return points


def bootstrap(
    metric: Callable[[np.ndarray, np.ndarray, np.ndarray], Any],
    label: np.ndarray,
    score: np.ndarray,
    weight: np.ndarray | None = None,
    n: int = 200,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> Any:
    """Standard error of a metric by resampling events.

    Each replica draws as many events as there are, with replacement; a jet's weight is multiplied by how
    often its event was drawn. Replicas without signal or without background are drawn again.

    Args:
        metric: takes label (m,), score (m,) and weight (m,) and gives a number or an array of fixed shape.
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), higher for signal.
        weight: float (n,), event weights; None means 1.
        n: number of replicas, at least 2.
        seed: seeds the draws.
        groups: int (n,), the event of each jet; jets of an event are drawn together. None: each on its own.

    Returns:
        The standard deviation over the replicas, in the shape the metric has.

    Raises:
        InputError: as `roc_auc`, fewer than 2 replicas, or groups of another length.
    """
    label, score, weight = checked(label, score, weight)
    if n < 2:
        raise InputError(f"a bootstrap needs at least 2 replicas, received n={n}")
    if groups is None:
        group, n_groups = np.arange(len(label)), len(label)
    else:
        if np.shape(groups) != label.shape:
            raise InputError(
                f"groups must have one entry per jet ({len(label)}), received {np.shape(groups)}"
            )
        unique, group = np.unique(np.asarray(groups), return_inverse=True)
        n_groups = len(unique)
    # Metrics sort by score; sorting what is sorted already takes linear time.
    order = np.argsort(score, kind="stable")
    label, score, weight, group = label[order], score[order], weight[order], group[order]
    rng = np.random.default_rng(seed)
    values: list[np.ndarray] = []
    while len(values) < n:
        times = np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)
        replica = weight * times[group]
        kept = replica != 0
        sums = np.bincount(label, replica, 2)  # with negative weights, jets of a class do not suffice
        if sums.min() > 0:
            values.append(np.asarray(metric(label[kept], score[kept], replica[kept]), np.float64))
    error = np.std(values, axis=0, ddof=1)
    return float(error) if np.ndim(error) == 0 else error


def evaluate_score(
    label: np.ndarray,
    score: np.ndarray,
    *,
    pt: np.ndarray | None,
    weight: np.ndarray | None = None,
    event: np.ndarray | None = None,
    pt_bins: Sequence[float] = (),
    efficiencies: Sequence[float] = (0.5, 0.7, 0.9),
    bootstraps: int = 200,
    seed: int = 0,
) -> dict[str, Any]:
    """Everything a table of results needs, overall and per pT bin, ready for JSON.

    Args:
        label: int (n,), 1 for signal and 0 for background.
        score: float (n,), higher for signal.
        pt: float (n,), jet pT [GeV]; None for jets without it, which have no bins of pT.
        weight: float (n,), event weights; None means 1.
        event: int (n,), the event of each jet, resampled together; None: jets are independent.
        pt_bins: edges [GeV]; a bin holds its lower edge and not its upper one, and jets
            outside all bins count in ``overall`` only. Empty takes bins that follow the jets.
        efficiencies: signal efficiencies in (0, 1].
        bootstraps: replicas behind each error, at least 2.
        seed: seeds the replicas.

    Returns:
        ``overall`` and a list ``pt_bins`` with the same entries and ``low`` and ``high`` [GeV]::

            signal, background          numbers of jets
            auc                         {value, error}
            rejection                   per efficiency {efficiency, value, error, is_limit, low, high, passing}
            working_points              thresholds with their signal and background efficiencies

        Thresholds of a pT bin are those that keep the shares of the signal of this bin.
        Errors are standard errors of the bootstrap; that of a rejection is propagated from ε_B and is None
        for a limit. ``low`` and ``high`` are the asymmetric interval of 68.3 %, in which a Poisson number of
        ``passing`` = (Σw)²/Σw² background jets passes and the spread of the threshold is added; None is infinite.
        A pT bin in which a class has no positive sum of weights has ``auc``, ``rejection`` and
        ``working_points`` None.

    Raises:
        InputError: as `bootstrap`, or unusable pT values or edges.
    """
    label, score, weight = checked(label, score, weight)
    targets = checked_efficiencies(efficiencies)
    edges = np.empty(0)
    if pt is not None:
        pt = np.asarray(pt, np.float64)
        if pt.shape != label.shape or not np.all(np.isfinite(pt)):
            raise InputError(
                f"pt must be finite with one entry per jet ({len(label)}), received shape {pt.shape}"
            )
        edges = checked_edges(pt_bins) if len(pt_bins) else coarser(pt_edges(pt, label, weight))
    if event is not None and np.shape(event) != label.shape:
        raise InputError(f"event must have shape ({len(label)},), received {np.shape(event)}")

    def entry(rows: np.ndarray) -> dict[str, Any]:
        groups = None if event is None else np.asarray(event)[rows]
        return _entry(label[rows], score[rows], weight[rows], groups, targets, bootstraps, seed)

    overall = entry(np.arange(len(label)))
    parts = []
    for low, high in itertools.pairwise(edges.tolist()):
        assert pt is not None  # or there are no edges
        rows = np.flatnonzero((pt >= low) & (pt < high))
        parts.append({"low": low, "high": high, **entry(rows)})
    return {"overall": overall, "pt_bins": parts, "bootstraps": int(bootstraps), "seed": int(seed)}


def _entry(
    label: np.ndarray,
    score: np.ndarray,
    weight: np.ndarray,
    groups: np.ndarray | None,
    targets: np.ndarray,
    bootstraps: int,
    seed: int,
) -> dict[str, Any]:
    n_signal = int(np.count_nonzero(label))
    counts: dict[str, Any] = {"signal": n_signal, "background": len(label) - n_signal}
    if not weight[label == 1].sum() > 0 or not weight[label == 0].sum() > 0:
        return {**counts, "auc": None, "rejection": None, "working_points": None}

    def values(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
        roc = Roc(label, score, weight)
        return np.concatenate([[roc.auc], roc.background_at(targets)])

    value = values(label, score, weight)
    error = bootstrap(values, label, score, weight, bootstraps, seed, groups)
    roc, n_background = Roc(label, score, weight), effective_count(weight[label == 0])
    variances = roc.background_at(targets, roc.variance)
    rejections = []
    for target, passing, variance, spread in zip(targets, value[1:], variances, error[1:], strict=True):
        rejection = rejection_of(float(passing), float(variance), n_background, float(spread))
        rejections.append(
            {
                "efficiency": float(target),
                "value": rejection.value,
                # From the error of ε_B, as 1/ε_B is infinite in replicas where no background passes.
                "error": None if rejection.is_limit else float(spread / passing**2),
                "is_limit": rejection.is_limit,
                "low": rejection.low,
                "high": rejection.high if np.isfinite(rejection.high) else None,
                "passing": 0.0 if rejection.is_limit else float(passing**2 / variance),
            }
        )
    points = [
        {
            "target": point.target,
            "threshold": point.threshold,
            "signal_efficiency": point.signal_efficiency,
            "signal_error": point.signal_error,
            "background_efficiency": point.background_efficiency,
            "rejection": point.rejection.value,
            "is_limit": point.rejection.is_limit,
            "low": point.rejection.low,
            "high": point.rejection.high if np.isfinite(point.rejection.high) else None,
        }
        for point in working_points(label, score, targets.tolist(), weight)
    ]
    auc = {"value": float(value[0]), "error": float(error[0])}
    return {**counts, "auc": auc, "rejection": rejections, "working_points": points}
