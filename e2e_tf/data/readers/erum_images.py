"""ErUm-Data's images: spinodal, EoS and air showers; see `e2e_tf.data.readers.erum`."""

from __future__ import annotations

from functools import partial

import numpy as np

from e2e_tf.data.images import Images
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report
from e2e_tf.data.readers.erum import Split, count_erum, event_numbers, is_erum, read_rows, training_rows
from e2e_tf.data.readers.registry import reader

__all__ = ["read_erum_airshower", "read_erum_eos", "read_erum_spinodal"]


@reader(
    "erum_spinodal",
    "ErUm-Data spinodal",
    unit="images",
    count=count_erum,
    accepts=partial(is_erum, (20, 20)),
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

    Returns:
        float32 images that were not left out, in the order of the split.

    Raises:
        InputError: the file is missing or damaged, an array is missing or of another shape, a value is NaN or
            infinite, or a label is neither 0 nor 1.
    """
    return _images(path, "spinodal", split, (20, 20), start, stop, on_error, report, None)


@reader(
    "erum_eos",
    "ErUm-Data eos",
    unit="images",
    count=count_erum,
    accepts=partial(is_erum, (24, 24)),
)
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

    Returns:
        float32 images that were not left out, in the order of the split.

    Raises:
        InputError: as `read_erum_spinodal`.
    """
    scale = _pixel_scale(path) if standardise else None
    return _images(path, "eos", split, (24, 24), start, stop, on_error, report, scale)


@reader(
    "erum_airshower",
    "ErUm-Data airshower",
    unit="images",
    count=count_erum,
    accepts=partial(is_erum, (9, 9, 80)),
)
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

    Returns:
        float32 images (n, 9, 9, 81) that were not left out, in the order of the split.

    Raises:
        InputError: as `read_erum_spinodal`.
    """
    path, (signal, time), y, first = read_rows(path, split, ((9, 9, 80), (9, 9, 1)), start, stop)
    spread = _time_spread(path) if preprocess else None
    entries = EntryValidator(path, len(y), on_error, report, first, "showers")
    entries.finite("X_0", signal)
    entries.finite("X_1", time)
    entries.finite("y", y)
    keep = entries.passed
    signal, time, y = signal[keep], time[keep], y[keep]
    if spread is not None:
        signal = np.log10(1 + np.maximum(signal.astype(np.float64), 0))
        time = np.nan_to_num(_centred(time) / spread)
    is_label = bool(np.isin(y, (0, 1)).all()) and len(y) > 0
    return entries.finish(
        Images,
        "erum_airshower",
        {"split": split, "preprocess": preprocess, "time_spread": spread},
        images=np.concatenate([signal, time], axis=-1).astype(np.float32),
        channels=(*(f"signal_{i}" for i in range(80)), "arrival_time"),
        event=event_numbers(split, first + keep),
        label=y.astype(np.int8) if is_label else None,
        truth={} if is_label else {"xmax": y.astype(np.float32)},
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
    path, (images,), y, first = read_rows(path, split, (size,), start, stop)
    entries = EntryValidator(path, len(y), on_error, report, first, "images")
    entries.finite("X_0", images)
    entries.one_of("y", y, (0, 1))
    keep = entries.passed
    images = images[keep]
    if scale is not None:
        images = (images - scale[0]) / scale[1]
    return entries.finish(
        Images,
        f"erum_{task}",
        {"split": split, "standardise": scale is not None},
        images=images[..., None].astype(np.float32),
        channels=("pions",),
        event=event_numbers(split, first + keep),
        label=y[keep].astype(np.int8),
    )


def _pixel_scale(path: PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Mean and σ of every pixel of the training split; a σ of 0 counts as 1."""
    n, mean, squares = 0, np.zeros(()), np.zeros(())
    for rows in training_rows(path, 0):
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
    for rows in training_rows(path, 1):
        centred = _centred(rows)
        centred = centred[np.isfinite(centred)]
        total, number, squares = total + centred.sum(), number + centred.size, squares + (centred**2).sum()
    variance = squares / max(number, 1) - (total / max(number, 1)) ** 2
    return float(np.sqrt(variance)) if variance > 0 else 1.0
