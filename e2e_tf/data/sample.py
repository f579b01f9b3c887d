"""What jets and images have in common: columns by name, all of one length."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any, ClassVar

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["Sample"]


class Sample:
    """Base of the dataclasses `Jets` and `Images`, which declare the fields."""

    ONE: ClassVar[str]
    """What an entry is called."""

    columns: Mapping[str, np.ndarray]
    event: np.ndarray
    weight: np.ndarray
    label: np.ndarray | None
    truth: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        """A column, such as ``pt`` [GeV], of length n.

        Raises:
            InputError: there is no such column; the message names those there are.
        """
        if name not in self.columns:
            known = ", ".join(sorted(self.columns)) or "none"
            raise InputError(f"these {self.ONE}s have no column {name!r}, they have {known}")
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def check_lengths(self, n: int, more: Mapping[str, Sized]) -> None:
        """Every column must have one value per entry.

        Args:
            n: number of entries.
            more: further columns by name.

        Raises:
            InputError: a column has another length; the message lists those that have.
        """
        columns: dict[str, Sized] = {f"jets/{name}": column for name, column in self.columns.items()}
        columns |= {f"truth/{name}": column for name, column in self.truth.items()}
        columns |= {"event": self.event, "weight": self.weight}
        if self.label is not None:
            columns["label"] = self.label
        wrong = {name: len(column) for name, column in {**columns, **more}.items() if len(column) != n}
        if wrong:
            raise InputError(f"every column must have one entry per {self.ONE} ({n}); these do not: {wrong}")

    def finished_graphs(self, recipe: Any) -> Any:
        """Graphs that the sample brings along, as one of a graph store does.

        Args:
            recipe: the :class:`e2e_tf.data.graphs.GraphRecipe` that is wanted.

        Returns:
            The :class:`e2e_tf.data.graphs.GraphData`; None where graphs are to be built.
        """
        return None
