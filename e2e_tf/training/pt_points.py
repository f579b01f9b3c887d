"""Working points in bins of jet pT: what counts for a jet is the threshold of its bin."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["PtPoint", "pt_points"]


@dataclass(frozen=True)
class PtPoint:
    """A working point with a threshold for each bin of jet pT.

    A bin holds its lower edge and not its upper one. A jet in none of the bins has no threshold, because none was
    measured there, and does not pass: one of lower or higher pT, between bins, or whose pT is no number.

    Attributes:
        target: the signal efficiency that was asked for in each bin.
        low, high: edges of the bins [GeV], rising; between two of them may be a gap.
        threshold: of each bin.
        signal_efficiency: what each threshold keeps of the signal of its bin.
        output: whose score is cut on; empty where it is not said.
    """

    target: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    threshold: tuple[float, ...]
    signal_efficiency: tuple[float, ...]
    output: str = ""

    def bins(self, pt: np.ndarray) -> np.ndarray:
        """The bin of each jet.

        Args:
            pt: float (n,), jet pT [GeV]; compared in single precision, as files hold it.

        Returns:
            int (n,), -1 for jets in none.
        """
        values = np.asarray(pt, np.float32).astype(np.float64)[:, None]
        inside = (values >= self.low) & (values < self.high)
        return np.where(inside.any(axis=1), inside.argmax(axis=1), -1)

    def passes(self, score: np.ndarray, pt: np.ndarray) -> np.ndarray:
        """Which jets pass.

        Args:
            score: float (n,), higher for signal.
            pt: float (n,), jet pT [GeV].

        Returns:
            bool (n,): the score is equal to the threshold of the jet's bin or above; False for jets in none.
        """
        thresholds = np.array([*self.threshold, np.nan], np.float32)  # the last one is for jets in no bin
        return np.asarray(score, np.float32) >= thresholds[self.bins(pt)]

    def expected(self, pt: np.ndarray) -> np.ndarray:
        """The share of signal that should pass at the pT of each jet.

        Args:
            pt: float (n,), jet pT [GeV].

        Returns:
            float64 (n,), 0 for jets in no bin.
        """
        return np.array([*self.signal_efficiency, 0.0])[self.bins(pt)]


def pt_points(bins: Sequence[Mapping[str, Any]], where: str = "bins of pT") -> list[PtPoint]:
    """Working points from the bins that ``metrics.json`` and manifests hold.

    Args:
        bins: each with ``low`` and ``high`` [GeV] and ``working_points``, None where a class has no jets there.
        where: they come from, for the message.

    Returns:
        One for each target, in their order; none if no bin has working points, or, in results of before they were in
        bins, no entry for them.

    Raises:
        InputError: the bins do not rise, or those with working points have different ones.
    """
    filled = [part for part in bins if part.get("working_points")]
    edges = [edge for part in bins for edge in (part["low"], part["high"])]
    apart = all(a < b if i % 2 == 0 else a <= b for i, (a, b) in enumerate(itertools.pairwise(edges)))
    if not apart:
        raise InputError(f"{where}: bins of pT must rise and not overlap, received edges {edges}")
    named = [[(p["target"], p.get("output", "")) for p in part["working_points"]] for part in filled]
    if any(names != named[0] for names in named):
        raise InputError(
            f"{where}: every bin of pT must have the same working points, or none; received targets "
            f"{[[target for target, _ in names] for names in named]}"
        )
    return [
        PtPoint(
            target=float(target),
            low=tuple(float(part["low"]) for part in filled),
            high=tuple(float(part["high"]) for part in filled),
            threshold=tuple(float(part["working_points"][i]["threshold"]) for part in filled),
            signal_efficiency=tuple(float(part["working_points"][i]["signal_efficiency"]) for part in filled),
            output=output,
        )
        for i, (target, output) in enumerate(named[0] if named else [])
    ]
