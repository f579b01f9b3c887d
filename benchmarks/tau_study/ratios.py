"""How many times the boosted trees' rejection each row has, on the same jets and with their errors in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from judging import BOOTSTRAPS, NOMINAL
from report import TREES
from rows import PT_BINS, slug

from e2e_tf.training.metrics import background_efficiency, bootstrap
from e2e_tf.training.prepare import Split
from e2e_tf.training.splits import PtReweighting


def ratios(samples: Path, seeds: Mapping[str, Sequence[int]], test: Split) -> dict[str, dict[str, Any]]:
    """Rejection at :data:`judging.NOMINAL` over that of the trees on candidates, with its error.

    Rejections are means over seeds, of rows and of trees. The error is that of the test sample: every replica
    draws events, and judges both sides on them. ``weighted`` holds the rejection and the ratio when every jet
    counts as its generated event does, again with the signal's pT spectrum.

    Args:
        samples: the folder with the scores.
        seeds: of each row, with the trees among them.
        test: the judged jets.
    """
    scores = {
        name: [np.load(samples / "scores" / f"{slug(name)}-{seed}.npy").astype(np.float64) for seed in each]
        for name, each in seeds.items()
    }
    trees = list(seeds).index(TREES)

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

    everything = np.arange(len(test.label), dtype=np.float64)

    def judged(weight: np.ndarray) -> list[dict[str, float]]:
        """One entry a row."""
        found: np.ndarray = values(test.label, everything, weight)
        error: Any = bootstrap(
            values, test.label, everything, weight, n=BOOTSTRAPS, seed=1, groups=test.jets.event
        )
        names = ("rejection", "value", "rejection_error", "value_error")
        columns = np.concatenate([found, error]).round(4).T.tolist()
        return [dict(zip(names, column, strict=True)) for column in columns]

    return {
        name: {"seeds": len(seeds[name]), **plain, "weighted": weighted}
        for name, plain, weighted in zip(seeds, judged(test.weight), judged(event_weights(test)), strict=True)
    }


def event_weights(test: Split) -> np.ndarray:
    """Weights of the generated events, times the factors that bring background to the signal's pT spectrum."""
    pt, weight = test.jets.jets["pt"], test.jets.weight
    return PtReweighting.fit(pt, test.label, PT_BINS, weight).weights(pt, test.label, weight)
