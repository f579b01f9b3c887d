"""Which entries of a file are read: ranges, rules that stop or skip, and the report of what was left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError

__all__ = ["EntryValidator", "OnError", "PathLike", "Report", "check_choice", "check_on_error", "row_range"]

PathLike = str | os.PathLike[str]
OnError = Literal["stop", "skip"]
Entries = TypeVar("Entries")


@dataclass
class Report:
    """What a reader gave back and what it left out.

    Pass one to a reader with ``on_error="skip"``; several reads may share it, the counts add up.

    Attributes:
        read: entries that came back (jets or images).
        skipped: reason to number of entries left out.
        replaced: column to number of its values that were not finite and became 0, in columns where the
            format itself writes such values (a significance with a vanishing error).
    """

    read: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    replaced: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, number: int) -> None:
        """Count ``number`` entries left out for ``reason``.

        Args:
            reason: the rule that was broken.
            number: of entries.
        """
        if number:
            self.skipped[reason] = self.skipped.get(reason, 0) + number

    def replace(self, column: str, values: np.ndarray) -> np.ndarray:
        """``values`` with 0 where they are not finite, counted under ``column``.

        Args:
            column: name of the column.
            values: floating point (n,).

        Returns:
            (n,) in the type of ``values``.
        """
        good = np.isfinite(values)
        number = int(len(values) - np.count_nonzero(good))
        if not number:
            return values
        self.replaced[column] = self.replaced.get(column, 0) + number
        return np.where(good, values, values.dtype.type(0))

    def __str__(self) -> str:
        left_out = "; ".join(f"{number} for {reason}" for reason, number in self.skipped.items())
        return f"{self.read} read, {left_out or 'none'} left out"


class EntryValidator:
    """Checks entries by rules; a broken rule stops the reading or drops the entries and counts them.

    Args:
        path: the file, for messages.
        n: number of entries.
        on_error: ``"stop"`` raises at the first broken rule, ``"skip"`` drops what breaks it.
        report: filled with the counts per reason; None counts nowhere.
        first: number of the first entry in the file, for messages.
        unit: what an entry is, for messages.

    Attributes:
        keep: bool (n,), the entries that passed every rule so far.
    """

    def __init__(
        self, path: Path, n: int, on_error: OnError, report: Report | None, first: int = 0, unit: str = "jets"
    ) -> None:
        check_on_error(on_error)
        self.path, self.on_error, self.first, self.unit = path, on_error, first, unit
        self.report = Report() if report is None else report
        self.keep = np.ones(n, bool)

    def require(self, good: npt.ArrayLike, rule: str) -> None:
        """Every entry must have ``good`` true (bool, (n,)); ``rule`` says what is accepted.

        Args:
            good: bool (n,).
            rule: what is accepted, for the message and the report.

        Raises:
            InputError: an entry breaks the rule and ``on_error`` is ``"stop"``.
        """
        good = np.asarray(good, bool)
        bad = self.keep & ~good
        number = int(np.count_nonzero(bad))
        if not number:
            return
        if self.on_error == "stop":
            raise InputError(
                f"{self.path}: {rule}; {number} of {len(good)} {self.unit} are not like that, "
                f"the first is number {self.first + int(np.argmax(bad))}"
            )
        self.keep &= good
        self.report.add(rule, number)

    def energy(self, name: str, values: np.ndarray) -> None:
        """One value per entry that must be finite and not negative.

        Args:
            name: of the column.
            values: (n,) [GeV].

        Raises:
            InputError: as :meth:`require`.
        """
        self.require(np.isfinite(values) & (values >= 0), f"{name} must be finite and not negative [GeV]")

    def finite(self, name: str, values: np.ndarray) -> None:
        """Values (n,) or (n, ...) that must all be finite.

        Args:
            name: of the column.
            values: (n, ...).

        Raises:
            InputError: as :meth:`require`.
        """
        self.require(np.isfinite(values).all(axis=tuple(range(1, values.ndim))), f"{name} must be finite")

    def one_of(self, name: str, values: np.ndarray, accepted: Sequence[int]) -> None:
        """One value per entry that must be one of ``accepted``.

        Args:
            name: of the column.
            values: (n,).
            accepted: integers.

        Raises:
            InputError: as :meth:`require`.
        """
        self.require(np.isin(values, list(accepted)), f"{name} must be one of {list(accepted)}")

    def rows(self, name: str, rows: Ragged, energies: Iterable[str] = ()) -> None:
        """Columns of rows: all must be finite, those in ``energies`` also not negative.

        Args:
            name: of the group of columns.
            rows: of n entries.
            energies: names of the columns that must not be negative.

        Raises:
            InputError: as :meth:`require`.
        """
        names = set(energies)
        for column, values in rows.columns.items():
            if column in names:
                bad, rule = ~(np.isfinite(values) & (values >= 0)), "finite and not negative [GeV]"
            elif np.issubdtype(values.dtype, np.floating):
                bad, rule = ~np.isfinite(values), "finite"
            else:
                continue
            if bad.any():
                good = np.bincount(rows.owner[bad], minlength=len(rows)) == 0
                self.require(good, f"{name} {column} must be {rule}")

    @property
    def passed(self) -> np.ndarray:
        """int64: places of the entries that passed every rule so far."""
        return np.flatnonzero(self.keep)

    def select(self, jets: Jets) -> Jets:
        """The jets that passed, of the n that were checked, counted in the report.

        Args:
            jets: the n jets.

        Returns:
            The jets that passed.
        """
        self.report.read += int(self.keep.sum())
        return jets if self.keep.all() else jets.take(self.keep)

    def finish(
        self, kind: Callable[..., Entries], reader: str, settings: Mapping[str, Any], **fields: Any
    ) -> Entries:
        """The entries that passed, counted in the report.

        Args:
            kind: what to make, `Jets` or `Images`.
            reader: name of the reader.
            settings: its arguments that change the result, in types that JSON has.
            fields: fields of ``kind``, of the entries that passed alone. Without ``event`` that is the number of
                the entry in the file, without ``weight`` it is 1.

        Returns:
            The jets or images.
        """
        passed = self.passed
        self.report.read += len(passed)
        fields["event"] = np.asarray(fields.get("event", self.first + passed), np.int64)
        fields.setdefault("weight", np.ones(len(passed), np.float32))
        if kind is Jets:
            fields.setdefault("origin", {"entry": self.first + passed})
        attributes = {"reader": reader, "file": self.path.name, "settings": dict(settings)}
        return kind(**fields, attributes=attributes)


def check_choice(name: str, value: object, accepted: Sequence[object]) -> None:
    """An argument must be one of a few values.

    Args:
        name: of the argument.
        value: what was given.
        accepted: the values it may have.

    Raises:
        InputError: it is not; the sentence lists them.
    """
    if value not in accepted:
        raise InputError(f"{name} must be {' or '.join(map(repr, accepted))}, not {value!r}")


def check_on_error(on_error: str) -> None:
    """``on_error`` must be ``"stop"`` or ``"skip"``.

    Args:
        on_error: what to do with an entry that cannot be used.

    Raises:
        InputError: it is neither.
    """
    check_choice("on_error", on_error, ("stop", "skip"))


def row_range(n: int, start: int, stop: int | None) -> tuple[int, int]:
    """``start`` and ``stop`` within ``n`` entries; a stop past the end means the end.

    Args:
        n: number of entries.
        start: first one, not negative.
        stop: the one after the last; None means the end.

    Returns:
        ``(start, stop)``, both at most ``n``.

    Raises:
        InputError: a negative number, or ``stop`` before ``start``.
    """
    if start < 0 or (stop is not None and stop < start):
        raise InputError(f"start and stop must satisfy 0 <= start <= stop; they are {start} and {stop}")
    return min(start, n), n if stop is None else min(stop, n)
