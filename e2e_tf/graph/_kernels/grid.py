"""Neighbouring pixels of sparse images."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from e2e_tf.graph._kernels.compiled import kernel


@kernel
def grid8(cells, offsets):
    n = len(cells)
    largest = 0
    for g in range(len(offsets) - 1):
        largest = max(largest, offsets[g + 1] - offsets[g])
    key = np.empty(largest, np.int64)
    senders = np.empty(max(16, 8 * n), np.int32)
    receivers = np.empty(len(senders), np.int32)
    used = 0
    for g in range(len(offsets) - 1):
        start = offsets[g]
        n = offsets[g + 1] - start
        for i in range(n):
            key[i] = (np.int64(cells[start + i, 0]) << 32) + cells[start + i, 1]
        order = np.argsort(key[:n])
        ordered = key[:n][order]
        for i in range(n):
            first = used
            for row in range(-1, 2):
                low = key[i] + (np.int64(row) << 32) - 1
                at = np.searchsorted(ordered, low)
                while at < n and ordered[at] <= low + 2:
                    if used == len(senders):
                        senders = _grow(senders, used)
                        receivers = _grow(receivers, used)
                    if order[at] != i:
                        senders[used] = start + order[at]
                        receivers[used] = start + i
                        used += 1
                    at += 1
            for a in range(first + 1, used):
                sender = senders[a]
                b = a
                while b > first and senders[b - 1] > sender:
                    senders[b] = senders[b - 1]
                    b -= 1
                senders[b] = sender
    return senders[:used].copy(), receivers[:used].copy()


@kernel
def _grow(array, used):
    larger = np.empty(2 * len(array), array.dtype)
    for i in range(used):
        larger[i] = array[i]
    return larger
