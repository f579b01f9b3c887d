"""When a trial is ended early: the median rule."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

__all__ = ["MIN_CURVES", "below_median"]

MIN_CURVES = 3  # fewer finished trials say nothing about what is usual


def below_median(curve: Sequence[float], others: Sequence[Sequence[float]], direction: str = "max") -> str:
    """Why a trial should stop, or an empty string.

    It should if its best value so far is worse than the median of the best values that the finished trials had after
    as many epochs. Trials with fewer epochs count with all they have. It is the median stopping rule of Golovin et
    al., Google Vizier (KDD 2017), with best values in place of running means.

    Args:
        curve: the monitored quantity of this trial, an entry per epoch.
        others: those of finished trials.
        direction: ``max`` or ``min``.

    Returns:
        A sentence for the record of the trial; empty if it may go on, or fewer than :data:`MIN_CURVES` have ended.
    """
    sign = 1 if direction == "max" else -1

    def best(values: Sequence[float]) -> float:
        return max((sign * value for value in values if value == value), default=float("-inf"))

    finished = [best(other[: len(curve)]) for other in others if other]
    if len(finished) < MIN_CURVES:
        return ""
    usual, mine = median(finished), best(curve)
    if mine >= usual:
        return ""
    return (
        f"after {len(curve)} epochs its best value {sign * mine:.5g} was worse than {sign * usual:.5g}, "
        f"the median of {len(finished)} finished trials"
    )
