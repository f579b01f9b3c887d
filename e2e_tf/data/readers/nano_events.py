"""Events of a NanoAOD file: collections by name, rows linked to jets, and the checks that its readers share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.checks import need
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import cms_event, energy_of, kinds_of
from e2e_tf.data.readers.tables import branch, flat, open_tree, row_counts, tree_length
from e2e_tf.errors import InputError

__all__ = [
    "KINEMATICS",
    "Source",
    "candidate_columns",
    "checked",
    "count_nano",
    "generated_weights",
    "grouped",
    "owners",
]

KINEMATICS = ("pt", "eta", "phi", "mass")


def count_nano(path: PathLike) -> int:
    """Number of events in the file.

    Args:
        path: the ROOT file.

    Returns:
        The number of events.

    Raises:
        InputError: the file is missing, damaged or has no tree ``Events``.
    """
    return tree_length(path, "Events")


def generated_weights(path: PathLike) -> float | None:
    """Sum of the generator weights of all events that were generated, before any selection.

    Args:
        path: a file.

    Returns:
        What ``Runs`` of NanoAOD says in ``genEventSumw``; None if the file says nothing.
    """
    try:
        with open_tree(path, "Runs") as (path, tree):
            names = set(tree.keys())
            found = next((name for name in ("genEventSumw", "genEventSumw_") if name in names), None)
            if found is None:
                return None
            return float(np.sum(flat(branch(path, tree, found, 0, int(tree.num_entries)), np.float64)))
    except InputError:  # no ROOT file, or one without such a tree
        return None


class Source:
    """Branches of a range of events, by name."""

    def __init__(self, path: Path, tree: Any, start: int, stop: int | None, report: Report | None) -> None:
        self.path, self.tree = path, tree
        self.report = Report() if report is None else report
        self.start, self.stop = row_range(int(tree.num_entries), start, stop)
        self.names = set(tree.keys())
        need(path, "branch", ("run", "event"), self.names)

    def branch(self, name: str) -> Any:
        """One branch, jagged or not.

        Args:
            name: of the branch.

        Returns:
            ``awkward.Array``, one entry for each event.
        """
        need(self.path, "branch", [name], self.names)
        return branch(self.path, self.tree, name, self.start, self.stop)

    def collection(
        self, name: str, columns: Sequence[str] | None
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Columns of a jagged collection, and its rows per event; pt, eta, phi and mass come first.

        Args:
            name: of the collection, such as ``Jet``.
            columns: branches to read without its name; None reads every one.

        Returns:
            Columns (rows,) by name, and int64 (events,), the rows of each event.

        Raises:
            InputError: a branch is missing, or has not one value per row of the collection.
        """
        there = [b.removeprefix(f"{name}_") for b in sorted(self.names) if b.startswith(f"{name}_")]
        need(self.path, "branch", [f"{name}_{c}" for c in (*KINEMATICS, *(columns or ()))], self.names)
        counts = row_counts(self.branch(f"{name}_pt"))
        found = {}
        for column in dict.fromkeys((*KINEMATICS, *(there if columns is None else columns))):
            values = self.column(f"{name}_{column}")
            if len(values) != counts.sum():
                raise InputError(
                    f"{self.path}: {name}_{column} must have one value per {name}, "
                    f"it has {len(values)} and {name}_pt {counts.sum()}"
                )
            if column not in KINEMATICS and np.issubdtype(values.dtype, np.floating):
                values = self.report.replace(f"{name}_{column}", values)
            found[column] = values
        return found, counts

    def column(self, name: str) -> np.ndarray:
        """A jagged branch's values one after the other; bool becomes int8.

        Args:
            name: of the branch.

        Returns:
            The values (rows,).
        """
        values = flat(self.branch(name))
        return values.astype(np.int8) if values.dtype == bool else values

    def event_and_weight(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Event number (int64) and weight (float32) of each row of a collection.

        Args:
            counts: int64 (events,), rows of each event.

        Returns:
            int64 (rows,) and float32 (rows,).
        """
        event = cms_event(flat(self.branch("run")), flat(self.branch("event")))
        n = self.stop - self.start
        weight = (
            flat(self.branch("genWeight"), np.float32)
            if "genWeight" in self.names
            else np.ones(n, np.float32)
        )
        return np.repeat(event, counts), np.repeat(weight, counts)

    def origin(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Where each row of a collection was.

        Args:
            counts: int64 (events,), rows of each event.

        Returns:
            ``entry`` (number of the event in the file), ``index`` (place within the event), ``run``, ``event`` and,
            where there is such a branch, ``luminosityBlock``, (rows,) each.
        """
        first = np.repeat(np.cumsum(counts) - counts, counts)
        names = [name for name in ("run", "luminosityBlock", "event") if name in self.names]
        return {
            "entry": np.repeat(np.arange(self.start, self.stop), counts),
            "index": (np.arange(len(first)) - first).astype(np.int32),
            **{name: np.repeat(flat(self.branch(name)).astype(np.int64), counts) for name in names},
        }


def owners(path: Path, name: str, index: np.ndarray, rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """int64: the jet of each linked row, from its index within the event.

    Args:
        path: the file, for messages.
        name: the branch, for messages.
        index: jet of each row within its event.
        rows: rows per event.
        counts: jets per event.

    Returns:
        int64 (rows,), rows of the jets of all events.

    Raises:
        InputError: an index is outside the event's jets.
    """
    index = index.astype(np.int64)
    bad = (index < 0) | (index >= np.repeat(counts, rows))
    if bad.any():
        wrong = index[bad][0]
        raise InputError(
            f"{path}: {name} must be the number of a jet of the same event, from 0 on; {wrong} is not"
        )
    return np.repeat(np.cumsum(counts) - counts, rows) + index


def candidate_columns(
    rows: dict[str, np.ndarray],
    jets: dict[str, np.ndarray],
    owner: np.ndarray,
    mass: np.ndarray,
    pdg_id: np.ndarray,
    charge: np.ndarray,
) -> dict[str, np.ndarray]:
    """pt, energy, deta, dphi, charge, pdg_id and flags of candidates given in ``pt``, ``eta``, ``phi``.

    Args:
        rows: ``pt`` [GeV], ``eta``, ``phi`` (rows,).
        jets: ``eta`` and ``phi`` (jets,).
        owner: int64 (rows,), the jet of each row.
        mass: (rows,) [GeV].
        pdg_id, charge: (rows,).

    Returns:
        float32 ``pt``, ``energy`` [GeV], ``deta``, ``dphi`` [rad], int8 ``charge``, int32 ``pdg_id`` and int8 flags,
        (rows,) each.
    """
    eta = np.asarray(rows["eta"], np.float64)
    return {
        "pt": rows["pt"].astype(np.float32),
        "energy": energy_of(rows["pt"], eta, mass),
        "deta": (eta - jets["eta"][owner]).astype(np.float32),
        "dphi": delta_phi(rows["phi"].astype(np.float64), jets["phi"][owner].astype(np.float64)).astype(
            np.float32
        ),
        "charge": charge.astype(np.int8),
        "pdg_id": pdg_id.astype(np.int32),
    } | kinds_of(pdg_id)


def grouped(columns: dict[str, np.ndarray], owner: np.ndarray, n: int) -> Ragged:
    """Rows sorted by owner, their order within an owner kept.

    Args:
        columns: (rows,) each.
        owner: int (rows,), whose they are.
        n: number of owners.

    Returns:
        The rows of each of the ``n`` owners.
    """
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=n)
    return Ragged.from_counts({name: column[order] for name, column in columns.items()}, counts)


def checked(
    jets: Jets,
    path: Path,
    min_pt: float,
    max_abs_eta: float | None,
    on_error: OnError,
    report: Report | None,
    energies: Iterable[str] = ("pt", "energy"),
) -> Jets:
    """Jets with finite momenta inside the kinematic range.

    Args:
        jets: all of them.
        path: the file, for messages.
        min_pt: smallest pT [GeV].
        max_abs_eta: largest |η|; None is no limit.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.
        energies: columns of candidates that must not be negative.

    Returns:
        The jets that pass, in their order.

    Raises:
        InputError: a momentum is negative, NaN or infinite and ``on_error`` is ``"stop"``.
    """
    entries = EntryValidator(path, len(jets), on_error, report)
    entries.energy("pt", jets["pt"])
    entries.finite("mass", jets["mass"])
    entries.finite("eta and phi", np.stack([jets["eta"], jets["phi"]], axis=1))
    entries.finite("genWeight", jets.weight)
    if jets.candidates is not None:
        entries.rows("candidates'", jets.candidates, energies)
    for kind, rows in jets.objects.items():
        entries.rows(f"{kind} objects'", rows, ("pt", "energy"))
    wanted = np.isfinite(jets["pt"]) & (jets["pt"] >= min_pt)
    if max_abs_eta is not None:
        wanted &= np.abs(jets["eta"]) <= max_abs_eta
    entries.keep &= wanted
    return entries.select(jets)
