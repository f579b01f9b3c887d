"""Sorting inside of kernels, with the result of NumPy's, which takes numba much longer to compile."""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from e2e_tf.graph._kernels.compiled import kernel

_RUN = 16  # entries that are sorted by insertion, before runs are merged


@kernel
def _sort(values):
    """Sort integers in place, by insertion in short runs that are then merged."""
    n = len(values)
    for low in range(0, n, _RUN):
        for a in range(low + 1, min(low + _RUN, n)):
            value = values[a]
            b = a
            while b > low and values[b - 1] > value:
                values[b] = values[b - 1]
                b -= 1
            values[b] = value
    if n <= _RUN:
        return
    spare = np.empty(n, values.dtype)
    width = _RUN
    while width < n:
        for low in range(0, n, 2 * width):
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            a = low
            b = middle
            for c in range(low, high):
                if a < middle and (b >= high or values[a] <= values[b]):
                    spare[c] = values[a]
                    a += 1
                else:
                    spare[c] = values[b]
                    b += 1
        for c in range(n):
            values[c] = spare[c]
        width *= 2


@kernel
def _argsort(values):
    """The order of numbers, equal ones in the order that they have; as NumPy's argsort of kind stable."""
    n = len(values)
    order = np.arange(n)
    spare = np.empty(n, order.dtype)
    width = 1
    while width < n:
        for low in range(0, n, 2 * width):
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            a = low
            b = middle
            for c in range(low, high):
                if a < middle and (b >= high or values[order[a]] <= values[order[b]]):
                    spare[c] = order[a]
                    a += 1
                else:
                    spare[c] = order[b]
                    b += 1
        for c in range(n):
            order[c] = spare[c]
        width *= 2
    return order
