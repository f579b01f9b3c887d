"""Containers of arrays: HDF5, npz and npy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.readers.checks import existing_file, need, numbers_only, readable
from e2e_tf.data.readers.entries import PathLike
from e2e_tf.errors import InputError

__all__ = [
    "hdf5_length",
    "hdf5_rows",
    "hdf5_shape",
    "npy_rows",
    "npz_rows",
    "npz_shape",
    "open_hdf5",
    "open_npz",
]


@contextmanager
def open_hdf5(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open HDF5 file.

    Args:
        path: the file.

    Yields:
        The path as a ``Path``, and the open ``h5py.File``.

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

    Args:
        path: the file.
        dataset: open, of numbers or records.
        start, stop: range of rows.

    Returns:
        The rows ``start:stop`` in the type of the file.

    Raises:
        InputError: the rows cannot be read, or are neither numbers nor records.
    """
    if dataset.dtype.names is None:
        numbers_only(path, dataset.name, dataset)
    with readable(path):
        return dataset[start:stop]


def hdf5_shape(path: Path, file: Any, name: str) -> tuple[int, ...]:
    """Shape of a data set of at least one dimension.

    Args:
        path: the file.
        file: the open file.
        name: of the data set.

    Returns:
        The lengths, the number of rows first.

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

    Args:
        path: the file.
        names: data sets that must be there.
        of: the one whose rows count.

    Returns:
        The number of rows.

    Raises:
        InputError: the file is missing, damaged or has other data sets.
    """
    with open_hdf5(path) as (path, file):
        need(path, "data set", names, file)
        return hdf5_shape(path, file, of)[0]


@contextmanager
def open_npz(path: PathLike) -> Iterator[tuple[Path, Any]]:
    """The path and the open npz file, never unpickling.

    Args:
        path: the file.

    Yields:
        The path as a ``Path``, and the open archive of ``numpy.load``.

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

    Args:
        path: the file.
        file: the open archive.
        key: name of the array.

    Returns:
        The lengths, the number of rows first.

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

    Args:
        path: the file.
        file: the open archive.
        key: name of the array.
        start, stop: range of rows.

    Returns:
        (stop - start, ...) in the type of the file.

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

    Args:
        path: the file.

    Returns:
        The array, read-only, whose rows are read when they are used.

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
