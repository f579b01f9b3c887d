"""Splits that keep events together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.data.derived import jet_columns
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets
from e2e_tf.data.settings import DataConfig
from e2e_tf.errors import InputError
from e2e_tf.training.targets import Target

__all__ = ["check_classes", "check_parts", "split_by_event", "split_by_fold", "split_sample"]


def split_by_event(
    event: np.ndarray, fractions: Sequence[float] = (0.7, 0.1, 0.2), seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split jets into training, validation and test so that no event is in two parts.

    The part is a function of the seed and the event number alone: an event stays where it is when jets are
    added, removed or reordered, so a test sample stays unseen when the data set grows. The fractions hold
    for the expected number of events; the sizes scatter around them.

    Args:
        event: int (n,), the event each jet comes from.
        fractions: expected shares of training, validation and test; not negative, they add up to 1.
        seed: not negative; another seed gives another split.

    Returns:
        Three int64 arrays of indices into ``event``, each in rising order; together they hold every jet once.

    Raises:
        InputError: the fractions or event numbers cannot be used, or a part with a positive fraction would
            be empty.
    """
    event = np.asarray(event)
    shares = np.asarray(fractions, np.float64)
    if event.ndim != 1 or not np.issubdtype(event.dtype, np.integer):
        raise InputError(
            f"event must be one integer per jet, received shape {event.shape} and type {event.dtype}"
        )
    if shares.shape != (3,) or not np.all(shares >= 0) or abs(shares.sum() - 1) > 1e-9:
        raise InputError(
            f"fractions must be three numbers, none negative, that add up to 1, received {list(fractions)}"
        )
    if seed < 0:
        raise InputError(f"seed must not be negative, received {seed}")
    uniform = _uniform(event, seed)
    part = (uniform >= shares[0]).astype(np.int8) + (uniform >= shares[0] + shares[1])
    if shares[2] == 0:
        part = np.minimum(part, 1)  # the sum of two fractions may round to just below 1
    split = np.flatnonzero(part == 0), np.flatnonzero(part == 1), np.flatnonzero(part == 2)
    names = ("training", "validation", "test")
    empty = [
        name for name, share, rows in zip(names, shares, split, strict=True) if share > 0 and not len(rows)
    ]
    if empty:
        raise InputError(
            f"{len(np.unique(event))} events are too few to split by {list(fractions)} with seed {seed}: "
            f"no jets are left for {' and '.join(empty)}"
        )
    return split


def split_by_fold(
    group: np.ndarray, folds: int, fold: int, seed: int = 0, number: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parts of a k-fold training: over all folds every jet is in the test once.

    Args:
        group: int64 (n,), the event each jet comes from.
        folds: number of parts of equal expected size, at least 3.
        fold: which of them is the test; the next one is the validation part.
        seed: of the hash that shares events out.
        number: int (n,), whose remainder by ``folds`` is the part, in place of a hash.

    Returns:
        Indices of training, validation and test, int64, rising.

    Raises:
        InputError: a part is empty.
    """
    if number is None:
        part = np.minimum((_uniform(group, seed) * folds).astype(np.int64), folds - 1)
    else:
        part = np.mod(number, folds)
    place = np.full(len(part), 0)
    place[part == (fold + 1) % folds] = 1
    place[part == fold] = 2
    return _parts(place, f"{folds} folds")


def split_sample(
    data: DataConfig, sample: Jets | Images, group: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test as the section ``[data]`` wants them.

    Args:
        data: the section.
        sample: the jets.
        group: int64 (n,), equal for jets that must stay together.
        seed: of the split.

    Returns:
        Indices of the three parts, int64, rising.

    Raises:
        InputError: as :func:`split_by_event` and :func:`split_by_fold`; a column is missing or not of whole numbers, or
            it puts jets of one event into several parts.
    """
    if data.split_column:
        place = _whole(sample, "split_column", data.split_column)
        if not np.isin(place, (0, 1, 2)).all():
            found = np.unique(place)[:5].tolist()
            raise InputError(
                f"data.split_column {data.split_column} must be 0 (training), 1 (validation) or 2 (test), "
                f"it holds {found}"
            )
        _together(place, group, data.split_column)
        return _parts(place, f"the column {data.split_column}")
    if data.folds:
        number = None
        if data.fold_column:
            number = _whole(sample, "fold_column", data.fold_column)
            _together(np.mod(number, data.folds), group, data.fold_column)
        return split_by_fold(group, data.folds, data.fold, seed, number)
    return split_by_event(group, data.split, seed)


def check_parts(data: DataConfig, parts: Sequence[Jets | Images], by_label: bool) -> None:
    """Refuse parts that a later step could not take, before anything is trained.

    Args:
        data: the section ``[data]``.
        parts: training, validation and test.
        by_label: whether the label is trained for.

    Raises:
        InputError: a part is empty, or has jets of one class only.
    """
    if data.split_column:
        how = f"data.split_column ({data.split_column})"
    else:
        how = (
            f"data.folds ({data.folds})"
            if data.folds
            else f"data.split ({list(data.split)}) or data.split_seed"
        )
    for name, part in zip(("training", "validation", "test"), parts, strict=True):
        if not len(part):
            raise InputError(
                f"{data.title} leaves no jets for the {name} part, which every run needs: change {how}"
            )
        signal = int(np.sum(part.label == 1)) if by_label else 0
        for what, count in (("signal", signal), ("background", len(part) - signal)):
            if by_label and not count:
                raise InputError(
                    f"the {name} part of {data.title} has no {what} among its {len(part)} jets, and every part needs "
                    f"both: change {how}, or take more jets"
                )


def check_classes(name: str, what: str, target: Target) -> None:
    """Refuse a part in which an output that tells classes apart sees one of them.

    Args:
        name: of the part.
        what: the output, for the message.
        target: of the part.

    Raises:
        InputError: all jets that take part are of one class.
    """
    found = np.unique(target.value[target.weight != 0])
    if len(found) < 2:
        raise InputError(
            f"all jets of the {name} part that {what} is trained for are of one class; it needs two at least: choose "
            "other classes, another split or more jets"
        )


def _whole(sample: Jets | Images, key: str, name: str) -> np.ndarray:
    columns = jet_columns(sample)
    if name not in columns:
        raise InputError(
            f"data.{key} must be a column of the jets ({', '.join(sorted(columns))}), not {name!r}"
        )
    values = np.asarray(columns[name])
    if not np.array_equal(values, np.round(values)):
        raise InputError(f"data.{key} {name} must hold whole numbers")
    return values.astype(np.int64)


def _together(place: np.ndarray, group: np.ndarray, name: str) -> None:
    """Refuse a column that puts jets of one event, or copies of a jet, into several parts."""
    _, first, back = np.unique(group, return_index=True, return_inverse=True)
    torn = len(np.unique(group[place != place[first[back]]]))
    if torn:
        raise InputError(
            f"the column {name} puts jets of one event, or copies of a jet, into different parts, in {torn} events; "
            "give all of an event the same value"
        )


def _parts(place: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = np.flatnonzero(place == 0), np.flatnonzero(place == 1), np.flatnonzero(place == 2)
    empty = [n for n, rows in zip(("training", "validation", "test"), found, strict=True) if not len(rows)]
    if empty:
        raise InputError(f"{what} leave no jets for {' and '.join(empty)}")
    return found


def _uniform(event: np.ndarray, seed: int) -> np.ndarray:
    """float64 in [0, 1), a function of seed and event number alone."""
    hashed = _mix(event.astype(np.int64).view(np.uint64) ^ _mix(np.array([seed], np.uint64)))
    # The upper 53 bits are what a float64 in [0, 1) can hold.
    return (hashed >> np.uint64(11)) * 2.0**-53


def _mix(x: np.ndarray) -> np.ndarray:
    """The SplitMix64 finaliser: uint64 to uint64, one to one, every output bit depends on all input bits."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
