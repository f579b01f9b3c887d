"""Stores of graphs that `e2e-tf convert` wrote (HDF5), see `e2e_tf.data.store`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import OnError, PathLike, Report, check_on_error, row_range
from e2e_tf.data.readers.own import count_own
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.store import GraphStore
from e2e_tf.data.store_writer import GRAPHS_FORMAT
from e2e_tf.data.stored import StoredJets, stored_jets, stored_options

__all__ = ["STORED", "read_stored", "store_is_made_with"]

STORED = "graphs"
"""Name of this reader."""


def _accepts(content: Content) -> bool:
    return GRAPHS_FORMAT in content.marks


def store_is_made_with(path: PathLike, options: Mapping[str, Any]) -> None:
    """Refuse options that a store was not made with, see :func:`e2e_tf.data.stored.stored_options`.

    Args:
        path: of the store.
        options: of the reader that its jets came from.

    Raises:
        InputError: the store was made with another value, or without the option.
    """
    with GraphStore(path) as store:
        stored_options(store, options)


@reader(STORED, "stores of graphs of this library", unit="graphs", count=count_own, accepts=_accepts)
def read_stored(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> StoredJets:
    """A range of the graphs of a store, with the columns of their jets.

    Args:
        path: a file that `e2e-tf convert` wrote.
        start, stop: range of graphs.
        on_error: what is written is checked when it is written: a damaged file stops the reading in any case.
        report: counts the graphs.

    Returns:
        The jets of the range.

    Raises:
        InputError: the file is missing, damaged or of another format, or the range is not one.
    """
    check_on_error(on_error)
    with GraphStore(path) as store:
        jets = stored_jets(store, *row_range(len(store), start, stop))
    if report is not None:
        report.read += len(jets)
    return jets
