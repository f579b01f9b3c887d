"""Neighbouring pixels of sparse images."""

from __future__ import annotations

from e2e_tf.graph._kernels.compiled import Int32s, Int64s, kernel

ROW = 1 << 32  # of the number of a pixel, what a row adds to it


@kernel
def grid8(
    keys: Int64s,
    order: Int64s,
    ordered: Int64s,
    offsets: Int64s,
    n_graph: int,
    state: Int64s,
    room: int,
    senders: Int32s,
    receivers: Int32s,
) -> None:
    """Link pixels to those around them.

    ``keys`` are row * ROW + column; ``order`` sorts them by graph, ``ordered`` are the sorted ones. ``state`` holds the
    number of edges, the graph, and the node in it with which to go on: the kernel stops where there may be too little
    room for the edges of a node.
    """
    used = state[0]
    node = state[2]
    for g in range(state[1], n_graph):
        start = offsets[g]
        stop = offsets[g + 1]
        for i in range(node if node > start else start, stop):
            if used + stop - start > room:
                state[0] = used
                state[1] = g
                state[2] = i
                return
            begin = used
            for row in range(-1, 2):
                least = keys[i] + row * ROW - 1
                at = start
                above = stop
                while at < above:
                    middle = (at + above) >> 1
                    if ordered[middle] < least:
                        at = middle + 1
                    else:
                        above = middle
                while at < stop and ordered[at] <= least + 2:
                    sender = order[at]
                    at += 1
                    if sender == i:
                        continue
                    b = used
                    while b > begin and senders[b - 1] > sender:
                        senders[b] = senders[b - 1]
                        b -= 1
                    senders[b] = sender
                    receivers[used] = i
                    used += 1
    state[0] = used
    state[1] = n_graph
