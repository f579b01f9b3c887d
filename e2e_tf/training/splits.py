"""Splits that keep events together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["split_by_event"]


def split_by_event(
    event: np.ndarray, fractions: Sequence[float] = (0.7, 0.1, 0.2), seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split jets into training, validation and test so that no event is in two parts.

    The part is a function of the seed and the event number alone: an event stays where it is when jets are
    added, removed or reordered, so a test sample stays unseen when the data set grows. The fractions hold
    for the expected number of events; the sizes scatter around them.

    Args:
        event: int (n,), the event each jet comes from.
        fractions: expected shares of training, validation and test; not negative, they add up to 1.
        seed: not negative; another seed gives another split.

    Returns:
        Three int64 arrays of indices into ``event``, each in rising order; together they hold every jet once.

    Raises:
        InputError: the fractions or event numbers cannot be used, or a part with a positive fraction would
            be empty.
    """
    event = np.asarray(event)
    shares = np.asarray(fractions, np.float64)
    if event.ndim != 1 or not np.issubdtype(event.dtype, np.integer):
        raise InputError(
            f"event must be one integer per jet, received shape {event.shape} and type {event.dtype}"
        )
    if shares.shape != (3,) or not np.all(shares >= 0) or abs(shares.sum() - 1) > 1e-9:
        raise InputError(
            f"fractions must be three numbers, none negative, that add up to 1, received {list(fractions)}"
        )
    if seed < 0:
        raise InputError(f"seed must not be negative, received {seed}")
    uniform = _mix(event.astype(np.int64).view(np.uint64) ^ _mix(np.array([seed], np.uint64)))
    # The upper 53 bits are what a float64 in [0, 1) can hold.
    uniform = (uniform >> np.uint64(11)) * 2.0**-53
    part = (uniform >= shares[0]).astype(np.int8) + (uniform >= shares[0] + shares[1])
    if shares[2] == 0:
        part = np.minimum(part, 1)  # the sum of two fractions may round to just below 1
    split = np.flatnonzero(part == 0), np.flatnonzero(part == 1), np.flatnonzero(part == 2)
    names = ("training", "validation", "test")
    empty = [
        name for name, share, rows in zip(names, shares, split, strict=True) if share > 0 and not len(rows)
    ]
    if empty:
        raise InputError(
            f"{len(np.unique(event))} events are too few to split by {list(fractions)} with seed {seed}: "
            f"no jets are left for {' and '.join(empty)}"
        )
    return split


def _mix(x: np.ndarray) -> np.ndarray:
    """The SplitMix64 finaliser: uint64 to uint64, one to one, every output bit depends on all input bits."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
