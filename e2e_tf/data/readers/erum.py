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

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.common import (
    OnError,
    PathLike,
    Report,
    Screen,
    cloud,
    need,
    need_shape,
    npz_rows,
    npz_shape,
    numbers_only,
    open_npz,
    row_range,
    unpad,
)
from e2e_tf.errors import InputError

__all__ = [
    "BELLE_COLUMNS",
    "count_erum",
    "read_erum_airshower",
    "read_erum_belle",
    "read_erum_eos",
    "read_erum_spinodal",
    "read_erum_top_tagging",
]

Split = Literal["train", "test"]
BELLE_COLUMNS: tuple[str, ...] = ("prodTime", "energy", "x", "y", "z", "px", "py", "pz", "PID")
_CHUNK = 8192


def count_erum(path: PathLike, split: Split = "train") -> int:
    """Number of entries of one split, for any of the five files.

    Raises:
        InputError: the file is missing, damaged or has other arrays.
    """
    with _split(path, split) as (path, archive):
        return npz_shape(path, archive, f"y_{split}")[0]


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

    Raises:
        InputError: the file is missing or damaged, an array is missing or of another shape, a value is NaN or
            infinite, an energy is negative, or a label is neither 0 nor 1.
    """
    shapes: tuple[tuple[int | None, ...], ...] = ((None, 4),)
    path, (momenta,), y, first = _read(path, split, shapes, start, stop)
    ttv = _ttv(path, split, len(y), first)
    rows, counts = unpad(momenta, np.any(momenta != 0, axis=2))
    raw = Ragged.from_counts(
        {name: rows[:, i] for i, name in enumerate(("energy", "px", "py", "pz"))}, counts
    )
    screen = Screen(path, len(y), on_error, report, first)
    screen.rows("X_0", raw, ["energy"])
    screen.one_of("y", y, (0, 1))
    keep = np.flatnonzero(screen.keep)
    raw = raw.take(keep)
    jets, candidates = cloud(raw["px"], raw["py"], raw["pz"], raw["energy"], raw.counts)
    screen.report.read += len(keep)
    return Jets(
        columns=jets,
        event=_events(split, first + keep),
        weight=np.ones(len(keep), np.float32),
        label=y[keep].astype(np.int8),
        truth={} if ttv is None else {"ttv": ttv[keep].astype(np.int8)},
        candidates=Ragged(candidates, raw.offsets),
        attributes={"reader": "erum_top_tagging", "file": path.name, "settings": {"split": split}},
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

    Raises:
        InputError: as `read_erum_top_tagging`, or a mother is no particle of its event.
    """
    path, (particles, mothers), y, first = _read(path, split, ((None, 9), (None,)), start, stop)
    mask = np.any(particles != 0, axis=2)
    rows, counts = unpad(particles, mask)
    columns = {name: rows[:, i] for i, name in enumerate(BELLE_COLUMNS)}
    raw = Ragged.from_counts(columns, counts)
    screen = Screen(path, len(y), on_error, report, first, "events")
    screen.rows("X_0", raw, ["energy"])
    screen.one_of("y", y, (0, 1))
    slot = np.clip(mothers, 0, mask.shape[1] - 1).astype(np.int64)
    inside = (mothers < mask.shape[1]) & np.take_along_axis(mask, slot, axis=1)
    screen.require(
        (inside | (mothers < 0) | ~mask).all(axis=1), "X_1 must name a particle of the event or be -1"
    )
    # padding may sit between particles: the mother's slot becomes its row among the real ones
    row = np.take_along_axis(np.cumsum(mask, axis=1) - 1, slot, axis=1)
    columns["mother"] = np.where(mothers < 0, -1, row)[mask].astype(np.int16)
    columns["pt"] = np.hypot(columns["px"], columns["py"])
    keep = np.flatnonzero(screen.keep)
    raw = Ragged(columns, raw.offsets).take(keep)
    whole = {"PID": raw["PID"].astype(np.int32), "mother": raw["mother"]}
    floats = {name: column.astype(np.float32) for name, column in raw.columns.items() if name not in whole}
    screen.report.read += len(keep)
    return Jets(
        columns={},
        event=_events(split, first + keep),
        weight=np.ones(len(keep), np.float32),
        label=y[keep].astype(np.int8),
        candidates=Ragged(floats | whole, raw.offsets),
        attributes={"reader": "erum_belle", "file": path.name, "settings": {"split": split}},
    )


def read_erum_spinodal(
    path: PathLike,
    *,
    split: Split = "train",
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Images:
    """Images (n, 20, 20, 1) of pion momenta, as they are; label 1 is a spinodal event, 0 a Maxwell event.

    ``event`` is the row in the split, with 2⁴⁰ added for test.

    Args:
        path: the npz file.
        split: ``train`` or ``test``.
        start, stop: range of images.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged images.
        report: counts what was left out.

    Raises:
        InputError: the file is missing or damaged, an array is missing or of another shape, a value is NaN or
            infinite, or a label is neither 0 nor 1.
    """
    return _images(path, "spinodal", split, (20, 20), start, stop, on_error, report, None)


def read_erum_eos(
    path: PathLike,
    *,
    split: Split = "train",
    start: int = 0,
    stop: int | None = None,
    standardise: bool = True,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Images:
    """Images (n, 24, 24, 1) of pion spectra; label 1 is EOSQ (first order), 0 is EOSL (cross-over).

    ``standardise`` makes every pixel (value − mean) / σ with the mean and population σ of that pixel over the
    whole training split, whatever is read; a pixel that never varies becomes 0. The reference reads the whole
    split to do so, and so does this, a few thousand images at a time.

    Args:
        path: the npz file.
        split: ``train`` or ``test``.
        start, stop: range of images.
        standardise: apply the reference's scaling.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged images.
        report: counts what was left out.

    Raises:
        InputError: as `read_erum_spinodal`.
    """
    scale = _pixel_scale(path) if standardise else None
    return _images(path, "eos", split, (24, 24), start, stop, on_error, report, scale)


def read_erum_airshower(
    path: PathLike,
    *,
    split: Split = "train",
    start: int = 0,
    stop: int | None = None,
    preprocess: bool = True,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Images:
    """Air showers on 9 × 9 stations: 80 channels ``signal_0`` … and ``arrival_time``.

    With ``preprocess`` as the reference: a signal below 0, which means none, becomes 0, and then
    log10(1 + signal); the arrival time loses its mean over the event's stations that saw something and is
    divided by the σ of all such differences **of the training split**, also for test (the reference's loader
    takes the split's own σ, its model the training one); stations that saw nothing have time 0. Without it,
    values are as stored, −1 for none.

    The truth holds ``xmax`` [g/cm²] and the label is None; in the older classification file the label is 1
    for proton and 0 for iron and there is no truth. ``event`` is the row in the split, with 2⁴⁰ added for
    test.

    Args:
        path: the npz file.
        split: ``train`` or ``test``.
        start, stop: range of showers.
        preprocess: apply the reference's transformation.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged showers.
        report: counts what was left out.

    Raises:
        InputError: as `read_erum_spinodal`.
    """
    path, (signal, time), y, first = _read(path, split, ((9, 9, 80), (9, 9, 1)), start, stop)
    spread = _time_spread(path) if preprocess else None
    screen = Screen(path, len(y), on_error, report, first, "showers")
    screen.finite("X_0", signal)
    screen.finite("X_1", time)
    screen.finite("y", y)
    keep = np.flatnonzero(screen.keep)
    signal, time, y = signal[keep], time[keep], y[keep]
    if spread is not None:
        signal = np.log10(1 + np.maximum(signal.astype(np.float64), 0))
        time = np.nan_to_num(_centred(time) / spread)
    is_label = bool(np.isin(y, (0, 1)).all()) and len(y) > 0
    screen.report.read += len(keep)
    return Images(
        images=np.concatenate([signal, time], axis=-1).astype(np.float32),
        channels=(*(f"signal_{i}" for i in range(80)), "arrival_time"),
        event=_events(split, first + keep),
        weight=np.ones(len(keep), np.float32),
        label=y.astype(np.int8) if is_label else None,
        truth={} if is_label else {"xmax": y.astype(np.float32)},
        attributes={
            "reader": "erum_airshower",
            "file": path.name,
            "settings": {"split": split, "preprocess": preprocess, "time_spread": spread},
        },
    )


def _images(
    path: PathLike,
    task: str,
    split: Split,
    size: tuple[int, int],
    start: int,
    stop: int | None,
    on_error: OnError,
    report: Report | None,
    scale: tuple[np.ndarray, np.ndarray] | None,
) -> Images:
    path, (images,), y, first = _read(path, split, (size,), start, stop)
    screen = Screen(path, len(y), on_error, report, first, "images")
    screen.finite("X_0", images)
    screen.one_of("y", y, (0, 1))
    keep = np.flatnonzero(screen.keep)
    images = images[keep]
    if scale is not None:
        images = (images - scale[0]) / scale[1]
    screen.report.read += len(keep)
    return Images(
        images=images[..., None].astype(np.float32),
        channels=("pions",),
        event=_events(split, first + keep),
        weight=np.ones(len(keep), np.float32),
        label=y[keep].astype(np.int8),
        attributes={
            "reader": f"erum_{task}",
            "file": path.name,
            "settings": {"split": split, "standardise": scale is not None},
        },
    )


@contextmanager
def _split(path: PathLike, split: str) -> Iterator[tuple[Path, Any]]:
    if split not in ("train", "test"):
        raise InputError(f"split must be 'train' or 'test', not {split!r}")
    with open_npz(path) as (path, archive):
        need(path, "array", (f"X_{split}_0", f"y_{split}"), archive.files)
        yield path, archive


def _read(
    path: PathLike, split: Split, shapes: tuple[tuple[int | None, ...], ...], start: int, stop: int | None
) -> tuple[Path, list[np.ndarray], np.ndarray, int]:
    """The path, a range of the arrays X_i, y, and the number of the first row."""
    with _split(path, split) as (path, archive):
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


def _ttv(path: Path, split: Split, n: int, first: int) -> np.ndarray | None:
    with open_npz(path) as (path, archive):
        name = f"X_{split}_1"
        if name not in archive.files:
            return None
        return npz_rows(path, archive, name, first, first + n).reshape(n)


def _events(split: Split, row: np.ndarray) -> np.ndarray:
    return row.astype(np.int64) + (1 << 40 if split == "test" else 0)


def _training(path: PathLike, i: int) -> Iterator[np.ndarray]:
    """Chunks of an array of the training split, float64."""
    with _split(path, "train") as (path, archive):
        name = f"X_train_{i}"
        need(path, "array", [name], archive.files)
        n = npz_shape(path, archive, name)[0]
        for start in range(0, n, _CHUNK):
            rows = npz_rows(path, archive, name, start, min(start + _CHUNK, n))
            numbers_only(path, name, rows)
            yield rows.astype(np.float64)


def _pixel_scale(path: PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Mean and σ of every pixel of the training split; a σ of 0 counts as 1."""
    n, mean, squares = 0, np.zeros(()), np.zeros(())
    for rows in _training(path, 0):
        rows = rows[np.isfinite(rows).all(axis=(1, 2))]
        if not len(rows):
            continue
        # Chan's update: a sum of squares would lose digits where σ is small against the mean
        own = rows.mean(axis=0)
        shift, total = own - mean, n + len(rows)
        squares = squares + ((rows - own) ** 2).sum(axis=0) + shift**2 * n * len(rows) / total
        mean, n = mean + shift * len(rows) / total, total
    sigma = np.sqrt(squares / max(n, 1))
    return mean, np.where(sigma > 0, sigma, 1)


def _centred(time: np.ndarray) -> np.ndarray:
    """Arrival times minus the event's mean, NaN where a station saw nothing (−1)."""
    time = time.astype(np.float64)
    seen = np.isfinite(time) & (time != -1)
    number = np.maximum(seen.sum(axis=(1, 2, 3), keepdims=True), 1)
    mean = np.where(seen, time, 0).sum(axis=(1, 2, 3), keepdims=True) / number
    return np.where(seen, time - mean, np.nan)


def _time_spread(path: PathLike) -> float:
    """σ of the centred arrival times of the training split (1 if they never differ)."""
    total, number, squares = 0.0, 0, 0.0
    for rows in _training(path, 1):
        centred = _centred(rows)
        centred = centred[np.isfinite(centred)]
        total, number, squares = total + centred.sum(), number + centred.size, squares + (centred**2).sum()
    variance = squares / max(number, 1) - (total / max(number, 1)) ** 2
    return float(np.sqrt(variance)) if variance > 0 else 1.0
