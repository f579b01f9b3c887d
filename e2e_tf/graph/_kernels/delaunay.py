"""Delaunay graphs of integer points, exact in int64.

Points are inserted from left to right: each lies outside the hull of those before it, is joined to the hull
edges it sees, and edges are flipped until every circle is empty. There is no enclosing triangle, hence
nothing that depends on how far away its corners are. Triangles are half-edges: half-edge e runs from
``corner[e]`` to ``corner[next(e)]``, three per counter-clockwise triangle, ``twin[e]`` is the other side or
-1 on the hull.

In a box of side S a doubled triangle area is at most S^2 and a squared distance at most 2 S^2, so the
in-circle determinant is at most 6 S^4, which fits int64 for S up to 2^15.
"""

# mypy: allow-untyped-defs
from __future__ import annotations

import numpy as np

from e2e_tf.graph._kernels.compiled import kernel
from e2e_tf.graph._kernels.sorting import _sort

MAX_SPAN = 1 << 15


@kernel
def _turn(x, y, a, b, c):
    """Positive where a, b, c turn left."""
    return (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a])


@kernel
def _in_circle(x, y, a, b, c, d):
    """Positive where d is inside the circle through the counter-clockwise a, b, c; zero on it."""
    ax, ay = x[a] - x[d], y[a] - y[d]
    bx, by = x[b] - x[d], y[b] - y[d]
    cx, cy = x[c] - x[d], y[c] - y[d]
    return (
        (ax * by - bx * ay) * (cx * cx + cy * cy)
        + (bx * cy - cx * by) * (ax * ax + ay * ay)
        + (cx * ay - ax * cy) * (bx * bx + by * by)
    )


@kernel
def _next(e):
    return e - 2 if e % 3 == 2 else e + 1


@kernel
def _link(twin, a, b):
    twin[a] = b
    if b >= 0:
        twin[b] = a


@kernel
def _triangulate(x, y, n, corner, twin, after, before, rim, stack):
    """Triangulate n distinct points in lexicographic order; the number of half-edges, 0 if all are collinear.

    The hull is a ring: ``after`` and ``before`` a point, ``rim`` the half-edge that leaves it along the hull.
    """
    m = 2
    while m < n and _turn(x, y, 0, 1, m) == 0:
        m += 1
    if m >= n:
        return 0
    # The first points are on one line: the first point beside it is joined to all of them.
    left = _turn(x, y, 0, 1, m) > 0
    edges = 0
    for i in range(m - 1):
        corner[edges] = i if left else i + 1
        corner[edges + 1] = i + 1 if left else i
        corner[edges + 2] = m
        twin[edges] = -1
        twin[edges + 1] = -1
        twin[edges + 2] = -1
        if i > 0:
            _link(twin, edges + 2 if left else edges + 1, edges - 2 if left else edges - 1)
        edges += 3
    if left:
        for i in range(m - 1):
            after[i], before[i + 1], rim[i] = i + 1, i, 3 * i
        after[m - 1], before[m], rim[m - 1] = m, m - 1, edges - 2
        after[m], before[0], rim[m] = 0, m, 2
    else:
        for i in range(m - 1):
            after[i + 1], before[i], rim[i + 1] = i, i + 1, 3 * i
        after[0], before[m], rim[0] = m, 0, 1
        after[m], before[m - 1], rim[m] = m - 1, m, edges - 1

    for p in range(m + 1, n):
        # The point before p is the rightmost corner of the hull, so p sees at least one of its two edges.
        start = p - 1
        while _turn(x, y, before[start], start, p) < 0:
            start = before[start]
        stop = p - 1
        while _turn(x, y, stop, after[stop], p) < 0:
            stop = after[stop]
        v = start
        last = -1
        depth = 0
        while v != stop:
            w = after[v]
            corner[edges], corner[edges + 1], corner[edges + 2] = w, v, p
            _link(twin, edges, rim[v])
            if last < 0:
                twin[edges + 1] = -1
                rim[start] = edges + 1
            else:
                _link(twin, edges + 1, last)
            last = edges + 2
            stack[depth] = edges
            depth += 1
            edges += 3
            v = w
        twin[last] = -1
        rim[p] = last
        after[start], before[p], after[p], before[stop] = p, start, stop, p

        # Every half-edge on the stack has p as the corner opposite to it.
        while depth > 0:
            depth -= 1
            a = stack[depth]
            b = twin[a]
            if b < 0:
                continue
            a_next = _next(a)
            a_last = _next(a_next)
            b_next = _next(b)
            b_last = _next(b_next)
            far = corner[b_last]
            if _in_circle(x, y, corner[a], corner[a_next], p, far) <= 0:
                continue
            outer_b = twin[b_last]
            outer_a = twin[a_last]
            corner[a] = far
            corner[b] = p
            _link(twin, a, outer_b)
            _link(twin, b, outer_a)
            _link(twin, a_last, b_last)
            if outer_b < 0:
                rim[far] = a
            if outer_a < 0:
                rim[p] = b
            stack[depth] = a
            stack[depth + 1] = b_next
            depth += 2
    return edges


@kernel
def _root(parent, t):
    while parent[t] != t:
        parent[t] = parent[parent[t]]
        t = parent[t]
    return t


@kernel
def _grow(array, used, needed):
    larger = np.empty(max(2 * len(array), needed), array.dtype)
    for i in range(used):
        larger[i] = array[i]
    return larger


@kernel
def _sort_unique(values, count):
    """Sort the first count values in place and drop repetitions; the number left."""
    if count > 32:
        _sort(values[:count])
    else:
        for a in range(1, count):
            value = values[a]
            b = a
            while b > 0 and values[b - 1] > value:
                values[b] = values[b - 1]
                b -= 1
            values[b] = value
    kept = 0
    for a in range(count):
        if a == 0 or values[a] != values[kept - 1]:
            values[kept] = values[a]
            kept += 1
    return kept


@kernel
def delaunay(lattice, offsets):
    """Edges of every graph and -1, or no edges and the first graph that spans more than MAX_SPAN."""
    n_graph = len(offsets) - 1
    largest = 0
    for g in range(n_graph):
        largest = max(largest, offsets[g + 1] - offsets[g])
    size = largest + 1
    key = np.empty(size, np.int64)
    place = np.empty(size, np.int64)  # of a node, its place among the distinct points
    member = np.empty(size, np.int64)  # nodes in the order of their places
    first = np.empty(size + 1, np.int64)  # members first[u]:first[u + 1] are at place u
    x = np.empty(size, np.int64)
    y = np.empty(size, np.int64)
    corner = np.empty(6 * size, np.int64)
    twin = np.empty(6 * size, np.int64)
    stack = np.empty(6 * size, np.int64)
    after = np.empty(size, np.int64)
    before = np.empty(size, np.int64)
    rim = np.empty(size, np.int64)
    parent = np.empty(2 * size, np.int64)
    chain = np.empty(2 * size, np.int64)
    head = np.empty(2 * size, np.int64)
    polygon = np.empty(6 * size, np.int64)
    start_of = np.empty(size + 1, np.int64)
    end_of = np.empty(size + 1, np.int64)
    pair_a = np.empty(8 * size, np.int64)
    pair_b = np.empty(8 * size, np.int64)
    adjacent = np.empty(16 * size, np.int64)
    lists = np.empty(16 * size, np.int64)
    list_start = np.empty(size + 1, np.int64)
    senders = np.empty(max(16, 8 * len(lattice)), np.int32)
    receivers = np.empty(len(senders), np.int32)
    used = np.int64(0)

    for g in range(n_graph):
        base = offsets[g]
        n = offsets[g + 1] - base
        if n < 2:
            continue
        low_x = high_x = lattice[base, 0]
        low_y = high_y = lattice[base, 1]
        for i in range(1, n):
            low_x, high_x = min(low_x, lattice[base + i, 0]), max(high_x, lattice[base + i, 0])
            low_y, high_y = min(low_y, lattice[base + i, 1]), max(high_y, lattice[base + i, 1])
        if high_x - low_x > MAX_SPAN or high_y - low_y > MAX_SPAN:
            return senders[:0].copy(), receivers[:0].copy(), g

        # Lexicographic order: 16 bits of x, 16 bits of y, 31 bits of index.
        for i in range(n):
            key[i] = ((lattice[base + i, 0] - low_x) << 47) | ((lattice[base + i, 1] - low_y) << 31) | i
        _sort(key[:n])
        distinct = np.int64(0)
        previous = np.int64(-1)
        for s in range(n):
            position = key[s] >> 31
            if position != previous:
                x[distinct] = position >> 16
                y[distinct] = position & 0xFFFF
                first[distinct] = s
                distinct += 1
                previous = position
            member[s] = key[s] & 0x7FFFFFFF
            place[member[s]] = distinct - 1
        first[distinct] = n

        # Pairs of places that are linked, each pair at least once.
        pairs = np.int64(0)
        edges = _triangulate(x, y, distinct, corner, twin, after, before, rim, stack)
        if edges == 0:
            for u in range(distinct - 1):
                pair_a[pairs], pair_b[pairs] = u, u + 1
                pairs += 1
        else:
            triangles = edges // 3
            for t in range(triangles):
                parent[t] = t
            merged = False
            for e in range(edges):
                if twin[e] > e or twin[e] < 0:
                    pair_a[pairs], pair_b[pairs] = corner[e], corner[_next(e)]
                    pairs += 1
                if twin[e] > e:
                    f = _next(e)
                    far = corner[_next(_next(twin[e]))]
                    if _in_circle(x, y, corner[e], corner[f], corner[_next(f)], far) == 0:
                        parent[_root(parent, e // 3)] = _root(parent, twin[e] // 3)
                        merged = True
            if merged:
                # Triangles on one circle are one polygon: an empty circle passes through any two of its
                # corners.
                for t in range(triangles):
                    head[t] = -1
                for t in range(triangles):
                    root = _root(parent, t)
                    chain[t] = head[root]
                    head[root] = t
                for root in range(triangles):
                    t = head[root]
                    if t < 0 or chain[t] < 0:
                        continue
                    count = np.int64(0)
                    while t >= 0:
                        for c in range(3):
                            polygon[count] = corner[3 * t + c]
                            count += 1
                        t = chain[t]
                    count = _sort_unique(polygon, count)
                    if pairs + count * count > len(pair_a):
                        pair_a = _grow(pair_a, pairs, pairs + count * count)
                        pair_b = _grow(pair_b, pairs, pairs + count * count)
                    for a in range(count):
                        for b in range(a):
                            pair_a[pairs], pair_b[pairs] = polygon[a], polygon[b]
                            pairs += 1

        # Places linked to each place, both directions.
        for u in range(distinct + 1):
            start_of[u] = 0
        for e in range(pairs):
            start_of[pair_a[e] + 1] += 1
            start_of[pair_b[e] + 1] += 1
        for u in range(distinct):
            start_of[u + 1] += start_of[u]
            end_of[u] = start_of[u]
        if 2 * pairs > len(adjacent):
            adjacent = _grow(adjacent, np.int64(0), 2 * pairs)
        for e in range(pairs):
            a, b = pair_a[e], pair_b[e]
            adjacent[end_of[a]] = b
            end_of[a] += 1
            adjacent[end_of[b]] = a
            end_of[b] += 1

        # Nodes at each place and at the places linked to it, sorted.
        filled = np.int64(0)
        for u in range(distinct):
            list_start[u] = filled
            degree = _sort_unique(adjacent[start_of[u] : end_of[u]], end_of[u] - start_of[u])
            count = first[u + 1] - first[u]
            for e in range(start_of[u], start_of[u] + degree):
                count += first[adjacent[e] + 1] - first[adjacent[e]]
            if filled + count > len(lists):
                lists = _grow(lists, filled, filled + count)
            c = filled  # type: ignore[assignment]
            for s in range(first[u], first[u + 1]):
                lists[c] = member[s]
                c += 1
            for e in range(start_of[u], start_of[u] + degree):
                for s in range(first[adjacent[e]], first[adjacent[e] + 1]):
                    lists[c] = member[s]
                    c += 1
            filled += _sort_unique(lists[filled:c], c - filled)
        list_start[distinct] = filled

        for i in range(n):
            u = place[i]
            count = list_start[u + 1] - list_start[u]
            if used + count > len(senders):
                senders = _grow(senders, used, used + count)
                receivers = _grow(receivers, used, used + count)
            for c in range(list_start[u], list_start[u + 1]):
                if lists[c] != i:
                    senders[used] = base + lists[c]
                    receivers[used] = base + i
                    used += 1
    return senders[:used].copy(), receivers[:used].copy(), -1


@kernel
def unwrap(values, offsets, period):
    """Coordinates on a circle laid out on a line: the circle is cut at the widest gap between the points."""
    out = np.empty(len(values), np.float64)
    for g in range(len(offsets) - 1):
        start, stop = offsets[g], offsets[g + 1]
        n = stop - start
        if n == 0:
            continue
        for i in range(start, stop):
            value = np.float64(values[i])
            if value < -0.5 * period or value >= 0.5 * period:
                value -= period * np.floor(value / period + 0.5)
            out[i] = value
        ordered = np.sort(out[start:stop])
        widest = ordered[0] + period - ordered[n - 1]
        cut = ordered[0]
        for i in range(1, n):
            if ordered[i] - ordered[i - 1] > widest:
                widest = ordered[i] - ordered[i - 1]
                cut = ordered[i]
        for i in range(start, stop):
            if out[i] < cut:
                out[i] += period
    return out
