"""How many times the boosted trees' rejection each row has, on the same jets and with their errors in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.data.weights import PtReweighting
from e2e_tf.training.metrics import background_efficiency, bootstrap
from studies.tau.evaluation import BOOTSTRAPS, NOMINAL
from studies.tau.report import TREES
from studies.tau.rows import PT_BINS


def ratios(
    scores: Mapping[str, Sequence[np.ndarray]], jets: Jets, weight: np.ndarray
) -> dict[str, dict[str, Any]]:
    """Rejection at :data:`evaluation.NOMINAL` over that of the trees on candidates, with its error.

    Rejections are means over seeds, of rows and of trees. The error is that of the evaluated jets: every replica
    draws events, and evaluates both sides on them. ``weighted`` holds the rejection and the ratio when every jet
    counts as its generated event does, again with the signal's pT spectrum.

    Args:
        scores: float64 (B,) for each seed of each row, with the trees among them.
        jets: the evaluated jets, with labels.
        weight: (B,), those of the study.
    """
    assert jets.label is not None
    label, event = jets.label, jets.event
    trees = list(scores).index(TREES)

    def values(label: np.ndarray, row: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Rejections, and those over the trees', (2, rows of the table)."""
        rows = row.astype(np.int64)  # numbers of jets stand where a score does: there are many scores
        rejection = np.array(
            [
                np.mean([1 / background_efficiency(label, s[rows], NOMINAL, weight) for s in each])
                for each in scores.values()
            ]
        )
        return np.stack([rejection, rejection / rejection[trees]])

    everything = np.arange(len(label), dtype=np.float64)

    def evaluated(weight: np.ndarray) -> list[dict[str, float]]:
        """One entry a row."""
        found: np.ndarray = values(label, everything, weight)
        error: Any = bootstrap(values, label, everything, weight, n=BOOTSTRAPS, seed=1, groups=event)
        names = ("rejection", "value", "rejection_error", "value_error")
        columns = np.concatenate([found, error]).round(4).T.tolist()
        return [dict(zip(names, column, strict=True)) for column in columns]

    return {
        name: {"seeds": len(scores[name]), **plain, "weighted": weighted}
        for name, plain, weighted in zip(
            scores, evaluated(weight), evaluated(event_weights(jets)), strict=True
        )
    }


def event_weights(jets: Jets) -> np.ndarray:
    """Weights of the generated events, times the factors that bring background to the signal's pT spectrum."""
    assert jets.label is not None
    pt, label = jets["pt"], jets.label
    return PtReweighting.fit(pt, label, PT_BINS, jets.weight).weights(pt, label, jets.weight)
