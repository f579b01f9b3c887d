"""Speed of the graph builders on one core, against a loop over SciPy in the same run.

Run ``python -m benchmarks.graph``; it prints a Markdown table. Everything here is one thread; times are
processor time, the least of several rounds in which both sides take turns, so that other work on the machine
counts little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from e2e_tf.data import grid
from e2e_tf.data.jets import Ragged
from e2e_tf.graph import GraphBatch, GraphSpec, build_edges, delaunay, hit_nodes, image_nodes, knn


def fastest(*sides: Callable[[], object], rounds: int) -> list[float]:
    """Processor seconds of each side: the least of the rounds, after one that compiles."""
    best = [float("inf")] * len(sides)
    for turn in range(rounds + 1):
        for which, side in enumerate(sides):
            start = time.process_time()
            side()
            if turn:
                best[which] = min(best[which], time.process_time() - start)
    return best


def clouds(graphs: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread like the constituents of jets, 0.4 wide."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.2, (graphs * nodes, 2)).astype(np.float32), np.full(graphs, nodes)


def benchmark_knn(nodes: int, k: int, rounds: int) -> list[str]:
    graphs = 12_000 // nodes
    points, n_node = clouds(graphs, nodes)

    def loop() -> list[np.ndarray]:
        parts = points.reshape(graphs, nodes, 2)
        return [cKDTree(part).query(part, k + 1)[1] for part in parts]

    ours, theirs = fastest(lambda: knn(points, n_node, k), loop, rounds=rounds)
    return row(
        f"k-NN, {nodes} nodes, k = {k}", "loop over cKDTree", graphs, ours, theirs, "4" if nodes == 60 else ""
    )


def benchmark_delaunay(nodes: int, rounds: int) -> list[str]:
    graphs = 12_000 // nodes
    points, n_node = clouds(graphs, nodes)

    def loop() -> list[np.ndarray]:
        return [Delaunay(part).simplices for part in points.reshape(graphs, nodes, 2)]

    ours, theirs = fastest(lambda: delaunay(points, n_node), loop, rounds=rounds)
    return row(
        f"Delaunay, {nodes} nodes",
        "loop over scipy.spatial.Delaunay",
        graphs,
        ours,
        theirs,
        "1" if nodes == 60 else "",
    )


def row(what: str, against: str, graphs: int, ours: float, theirs: float, target: str) -> list[str]:
    rate = f"{graphs / ours:,.0f}"
    return [
        what,
        f"{1e6 * ours / graphs:.1f}",
        rate,
        against,
        f"{1e6 * theirs / graphs:.1f}",
        f"{theirs / ours:.1f}",
        target,
    ]


def alone(what: str, graphs: int, seconds: float, target: str) -> list[str]:
    return [what, f"{1e6 * seconds / graphs:.1f}", f"{graphs / seconds:,.0f}", "", "", "", target]


def benchmark_images(rounds: int) -> list[str]:
    rng = np.random.default_rng(0)
    n, side = 200, grid.CRYSTALS
    images = np.zeros((n, side, side, 3), np.float32)
    hit = rng.random((n, side, side)) < 0.015
    images[hit] = rng.exponential(size=(int(hit.sum()), 3))
    (seconds,) = fastest(lambda: image_nodes(images, 1e-3), rounds=rounds)
    return alone(f"images {side} × {side} × 3, {hit.sum() / n:.0f} nodes", n, seconds, "5,000 per second")


def benchmark_hits(rounds: int) -> list[str]:
    rng = np.random.default_rng(0)
    n = 2000
    hits = {}
    for channel, side, mean in (
        ("track", grid.CRYSTALS, 20),
        ("ecal", grid.CRYSTALS, 180),
        ("hcal", grid.TOWERS, 40),
    ):
        counts = rng.poisson(mean, n)
        columns = {
            "cell": rng.integers(0, side * side, counts.sum()).astype(np.int32),
            "value": rng.exponential(size=counts.sum()).astype(np.float32),
        }
        hits[channel] = Ragged.from_counts(columns, counts)
    nodes = hit_nodes(hits)
    (seconds,) = fastest(lambda: hit_nodes(hits), rounds=rounds)
    return alone(f"hits to nodes, {nodes.n_node.mean():.0f} nodes", n, seconds, "5,000 per second")


def benchmark_take(rounds: int) -> list[str]:
    graphs, nodes = 4000, 70
    points, n_node = clouds(graphs, nodes)
    senders, receivers = build_edges(GraphSpec.parse("knn:8"), n_node, points=points)
    x = np.random.default_rng(0).normal(size=(graphs * nodes, 12))
    batch = GraphBatch.from_edges(x, senders, receivers, n_node)
    batches = np.random.default_rng(1).permutation(graphs).reshape(-1, 125)
    (seconds,) = fastest(lambda: [batch.take(index) for index in batches], rounds=rounds)
    return alone("take 125 of 4,000 graphs, 70 nodes, k = 8", graphs, seconds, "100,000 per second")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each measurement")
    rounds = parser.parse_args().rounds
    rows = [
        benchmark_knn(60, 8, rounds),
        benchmark_knn(20, 8, rounds),
        benchmark_knn(240, 8, rounds),
        benchmark_delaunay(60, rounds),
        benchmark_delaunay(240, rounds),
        benchmark_images(rounds),
        benchmark_hits(rounds),
        benchmark_take(rounds),
    ]
    head = ["one core", "µs per graph", "graphs per second", "against", "µs per graph", "ratio", "target"]
    for cells in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
