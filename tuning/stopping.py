"""When a trial is hopeless: the median rule."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

__all__ = ["MIN_CURVES", "hopeless"]

MIN_CURVES = 3  # fewer finished trials say nothing about what is usual


def hopeless(curve: Sequence[float], others: Sequence[Sequence[float]], direction: str = "max") -> str:
    """Why a trial should stop, or an empty string.

    A trial is hopeless if its best value so far is worse than the median of the best values that the finished
    trials had after as many epochs. Trials with fewer epochs count with their last.

    Args:
        curve: the monitored quantity of this trial, an entry per epoch.
        others: those of finished trials.
        direction: ``max`` or ``min``.
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
