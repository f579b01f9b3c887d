from __future__ import annotations

import sys

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from e2e_tf.data.readers import containers
from e2e_tf.data.readers.containers import (
    arrow_column,
    arrow_numbers,
    existing_file,
    flat,
    hdf5_length,
    hdf5_rows,
    hdf5_shape,
    need,
    need_shape,
    npy_rows,
    npz_rows,
    npz_shape,
    open_hdf5,
    open_npz,
    open_parquet,
    open_tree,
    optional,
    parquet_length,
    parquet_rows,
    readable,
    row_counts,
    tree_length,
)
from e2e_tf.errors import InputError


def test_a_failure_of_a_library_is_one_sentence(tmp_path):
    with (
        pytest.raises(InputError, match=r"x cannot be read, it is truncated, damaged .* \(KeyError: 'a'\)"),
        readable(tmp_path / "x"),
    ):
        raise KeyError("a")
    with pytest.raises(InputError, match="^mine$"), readable(tmp_path / "x"):
        raise InputError("mine")
    with pytest.raises(InputError, match="there is no file .*x"):
        existing_file(tmp_path / "x")


def test_what_is_missing_and_what_is_there_is_listed(tmp_path):
    need(tmp_path, "branch", ["a"], iter("ab"))
    with pytest.raises(InputError, match="has no branch c, d; there are: a, b$"):
        need(tmp_path, "branch", ["c", "a", "d"], {"b", "a"})
    with pytest.raises(InputError, match="there are: none"):
        need(tmp_path, "branch", ["c"], [])
    with pytest.raises(InputError, match=", …$"):
        need(tmp_path, "branch", ["c"], map(str, range(50)))
    need_shape(tmp_path, "x", (7, 3), (None, 3), "(n, 3)")
    for shape in ((7,), (7, 2)):
        with pytest.raises(InputError, match=r"x must have the shape \(n, 3\), it has \(7,"):
            need_shape(tmp_path, "x", shape, (None, 3), "(n, 3)")


def test_an_absent_library_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uproot", None)
    with pytest.raises(InputError, match=r"needs uproot, .* run 'pip install e2e-tf\[root\]'"):
        optional("uproot", "root", tmp_path)


def test_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["words"], file["one"] = np.arange(6).reshape(3, 2), ["a", "b"], 1.0
        file["table"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
        file.create_group("group")
    assert hdf5_length(path, ("x", "one"), "x") == 3
    with pytest.raises(InputError, match="has no data set y"):
        hdf5_length(path, ("x", "y"), "x")
    with open_hdf5(path) as (found, file):
        assert found == path
        np.testing.assert_array_equal(hdf5_rows(path, file["x"], 1, 3), [[2, 3], [4, 5]])
        assert hdf5_rows(path, file["table"], 0, 2).dtype.names == ("a", "b")
        with pytest.raises(InputError, match="/words must hold numbers, it holds object"):
            hdf5_rows(path, file["words"], 0, 1)
        with pytest.raises(InputError, match="group must be an array, it is a group"):
            hdf5_shape(path, file, "group")
        with pytest.raises(InputError, match="one must be an array, it is a single value"):
            hdf5_shape(path, file, "one")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"), open_hdf5(path):
        pass


@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_rows_are_those_of_the_array(tmp_path, order):
    array = np.asarray(np.arange(24.0).reshape(6, 2, 2), order=order)
    np.savez_compressed(tmp_path / "a.npz", x=array, words=np.array(["a"], object))
    with open_npz(tmp_path / "a.npz") as (path, file):
        assert npz_shape(path, file, "x") == (6, 2, 2)
        np.testing.assert_array_equal(npz_rows(path, file, "x", 2, 5), array[2:5])
        assert npz_rows(path, file, "x", 6, 6).shape == (0, 2, 2)
        with pytest.raises(InputError, match="words must be an array of numbers, it holds Python objects"):
            npz_rows(path, file, "words", 0, 1)


def test_npz_and_npy_are_told_apart(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    np.save(tmp_path / "a.npy", np.arange(3))
    np.testing.assert_array_equal(npy_rows(tmp_path / "a.npy"), [0, 1, 2])
    with pytest.raises(InputError, match="must be a single npy array, it is an npz archive"):
        npy_rows(tmp_path / "a.npz")
    with pytest.raises(InputError, match="must be an npz archive"), open_npz(tmp_path / "a.npy"):
        pass


def test_trees(write_tree, tmp_path):
    jagged = ak.Array([[1.0, 2.0], [], [3.0]])
    path = write_tree(tmp_path / "a.root", {"n": np.arange(3), "x": jagged})
    assert tree_length(path, "Events") == 3
    with pytest.raises(InputError, match="has no tree tree; there are: Events"):
        tree_length(path, "tree")
    with open_tree(path, "Events") as (_, tree):
        x = containers.branch(path, tree, "x", 0, 3)
        np.testing.assert_array_equal(flat(x, np.float32), np.array([1, 2, 3], np.float32))
        np.testing.assert_array_equal(row_counts(x), [2, 0, 1])
        assert row_counts(x).dtype == np.int64
        with pytest.raises(InputError, match="cannot be read"):
            containers.branch(path, tree, "y", 0, 3)


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
