"""The five data sets of ErUm-Data (npz), arXiv 2107.00656, https://github.com/erum-data-idt/pd4ml.

A file holds ``X_train_0``, ``X_train_1``, …, ``y_train`` and the same for ``test``:

============= ==================================== =========================================== ==============
task          file                                 X                                           y
============= ==================================== =========================================== ==============
top_tagging   ``1_top_tagging_2M.npz``             0: (n, 200, 4) E, px, py, pz [GeV];         1 top, 0 QCD
                                                   1: (n,) ttv, 0 train, 1 test, 2 validation
spinodal      ``2_spinodal_29k.npz``               0: (n, 20, 20) pion momenta                 1 spinodal
eos           ``3_EOSL_or_EOSQ_180k.npz``          0: (n, 24, 24) pions in pT and φ            1 EOSQ, 0 EOSL
airshower     ``4_airshower_100k_regression.npz``  0: (n, 9, 9, 80) signals, −1 for none;      Xmax [g/cm²]
                                                   1: (n, 9, 9, 1) arrival times;
                                                   2: (81, 3) positions of the stations
belle         ``6_belle_selective_400k.npz``       0: (n, 100, 9) particles, zero-padded;      1 passes the
                                                   1: (n, 100) rows of mothers, −1 for none    selection
============= ==================================== =========================================== ==============

An older file of air showers has y = 1 for proton and 0 for iron instead. Belle's particles have prodTime,
energy [GeV], x, y, z, px, py, pz [GeV] and PID, a number per kind of particle that is not the PDG's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from e2e_tf.data.readers.arrays import npz_rows, npz_shape, open_npz
from e2e_tf.data.readers.checks import need, need_shape, numbers_only
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import PathLike, check_choice, row_range

__all__ = ["Split", "count_erum", "event_numbers", "is_erum", "read_rows", "split_arrays", "training_rows"]

Split = Literal["train", "test"]
_CHUNK = 8192


def count_erum(path: PathLike, split: Split = "train") -> int:
    """Number of entries of one split, for any of the five files.

    Args:
        path: the npz file.
        split: ``train`` or ``test``.

    Returns:
        The number of entries.

    Raises:
        InputError: the file is missing, damaged or has other arrays.
    """
    with split_arrays(path, split) as (path, archive):
        return npz_shape(path, archive, f"y_{split}")[0]


def is_erum(shape: tuple[int | None, ...], content: Content) -> bool:
    """Whether the first X of a file has the given shape per entry, where None is any length.

    Args:
        shape: of an entry of the first X; None is any length.
        content: what is in the file.

    Returns:
        True if it can be this format.
    """
    found = content.shape("X_train_0")[1:]
    if content.container != "npz" or not content.has("y_train") or len(found) != len(shape):
        return False
    return all(s is None or s == f for s, f in zip(shape, found, strict=True))


@contextmanager
def split_arrays(path: PathLike, split: str) -> Iterator[tuple[Path, Any]]:
    """The path and the open file.

    Args:
        path: the npz file.
        split: ``train`` or ``test``, whose arrays must be there.

    Yields:
        The path as a ``Path``, and the open npz archive.

    Raises:
        InputError: the file is missing or damaged, it lacks an array of the split, or there is no such split.
    """
    check_choice("split", split, ("train", "test"))
    with open_npz(path) as (path, archive):
        need(path, "array", (f"X_{split}_0", f"y_{split}"), archive.files)
        yield path, archive


def read_rows(
    path: PathLike, split: Split, shapes: tuple[tuple[int | None, ...], ...], start: int, stop: int | None
) -> tuple[Path, list[np.ndarray], np.ndarray, int]:
    """A range of the rows of one split.

    Args:
        path: the npz file.
        split: ``train`` or ``test``.
        shapes: of the arrays X_0, X_1, … per row; None is any length.
        start, stop: range of rows.

    Returns:
        The path, the arrays, y (n,), and the number of the first row.

    Raises:
        InputError: the file is missing or damaged, or an array is missing, of another shape or not of numbers.
    """
    with split_arrays(path, split) as (path, archive):
        names = [f"X_{split}_{i}" for i in range(len(shapes))]
        need(path, "array", names, archive.files)
        n = npz_shape(path, archive, f"y_{split}")[0]
        for name, shape in zip(names, shapes, strict=True):
            words = f"({', '.join(['n', *('any' if s is None else str(s) for s in shape)])}) with n = {n}"
            need_shape(path, name, npz_shape(path, archive, name), (n, *shape), words)
        first, last = row_range(n, start, stop)
        arrays = [npz_rows(path, archive, name, first, last) for name in names]
        y = npz_rows(path, archive, f"y_{split}", first, last)
    for name, array in zip((*names, f"y_{split}"), (*arrays, y), strict=True):
        numbers_only(path, name, array)
    return path, arrays, y.reshape(len(y)), first


def event_numbers(split: Split, row: np.ndarray) -> np.ndarray:
    """int64: the row in the split, with 2⁴⁰ added for test, so that no two entries of a file share one.

    Args:
        split: ``train`` or ``test``.
        row: int (n,), rows of the split.

    Returns:
        int64 (n,).
    """
    return row.astype(np.int64) + (1 << 40 if split == "test" else 0)


def training_rows(path: PathLike, i: int) -> Iterator[np.ndarray]:
    """The array X_i of the training split, float64, a few thousand rows at a time.

    Args:
        path: the npz file.
        i: number of the array.

    Yields:
        float64 (rows, ...), the next rows.

    Raises:
        InputError: the file is missing or damaged, or the array is missing or not of numbers.
    """
    with split_arrays(path, "train") as (path, archive):
        name = f"X_train_{i}"
        need(path, "array", [name], archive.files)
        n = npz_shape(path, archive, name)[0]
        for start in range(0, n, _CHUNK):
            rows = npz_rows(path, archive, name, start, min(start + _CHUNK, n))
            numbers_only(path, name, rows)
            yield rows.astype(np.float64)
