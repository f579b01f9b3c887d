"""The normalisation of features that do not fit into memory: exact quantiles in two readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from e2e_tf.data.features import Feature
from e2e_tf.data.preprocess import QUANTILES, Normalisation, is_usable

__all__ = ["fit_in_pieces"]

_HALF = 16  # bits of a float32 that each reading tells


def fit_in_pieces(features: Sequence[Feature], pieces: Callable[[], Iterable[np.ndarray]]) -> Normalisation:
    """What :meth:`e2e_tf.data.preprocess.Normalisation.fit` gives for all pieces together.

    The first reading counts how often each pattern of the upper 16 bits of a value occurs, which tells the patterns
    that hold the wanted quantiles; the second counts the lower bits of the values with these patterns, which gives the
    quantiles exactly. Mean and spread are summed up in float64, piece by piece.

    Args:
        features: F features.
        pieces: gives float32 (n, F) arrays, transformed, of the training part; it is called twice.

    Returns:
        The normalisation.
    """
    columns = [_Column() for _ in features]
    for values in pieces():
        for column, one in zip(columns, values.T, strict=True):
            column.count_upper(one)
    for column in columns:
        column.find()
    for values in pieces():
        for column, one in zip(columns, values.T, strict=True):
            column.count_lower(one)
    return Normalisation.of(features, [column.measured() for column in columns])


class _Column:
    """One feature in two readings."""

    def __init__(self) -> None:
        self.upper = np.zeros(1 << _HALF, np.int64)
        self.count, self.mean, self.squares = 0, 0.0, 0.0  # squares of distances to the mean
        self.lower: dict[int, np.ndarray] = {}

    def count_upper(self, values: np.ndarray) -> None:
        values = values[is_usable(values)]
        if not len(values):
            return
        self.upper += np.bincount(_ordered(values) >> _HALF, minlength=1 << _HALF)
        exact = values.astype(np.float64)
        mean = exact.mean()
        total, apart = self.count + len(exact), mean - self.mean
        self.squares += ((exact - mean) ** 2).sum() + apart**2 * self.count * len(exact) / total
        self.mean += apart * len(exact) / total
        self.count = total

    def find(self) -> None:
        """The patterns of upper bits that hold the wanted values."""
        self.ends = np.cumsum(self.upper)
        self.lower = {
            int(np.searchsorted(self.ends, rank, "right")): np.zeros(1 << _HALF, np.int64)
            for ranks in self._ranks()
            for rank in ranks[:2]
        }

    def count_lower(self, values: np.ndarray) -> None:
        ordered = _ordered(values[is_usable(values)])
        upper = ordered >> _HALF
        for pattern, counts in self.lower.items():
            counts += np.bincount(ordered[upper == pattern] & ((1 << _HALF) - 1), minlength=1 << _HALF)

    def measured(self) -> tuple[float, ...] | None:
        """Quantiles, mean and standard deviation; None without a usable value."""
        if not self.count:
            return None
        found = []
        for low, high, share in self._ranks():
            pair = np.array([self._value(low), self._value(high)], np.float64)
            found.append(float(np.quantile(pair, share)))  # interpolates as between neighbours of all values
        return (*found, self.mean, float(np.sqrt(self.squares / self.count)))

    def _ranks(self) -> list[tuple[int, int, float]]:
        """For each quantile the places of its two neighbours among the sorted values, and the share between them."""
        found = []
        for place in (self.count - 1) * np.asarray(QUANTILES) if self.count else ():
            low = int(np.floor(place))
            found.append((low, min(low + 1, self.count - 1), float(place - low)))
        return found

    def _value(self, rank: int) -> float:
        """The value at a place among the sorted ones."""
        pattern = int(np.searchsorted(self.ends, rank, "right"))
        inside = rank - (int(self.ends[pattern - 1]) if pattern else 0)
        rest = int(np.searchsorted(np.cumsum(self.lower[pattern]), inside, "right"))
        ordered = np.uint32(pattern << _HALF | rest)
        bits = ordered ^ np.uint32(0x80000000) if ordered >> np.uint32(31) else ~ordered
        return float(np.array([bits], np.uint32).view(np.float32)[0]) + 0.0  # -0 becomes 0


def _ordered(values: np.ndarray) -> np.ndarray:
    """int64: numbers of 32 bits in the order of the float32 values."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    negative = (bits >> np.uint32(31)).astype(bool)
    return np.where(negative, ~bits, bits | np.uint32(0x80000000)).astype(np.int64)
