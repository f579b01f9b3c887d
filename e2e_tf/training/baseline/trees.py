"""Boosted trees."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["baseline_score", "train_baseline"]


def train_baseline(
    features: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None, seed: int = 0
) -> Any:
    """Train scikit-learn's `HistGradientBoostingClassifier` until 15 % held out for it stops improving.

    The held-out part is drawn jet by jet from what is given here, so give the training part only. The same
    inputs and seed give the same trees.

    Args:
        features: float32 (n, number of features), as `hit_features` and `candidate_features` give.
        label: int (n,), 1 for signal and 0 for background.
        weight: float (n,), training weights; None means 1.
        seed: seeds the held-out part.

    Returns:
        The fitted estimator; `baseline_score` applies it.

    Raises:
        InputError: lengths differ, a feature is not finite, or a class has fewer than 10 jets.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    features, label = np.asarray(features), np.asarray(label)
    if features.ndim != 2 or label.shape != features.shape[:1]:
        raise InputError(
            f"features must be (n, number of features) and label (n,), received {features.shape} "
            f"and {label.shape}"
        )
    if weight is not None and np.shape(weight) != label.shape:
        raise InputError(f"weight must have shape {label.shape}, received {np.shape(weight)}")
    if bad := int(np.count_nonzero(~np.isfinite(features))):
        raise InputError(f"every feature must be finite, {bad} of {features.size} values are NaN or infinite")
    n_signal = int(np.count_nonzero(label == 1))
    n_background = int(np.count_nonzero(label == 0))
    if n_signal + n_background != len(label) or min(n_signal, n_background) < 10:
        raise InputError(
            "the baseline needs labels 0 and 1 with at least 10 jets each, "
            f"received {n_signal} signal and {n_background} background among {len(label)}"
        )
    estimator = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=1000,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=True,
        validation_fraction=0.15,
        n_iter_no_change=20,
        random_state=seed,
    )
    with _one_thread():
        return estimator.fit(features, label, sample_weight=weight)


def baseline_score(estimator: Any, features: np.ndarray) -> np.ndarray:
    """float64 (n,): the estimator's probability of signal.

    Args:
        estimator: from :func:`train_baseline`.
        features: float (n, F), in the order of the training.

    Returns:
        float64 (n,), from 0 to 1.
    """
    with _one_thread():
        return np.asarray(estimator.predict_proba(features)[:, 1])


def _one_thread() -> Any:
    """A context that keeps the trees to one thread.

    They consist of many tiny parallel loops, each of which waits where another program uses a core: with two
    threads on two busy cores 600 jets took 30 times as long as with one, and 30,000 jets 6 times.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp")
