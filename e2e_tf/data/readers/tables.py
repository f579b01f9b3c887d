"""Containers of columns: trees of ROOT files and parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.readers.checks import existing_file, need, optional, readable
from e2e_tf.data.readers.entries import PathLike
from e2e_tf.errors import InputError

__all__ = [
    "Collections",
    "Renamed",
    "arrow_column",
    "arrow_numbers",
    "as_branches",
    "branch",
    "flat",
    "open_parquet",
    "open_tree",
    "parquet_length",
    "parquet_rows",
    "row_counts",
    "tree_length",
]


@contextmanager
def open_tree(path: PathLike, name: str) -> Iterator[tuple[Path, Any]]:
    """The path and the tree (or RNTuple) ``name`` of a ROOT file.

    Args:
        path: the ROOT file.
        name: of the tree.

    Yields:
        The path as a ``Path``, and the open tree of uproot.

    Raises:
        InputError: the file is missing, truncated or not ROOT, it has no such tree, or the extra ``root`` is
            not installed.
    """
    path = existing_file(path)
    uproot = optional("uproot", "root", path)
    optional("awkward", "root", path)
    with readable(path):
        file = uproot.open(path)
    with file:
        need(path, "tree", [name], file.keys(cycle=False))
        with readable(path):
            tree = as_branches(file[name])
        yield path, tree


class Collections:
    """An RNTuple whose collections are fields of records (``Jet.pt``), with the names of branches (``Jet_pt``)."""

    def __init__(self, table: Any) -> None:
        self._table = table
        keys = list(table.keys())
        parents = {key.rpartition(".")[0] for key in keys}
        self._names = {key.replace(".", "_"): key for key in keys if key not in parents}

    def keys(self) -> list[str]:
        """Names of the columns.

        Returns:
            Such as ``Jet_pt``, those of a collection in the order of its fields.
        """
        return list(self._names)

    def __getitem__(self, name: str) -> Any:
        return self._table[self._names[name]]

    @property
    def num_entries(self) -> int:
        """Number of entries."""
        return int(self._table.num_entries)


class Renamed:
    """A tree whose branches have further names.

    Args:
        path: the file, for messages.
        tree: a tree or RNTuple of uproot, or :class:`Collections`.
        names: new name to the name in the file.

    Raises:
        InputError: the file lacks one of them.
    """

    def __init__(self, path: Path, tree: Any, names: Mapping[str, str]) -> None:
        need(path, "branch", names.values(), tree.keys())
        self._tree, self._new = tree, dict(names)

    def keys(self) -> list[str]:
        """Names of the branches.

        Returns:
            Those of the file and the new ones.
        """
        return list(dict.fromkeys([*self._tree.keys(), *self._new]))

    def __getitem__(self, name: str) -> Any:
        return self._tree[self._new.get(name, name)]

    @property
    def num_entries(self) -> int:
        """Number of entries."""
        return int(self._tree.num_entries)


def as_branches(tree: Any) -> Any:
    """A tree with names of columns as NanoAOD has them.

    Args:
        tree: a tree or RNTuple of uproot.

    Returns:
        The same, or :class:`Collections` where it holds collections of records.
    """
    records = "RNTuple" in type(tree).__name__ and any("." in key for key in [*tree.keys()])
    return Collections(tree) if records else tree


def tree_length(path: PathLike, name: str) -> int:
    """Number of entries of a tree of a ROOT file.

    Args:
        path: the ROOT file.
        name: of the tree.

    Returns:
        The number of entries.

    Raises:
        InputError: the file is missing, damaged or has no such tree, or the extra ``root`` is not installed.
    """
    with open_tree(path, name) as (_, tree):
        return int(tree.num_entries)


def branch(path: Path, tree: Any, name: str, start: int, stop: int) -> Any:
    """Entries of one branch as an awkward array.

    Args:
        path: the file.
        tree: the open tree.
        name: of the branch.
        start, stop: range of entries.

    Returns:
        ``awkward.Array`` of stop - start entries.

    Raises:
        InputError: the branch cannot be read.
    """
    with readable(path):
        return tree[name].array(entry_start=start, entry_stop=stop, library="ak")


def flat(array: Any, dtype: Any = None) -> np.ndarray:
    """A jagged array's values in one column, jagged order kept.

    Args:
        array: an awkward array of any depth.
        dtype: of the result; None keeps the array's.

    Returns:
        The values (n,).
    """
    import awkward

    values = awkward.to_numpy(awkward.flatten(array, axis=None))
    return values if dtype is None else values.astype(dtype)


def row_counts(array: Any) -> np.ndarray:
    """int64, rows of each entry of a jagged array.

    Args:
        array: an awkward array (entries, var).

    Returns:
        int64 (entries,).
    """
    import awkward

    return awkward.to_numpy(awkward.num(array)).astype(np.int64)


@contextmanager
def open_parquet(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open parquet file.

    Args:
        path: the file.

    Yields:
        The path as a ``Path``, and the open ``pyarrow.parquet.ParquetFile``.

    Raises:
        InputError: the file is missing, truncated or not parquet, or the extra ``parquet`` is not installed.
    """
    path = existing_file(path)
    parquet = optional("pyarrow.parquet", "parquet", path)
    with readable(path):
        file = parquet.ParquetFile(path)
    with file:
        yield path, file


def parquet_length(path: PathLike) -> int:
    """Number of rows of a parquet file.

    Args:
        path: the file.

    Returns:
        The number of rows.

    Raises:
        InputError: the file is missing or damaged, or the extra ``parquet`` is not installed.
    """
    with open_parquet(path) as (_, file):
        return int(file.metadata.num_rows)


def parquet_rows(path: Path, file: Any, columns: Sequence[str], start: int, stop: int) -> Any:
    """Rows of a parquet file as an arrow table, reading only the row groups they are in.

    Args:
        path: the file.
        file: open.
        columns: names of the columns to read.
        start, stop: range of rows.

    Returns:
        ``pyarrow.Table`` of the rows.

    Raises:
        InputError: a column is missing, or the rows cannot be read.
    """
    need(path, "column", columns, file.schema_arrow.names)
    edges = np.cumsum([0] + [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)])
    groups = [i for i in range(file.num_row_groups) if edges[i] < stop and edges[i + 1] > start]
    with readable(path):
        table = file.read_row_groups(groups, columns=list(columns))
    return table.slice(start - int(edges[groups[0]]) if groups else 0, stop - start)


def arrow_column(path: Path, table: Any, name: str) -> Any:
    """One column as one arrow array without missing values.

    Args:
        path: the file, for the message.
        table: an arrow table.
        name: of the column.

    Returns:
        ``pyarrow.Array``.

    Raises:
        InputError: a value is missing.
    """
    column = table.column(name).combine_chunks()
    if hasattr(column, "chunks"):  # a ChunkedArray stays one when it has no chunk, or too large ones
        import pyarrow

        column = pyarrow.concat_arrays(column.chunks) if column.num_chunks else pyarrow.array([], column.type)
    if column.null_count:
        raise InputError(f"{path}: {name} must have a value in every row, {column.null_count} are missing")
    return column


def arrow_numbers(path: Path, name: str, array: Any) -> np.ndarray:
    """Numbers of a flat arrow array.

    Args:
        path: the file, for the message.
        name: of the column, for the message.
        array: an arrow array (n,).

    Returns:
        The numbers (n,) in the type of the column.

    Raises:
        InputError: it is not of numbers, or a value is missing.
    """
    import pyarrow

    kind = array.type
    number = (
        pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_boolean(kind)
    )
    if not number or array.null_count:
        raise InputError(f"{path}: {name} must hold one number per entry, it holds {kind}")
    return array.to_numpy(zero_copy_only=False)
