"""Files of other libraries that open or say why not: HDF5, npz, npy, ROOT and parquet."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.readers.entries import PathLike
from e2e_tf.errors import InputError

__all__ = [
    "arrow_column",
    "arrow_numbers",
    "branch",
    "existing_file",
    "flat",
    "hdf5_length",
    "hdf5_rows",
    "hdf5_shape",
    "need",
    "need_shape",
    "npy_rows",
    "npz_rows",
    "npz_shape",
    "numbers_only",
    "open_hdf5",
    "open_npz",
    "open_parquet",
    "open_tree",
    "optional",
    "parquet_length",
    "parquet_rows",
    "readable",
    "row_counts",
    "tree_length",
]


def existing_file(path: PathLike) -> Path:
    """The path of a file that is there.

    Raises:
        InputError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return path


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns whatever a file library raises inside the block into one sentence.

    File libraries share no base class for a damaged file (zlib.error, struct.error, uproot's own), so every
    exception counts; keep nothing but reading in the block.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be read, it is truncated, damaged or of another format ({_first_line(error)})"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def need(path: Path, what: str, wanted: Iterable[str], found: Iterable[str]) -> None:
    """Every wanted name must be there.

    Raises:
        InputError: one is missing; the sentence lists what is missing and what is there.
    """
    found = list(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        listed = ", ".join(sorted(found)[:40]) + (", …" if len(found) > 40 else "")
        raise InputError(f"{path} has no {what} {', '.join(missing)}; there are: {listed or 'none'}")


def need_shape(
    path: Path, name: str, shape: Sequence[int], accepted: Sequence[int | None], words: str
) -> None:
    """``shape`` must match ``accepted``, where None matches any length.

    Raises:
        InputError: it does not; ``words`` describe what is accepted.
    """
    fits = len(shape) == len(accepted) and all(
        a is None or a == s for s, a in zip(shape, accepted, strict=True)
    )
    if not fits:
        raise InputError(f"{path}: {name} must have the shape {words}, it has {tuple(shape)}")


def optional(module: str, extra: str, path: Path) -> Any:
    """Import a library of an optional extra.

    Raises:
        InputError: it is not installed; the sentence names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"reading {path} needs {module}, which is not installed; run 'pip install e2e-tf[{extra}]'"
        ) from error


@contextmanager
def open_hdf5(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open HDF5 file.

    Raises:
        InputError: the file is missing, truncated or not HDF5.
    """
    import h5py

    path = existing_file(path)
    with readable(path):
        file = h5py.File(path, "r")
    with file:
        yield path, file


def hdf5_rows(path: Path, dataset: Any, start: int, stop: int) -> np.ndarray:
    """Rows of a data set.

    Raises:
        InputError: the rows cannot be read, or are neither numbers nor records.
    """
    if dataset.dtype.names is None:
        numbers_only(path, dataset.name, dataset)
    with readable(path):
        return dataset[start:stop]


def hdf5_shape(path: Path, file: Any, name: str) -> tuple[int, ...]:
    """Shape of a data set of at least one dimension.

    Raises:
        InputError: it is a group, or a single value.
    """
    shape = getattr(file[name], "shape", None)
    if not shape:
        raise InputError(
            f"{path}: {name} must be an array, it is a {'group' if shape is None else 'single value'}"
        )
    return tuple(shape)


def hdf5_length(path: PathLike, names: Sequence[str], of: str) -> int:
    """Number of rows of the data set ``of`` in a file that has all data sets ``names``.

    Raises:
        InputError: the file is missing, damaged or has other data sets.
    """
    with open_hdf5(path) as (path, file):
        need(path, "data set", names, file)
        return hdf5_shape(path, file, of)[0]


@contextmanager
def open_npz(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open npz file, never unpickling.

    Raises:
        InputError: the file is missing, truncated or not npz.
    """
    path = existing_file(path)
    with readable(path):
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise InputError(f"{path} must be an npz archive of named arrays, it is a single npy array")
    with file:
        yield path, file


def npz_shape(path: Path, file: Any, key: str) -> tuple[int, ...]:
    """Shape of an array of an npz file, from its header alone.

    Raises:
        InputError: the header cannot be read.
    """
    with readable(path), file.zip.open(f"{key}.npy") as member:
        return tuple(int(length) for length in _npy_header(member)[0])


def _npy_header(member: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order (True for Fortran's) and type of the array that follows in a file."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(member)


def npz_rows(path: Path, file: Any, key: str, start: int, stop: int) -> np.ndarray:
    """Rows ``start:stop`` of an array of an npz file, holding no more than those rows in memory.

    Raises:
        InputError: the array cannot be read, or is of Python objects.
    """
    with readable(path), file.zip.open(f"{key}.npy") as member:
        shape, fortran, dtype = _npy_header(member)
        if dtype.hasobject:
            raise InputError(f"{path}: {key} must be an array of numbers, it holds Python objects")
        if fortran and len(shape) > 1:
            return np.ascontiguousarray(file[key][start:stop])
        row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        _skip(member, start * row)
        data = _exactly(member, (stop - start) * row)
        return np.frombuffer(data, dtype).reshape((stop - start, *shape[1:]))


def _skip(member: Any, size: int) -> None:
    while size:
        block = member.read(min(size, 1 << 22))
        if not block:
            raise EOFError("the array ends early")
        size -= len(block)


def _exactly(member: Any, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        block = member.read(min(size - len(data), 1 << 22))
        if not block:
            raise EOFError("the array ends early")
        data += block
    return data


def npy_rows(path: Path) -> np.ndarray:
    """An npy file mapped into memory.

    Raises:
        InputError: the file is missing, truncated, not npy, or of Python objects.
    """
    path = existing_file(path)
    with readable(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise InputError(f"{path} must be a single npy array, it is an npz archive")
        return array


def numbers_only(path: Path, name: str, array: Any) -> None:
    """Raises InputError unless ``array`` holds numbers."""
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path}: {name} must hold numbers, it holds {array.dtype}")


@contextmanager
def open_tree(path: PathLike, name: str) -> Iterator[tuple[Path, Any]]:
    """The path and the tree (or RNTuple) ``name`` of a ROOT file.

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
            tree = file[name]
        yield path, tree


def tree_length(path: PathLike, name: str) -> int:
    """Number of entries of a tree of a ROOT file.

    Raises:
        InputError: the file is missing, damaged or has no such tree, or the extra ``root`` is not installed.
    """
    with open_tree(path, name) as (_, tree):
        return int(tree.num_entries)


def branch(path: Path, tree: Any, name: str, start: int, stop: int) -> Any:
    """Entries of one branch as an awkward array.

    Raises:
        InputError: the branch cannot be read.
    """
    with readable(path):
        return tree[name].array(entry_start=start, entry_stop=stop, library="ak")


def flat(array: Any, dtype: Any = None) -> np.ndarray:
    """A jagged array's values in one column, jagged order kept."""
    import awkward

    values = awkward.to_numpy(awkward.flatten(array, axis=None))
    return values if dtype is None else values.astype(dtype)


def row_counts(array: Any) -> np.ndarray:
    """int64, rows of each entry of a jagged array."""
    import awkward

    return awkward.to_numpy(awkward.num(array)).astype(np.int64)


@contextmanager
def open_parquet(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open parquet file.

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

    Raises:
        InputError: the file is missing or damaged, or the extra ``parquet`` is not installed.
    """
    with open_parquet(path) as (_, file):
        return int(file.metadata.num_rows)


def parquet_rows(path: Path, file: Any, columns: Sequence[str], start: int, stop: int) -> Any:
    """Rows of a parquet file as an arrow table, reading only the row groups they are in.

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
