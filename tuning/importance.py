"""Importance of the parameters of a search, by permutation in a random forest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.tuning.sweep import COMPLETED, PRUNED, Record

__all__ = ["MIN_TRIALS", "importance"]

MIN_TRIALS = 8  # fewer say nothing about several parameters


def importance(records: Sequence[Record], seed: int = 0) -> dict[str, float]:
    """Share of the score's variation that a random forest ascribes to each parameter, largest first.

    The forest is fitted to the scores of the trials that ended well; a parameter counts for as much as the fit
    gets worse when its values are shuffled among the trials. It is a hint, not a measurement: trials are few
    and parameters act together. Empty with fewer than :data:`MIN_TRIALS` trials, or if no score differs.

    Args:
        records: trials that have ended.
        seed: of the forest and the permutations.

    Returns:
        The share of each parameter.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    used = [r for r in records if r.status in (COMPLETED, PRUNED) and r.score is not None]
    score = np.array([r.score for r in used], np.float64)
    if len(used) < MIN_TRIALS or not np.ptp(score) > 0:
        return {}
    names = sorted({name for record in used for name in record.values})
    columns = [encode([record.values.get(name) for record in used]) for name in names]
    varied = [i for i, column in enumerate(columns) if np.ptp(column) > 0]
    if not varied:
        return {}
    x = np.stack([columns[i] for i in varied], axis=1)
    forest = RandomForestRegressor(100, min_samples_leaf=2, random_state=seed).fit(x, score)
    drop = permutation_importance(forest, x, score, n_repeats=10, random_state=seed).importances_mean
    drop = np.maximum(drop, 0)
    total = drop.sum()
    if not total > 0:
        return {}
    ranked = sorted(zip(drop / total, (names[i] for i in varied), strict=True), reverse=True)
    return {name: float(share) for share, name in ranked}


def encode(values: Sequence[object]) -> np.ndarray:
    """Values as numbers: numbers as they are, others by their place among the different ones, none below all.

    Args:
        values: of one parameter, one per trial.

    Returns:
        float (n,).
    """
    given = [value for value in values if value is not None]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in given):
        numbers = [float(str(value)) for value in given]
        rank = dict(zip(map(str, given), numbers, strict=True))
    else:
        rank = {label: float(i) for i, label in enumerate(sorted({str(value) for value in given}))}
    lowest = min(rank.values(), default=0.0) - 1
    return np.array([lowest if value is None else rank[str(value)] for value in values])
