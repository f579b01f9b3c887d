"""Jets to validate a bundle with: random ones and those that break runtimes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from e2e_tf.data.grid import CRYSTALS, delta_phi
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.preprocess import Normalisation, Preprocess
from e2e_tf.deploy.interface import JetBatch
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS, WRAPPED, GraphBatch, build_edges, edges_per_graph

__all__ = ["BROKEN", "adversarial_batches", "adversarial_jets", "link", "random_batch"]

BROKEN = ("ordinary", "one place", "no energy", "no numbers", "not wrapped")
"""What may be wrong with the jets of :func:`adversarial_jets`, in their order."""


def link(
    preprocess: Preprocess, points: np.ndarray, n_node: np.ndarray, kind: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The edges of a bundle's graph, built from what its ``padded`` interface is fed.

    Args:
        preprocess: of the bundle.
        points: float32 (n, D), the columns named by ``preprocess.space.columns``.
        n_node: int32 (B,), nodes of each graph.
        kind: integers (n,), the kind of each detector object, for rules that look at it.

    Returns:
        ``(senders, receivers)``, int32 (n_edges,), sorted by receiver, then sender.

    Raises:
        InputError: a rule cannot be followed with these coordinates alone: a radius, which is an angle, with the
            rows and columns of hits, and ``grid8`` without them.
    """
    space = preprocess.space
    impossible = {"radius"} if space.on_lattice else {"grid8"}
    for rule in preprocess.spec.names:
        if rule in impossible:
            wanted = "the rows and columns of a grid" if rule == "grid8" else "angles"
            raise InputError(f"the rule {rule} needs {wanted} as coordinates, not {', '.join(space.columns)}")
    if space.on_lattice:
        return build_edges(preprocess.spec, n_node, lattice=points.astype(np.int32))
    return build_edges(preprocess.spec, n_node, points=points, period=space.periods(space.columns), kind=kind)


def random_batch(
    preprocess: Preprocess,
    n_node: np.ndarray,
    rng: np.random.Generator,
    *,
    points: str = "random",
    features: str = "random",
) -> JetBatch:
    """Graphs of given sizes with the bundle's features and graph.

    Args:
        preprocess: of the bundle.
        n_node: integers (B,).
        rng: source of everything random.
        points: ``random``, ``coincident`` (all nodes of a jet at one place; hits, which have a crystal each, lie
            on one line), ``grid`` (many equal distances).
        features: ``random`` over the range that normalisation lets through, ``bounds`` (lower or upper only),
            ``raw`` (raw values among which are zeros, NaN, infinities and 1e30, then normalised).

    Returns:
        Graphs and the coordinates they were built in.

    Raises:
        InputError: see :func:`link`.
    """
    n_node = np.asarray(n_node, np.int32)
    where = [_points(preprocess, int(n), rng, points) for n in n_node]
    dimensions = len(preprocess.space.columns)
    position = np.concatenate([*where, np.zeros((0, dimensions), np.float32)]).astype(np.float32)
    kind = rng.integers(0, len(KINDS), len(position)) if preprocess.spec.between else None
    senders, receivers = link(preprocess, position, n_node, kind)
    jet = preprocess.jet_features
    graphs = GraphBatch(
        x=_features(preprocess.node_features, int(n_node.sum()), rng, features),
        senders=senders,
        receivers=receivers,
        n_node=n_node,
        n_edge=edges_per_graph(receivers, n_node),
        u=None if jet is None else _features(jet, len(n_node), rng, features),
    )
    return JetBatch(graphs, position)


def _points(preprocess: Preprocess, n: int, rng: np.random.Generator, kind: str) -> np.ndarray:
    space = preprocess.space
    if space.on_lattice:
        if kind == "coincident":
            start = int(rng.integers(0, CRYSTALS - min(n, CRYSTALS) + 1))
            cells = np.arange(start, start + n) * CRYSTALS if n <= CRYSTALS else np.arange(n)
        elif kind == "grid":
            side = int(np.ceil(np.sqrt(max(n, 1))))
            cells = np.array([r * CRYSTALS + c for r in range(side) for c in range(side)], int)[:n]
        else:
            cells = rng.choice(CRYSTALS * CRYSTALS, n, replace=False)
        return np.stack(np.divmod(np.sort(cells), CRYSTALS), axis=1).astype(np.float32)
    wraps = space.periods(space.columns)
    if kind == "coincident":
        return np.repeat(rng.normal(0, 0.1, (1, len(wraps))), n, axis=0).astype(np.float32)
    if kind == "grid":
        return (rng.integers(-3, 4, (n, len(wraps))) * 0.125).astype(np.float32)
    spread = rng.choice([0.05, 0.3, 2.0])  # wide enough at times for φ to wrap
    values = rng.normal(0, spread, (n, len(wraps)))
    narrow = "delaunay" in preprocess.spec.names
    if narrow:
        values = np.clip(values, -_WIDE, _WIDE)
    for d, period in enumerate(wraps):
        if period:
            if narrow:  # wraps by its place instead
                values[:, d] += rng.uniform(0, period)
            values[:, d] = delta_phi(values[:, d], 0.0)
    return values.astype(np.float32)


def _features(norm: Normalisation, rows: int, rng: np.random.Generator, kind: str) -> np.ndarray:
    shape = (rows, len(norm.features))
    values = rng.normal(0, 1.5, shape)
    if kind == "bounds":
        return np.where(rng.random(shape) < 0.5, norm.lower, norm.upper).astype(np.float32)
    if kind == "raw":
        odd = rng.choice(np.array([0.0, np.nan, np.inf, -np.inf, 1e30, -1e30, 1e38]), shape)
        with np.errstate(over="ignore"):
            return norm(np.where(rng.random(shape) < 0.3, odd, values).astype(np.float32))
    values = np.where(rng.random(shape) < 0.02, values * 1e3, values)
    return np.clip(values, norm.lower, norm.upper).astype(np.float32)


def adversarial_batches(preprocess: Preprocess, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Named batches that break runtimes.

    No nodes, one node, fewer than k, the limit and one more, ties, values at their bounds or from NaN and
    infinities, and batches of every size from 1 to 64.

    Args:
        preprocess: of the bundle.
        rng: source of everything random.

    Yields:
        Pairs of a name and a :class:`JetBatch`.
    """
    limit, k = preprocess.limit or 120, max(1, preprocess.spec.k)
    sizes = {
        "no nodes": [0],
        "only empty jets": [0, 0, 0],
        "one node": [1],
        "two nodes": [2, 0],
        "fewer than k": [max(k - 1, 1), 0, k, k + 1],
        "exactly the limit": [limit],
        "the limit and one more": [limit + 1, 1],
    }
    for name, counts in sizes.items():
        yield name, random_batch(preprocess, np.array(counts), rng)
    for points in ("coincident", "grid"):
        n_node = np.array([0, 1, 2, k, k + 1, 30, min(limit, 49)])
        yield f"{points} points", random_batch(preprocess, n_node, rng, points=points)
    for features in ("bounds", "raw"):
        n_node = np.array([0, 1, 2, 30, limit])
        yield f"{features} features", random_batch(preprocess, n_node, rng, features=features)
    for count in range(1, 65):
        n_node = rng.integers(0, 12, count)
        yield f"batch of {count}", random_batch(preprocess, n_node, rng)


def adversarial_jets(jets: Jets, preprocess: Preprocess, rng: np.random.Generator, real: int = 200) -> Jets:
    """Raw jets for the C++ builder: real ones, and broken ones made from their nodes.

    Of the broken ones, each with no nodes, one, fewer than k, k, one more, the limit and one more: some are
    ordinary, some have all candidates at one place, some no energy, some NaN, infinities and 1e30 in every
    quantity (coordinates of a Delaunay graph, which must span less than 4 rad, no 1e30), some angles that were not
    wrapped: φ in [0, 2π) and Δφ one turn away. Hits must be finite. Few detector objects are of one kind, by turns;
    of many, each kind has its share of the limits but for one that is empty, by turns.

    Args:
        jets: of which the first ``real`` are kept and the others give nodes.
        preprocess: of the bundle.
        rng: source of everything random.
        real: number of real jets.

    Returns:
        ``min(real, len(jets)) + 35`` jets.
    """
    k = max(1, preprocess.spec.k)
    limit = preprocess.limit or 120
    sizes = np.tile([0, 1, max(k - 1, 1), k, k + 1, limit, limit + 1], len(BROKEN))
    kind = np.repeat(BROKEN, len(sizes) // len(BROKEN))
    first = np.arange(min(real, len(jets)))
    index = np.concatenate([first, rng.integers(0, len(jets), len(sizes))])
    made = jets.take(index)
    tables = {name: (table, jets.hits[name]) for name, table in made.hits.items()}
    if made.candidates is not None and jets.candidates is not None:
        tables["candidates"] = made.candidates, jets.candidates
    tables |= {f"objects/{name}": (table, jets.objects[name]) for name, table in made.objects.items()}
    where = set(preprocess.space.measured)
    if preprocess.nodes == "detector":  # what lies at the face anyway is there where it is
        where |= {"deta", "dphi"}
    broken = {}
    for name, (table, pool) in tables.items():
        free = name not in made.hits  # columns may hold anything
        counts = _of_kind(sizes, name, preprocess)
        owner = np.repeat(kind, counts)
        rows = rng.integers(0, len(pool.owner), int(counts.sum()))
        columns = {key: values[rows].copy() for key, values in pool.columns.items()}
        for key, values in columns.items():
            if key in ("pt", "energy", "value"):
                values[owner == "no energy"] = 0
            if key in where and free:
                values[owner == "one place"] = 0.125
            if key in WRAPPED and free:
                turns = values < 0 if key == "phi" else np.sign(values)  # to [0, 2π), or one turn away
                turned = values + 2 * np.pi * turns
                values[:] = np.where(owner == "not wrapped", turned, values)
            if values.dtype.kind == "f" and free:
                narrow = key in where and "delaunay" in preprocess.spec.names
                large = np.nan if narrow else 1e30
                odd = rng.choice(np.array([np.nan, np.inf, -np.inf, large, -large, 0]), len(values))
                values[:] = np.where((owner == "no numbers") & (rng.random(len(values)) < 0.3), odd, values)
            if key == "value" and not free:
                values[(owner == "no numbers") & (rng.random(len(values)) < 0.3)] = 1e30
        kept = table.take(np.arange(len(first)))
        broken[name] = Ragged.from_counts(
            {key: np.concatenate([kept.columns[key], values]) for key, values in columns.items()},
            np.concatenate([kept.counts, counts]),
        )
    return replace(
        made,
        hits={c: broken[c] for c in made.hits},
        candidates=broken.get("candidates"),
        objects={name: broken[f"objects/{name}"] for name in made.objects},
    )


def _of_kind(sizes: np.ndarray, table: str, preprocess: Preprocess) -> np.ndarray:
    """How many rows a table has where a jet shall have so many nodes; all of them, but for detector objects."""
    kind = table.removeprefix("objects/")
    if kind == table or kind not in KINDS:
        return sizes
    number, jet, limits = KINDS.index(kind), np.arange(len(sizes)), preprocess.max_nodes
    share = 1 / len(KINDS)
    if not isinstance(limits, int) and preprocess.limit:
        share = limits.get(kind, 0) / preprocess.limit
    alone = np.where(jet % len(KINDS) == number, sizes, 0)
    with_others = np.where(jet % (len(KINDS) + 1) == number, 0, np.ceil(sizes * share).astype(int))
    return np.where(sizes < sizes.max() - 1, alone, with_others)


_WIDE = 1.9  # rad: a jet with a Delaunay graph spans less than 4
