"""The order of the jets of a sample, in which no place and no number tells the class."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from e2e_tf.data.jets import Jets

__all__ = ["alternating", "in_random_pairs", "mixed", "renumbered"]


def alternating(label: np.ndarray) -> np.ndarray:
    """Places that take the classes in turn, each in its own order, signal first.

    Args:
        label: (n,), 0 or 1.

    Returns:
        int64 (n,), rows of ``label`` in their new order.
    """
    rank = np.zeros(len(label), np.int64)
    for kind in (0, 1):
        rows = np.flatnonzero(label == kind)
        rank[rows] = 2 * np.arange(len(rows)) + (1 - kind)
    return np.argsort(rank, kind="stable")


def in_random_pairs(label: np.ndarray, seed: int) -> np.ndarray:
    """Places that take one entry of each class after another, which of them first by chance.

    Every beginning of the file is balanced, and neither an entry's place nor its parity tells its class.

    Args:
        label: (n,), 0 or 1.
        seed: of the sample.

    Returns:
        int64 (n,), rows of ``label`` in their new order.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(b"order"),)))
    first = rng.integers(0, 2, len(label))
    rank = np.zeros(len(label), np.int64)
    for kind in (0, 1):
        rows = np.flatnonzero(label == kind)
        pair = np.arange(len(rows))
        rank[rows] = 2 * pair + (first[pair] != kind)
    return np.argsort(rank, kind="stable")


def mixed(count: int, seed: int) -> np.ndarray:
    """Places in random order, so that the backgrounds of one class do not come in blocks.

    Args:
        count: of the entries.
        seed: of the sample.

    Returns:
        int64 (n,).
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(b"kinds"),))
    return np.random.default_rng(sequence).permutation(count)


def renumbered(sample: Jets) -> Jets:
    """Events numbered as they appear, so that no number tells the class.

    Args:
        sample: jets in the order of the file.

    Returns:
        The same jets with ``event`` counted from 0.
    """
    _, first, inverse = np.unique(sample.event, return_index=True, return_inverse=True)
    number = np.argsort(np.argsort(first))
    return replace(sample, event=number[inverse.reshape(-1)].astype(np.int64))
