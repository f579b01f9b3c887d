"""Histograms as one line of text, for tables on the terminal."""

from __future__ import annotations

import numpy as np

__all__ = ["histogram_text"]

_HEIGHTS = " ▁▂▃▄▅▆▇█"


def histogram_text(values: np.ndarray, bins: int = 16) -> str:
    """A histogram between the smallest and the largest value.

    Args:
        values: numbers (n,); what is not finite is left out.
        bins: number of characters.

    Returns:
        A block for each bin, as high as the share of the fullest bin; any entry at all shows. Empty where there is
        nothing to show.
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return _HEIGHTS[-1]
    counts = np.histogram(values, bins, (low, high))[0]
    levels = np.ceil(counts / counts.max() * (len(_HEIGHTS) - 1)).astype(int)
    return "".join(_HEIGHTS[level] for level in levels)
