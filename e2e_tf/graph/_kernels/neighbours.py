"""k nearest neighbours and fixed radius by exhaustive search: jets are small, and a scan has no ties to lose.

Squared distances are float64, summed in the order of the dimensions and never fused (numba contracts
multiply and add only with fastmath), so that C++ compiled with -ffp-contract=off finds the same bits.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from e2e_tf.graph._kernels.compiled import kernel
from e2e_tf.graph._kernels.sorting import _argsort

# Below these sizes all k-th distances of a graph are found at once, above them node by node.
_MATRIX_NODES = 512
_MATRIX_K = 32


@kernel
def _difference(a, b, period):
    d = abs(a - b)
    if period > 0 and d > 0.5 * period:
        d = np.fmod(d, period)
        if d > 0.5 * period:
            d = period - d
    return d


@kernel
def _load(points, start, stop, columns):
    for j in range(start, stop):
        for d in range(points.shape[1]):
            columns[d, j - start] = points[j, d]


@kernel
def _squared_distances(columns, n, i, period, out):
    for d in range(columns.shape[0]):
        column = columns[d]
        centre = column[i]
        if period[d] > 0:
            for j in range(n):
                difference = _difference(column[j], centre, period[d])
                out[j] = difference * difference if d == 0 else out[j] + difference * difference
        elif d == 0:
            for j in range(n):
                difference = column[j] - centre
                out[j] = difference * difference
        else:
            for j in range(n):
                difference = column[j] - centre
                out[j] += difference * difference


@kernel
def _insert(best, best_index, filled, k, distance, j):
    """Put (distance, j) in its place among the k best, ordered by distance, then index."""
    if filled < k:
        at = filled
        filled += 1
    elif distance < best[k - 1] or (distance == best[k - 1] and j < best_index[k - 1]):
        at = k - 1
    else:
        return filled
    while at > 0 and (best[at - 1] > distance or (best[at - 1] == distance and best_index[at - 1] > j)):
        best[at] = best[at - 1]
        best_index[at] = best_index[at - 1]
        at -= 1
    best[at] = distance
    best_index[at] = j
    return filled


@kernel
def _take_in(best, first, values, n):
    """Per receiver, put the value into the sorted row of best[first:first + 4]; values holds what falls out.

    Four places at a time, written out: values stay in registers, and one call is worth its cost.
    """
    b0, b1, b2, b3 = best[first], best[first + 1], best[first + 2], best[first + 3]
    for i in range(n):
        v = values[i]
        a = b0[i]
        b0[i] = a if a < v else v
        v = v if a < v else a
        a = b1[i]
        b1[i] = a if a < v else v
        v = v if a < v else a
        a = b2[i]
        b2[i] = a if a < v else v
        v = v if a < v else a
        a = b3[i]
        b3[i] = a if a < v else v
        v = v if a < v else a
        values[i] = v


@kernel
def _knn_matrix(columns, n, k, period, loops, matrix, best, values, chosen, start, senders, receivers, edge):
    """Link the k nearest of all nodes of one graph; the number of edges so far.

    Node by node every receiver's sorted list of the k distances takes the next one in; the loop over
    receivers is the inner one and runs on vector registers. The k-th distance then picks the senders.
    """
    for i in range(n):
        _squared_distances(columns, n, i, period, matrix[i])
        matrix[i, i] = -1.0 if loops else np.inf
    places = (k + 3) // 4 * 4
    for t in range(places):
        for i in range(n):
            best[t, i] = np.inf
    for j in range(n):
        for i in range(n):
            values[i] = matrix[j, i]
        for t in range(0, places, 4):
            _take_in(best, t, values, n)
    for i in range(n):
        farthest = best[k - 1, i]
        row = matrix[i]
        found = 0
        for j in range(n):
            chosen[found] = j
            found += row[j] <= farthest
        if found > k:  # of equally distant nodes, those of lower index are taken
            ties = 0
            for t in range(k):
                ties += best[t, i] == farthest
            found = 0
            for j in range(n):
                if row[j] < farthest or (row[j] == farthest and ties > 0):
                    ties -= row[j] == farthest
                    chosen[found] = j
                    found += 1
        for t in range(k):
            senders[edge + t] = start + chosen[t]
            receivers[edge + t] = start + i
        edge += k
    return edge


@kernel
def _put(best_index, filled, loops, start, i, senders, receivers, edge):
    """Write the edges to node i from those in best_index (and itself), senders in ascending order."""
    if loops:
        best_index[filled] = i
        filled += 1
    for a in range(1, filled):
        j = best_index[a]
        b = a
        while b > 0 and best_index[b - 1] > j:
            best_index[b] = best_index[b - 1]
            b -= 1
        best_index[b] = j
    for a in range(filled):
        senders[edge + a] = start + best_index[a]
        receivers[edge + a] = start + i


@kernel
def _knn_sweep(columns, n, k, axis, period, loops, best, best_index, start, senders, receivers, edge):
    """Link the k nearest of the other nodes of one large graph.

    Nodes are laid out in the order of one coordinate, and from each the search goes both ways until that
    coordinate alone is farther away than the k-th neighbour: a sum of squares is never less than one of them,
    rounding included. The layout makes the search run through memory in order.
    """
    order = _argsort(columns[axis, :n])
    dimensions = columns.shape[0]
    laid = np.empty((n, dimensions), np.float64)
    for p in range(n):
        for d in range(dimensions):
            laid[p, d] = columns[d, order[p]]
    taken = k + (1 if loops else 0)
    for p in range(n):
        i = order[p]
        filled = np.int64(0)
        worst = np.inf
        low = p - 1
        high = p + 1
        while low >= 0 or high < n:
            for side in range(2):
                q = low if side == 0 else high
                if q < 0 or q >= n:
                    continue
                along = laid[q, axis] - laid[p, axis]
                if along * along > worst:
                    if side == 0:
                        low = -1
                    else:
                        high = n
                    continue
                if side == 0:
                    low -= 1
                else:
                    high += 1
                distance = 0.0
                for d in range(dimensions):
                    if period[d] > 0:
                        difference = _difference(laid[q, d], laid[p, d], period[d])
                    else:
                        difference = laid[q, d] - laid[p, d]
                    distance += difference * difference
                if distance <= worst:
                    filled = _insert(best, best_index, filled, k, distance, order[q])
                    if filled == k:
                        worst = best[k - 1]
        _put(best_index, filled, loops, start, i, senders, receivers, edge + i * taken)


@kernel
def knn(points, offsets, k, period, loops):
    n_graph = len(offsets) - 1
    dimensions = points.shape[1]
    others = k - 1 if loops else k
    total = 0
    largest = 0
    for g in range(n_graph):
        n = offsets[g + 1] - offsets[g]
        largest = max(largest, n)
        if n > 0:
            total += n * (min(others, n - 1) + (1 if loops else 0))
    senders = np.empty(total, np.int32)
    receivers = np.empty(total, np.int32)
    columns = np.empty((dimensions, largest), np.float64)
    distances = np.empty(largest, np.float64)
    best = np.empty(min(k, largest) + 1, np.float64)
    best_index = np.empty(min(k, largest) + 1, np.int64)
    side = min(largest, _MATRIX_NODES)
    matrix = np.empty((side, side), np.float64)
    smallest = np.empty((_MATRIX_K, side), np.float64)
    values = np.empty(side, np.float64)
    chosen = np.empty(side, np.int64)
    axis = np.int64(-1)  # the first coordinate that does not wrap can be sorted
    for d in range(dimensions):
        if axis < 0 and period[d] == 0:
            axis = d  # type: ignore[assignment]
    edge = np.int64(0)
    for g in range(n_graph):
        start = offsets[g]
        n = offsets[g + 1] - start
        _load(points, start, offsets[g + 1], columns)
        kept = min(others, n - 1)
        taken = kept + (1 if loops else 0)
        if 0 < taken <= _MATRIX_K and n <= _MATRIX_NODES:
            edge = _knn_matrix(
                columns,
                n,
                taken,
                period,
                loops,
                matrix,
                smallest,
                values,
                chosen,
                start,
                senders,
                receivers,
                edge,
            )
            continue
        if axis >= 0 and kept < n - 1:
            _knn_sweep(
                columns, n, kept, axis, period, loops, best, best_index, start, senders, receivers, edge
            )
            edge += n * taken
            continue
        for i in range(n):
            filled = np.int64(0)
            if kept > 0:
                _squared_distances(columns, n, i, period, distances)
                distances[i] = np.inf
                worst = np.inf
                for j in range(n):
                    if distances[j] < worst:
                        filled = _insert(best, best_index, filled, kept, distances[j], j)
                        if filled == kept:
                            worst = best[kept - 1]
            _put(best_index, filled, loops, start, i, senders, receivers, edge)
            edge += taken
    return senders, receivers


@kernel
def radius(points, offsets, r, period, loops):
    n_graph = len(offsets) - 1
    largest = 0
    for g in range(n_graph):
        largest = max(largest, offsets[g + 1] - offsets[g])
    columns = np.empty((points.shape[1], largest), np.float64)
    distances = np.empty(largest, np.float64)
    senders = np.empty(max(16, 8 * len(points)), np.int32)
    receivers = np.empty(len(senders), np.int32)
    squared = r * r
    edge = np.int64(0)
    for g in range(n_graph):
        start = offsets[g]
        n = offsets[g + 1] - start
        _load(points, start, offsets[g + 1], columns)
        for i in range(n):
            if edge + n > len(senders):
                senders = _grow(senders, edge, edge + n)
                receivers = _grow(receivers, edge, edge + n)
            _squared_distances(columns, n, i, period, distances)
            for j in range(n):
                if distances[j] <= squared and (loops or j != i):
                    senders[edge] = start + j
                    receivers[edge] = start + i
                    edge += 1
    return senders[:edge].copy(), receivers[:edge].copy()


@kernel
def _grow(array, used, needed):
    larger = np.empty(max(2 * len(array), needed), array.dtype)
    for i in range(used):
        larger[i] = array[i]
    return larger
