"""ErUm-Data's jets and events as lists of particles: top tagging and Belle; see `e2e_tf.data.readers.erum`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.arrays import npz_rows, open_npz
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report
from e2e_tf.data.readers.erum import Split, count_erum, event_numbers, is_erum, read_rows
from e2e_tf.data.readers.particles import summed, unpad
from e2e_tf.data.readers.registry import reader

__all__ = ["BELLE_COLUMNS", "read_erum_belle", "read_erum_top_tagging"]

BELLE_COLUMNS: tuple[str, ...] = ("prodTime", "energy", "x", "y", "z", "px", "py", "pz", "PID")


@reader(
    "erum_top_tagging",
    "ErUm-Data top_tagging",
    unit="jets",
    count=count_erum,
    accepts=partial(is_erum, (None, 4)),
)
def read_erum_top_tagging(
    path: PathLike,
    *,
    split: Split = "train",
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Top (label 1) and QCD (label 0) jets, as sums of their constituents.

    Candidates have ``pt``, ``energy``, ``deta``, ``dphi``; the truth holds ``ttv``. ``event`` is the row in
    the split, with 2⁴⁰ added for test.

    Args:
        path: the npz file.
        split: ``train`` or ``test``.
        start, stop: range of entries.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged entries.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the split.

    Raises:
        InputError: the file is missing or damaged, an array is missing or of another shape, a value is NaN or
            infinite, an energy is negative, or a label is neither 0 nor 1.
    """
    shapes: tuple[tuple[int | None, ...], ...] = ((None, 4),)
    path, (momenta,), y, first = read_rows(path, split, shapes, start, stop)
    ttv = _ttv(path, split, len(y), first)
    raw = unpad(momenta, np.any(momenta != 0, axis=2), ("energy", "px", "py", "pz"))
    entries = EntryValidator(path, len(y), on_error, report, first)
    entries.rows("X_0", raw, ["energy"])
    entries.one_of("y", y, (0, 1))
    keep = entries.passed
    jets, candidates = summed(raw.take(keep), ("px", "py", "pz", "energy"))
    return entries.finish(
        Jets,
        "erum_top_tagging",
        {"split": split},
        columns=jets,
        event=event_numbers(split, first + keep),
        label=y[keep].astype(np.int8),
        truth={} if ttv is None else {"ttv": ttv[keep].astype(np.int8)},
        candidates=candidates,
    )


@reader(
    "erum_belle",
    "ErUm-Data belle",
    unit="events",
    count=count_erum,
    accepts=partial(is_erum, (None, 9)),
)
def read_erum_belle(
    path: PathLike,
    *,
    split: Split = "train",
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Generated Belle II events; label 1 passes the selection after reconstruction.

    An entry is an event, not a jet: it has no kinematics of its own. Candidates are its particles with
    `BELLE_COLUMNS` (``PID`` int32), ``pt`` [GeV], and ``mother``, int16, the row of the mother among the
    event's candidates, −1 for none. ``event`` is the row in the split, with 2⁴⁰ added for test.

    Args:
        path: the npz file.
        split: ``train`` or ``test``.
        start, stop: range of entries.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged entries.
        report: counts what was left out.

    Returns:
        The events that were not left out, in the order of the split.

    Raises:
        InputError: as `read_erum_top_tagging`, or a mother is no particle of its event.
    """
    path, (particles, mothers), y, first = read_rows(path, split, ((None, 9), (None,)), start, stop)
    mask = np.any(particles != 0, axis=2)
    raw = unpad(particles, mask, BELLE_COLUMNS)
    columns = dict(raw.columns)
    entries = EntryValidator(path, len(y), on_error, report, first, "events")
    entries.rows("X_0", raw, ["energy"])
    entries.one_of("y", y, (0, 1))
    slot = np.clip(mothers, 0, mask.shape[1] - 1).astype(np.int64)
    inside = (mothers < mask.shape[1]) & np.take_along_axis(mask, slot, axis=1)
    entries.require(
        (inside | (mothers < 0) | ~mask).all(axis=1), "X_1 must name a particle of the event or be -1"
    )
    # padding may sit between particles: the mother's slot becomes its row among the real ones
    row = np.take_along_axis(np.cumsum(mask, axis=1) - 1, slot, axis=1)
    columns["mother"] = np.where(mothers < 0, -1, row)[mask].astype(np.int16)
    columns["pt"] = np.hypot(columns["px"], columns["py"])
    keep = entries.passed
    raw = Ragged(columns, raw.offsets).take(keep)
    whole = {"PID": raw["PID"].astype(np.int32), "mother": raw["mother"]}
    floats = {name: column.astype(np.float32) for name, column in raw.columns.items() if name not in whole}
    return entries.finish(
        Jets,
        "erum_belle",
        {"split": split},
        columns={},
        event=event_numbers(split, first + keep),
        label=y[keep].astype(np.int8),
        candidates=Ragged(floats | whole, raw.offsets),
    )


def _ttv(path: Path, split: Split, n: int, first: int) -> np.ndarray | None:
    with open_npz(path) as (path, archive):
        name = f"X_{split}_1"
        if name not in archive.files:
            return None
        return npz_rows(path, archive, name, first, first + n).reshape(n)
