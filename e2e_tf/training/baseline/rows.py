"""Sums, maxima and leading rows of jets with a variable number of rows, for features of trees."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError

__all__ = ["RINGS", "Rows", "at", "jet_columns", "need", "ratio", "table"]

RINGS = ((0.0, 0.1), (0.1, 0.2), (0.2, 0.5))
"""ΔR to the jet axis [rad]: tau core, its edge, isolation."""


class Rows:
    """Sums and maxima over the rows of each of ``n`` jets; a jet without rows gets 0."""

    def __init__(self, owner: np.ndarray, n: int) -> None:
        self.owner, self.n = owner, n

    def sum(self, values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Sum of values, of the rows of the mask.

        Args:
            values: float64 (rows,).
            mask: bool (rows,); None for all.

        Returns:
            float64 (n,).
        """
        weights = values if mask is None else values * mask
        return np.bincount(self.owner, weights, self.n)

    def count(self, mask: np.ndarray | None = None) -> np.ndarray:
        """Number of rows of the mask.

        Args:
            mask: bool (rows,); None for all.

        Returns:
            int64 (n,).
        """
        return np.bincount(self.owner if mask is None else self.owner[mask], minlength=self.n)

    def largest(self, values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """The largest of values that are not negative, of the rows of the mask.

        Args:
            values: float64 (rows,).
            mask: bool (rows,); None for all.

        Returns:
            float64 (n,).
        """
        found = np.zeros(self.n)
        owner, values = (self.owner, values) if mask is None else (self.owner[mask], values[mask])
        np.maximum.at(found, owner, values)
        return found

    def leading(self, values: np.ndarray, mask: np.ndarray, number: int = 1) -> np.ndarray:
        """The rows with the largest values among those of the mask, the largest first.

        Args:
            values: float64 (rows,).
            mask: bool (rows,).
            number: rows of a jet.

        Returns:
            int64 (n, number), -1 where a jet has fewer. Of equal ones the later row comes first.
        """
        rows = np.flatnonzero(mask)
        rows = rows[np.lexsort((-rows, -values[rows], self.owner[rows]))]
        owner = self.owner[rows]
        counts = np.bincount(owner, minlength=self.n)
        rank = np.arange(len(rows)) - (np.cumsum(counts) - counts)[owner]
        found = np.full((self.n, number), -1)
        kept = rank < number
        found[owner[kept], rank[kept]] = rows[kept]
        return found

    def mass(
        self,
        pt: np.ndarray,
        eta: np.ndarray,
        phi: np.ndarray,
        energy: np.ndarray,
        mask: np.ndarray | None = None,
    ) -> np.ndarray:
        """Invariant mass of the rows of the mask.

        Args:
            pt, eta, phi, energy: float64 (rows,) [GeV, rad].
            mask: bool (rows,); None for all.

        Returns:
            float64 (n,) [GeV].
        """
        momentum = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta))
        squared = self.sum(energy, mask) ** 2 - sum(self.sum(p, mask) ** 2 for p in momentum)
        return np.sqrt(np.maximum(squared, 0))  # rounding can leave a massless sum just below 0


def at(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values of some rows, 0 where there is none.

    Args:
        values: float64 (rows,).
        rows: int64 of any shape, -1 for none.

    Returns:
        float64 of the shape of ``rows``.
    """
    return np.where(rows >= 0, np.append(values, 0.0)[rows], 0.0)


def jet_columns(jets: Jets) -> dict[str, np.ndarray]:
    """The jet's own pT, mass and |η|.

    Args:
        jets: n jets.

    Returns:
        (n,) each, by name.
    """
    return {
        "jet_pt": jets["pt"],
        "jet_mass": jets["mass"],
        "jet_abs_eta": np.abs(jets["eta"]),
    }


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """A quotient, 0 where the denominator is not positive.

    Args:
        numerator, denominator: float64 (n,).

    Returns:
        float64 (n,).
    """
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def table(columns: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    """Columns as names and one array.

    Args:
        columns: (n,) each.

    Returns:
        Names and float32 (n, number of names).
    """
    return list(columns), np.stack(list(columns.values()), axis=1).astype(np.float32)


def need(columns: Any, names: tuple[str, ...], where: str) -> None:
    """That columns are there.

    Args:
        columns: those there are.
        names: those that must be among them.
        where: what has them, for the message.

    Raises:
        InputError: naming those that are missing.
    """
    missing = [name for name in names if name not in columns]
    if missing:
        raise InputError(
            f"the {where} lack the columns {', '.join(missing)}; they have {', '.join(sorted(columns))}"
        )
