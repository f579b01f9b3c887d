"""The kernels of numba: with a cache on disk and without."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from e2e_tf.graph._kernels import compiled
from e2e_tf.graph._kernels.compiled import Bytes, Float64s, Int64s, Interpreted, Kernel
from e2e_tf.graph._kernels.edges import is_sorted

# Edges of two graphs, as text. Of all kernels that of the grid takes least to compile.
EDGES = """
import numpy as np
from e2e_tf.graph import GraphSpec, build_edges
cells = np.stack(np.divmod(np.arange(40), 5), axis=1)
print([part.tolist() for part in build_edges(GraphSpec.parse("grid8"), [25, 15], lattice=cells)])
"""
READ_ONLY = """
import numba.core.caching
def refused(self):
    raise OSError(30, "Read-only file system")
numba.core.caching._CacheLocator.ensure_cache_path = refused
"""


def test_graphs_are_the_same_where_no_folder_for_the_cache_can_be_written(tmp_path):
    def edges(code: str, **more: str) -> str:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **more}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    found = edges(READ_ONLY + EDGES)
    # Five by five pixels: 40 pairs across sides, 32 across corners; three by five: 22 and 16. Each both ways.
    assert found.count(",") == 2 * 2 * (72 + 38) - 1
    assert not list(tmp_path.rglob("*.nbc"))
    assert edges(EDGES) == found
    assert list(tmp_path.rglob("*.nbc"))


@pytest.mark.parametrize("made", [Kernel, Interpreted])
def test_a_kernel_refuses_arrays_whose_memory_it_would_misread(made):
    sorted_ = made(is_sorted.py_func)
    senders, receivers = np.array([0, 1, 0], np.int32), np.array([0, 0, 1], np.int32)
    for ends in (senders, receivers):
        ends.flags.writeable = False
    assert sorted_(senders, receivers, 3) == is_sorted.py_func(senders, receivers, 3) == 1
    assert sorted_(receivers, senders, 3) == is_sorted.py_func(receivers, senders, 3) == 0
    with pytest.raises(TypeError, match="a kernel needs an array of int32, got int64"):
        sorted_(senders.astype(np.int64), receivers, 3)
    with pytest.raises(TypeError, match=r"a kernel needs an array in C order, got strides \(8,\)"):
        sorted_(np.arange(6, dtype=np.int32)[::2], receivers, 3)
    with pytest.raises(ValueError, match="shorter"):
        sorted_(senders, receivers)


def test_python_runs_kernels_on_arrays_in_one_row():
    def fill(out: Bytes, numbers: Float64s, n: int) -> None:
        for i in range(n):
            out[i] = numbers[i] > 0

    found = np.zeros((2, 2), bool)
    Interpreted(fill)(found, np.array([[1.0, -1.0], [-2.0, 2.0]]), 4)
    np.testing.assert_array_equal(found, [[True, False], [False, True]])


def add(values: Int64s, at: int, more: int) -> int:
    values[at] += more
    return values[at]


def add_thrice(values: Int64s, at: int, more: int) -> int:
    least = min(add(values, 0, 1), 5)
    if more > least:
        least = more
    return add(values, at, least) - add(values, at, -1)


@pytest.mark.parametrize("pipeline", [compiled._Pipeline, None])
def test_kernels_are_compiled_with_and_without_all_passes(pipeline, monkeypatch):
    monkeypatch.setattr(compiled, "_PIPELINE", pipeline)
    monkeypatch.setattr(compiled, "_has_cache", lambda: False)
    monkeypatch.setitem(globals(), "add", compiled.inner(add))
    values = np.array([9, 20, 30])
    assert Kernel(add_thrice)(values, 2, 3) == 1
    np.testing.assert_array_equal(values, [10, 20, 34])
    assert Kernel(add_thrice)(values, 1, 7) == 1
    np.testing.assert_array_equal(values, [11, 20 + 7 - 1, 34])
    # Numba by itself compiles what is called for each number that stands in the text of a call.
    assert (len(globals()["add"].signatures) == 1) == (pipeline is not None)


def test_kernels_were_tried_with_the_numba_that_is_installed():
    """If not, kernels take twice as long to compile: try the graphs with it, then raise ``_KNOWN``."""
    assert compiled._PIPELINE is compiled._Pipeline
