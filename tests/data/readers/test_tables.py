from __future__ import annotations

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e2e_tf.data.readers import tables
from e2e_tf.data.readers.tables import (
    arrow_column,
    arrow_numbers,
    flat,
    open_parquet,
    open_tree,
    parquet_length,
    parquet_rows,
    row_counts,
    tree_length,
)
from e2e_tf.errors import InputError


def test_trees(write_tree, tmp_path):
    jagged = ak.Array([[1.0, 2.0], [], [3.0]])
    path = write_tree(tmp_path / "a.root", {"n": np.arange(3), "x": jagged})
    assert tree_length(path, "Events") == 3
    with pytest.raises(InputError, match="has no tree tree; there are: Events"):
        tree_length(path, "tree")
    with open_tree(path, "Events") as (_, tree):
        x = tables.branch(path, tree, "x", 0, 3)
        np.testing.assert_array_equal(flat(x, np.float32), np.array([1, 2, 3], np.float32))
        np.testing.assert_array_equal(row_counts(x), [2, 0, 1])
        assert row_counts(x).dtype == np.int64
        with pytest.raises(InputError, match="cannot be read"):
            tables.branch(path, tree, "y", 0, 3)


def test_parquet_rows_cross_row_groups(tmp_path):
    table = pa.table({"a": list(range(10)), "b": [None, *range(9)], "c": [["x"]] * 10})
    pq.write_table(table, tmp_path / "a", row_group_size=3)
    assert parquet_length(tmp_path / "a") == 10
    with open_parquet(tmp_path / "a") as (path, file):
        rows = parquet_rows(path, file, ["a"], 2, 7)
        np.testing.assert_array_equal(
            arrow_numbers(path, "a", arrow_column(path, rows, "a")), [2, 3, 4, 5, 6]
        )
        assert len(arrow_column(path, parquet_rows(path, file, ["a"], 10, 10), "a")) == 0
        with pytest.raises(InputError, match="b must have a value in every row, 1 are missing"):
            arrow_column(path, parquet_rows(path, file, ["b"], 0, 10), "b")
        with pytest.raises(InputError, match="c must hold one number per entry, it holds list"):
            arrow_numbers(path, "c", arrow_column(path, parquet_rows(path, file, ["c"], 0, 10), "c"))
        with pytest.raises(InputError, match="has no column d"):
            parquet_rows(path, file, ["d"], 0, 1)
