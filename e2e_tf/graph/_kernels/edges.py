"""Edges: merging sorted lists and gathering graphs out of a batch."""

from __future__ import annotations

from e2e_tf.graph._kernels.compiled import Bytes, Int32s, Int64s, inner, kernel


@kernel
def is_sorted(senders: Int32s, receivers: Int32s, count: int) -> int:
    """Whether edges are in order of receiver, then sender, without repetition."""
    for e in range(1, count):
        if receivers[e] < receivers[e - 1] or (
            receivers[e] == receivers[e - 1] and senders[e] <= senders[e - 1]
        ):
            return 0
    return 1


@kernel
def merge(
    senders_a: Int32s,
    receivers_a: Int32s,
    count_a: int,
    senders_b: Int32s,
    receivers_b: Int32s,
    count_b: int,
    senders: Int32s,
    receivers: Int32s,
) -> int:
    """Union of two sorted lists of edges without repetition, into the last two; the number of edges."""
    a = b = used = 0
    while a < count_a or b < count_b:
        # Which of the lists has the next edge: -1 the first, 1 the second, 0 both.
        order = 0
        if b == count_b:
            order = -1
        elif a == count_a:
            order = 1
        elif receivers_a[a] != receivers_b[b]:
            order = -1 if receivers_a[a] < receivers_b[b] else 1
        elif senders_a[a] != senders_b[b]:
            order = -1 if senders_a[a] < senders_b[b] else 1
        if order <= 0:
            senders[used] = senders_a[a]
            receivers[used] = receivers_a[a]
            a += 1
        else:
            senders[used] = senders_b[b]
            receivers[used] = receivers_b[b]
        if order >= 0:
            b += 1
        used += 1
    return used


@kernel
def take(
    x: Bytes,
    x_width: int,
    senders: Int32s,
    receivers: Int32s,
    features: Bytes,
    features_width: int,
    node_old: Int64s,
    node_new: Int64s,
    edge_old: Int64s,
    edge_new: Int64s,
    index: Int64s,
    n_graph: int,
    new_x: Bytes,
    new_senders: Int32s,
    new_receivers: Int32s,
    new_features: Bytes,
) -> None:
    """The graphs ``index``, with edges moved to where their nodes are now, into the last four.

    Offsets of nodes and edges are those before and after; the widths of rows count bytes.
    """
    for g in range(n_graph):
        begin = node_old[index[g]]
        to = node_new[g]
        shift = to - begin
        _copy(x, begin * x_width, (node_new[g + 1] - to) * x_width, new_x, to * x_width)
        begin = edge_old[index[g]]
        to = edge_new[g]
        count = edge_new[g + 1] - to
        _copy(features, begin * features_width, count * features_width, new_features, to * features_width)
        for e in range(count):
            new_senders[to + e] = senders[begin + e] + shift
        for e in range(count):
            new_receivers[to + e] = receivers[begin + e] + shift


@inner
def _copy(values: Bytes, begin: int, count: int, out: Bytes, to: int) -> None:
    for i in range(count):
        out[to + i] = values[begin + i]
