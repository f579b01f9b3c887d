"""Columns of one length: the base of what is known of particles, candidates and jets, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

__all__ = ["Table", "columns_of", "joined"]

Rows = TypeVar("Rows", bound="Table")


class Table:
    """Base of frozen dataclasses whose fields are arrays (n, ...), one row per object."""

    def __len__(self) -> int:
        return len(next(iter(columns_of(self).values())))

    def take(self: Rows, index: np.ndarray) -> Rows:
        """The given rows.

        Args:
            index: int (m,), or a mask, bool (n,).

        Returns:
            The m rows.
        """
        columns = {name: column[index] for name, column in columns_of(self).items()}
        return replace(self, **columns)  # type: ignore[type-var]


def columns_of(table: Table) -> dict[str, np.ndarray]:
    """The fields by name, in order.

    Args:
        table: one of the dataclasses of columns.

    Returns:
        Arrays by name.
    """
    declared: Any = table
    return {field.name: getattr(table, field.name) for field in fields(declared)}


def joined(tables: Sequence[Rows]) -> Rows:
    """All rows of at least one table, one table after the other.

    Args:
        tables: at least one, all of a kind.

    Returns:
        One table of that kind.
    """
    columns = [columns_of(table) for table in tables]
    return type(tables[0])(**{name: np.concatenate([c[name] for c in columns]) for name in columns[0]})
