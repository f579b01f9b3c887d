"""Momenta to pT, η, φ and back, and row ranges of flat arrays."""

from __future__ import annotations

import numpy as np

__all__ = ["four_momentum", "pt_eta_phi", "ranges", "sums"]


def pt_eta_phi(momentum: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pT [GeV], pseudorapidity and φ [rad] of (n, 3 or more) momenta px, py, pz.

    Args:
        momentum: float (n, 3 or more), px, py, pz, … [GeV].

    Returns:
        pT [GeV], η, φ [rad], (n,) each.
    """
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    return pt, np.arcsinh(momentum[:, 2] / np.maximum(pt, 1e-9)), np.arctan2(momentum[:, 1], momentum[:, 0])


def four_momentum(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, mass: np.ndarray | float) -> np.ndarray:
    """float64 (n, 4): px, py, pz, E [GeV].

    Args:
        pt: (n,) [GeV].
        eta, phi: (n,) [rad].
        mass: (n,) or one for all [GeV].

    Returns:
        float64 (n, 4).
    """
    pz = pt * np.sinh(eta)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pz, np.sqrt(pt**2 + pz**2 + np.square(mass))], 1)


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """int64: the concatenation of ``starts[i], starts[i] + 1, ...`` with ``counts[i]`` numbers each.

    Args:
        starts: int (n,).
        counts: int (n,), not negative.

    Returns:
        int64 (sum of ``counts``,).
    """
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts)


def sums(index: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Sums of the values of each index.

    Args:
        index: int (n,), below ``count``.
        values: float (n,).
        count: of the sums.

    Returns:
        float64 (count,), also where there is nothing to add, of which ``np.bincount`` makes integers.
    """
    return np.bincount(index, values, minlength=count).astype(np.float64, copy=False)
