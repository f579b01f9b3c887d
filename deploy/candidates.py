"""The runner's file of raw jets: what a producer holds in memory, as plain columns.

Little endian, all values float32: ``E2ETFJ01``, uint32 jets, uint32 jet columns, each ``{name, float[jets]}``,
uint32 tables, each ``{name, uint64 offsets[jets + 1], uint32 columns, each {name, float[rows]}}``; a name is
``{uint32 length, bytes}``. Tables are ``candidates``; ``track``, ``ecal`` and ``hcal`` of hits; and ``objects/track``,
``objects/ecal``, ``objects/hcal`` and ``objects/pixel``.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError
from e2e_tf.files import new_file
from e2e_tf.graph import KINDS

__all__ = ["write_candidates", "write_tensors"]

_MAGIC = b"E2ETFJ01"


def write_candidates(path: str | os.PathLike[str], jets: Jets, force: bool = False) -> None:
    """Write jets for ``e2e_tf_run`` and ``e2e_tf_build``.

    Args:
        path: new file.
        jets: with candidates, hits or detector objects.
        force: replace an existing file.

    Raises:
        InputError: ``path`` exists and ``force`` is false, or an integer does not fit float32.
    """
    tables: dict[str, Ragged] = dict(jets.hits)
    if jets.candidates is not None:
        tables["candidates"] = jets.candidates
    tables |= {f"objects/{kind}": jets.objects[kind] for kind in KINDS if kind in jets.objects}
    parts = [_MAGIC, struct.pack("<I", len(jets)), _columns(jets.columns), struct.pack("<I", len(tables))]
    for name, table in tables.items():
        parts += [_name(name), np.ascontiguousarray(table.offsets, "<u8").tobytes(), _columns(table.columns)]
    with new_file(path, force) as part:
        part.write_bytes(b"".join(parts))


def write_tensors(
    path: str | os.PathLike[str], batches: Iterable[Mapping[str, np.ndarray]], force: bool = False
) -> None:
    """Write the tensors of batches for ``e2e_tf_run --input tensors``.

    Per batch and tensor, little endian: the name, uint32 rank, int64 lengths, float32 values in C order.

    Args:
        path: new file.
        batches: float32 tensors of rank 1 or more by name; the same names in every batch.
        force: replace an existing file.

    Raises:
        InputError: ``path`` exists and ``force`` is false.
    """
    with new_file(path, force) as part, part.open("wb") as file:
        for batch in batches:
            for name, values in batch.items():
                shape = np.array(values.shape, "<i8")
                file.write(_name(name) + struct.pack("<I", len(shape)) + shape.tobytes())
                file.write(np.ascontiguousarray(values, "<f4").tobytes())


def _name(name: str) -> bytes:
    encoded = name.encode()
    return struct.pack("<I", len(encoded)) + encoded


def _columns(columns: Mapping[str, Any]) -> bytes:
    parts = [struct.pack("<I", len(columns))]
    for name, column in columns.items():
        values = np.asarray(column)
        single = np.ascontiguousarray(values, "<f4")
        if values.dtype.kind in "iu" and not np.array_equal(
            single.astype(np.float64), values.astype(np.float64)
        ):
            raise InputError(
                f"the column {name} must hold integers that float32 can hold, as all up to 2^24; it goes from "
                f"{values.min()} to {values.max()}"
            )
        parts += [_name(name), single.tobytes()]
    return b"".join(parts)
