"""The kernels of numba: with a cache on disk and without."""

from __future__ import annotations

import subprocess
import sys

# Edges of two graphs, as text; the process says beforehand where numba may write.
EDGES = """
import numpy as np
from e2e_tf.graph import GraphSpec, build_edges
from e2e_tf.graph._kernels import neighbours
points = np.random.default_rng(5).normal(size=(40, 2)).astype(np.float32)
found = build_edges(GraphSpec.parse("knn:3"), [25, 15], points=points)
print(neighbours._difference.stats.cache_path, [part.tolist() for part in found])
"""
READ_ONLY = """
import numba.core.caching
def refused(self):
    raise OSError(30, "Read-only file system")
numba.core.caching._CacheLocator.ensure_cache_path = refused
"""


def run(*parts: str) -> tuple[str, str]:
    """Where the cache is, and what else the process prints."""
    code = "".join(parts)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    place, edges = done.stdout.strip().split(" ", 1)
    return place, edges


def test_graphs_are_the_same_where_no_folder_for_the_cache_can_be_written():
    place, edges = run(EDGES)
    assert place != "None"
    assert edges.count(",") == 2 * 40 * 3 - 1
    assert run(READ_ONLY, EDGES) == ("None", edges)
