"""Edges: merging sorted lists and gathering graphs out of a batch."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from e2e_tf.graph._kernels.compiled import kernel


@kernel
def is_sorted(senders, receivers):
    """Whether edges are in order of receiver, then sender, without repetition."""
    for e in range(1, len(senders)):
        if receivers[e] < receivers[e - 1] or (
            receivers[e] == receivers[e - 1] and senders[e] <= senders[e - 1]
        ):
            return False
    return True


@kernel
def merge(senders_a, receivers_a, senders_b, receivers_b):
    """Union of two sorted lists of edges without repetition."""
    size = len(senders_a) + len(senders_b)
    senders = np.empty(size, np.int32)
    receivers = np.empty(size, np.int32)
    a = b = used = 0
    while a < len(senders_a) or b < len(senders_b):
        if b == len(senders_b):
            order = -1
        elif a == len(senders_a):
            order = 1
        elif receivers_a[a] != receivers_b[b]:
            order = -1 if receivers_a[a] < receivers_b[b] else 1
        elif senders_a[a] != senders_b[b]:
            order = -1 if senders_a[a] < senders_b[b] else 1
        else:
            order = 0
        if order <= 0:
            senders[used], receivers[used] = senders_a[a], receivers_a[a]
            a += 1
        else:
            senders[used], receivers[used] = senders_b[b], receivers_b[b]
        if order >= 0:
            b += 1
        used += 1
    return senders[:used].copy(), receivers[:used].copy()


@kernel
def take_rows(values, old, new, index, out):
    """Rows of the graphs ``index``; ``old`` and ``new`` are the offsets before and after."""
    for g in range(len(index)):
        start = old[index[g]]
        rows = new[g + 1] - new[g]
        _copied(values[start : start + rows], out[new[g] : new[g + 1]])


@kernel
def _copied(values, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = values[i, j]


@kernel
def take_edges(senders, receivers, node_old, node_new, edge_old, edge_new, index, new_senders, new_receivers):
    """Edges of the graphs ``index``, moved to where their nodes are now, into the last two arguments."""
    for g in range(len(index)):
        shift = np.int32(node_new[g] - node_old[index[g]])
        count = edge_new[g + 1] - edge_new[g]
        begin, end = edge_old[index[g]], edge_old[index[g]] + count
        # Slices, in which an index from 0 on cannot be negative: the compiler makes vector instructions of this.
        _shifted(senders[begin:end], shift, new_senders[edge_new[g] : edge_new[g + 1]])
        _shifted(receivers[begin:end], shift, new_receivers[edge_new[g] : edge_new[g + 1]])


@kernel
def _shifted(values, shift, out):
    for i in range(len(out)):
        out[i] = values[i] + shift
