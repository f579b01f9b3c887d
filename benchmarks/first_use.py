"""What the first graphs on a machine cost: the processor time in which numba compiles the kernels of graphs.

    python -m benchmarks.first_use [--rounds 3]

A process makes graphs with an empty folder for numba's cache, another one the same graphs with the folder that the
first one left. The difference of their processor times, user and system, is what the compilation took; the least of the
rounds counts.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile

GRAPHS = """
import sys
import numpy as np
from e2e_tf.data.jets import Ragged
from e2e_tf.graph import GraphBatch, GraphSpec, build_edges, hit_nodes, image_nodes
rng = np.random.default_rng(1)
n_node = np.full(4, 40, np.int32)
points = rng.normal(size=(160, 2)).astype(np.float32)
for edges in sys.argv[1].split():
    if edges == "images":
        image_nodes(np.ones((2, 8, 8, 3), np.float32))
        hit_nodes({"ecal": Ragged({"cell": np.arange(9), "value": np.ones(9)}, np.array([0, 9]))})
        continue
    lattice = rng.integers(0, 30, (160, 2)) if edges == "grid8" else None
    kind = rng.integers(0, 4, 160) if "-" in edges else None
    found = build_edges(GraphSpec.parse(edges), n_node, points=points, period=(None, 6.283), lattice=lattice, kind=kind)
    GraphBatch.from_edges(points, *found, n_node).take([2, 0])
"""
PLACES = {
    "candidates, `knn:16`": "knn:16",
    "detector objects of the demo, `knn:6+track-calo:0.05`": "knn:6+track-calo:0.05",
    "candidates, `knn:8+delaunay`": "knn:8+delaunay",
    "every kind of graph, nodes of images and hits": "knn:16 knn:200 radius:0.3 knn:8+delaunay grid8 images",
}


def seconds(edges: str, cache: str) -> float:
    """Processor time of a process that makes graphs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    subprocess.run([sys.executable, "-c", GRAPHS, edges], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Print the table of docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print("| the first graphs on a machine | compilation, CPU s | process without it, CPU s |\n|---|---|---|")
    for place, edges in PLACES.items():
        pairs = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                pairs.append((seconds(edges, cache), seconds(edges, cache)))
        empty, full = (min(times) for times in zip(*pairs, strict=True))
        print(f"| {place} | {empty - full:.1f} | {full:.1f} |", flush=True)


if __name__ == "__main__":
    main()
