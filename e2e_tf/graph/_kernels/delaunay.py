"""Delaunay graphs of integer points, exact in int64.

Points are inserted from left to right: each lies outside the hull of those before it, is joined to the hull
edges it sees, and edges are flipped until every circle is empty. There is no enclosing triangle, hence
nothing that depends on how far away its corners are. Triangles are half-edges: half-edge e runs from
``corner[e]`` to ``corner[next(e)]``, three per counter-clockwise triangle, ``twin[e]`` is the other side or
-1 on the hull.

In a box of side S a doubled triangle area is at most S^2 and a squared distance at most 2 S^2, so the
in-circle determinant is at most 6 S^4, which fits int64 for S up to 2^15.
"""

from __future__ import annotations

from e2e_tf.graph._kernels.compiled import Int32s, Int64s, inner, kernel
from e2e_tf.graph._kernels.sorting import _sort

MAX_SPAN = 1 << 15

# What the kernel returns: nothing more to do, more room needed for a graph, a graph that spans more than MAX_SPAN.
DONE, MORE_ROOM, TOO_WIDE = 0, 1, 2


@inner
def _turn(x: Int64s, y: Int64s, a: int, b: int, c: int) -> int:
    """Positive where a, b, c turn left."""
    return (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a])


@inner
def _in_circle(x: Int64s, y: Int64s, a: int, b: int, c: int, d: int) -> int:
    """Positive where d is inside the circle through the counter-clockwise a, b, c; zero on it."""
    ax = x[a] - x[d]
    ay = y[a] - y[d]
    bx = x[b] - x[d]
    by = y[b] - y[d]
    cx = x[c] - x[d]
    cy = y[c] - y[d]
    return (
        (ax * by - bx * ay) * (cx * cx + cy * cy)
        + (bx * cy - cx * by) * (ax * ax + ay * ay)
        + (cx * ay - ax * cy) * (bx * bx + by * by)
    )


@inner
def _next(e: int) -> int:
    return e - 2 if e % 3 == 2 else e + 1


@inner
def _link(twin: Int64s, a: int, b: int) -> None:
    twin[a] = b
    if b >= 0:
        twin[b] = a


@inner
def _triangle(values: Int64s, at: int, a: int, b: int, c: int) -> None:
    values[at] = a
    values[at + 1] = b
    values[at + 2] = c


@inner
def _on_hull(after: Int64s, before: Int64s, rim: Int64s, a: int, b: int, edge: int) -> None:
    """The hull runs from a to b along a half-edge."""
    after[a] = b
    before[b] = a
    rim[a] = edge


@inner
def _triangulate(
    x: Int64s,
    y: Int64s,
    n: int,
    corner: Int64s,
    twin: Int64s,
    after: Int64s,
    before: Int64s,
    rim: Int64s,
    stack: Int64s,
) -> int:
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
        a = i if left else i + 1
        b = i + 1 if left else i
        _triangle(corner, edges, a, b, m)
        _triangle(twin, edges, -1, -1, -1)
        if i > 0:
            _link(twin, edges + 2 if left else edges + 1, edges - 2 if left else edges - 1)
        _on_hull(after, before, rim, a, b, edges)
        edges += 3
    last = m - 1 if left else 0
    _on_hull(after, before, rim, last, m, edges - 2 if left else 1)
    _on_hull(after, before, rim, m, m - 1 - last, 2 if left else edges - 1)

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
            _triangle(corner, edges, w, v, p)
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
        after[start] = p
        before[p] = start
        _on_hull(after, before, rim, p, stop, last)

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


@inner
def _root(parent: Int64s, t: int) -> int:
    while parent[t] != t:
        parent[t] = parent[parent[t]]
        t = parent[t]
    return t


@inner
def _sort_unique(values: Int64s, begin: int, count: int) -> int:
    """Sort count values from begin on and drop repetitions; the number left."""
    _sort(values, begin, count)
    kept = begin
    for a in range(begin, begin + count):
        if a == begin or values[a] != values[kept - 1]:
            values[kept] = values[a]
            kept += 1
    return kept - begin


@inner
def _cocircular(
    x: Int64s,
    y: Int64s,
    edges: int,
    corner: Int64s,
    twin: Int64s,
    parent: Int64s,
    pair_a: Int64s,
    pair_b: Int64s,
) -> int:
    """The pairs that are joined by an edge: their number, negative if there are triangles on one circle.

    Triangles on one circle get one root.
    """
    pairs = 0
    merged = 1
    for t in range(edges // 3):
        parent[t] = t
    for e in range(edges):
        other = twin[e]
        if other > e or other < 0:
            pair_a[pairs] = corner[e]
            pair_b[pairs] = corner[_next(e)]
            pairs += 1
        if other > e:
            f = _next(e)
            far = corner[_next(_next(other))]
            if _in_circle(x, y, corner[e], corner[f], corner[_next(f)], far) == 0:
                parent[_root(parent, e // 3)] = _root(parent, other // 3)
                merged = -1
    return merged * pairs


@kernel
def delaunay(
    lattice: Int64s,
    offsets: Int64s,
    n_graph: int,
    x: Int64s,
    y: Int64s,
    key: Int64s,
    place: Int64s,
    member: Int64s,
    first: Int64s,
    corner: Int64s,
    twin: Int64s,
    stack: Int64s,
    after: Int64s,
    before: Int64s,
    rim: Int64s,
    parent: Int64s,
    chain: Int64s,
    head: Int64s,
    polygon: Int64s,
    starts: Int64s,
    ends: Int64s,
    pair_a: Int64s,
    pair_b: Int64s,
    room_pairs: int,
    adjacent: Int64s,
    lists: Int64s,
    room_lists: int,
    senders: Int32s,
    receivers: Int32s,
    room: int,
    state: Int64s,
) -> int:
    """Link the nodes of every graph, from graph ``state[0]`` with ``state[1]`` edges on; one of the returns above.

    ``key`` to ``ends`` are workspace: room for six numbers per node of the largest graph is enough for each. Of a graph
    that needs more room nothing is written, and ``state[2:5]`` is the room for pairs, lists and edges that it needs.
    """
    for g in range(state[0], n_graph):
        state[0] = g
        base = offsets[g]
        n = offsets[g + 1] - base
        if n < 2:
            continue
        low_x = high_x = lattice[2 * base]
        low_y = high_y = lattice[2 * base + 1]
        for i in range(base + 1, base + n):
            at_x = lattice[2 * i]
            at_y = lattice[2 * i + 1]
            low_x = at_x if at_x < low_x else low_x
            high_x = at_x if at_x > high_x else high_x
            low_y = at_y if at_y < low_y else low_y
            high_y = at_y if at_y > high_y else high_y
        if high_x - low_x > MAX_SPAN or high_y - low_y > MAX_SPAN:
            return TOO_WIDE

        # Lexicographic order: 16 bits of x, 16 bits of y, 31 bits of index. A place may have several nodes: member
        # holds the nodes by place, those of place u from first[u] on.
        for i in range(n):
            key[i] = (
                ((lattice[2 * (base + i)] - low_x) << 47) | ((lattice[2 * (base + i) + 1] - low_y) << 31) | i
            )
        _sort(key, 0, n)
        distinct = 0
        previous = -1
        for s in range(n):
            position = key[s] >> 31
            if position != previous:
                x[distinct] = position >> 16
                y[distinct] = position & 0xFFFF
                first[distinct] = s
                distinct += 1
                previous = position
            i = key[s] & 0x7FFFFFFF
            member[s] = i
            place[i] = distinct - 1
        first[distinct] = n

        # Pairs of places that are linked, each pair at least once.
        edges = _triangulate(x, y, distinct, corner, twin, after, before, rim, stack)
        pairs = 0
        if edges == 0:
            for u in range(distinct - 1):
                pair_a[u] = u
                pair_b[u] = u + 1
            pairs = distinct - 1
        else:
            pairs = _cocircular(x, y, edges, corner, twin, parent, pair_a, pair_b)
        if pairs < 0:
            # Triangles on one circle are one polygon: an empty circle passes through any two of its corners.
            pairs = -pairs
            triangles = edges // 3
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
                count = 0
                while t >= 0:
                    _triangle(polygon, count, corner[3 * t], corner[3 * t + 1], corner[3 * t + 2])
                    count += 3
                    t = chain[t]
                count = _sort_unique(polygon, 0, count)
                if pairs + count * count > room_pairs:
                    state[2] = pairs + count * count
                    return MORE_ROOM
                for a in range(count):
                    for b in range(a):
                        pair_a[pairs] = polygon[a]
                        pair_b[pairs] = polygon[b]
                        pairs += 1

        # Places linked to each place, both directions.
        for u in range(distinct + 1):
            starts[u] = 0
        for e in range(pairs):
            starts[pair_a[e] + 1] += 1
            starts[pair_b[e] + 1] += 1
        for u in range(distinct):
            starts[u + 1] += starts[u]
            ends[u] = starts[u]
        for e in range(pairs):
            a = pair_a[e]
            b = pair_b[e]
            adjacent[ends[a]] = b
            ends[a] += 1
            adjacent[ends[b]] = a
            ends[b] += 1

        # Nodes at each place and at the places linked to it, sorted. The list of a place is lists[starts[u] : ends[u]].
        filled = 0
        needed = state[1]
        for u in range(distinct):
            begin = starts[u]
            stop = begin + _sort_unique(adjacent, begin, starts[u + 1] - begin)
            here = first[u + 1] - first[u]
            count = here
            for e in range(begin, stop):
                count += first[adjacent[e] + 1] - first[adjacent[e]]
            if filled + count > room_lists:
                state[3] = filled + count
                return MORE_ROOM
            starts[u] = filled
            for s in range(first[u], first[u + 1]):
                lists[filled] = member[s]
                filled += 1
            for e in range(begin, stop):
                for s in range(first[adjacent[e]], first[adjacent[e] + 1]):
                    lists[filled] = member[s]
                    filled += 1
            filled = starts[u] + _sort_unique(lists, starts[u], count)
            ends[u] = filled
            needed += here * (filled - starts[u] - 1)
        if needed > room:
            state[4] = needed
            return MORE_ROOM

        used = state[1]
        for i in range(n):
            u = place[i]
            for c in range(starts[u], ends[u]):
                if lists[c] != i:
                    senders[used] = base + lists[c]
                    receivers[used] = base + i
                    used += 1
        state[1] = used
    return DONE
