"""Jets that this library wrote (HDF5), see `e2e_tf.data.jets`."""

from __future__ import annotations

from dataclasses import replace

from e2e_tf.data.jets import JETS_FORMAT, Jets, read_jets
from e2e_tf.data.readers.arrays import hdf5_length
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import OnError, PathLike, Report, check_on_error, row_range
from e2e_tf.data.readers.registry import reader
from e2e_tf.errors import InputError

__all__ = ["count_own", "read_own"]

_CANDIDATES = ("perfect", "particle_flow")


def count_own(path: PathLike) -> int:
    """Number of jets in the file, or of graphs in a store.

    Args:
        path: the file.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing, damaged or has no events.
    """
    return hdf5_length(path, ("event",), "event")


def _accepts(content: Content) -> bool:
    return JETS_FORMAT in content.marks


@reader("e2e_tf", "jets written by this library", count=count_own, accepts=_accepts)
def read_own(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    candidates: str = "perfect",
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """A range of the jets of a file, without reading the others.

    Args:
        path: a file that `e2e_tf.data.jets.write_jets` wrote.
        start, stop: range of jets.
        candidates: ``perfect``, those of ``/candidates``, or ``particle_flow``, those of ``/objects/candidate`` that
            the simulation reconstructs from detector objects; they take the others' place.
        on_error: what is written is checked when it is written, so that nothing is left out: a damaged file
            stops the reading in any case.
        report: counts the jets.

    Returns:
        The jets of the range.

    Raises:
        InputError: the file is missing, damaged or of another format, the range is not one, or it lacks the
            candidates.
    """
    check_on_error(on_error)
    if candidates not in _CANDIDATES:
        raise InputError(f"candidates must be {' or '.join(map(repr, _CANDIDATES))}, got {candidates!r}")
    jets = read_jets(path, *row_range(count_own(path), start, stop))
    if candidates == "particle_flow":
        if "candidate" not in jets.objects:
            raise InputError(
                f"{path} has no candidates of particle flow (/objects/candidate); e2e-tf simulate --objects "
                f"writes them"
            )
        jets = replace(jets, candidates=jets.objects["candidate"])
    if report is not None:
        report.read += len(jets)
    return jets
