"""How many times the boosted trees' rejection each row has, on the same jets and with their errors in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from judging import BOOTSTRAPS, NOMINAL
from report import TREES
from rows import slug

from e2e_tf.training.metrics import background_efficiency, bootstrap
from e2e_tf.training.prepare import Split


def ratios(samples: Path, seeds: Mapping[str, Sequence[int]], test: Split) -> dict[str, dict[str, float]]:
    """Rejection at :data:`judging.NOMINAL` over that of the trees on candidates, with its error.

    Rejections are means over seeds, of rows and of trees. The error is that of the test sample: every replica
    draws events, and judges both sides on them.

    Args:
        samples: the folder with the scores.
        seeds: of each row, with the trees among them.
        test: the judged jets.
    """
    scores = {
        name: [np.load(samples / "scores" / f"{slug(name)}-{seed}.npy").astype(np.float64) for seed in each]
        for name, each in seeds.items()
    }

    def over_trees(label: np.ndarray, row: np.ndarray, weight: np.ndarray) -> np.ndarray:
        rows = row.astype(np.int64)  # numbers of jets stand where a score does: there are many scores
        rejection = {
            name: np.mean([1 / background_efficiency(label, s[rows], NOMINAL, weight) for s in each])
            for name, each in scores.items()
        }
        return np.array([rejection[name] / rejection[TREES] for name in seeds])

    everything = np.arange(len(test.label), dtype=np.float64)
    value = over_trees(test.label, everything, test.weight)
    error: Any = bootstrap(
        over_trees, test.label, everything, test.weight, n=BOOTSTRAPS, seed=1, groups=test.jets.event
    )
    return {
        name: {"value": round(float(v), 4), "error": round(float(e), 4), "seeds": len(seeds[name])}
        for name, v, e in zip(seeds, value, error, strict=True)
    }
