"""The kernels of numba: with a cache on disk and without."""

from __future__ import annotations

import subprocess
import sys

# Edges of two graphs, as text; the process says beforehand where numba may write. Of all kernels that of the grid takes
# least to compile.
EDGES = """
import numpy as np
from e2e_tf.graph import GraphSpec, build_edges
from e2e_tf.graph._kernels import grid
cells = np.stack(np.divmod(np.arange(40), 5), axis=1)
found = build_edges(GraphSpec.parse("grid8"), [25, 15], lattice=cells)
print(grid.grid8.stats.cache_path, [part.tolist() for part in found])
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
    # Five by five pixels: 40 pairs across sides, 32 across corners; three by five: 22 and 16. Each both ways.
    assert edges.count(",") == 2 * 2 * (72 + 38) - 1
    assert run(READ_ONLY, EDGES) == ("None", edges)
