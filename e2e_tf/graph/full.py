"""Fully linked graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.graph._check import as_counts, as_offsets

__all__ = ["full"]


def full(n_node: Any, *, loops: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Link every node to every other node of its graph.

    Args:
        n_node: integers (B,), nodes of each graph.
        loops: link every node to itself too.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), absolute node indices sorted by receiver, then sender.

    Raises:
        InputError: ``n_node`` is not a list of counts.
    """
    counts = as_counts(n_node)
    starts = np.repeat(as_offsets(counts)[:-1], counts)
    sizes = np.repeat(counts, counts)
    receivers = np.repeat(np.arange(len(sizes)), sizes)
    first_edge = np.repeat(np.cumsum(sizes) - sizes, sizes)
    senders = np.arange(len(receivers)) - first_edge + starts[receivers]
    if not loops:
        kept = senders != receivers
        senders, receivers = senders[kept], receivers[kept]
    return senders.astype(np.int32), receivers.astype(np.int32)
