"""Scores of other taggers that a sample holds, such as a NanoAOD discriminator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError

__all__ = ["other_scores"]


def other_scores(columns: Mapping[str, str], jets: Jets) -> dict[str, np.ndarray]:
    """Columns that are evaluated as scores are.

    Args:
        columns: names of columns of jets or of truth, by the names that tables and plots show.
        jets: n jets.

    Returns:
        float64 (n,) by the shown names.

    Raises:
        InputError: there is no such column, or it holds NaN.
    """
    scores = {}
    for name, column in columns.items():
        held = jets.columns if column in jets.columns else jets.truth
        if column not in held:
            known = ", ".join(sorted({*jets.columns, *jets.truth}))
            raise InputError(f"data.compare: there is no column {column!r}; jets and truth have {known}")
        values = np.asarray(held[column], np.float64)
        if np.isnan(values).any():
            raise InputError(
                f"data.compare: {column} is NaN for {np.isnan(values).sum()} of {len(values)} jets"
            )
        scores[name] = values
    return scores
