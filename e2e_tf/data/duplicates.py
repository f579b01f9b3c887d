"""Copies of a jet: fingerprints, and groups that a split keeps together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.data.graphs import TRUTH, GraphData

__all__ = ["fingerprints", "split_groups"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def fingerprints(data: GraphData) -> np.ndarray:
    """uint64 (B,): the same for jets with the same columns and the same nodes in any order.

    Truth and the event number do not count: a copy with another of these is still a copy. A jet of which
    nothing is known, without nodes and columns, has 0.

    Args:
        data: graphs of B jets.

    Returns:
        uint64 (B,), equal for copies of a jet.
    """
    graphs = data.batch

    def rows(columns: Sequence[np.ndarray]) -> np.ndarray:
        total = np.zeros(len(columns[0]), np.uint64)
        for column in columns:
            bits = np.ascontiguousarray(column, np.float32).view(np.uint32).astype(np.uint64)
            total = mixed(total + bits + _GOLDEN)
        return total

    node = mixed(rows(list(graphs.x.T)))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(node, dtype=np.uint64)])
    offsets = graphs.node_offsets
    total = mixed(sums[offsets[1:]] - sums[offsets[:-1]])
    columns = [data.jets[name] for name in sorted(data.jets) if not name.startswith(TRUTH)]
    if columns:
        total = mixed(total + rows(columns))
    known = (graphs.n_node > 0) | (len(columns) > 0)
    return np.where(known, total, np.uint64(0))


def mixed(values: np.ndarray) -> np.ndarray:
    """uint64 to uint64, one to one, every output bit depends on all input bits (SplitMix64).

    Args:
        values: uint64, any shape.

    Returns:
        uint64, in the shape of ``values``.
    """
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def split_groups(data: Any) -> np.ndarray:
    """int64 (B,): one number for all jets that belong together, because they share an event or are copies.

    Without copies it is the event number, so that splits stay what they are. Formats that keep no event
    numbers count rows, and nothing else would keep copies in one part.

    Args:
        data: graphs of B jets, :class:`~e2e_tf.data.graphs.GraphData` or
            :class:`~e2e_tf.data.streamed.StreamedGraphs`, which know their ``prints``.

    Returns:
        int64 (B,), equal for jets that must stay in one part of the split.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    prints = fingerprints(data) if isinstance(data, GraphData) else data.prints
    known = np.flatnonzero(prints)
    _, first, back = np.unique(prints[known], return_index=True, return_inverse=True)
    if len(first) == len(known):
        return data.event
    events, event = np.unique(data.event, return_inverse=True)
    original = known[first[back]]
    links = coo_matrix(
        (np.ones(len(known), bool), (event[known], event[original])), (len(events), len(events))
    )
    _, group = connected_components(links, directed=False)
    least = np.full(group.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, group, events)
    return least[group][event]
