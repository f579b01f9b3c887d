"""Jets in memory and on disk: kinematics, truth, calorimeter and track hits, candidates, detector objects.

A file of jets is HDF5 with flat arrays and offsets::

    /                 attributes: format "e2e-tf jets", format_version, settings and provenance
    /jets/            pt [GeV], eta, phi [rad], mass [GeV]; ieta, iphi: crystal at the window's corner
    /label, /event, /weight            one value per jet; event numbers keep a split honest
    /truth/           decay_mode, visible_pt [GeV], visible_eta, visible_phi [rad], visible_mass [GeV]
    /hits/<channel>/  offset (n + 1), cell, value        channel: track [GeV pT], ecal [GeV], hcal [GeV]
    /candidates/      offset (n + 1), pt [GeV], deta, dphi [rad] (relative to the jet), energy [GeV], ...
    /objects/<kind>/  offset (n + 1), columns of :data:`e2e_tf.data.objects.OBJECTS`: track, ecal, hcal, ...

Rows ``offset[i]:offset[i + 1]`` belong to jet ``i``. Every group but ``/jets`` and ``/event`` is optional.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from e2e_tf.data.hdf5 import DAMAGE, attributes_of, check_format, new_group, new_hdf5, set_attributes
from e2e_tf.data.objects import OBJECTS, check_objects
from e2e_tf.data.sample import Sample
from e2e_tf.errors import InputError

__all__ = ["JETS_FORMAT", "Jets", "Ragged", "concatenate_jets", "read_jets", "write_jets"]

JETS_FORMAT = "e2e-tf jets"
JETS_FORMAT_VERSION = 1
# A chunk that does not shrink is stored without gzip and its checksum, hence fletcher32.
_FILTERS: dict[str, Any] = {
    "compression": "gzip",
    "compression_opts": 6,
    "shuffle": True,
    "fletcher32": True,
}


@dataclass(frozen=True)
class Ragged:
    """Columns with a variable number of rows per jet.

    Attributes:
        columns: name to array, all of the same length.
        offsets: int64 (n + 1); rows ``offsets[i]:offsets[i + 1]`` belong to jet ``i``.
    """

    columns: Mapping[str, np.ndarray]
    offsets: np.ndarray

    def __post_init__(self) -> None:
        rows = {name: len(column) for name, column in self.columns.items()}
        ends = [int(self.offsets[0]), int(self.offsets[-1])] if self.offsets.size else [0, -1]
        rising = ends[0] == 0 and not np.any(np.diff(self.offsets) < 0)
        if not rising or any(length != ends[1] for length in rows.values()):
            raise InputError(
                f"offsets must rise from 0 to the number of rows; they go from {ends[0]} to {ends[1]}, "
                f"columns have {rows}"
            )

    @classmethod
    def from_counts(cls, columns: Mapping[str, np.ndarray], counts: np.ndarray) -> Ragged:
        """From the number of rows of each jet.

        Args:
            columns: (rows,) each.
            counts: int (n,), rows of each jet.

        Returns:
            The rows of n jets.
        """
        return cls(columns, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    @property
    def counts(self) -> np.ndarray:
        """int64 (n,): rows of each jet."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> np.ndarray:
        """int64 (rows,): the jet each row belongs to."""
        return np.repeat(np.arange(len(self)), self.counts)

    def take(self, index: np.ndarray) -> Ragged:
        """The given jets in the given order.

        Args:
            index: int (m,), jets.

        Returns:
            The rows of the m jets.
        """
        counts = self.counts[index]
        offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][index] - offsets[:-1], counts)
        return Ragged({name: column[rows] for name, column in self.columns.items()}, offsets)


@dataclass(frozen=True)
class Jets(Sample):
    """Jets with what is known of them.

    Attributes:
        columns: of the jets, each of length n: ``pt`` and ``mass`` in GeV, ``eta``, ``phi`` in rad; with hits also
            ``ieta`` and ``iphi``, the crystal of the fixed detector grid in the window's first row and
            column.
        event: int64 (n,), the event a jet comes from; jets of one event never go to different splits.
        label: int8 (n,), 1 for signal and 0 for background; None where there is no truth.
        weight: float32 (n,), event weights.
        truth: columns of length n.
        hits: per channel (``track``, ``ecal``, ``hcal``) ``cell`` (int) and ``value`` (GeV). ``cell`` is
            ``row * 125 + column`` in crystals for track and ecal, ``row * 25 + column`` in towers for hcal.
        candidates: particle-flow-like candidates: ``pt``, ``energy`` in GeV, ``deta``, ``dphi`` relative to
            the jet axis, and more by name.
        attributes: settings and provenance (JSON values).
        objects: what the detector measured around the jet, by kind (``track``, ``ecal``, ``hcal``, ``pixel``,
            ``vertex``), and ``candidate``, what particle flow makes of it, with the columns of
            :data:`e2e_tf.data.objects.OBJECTS`.
        origin: where in the file a jet was: ``entry``, the number of the event, or of the jet in a file of jets;
            of jets of events ``index`` within their collection, and ``run``, ``luminosityBlock`` and ``event`` of CMS.
            Not stored; empty where the reader does not say it.
    """

    ONE: ClassVar[str] = "jet"

    columns: Mapping[str, np.ndarray]
    event: np.ndarray
    weight: np.ndarray
    label: np.ndarray | None = None
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)
    hits: Mapping[str, Ragged] = field(default_factory=dict)
    candidates: Ragged | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    objects: Mapping[str, Ragged] = field(default_factory=dict)
    origin: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        more: dict[str, Sized] = {f"hits/{name}": hits for name, hits in self.hits.items()}
        if self.candidates is not None:
            more["candidates"] = self.candidates
        more |= {f"objects/{kind}": objects for kind, objects in self.objects.items()}
        more |= {f"origin/{name}": values for name, values in self.origin.items()}
        check_objects({kind: objects.columns.keys() for kind, objects in self.objects.items()})
        self.check_lengths(len(self.event), more)

    def __len__(self) -> int:
        return len(self.event)

    def take(self, index: np.ndarray) -> Jets:
        """The given jets (indices or a boolean mask) in the given order.

        Args:
            index: int (m,), or a mask, bool (n,).

        Returns:
            The m jets.
        """
        index = np.asarray(index)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        return Jets(
            columns={k: v[index] for k, v in self.columns.items()},
            event=self.event[index],
            weight=self.weight[index],
            label=None if self.label is None else self.label[index],
            truth={k: v[index] for k, v in self.truth.items()},
            hits={k: v.take(index) for k, v in self.hits.items()},
            candidates=None if self.candidates is None else self.candidates.take(index),
            objects={k: v.take(index) for k, v in self.objects.items()},
            attributes=self.attributes,
            origin={k: v[index] for k, v in self.origin.items()},
        )

    def concatenated(self, parts: Sequence[Jets]) -> Jets:
        """All jets of several samples in order.

        Args:
            parts: samples with the same columns, the first of which is this one.

        Returns:
            One sample.
        """
        return concatenate_jets(parts)


def concatenate_jets(parts: Sequence[Jets], attributes: Mapping[str, Any] | None = None) -> Jets:
    """All jets of ``parts`` in order; the parts must hold the same columns.

    Args:
        parts: at least one.
        attributes: of the whole; None takes those of the first part.

    Returns:
        The jets of all parts.
    """

    def columns(pick: Any) -> dict[str, np.ndarray]:
        names = list(pick(parts[0]))
        return {name: np.concatenate([pick(part)[name] for part in parts]) for name in names}

    def ragged(pick: Any) -> Ragged:
        counts = np.concatenate([pick(part).counts for part in parts])
        names = list(pick(parts[0]).columns)
        return Ragged.from_counts({k: np.concatenate([pick(p)[k] for p in parts]) for k in names}, counts)

    first = parts[0]
    return Jets(
        columns=columns(lambda p: p.columns),
        event=np.concatenate([p.event for p in parts]),
        weight=np.concatenate([p.weight for p in parts]),
        label=None if first.label is None else np.concatenate([p.label for p in parts]),
        truth=columns(lambda p: p.truth),
        hits={channel: ragged(lambda p, c=channel: p.hits[c]) for channel in first.hits},
        candidates=None if first.candidates is None else ragged(lambda p: p.candidates),
        objects={kind: ragged(lambda p, k=kind: p.objects[k]) for kind in first.objects},
        attributes=dict(first.attributes if attributes is None else attributes),
        origin=columns(lambda p: p.origin) if len({frozenset(p.origin) for p in parts}) == 1 else {},
    )


def write_jets(path: str | os.PathLike[str], jets: Jets, force: bool = False) -> None:
    """Write jets to HDF5; the same jets give the same bytes.

    Args:
        path: the new file.
        jets: what to write.
        force: replace what exists.

    Raises:
        InputError: ``path`` exists and ``force`` is false, or it cannot be written (a full disk).
    """
    with new_hdf5(path, force) as file:
        set_attributes(
            file,
            {
                "format": JETS_FORMAT,
                "format_version": JETS_FORMAT_VERSION,
                "attributes": json.dumps(jets.attributes, sort_keys=True),
            },
        )
        columns: dict[str, np.ndarray] = {"event": jets.event, "weight": jets.weight}
        if jets.label is not None:
            columns["label"] = jets.label
        groups: dict[str, Mapping[str, np.ndarray]] = {"jets": jets.columns, "truth": jets.truth}
        groups |= {name: {} for name, found in (("hits", jets.hits), ("objects", jets.objects)) if found}
        ragged = {f"hits/{channel}": hits for channel, hits in jets.hits.items()}
        if jets.candidates is not None:
            ragged["candidates"] = jets.candidates
        ragged |= {f"objects/{kind}": objects for kind, objects in jets.objects.items()}
        groups |= {name: {"offset": rows.offsets, **rows.columns} for name, rows in ragged.items()}
        for group, members in groups.items():
            if members or group != "truth":
                new_group(file, group)
            columns |= {f"{group}/{name}": column for name, column in members.items()}
        for name, column in columns.items():
            file.create_dataset(name, data=column, **_FILTERS)


def read_jets(path: str | os.PathLike[str], start: int = 0, stop: int | None = None) -> Jets:
    """Read and check a file of jets, or the jets from ``start`` to ``stop`` without reading the others.

    Args:
        path: a file of :func:`write_jets`.
        start, stop: range of jets; a stop past the end, or None, means the end.

    Returns:
        The jets of the range.

    Raises:
        InputError: the file is missing, truncated or of another format, columns disagree in length, or an
            energy or momentum is negative, NaN or infinite.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no sample {path}")
    try:
        with h5py.File(path) as file:
            check_format(path, file, "file of jets", JETS_FORMAT, JETS_FORMAT_VERSION)
            jets = _read(file, start, stop)
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path} is damaged: {error}") from error
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read, it is truncated or damaged ({error})") from error
    _check_values(path, jets)
    return jets


def _read(file: Any, start: int, stop: int | None) -> Jets:
    start, stop, _ = slice(start, stop).indices(len(file["event"]))
    jets = slice(start, max(start, stop))

    def columns(group: Any) -> dict[str, np.ndarray]:
        return {name: dataset[jets] for name, dataset in group.items()}

    def ragged(group: Any) -> Ragged:
        offsets = group["offset"][jets.start : jets.stop + 1]
        whole = jets.stop == len(group["offset"]) - 1
        # A file that is longer than its offsets say is damaged, whichever part of it is read.
        rows = slice(int(offsets[0]), None if whole else int(offsets[-1]))
        cols = {name: dataset[rows] for name, dataset in group.items() if name != "offset"}
        return Ragged(cols, offsets - offsets[0] if start else offsets)

    return Jets(
        columns=columns(file["jets"]),
        event=file["event"][jets],
        weight=file["weight"][jets],
        label=file["label"][jets] if "label" in file else None,
        truth=columns(file["truth"]) if "truth" in file else {},
        hits={name: ragged(group) for name, group in file["hits"].items()} if "hits" in file else {},
        candidates=ragged(file["candidates"]) if "candidates" in file else None,
        objects={name: ragged(group) for name, group in file["objects"].items()} if "objects" in file else {},
        attributes=json.loads(attributes_of(file)["attributes"]),
        origin={"entry": np.arange(jets.start, jets.stop)},
    )


def _check_values(path: Path, jets: Jets) -> None:
    # (values, unit) of what must not be negative
    quantities = {f"jets/{name}": (jets[name], "GeV") for name in ("pt", "mass") if name in jets.columns}
    quantities |= {f"hits/{channel}/value": (hits["value"], "GeV") for channel, hits in jets.hits.items()}
    finite = {f"jets/{name}": values for name, values in jets.columns.items()} | {"weight": jets.weight}
    if jets.candidates is not None:
        found = jets.candidates.columns
        quantities |= {f"candidates/{k}": (found[k], "GeV") for k in ("pt", "energy") if k in found}
        finite |= {f"candidates/{name}": values for name, values in found.items()}
    for kind, objects in jets.objects.items():
        finite |= {f"objects/{kind}/{name}": values for name, values in objects.columns.items()}
        for column in OBJECTS[kind]:
            if column.name in objects.columns and not column.negative:
                quantities[f"objects/{kind}/{column.name}"] = (objects[column.name], column.unit)
    for name, (values, unit) in quantities.items():
        bad = int(np.count_nonzero(~(np.isfinite(values) & (values >= 0))))
        if bad:
            of = f" [{unit}]" if unit else ""
            raise InputError(
                f"{path}: {name} must be finite and not negative{of}, {bad} of {len(values)} values are not"
            )
    for name, values in finite.items():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        if bad:
            raise InputError(f"{path}: {name} must be finite, {bad} of {len(values)} values are not")
