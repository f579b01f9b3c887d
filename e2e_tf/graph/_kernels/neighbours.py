"""k nearest neighbours and fixed radius by exhaustive search: jets are small, and a scan has no ties to lose.

Squared distances are float64, summed in the order of the dimensions and never fused (numba contracts
multiply and add only with fastmath), so that C++ compiled with -ffp-contract=off finds the same bits.

``columns`` holds the coordinates of one graph, dimension by dimension, ``stride`` numbers each.
"""

from __future__ import annotations

import math

import numpy as np

from e2e_tf.graph._kernels.compiled import Float32s, Float64s, Int32s, Int64s, inner, kernel

# Up to these sizes all k-th distances of a graph are found at once, above them node by node.
MATRIX_NODES = 512
MATRIX_K = 32


@inner
def _difference(a: float, b: float, period: float) -> float:
    d = abs(a - b)
    if d > 0.5 * period:
        d = np.fmod(d, period)
        if d > 0.5 * period:
            d = period - d
    return d


@inner
def _load(
    points: Float32s, dimensions: int, start: int, n: int, columns: Float64s, stride: int, widths: Float64s
) -> None:
    """The columns of a graph, and how far its nodes are apart in each."""
    for d in range(dimensions):
        low = math.inf
        high = -math.inf
        for i in range(n):
            value = points[(start + i) * dimensions + d]
            columns[d * stride + i] = value
            low = value if value < low else low
            high = value if value > high else high
        widths[d] = high - low


@inner
def _squared_distances(
    columns: Float64s,
    stride: int,
    dimensions: int,
    n: int,
    i: int,
    widths: Float64s,
    period: Float64s,
    out: Float64s,
    to: int,
) -> None:
    """Of all nodes of a graph from node i, into ``out[to : to + n]``."""
    for j in range(n):
        out[to + j] = 0.0
    for d in range(dimensions):
        first = d * stride
        centre = columns[first + i]
        length = period[d]
        # For nodes less than a turn apart the remainder of a division is not needed: the loop runs on vector registers.
        turn = length if widths[d] < length else math.inf
        if length > 0 and widths[d] >= length:
            for j in range(n):
                difference = _difference(columns[first + j], centre, length)
                out[to + j] += difference * difference
        else:
            for j in range(n):
                difference = abs(columns[first + j] - centre)
                difference = turn - difference if difference > 0.5 * turn else difference
                out[to + j] += difference * difference


@inner
def _take_in(best: Float64s, first: int, side: int, values: Float64s, n: int) -> None:
    """Per receiver, put the value into the sorted places first to first + 3 of best; values holds what falls out.

    Four places at a time, written out: values stay in registers, and one call is worth its cost.
    """
    at0 = first * side
    at1 = at0 + side
    at2 = at1 + side
    at3 = at2 + side
    for i in range(n):
        v = values[i]
        a = best[at0 + i]
        best[at0 + i] = v if v < a else a
        v = v if v > a else a
        a = best[at1 + i]
        best[at1 + i] = v if v < a else a
        v = v if v > a else a
        a = best[at2 + i]
        best[at2 + i] = v if v < a else a
        v = v if v > a else a
        a = best[at3 + i]
        best[at3 + i] = v if v < a else a
        values[i] = v if v > a else a


@kernel
def knn_small(
    points: Float32s,
    dimensions: int,
    offsets: Int64s,
    n_graph: int,
    others: int,
    loops: int,
    period: Float64s,
    side: int,
    columns: Float64s,
    widths: Float64s,
    matrix: Float64s,
    best: Float64s,
    values: Float64s,
    chosen: Int64s,
    senders: Int32s,
    receivers: Int32s,
) -> None:
    """Link the k nearest of all nodes of each graph that is small enough; room is left for the edges of the others.

    Node by node every receiver's sorted list of the k distances takes the next one in; the loop over
    receivers is the inner one and runs on vector registers. The k-th distance then picks the senders.

    ``matrix`` has room for side x side distances, ``best`` for side distances in each of MATRIX_K places.
    """
    edge = 0
    for g in range(n_graph):
        start = offsets[g]
        n = offsets[g + 1] - start
        k = (others if others < n - 1 else n - 1) + loops
        if k <= 0 or n == 0:
            continue
        if k > MATRIX_K or n > MATRIX_NODES:
            edge += n * k
            continue
        _load(points, dimensions, start, n, columns, side, widths)
        places = (k + 3) // 4 * 4
        for i in range(n):
            _squared_distances(columns, side, dimensions, n, i, widths, period, matrix, i * side)
            matrix[i * side + i] = -1.0 if loops else math.inf
        for t in range(places):
            for i in range(n):
                best[t * side + i] = math.inf
        for j in range(n):
            for i in range(n):
                values[i] = matrix[j * side + i]
            for t in range(0, places, 4):
                _take_in(best, t, side, values, n)
        for i in range(n):
            row = i * side
            farthest = best[(k - 1) * side + i]
            found = 0
            for j in range(n):
                chosen[found] = j
                found += matrix[row + j] <= farthest
            if found > k:  # of equally distant nodes, those of lower index are taken
                ties = 0
                for t in range(k):
                    ties += best[t * side + i] == farthest
                found = 0
                for j in range(n):
                    equal = matrix[row + j] == farthest
                    if matrix[row + j] < farthest or (equal and ties > 0):
                        ties -= equal
                        chosen[found] = j
                        found += 1
            for t in range(k):
                senders[edge] = start + chosen[t]
                receivers[edge] = start + i
                edge += 1


@kernel
def knn_large(
    laid: Float64s,
    order: Int64s,
    dimensions: int,
    n: int,
    k: int,
    axis: int,
    period: Float64s,
    loops: int,
    best: Float64s,
    best_index: Int64s,
    start: int,
    senders: Int32s,
    receivers: Int32s,
) -> None:
    """Link the k nearest of the other nodes of one graph.

    Nodes are laid out in the order of one coordinate, and from each the search goes both ways until that
    coordinate alone is farther away than the k-th neighbour: a sum of squares is never less than one of them,
    rounding included. The layout makes the search run through memory in order. With an axis of -1 there is no such
    coordinate, as all of them wrap, and all nodes are seen.
    """
    taken = k + loops
    for p in range(n):
        i = order[p]
        filled = 0
        worst = math.inf
        low = p - 1
        high = p + 1
        side = 0
        while low >= 0 or high < n:
            side = 1 - side
            q = high if side == 0 else low
            if q < 0 or q >= n:
                continue
            if axis >= 0:
                along = laid[q * dimensions + axis] - laid[p * dimensions + axis]
                if along * along > worst:
                    low = -1 if side == 1 else low
                    high = n if side == 0 else high
                    continue
            low -= side
            high += 1 - side
            distance = 0.0
            for d in range(dimensions):
                difference = laid[q * dimensions + d] - laid[p * dimensions + d]
                if period[d] > 0:
                    difference = _difference(laid[q * dimensions + d], laid[p * dimensions + d], period[d])
                distance += difference * difference
            # The k best, ordered by distance, then index.
            j = order[q]
            at = filled
            if filled == k:
                at = k - 1
                if distance > worst or (distance == worst and j > best_index[at]):
                    continue
            else:
                filled += 1
            while at > 0 and (
                best[at - 1] > distance or (best[at - 1] == distance and best_index[at - 1] > j)
            ):
                best[at] = best[at - 1]
                best_index[at] = best_index[at - 1]
                at -= 1
            best[at] = distance
            best_index[at] = j
            if filled == k:
                worst = best[k - 1]
        if loops:
            best_index[k] = i
        edge = i * taken
        for a in range(taken):
            j = best_index[a]
            b = edge + a
            while b > edge and senders[b - 1] > start + j:
                senders[b] = senders[b - 1]
                b -= 1
            senders[b] = start + j
            receivers[edge + a] = start + i


@kernel
def radius(
    points: Float32s,
    dimensions: int,
    offsets: Int64s,
    n_graph: int,
    squared: float,
    loops: int,
    period: Float64s,
    stride: int,
    columns: Float64s,
    widths: Float64s,
    distances: Float64s,
    state: Int64s,
    room: int,
    senders: Int32s,
    receivers: Int32s,
) -> None:
    """Link the nodes of a graph whose squared distance is at most ``squared``.

    ``state`` holds the number of edges, the graph, and the node in it with which to go on: the kernel stops where there
    may be too little room for the edges of a node.
    """
    edge = state[0]
    node = state[2]
    for g in range(state[1], n_graph):
        start = offsets[g]
        n = offsets[g + 1] - start
        _load(points, dimensions, start, n, columns, stride, widths)
        for i in range(node, n):
            if edge + n > room:
                state[0] = edge
                state[1] = g
                state[2] = i
                return
            _squared_distances(columns, stride, dimensions, n, i, widths, period, distances, 0)
            for j in range(n):
                if distances[j] <= squared and (loops or j != i):
                    senders[edge] = start + j
                    receivers[edge] = start + i
                    edge += 1
        node = 0
    state[0] = edge
    state[1] = n_graph
