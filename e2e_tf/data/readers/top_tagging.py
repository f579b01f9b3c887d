"""The top-tagging reference sample (HDF5 as pandas writes it, read without pandas).

Zenodo 2603256 (https://doi.org/10.5281/zenodo.2603256): ``train.h5``, ``val.h5``, ``test.h5`` with
1.211 M, 403 k, 404 k jets, anti-k_T R = 0.8, pT 550–650 GeV, Pythia 8 and Delphes. The pandas frame ``table``
has columns ``E_i, PX_i, PY_i, PZ_i`` [GeV] for i = 0…199 in falling pT, zeros where there is no constituent;
``truthE, truthPX, truthPY, truthPZ``, the top quark's four-momentum (zeros for QCD); ``ttv``, 0, 1, 2 for
training, test and validation; ``is_signal_new``, **1 for top and 0 for QCD**.

pandas stores a frame as ``fixed`` (``block<i>_values`` with ``block<i>_items``) or as ``table`` (a compound
data set with fields ``values_block_<i>`` whose column names are pickled lists in attributes, or one field per
column). Both are read here. The pickled lists are never unpickled: only the strings in them are taken out.
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets
from e2e_tf.data.readers.arrays import hdf5_rows, open_hdf5
from e2e_tf.data.readers.checks import need, readable
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import summed, unpad
from e2e_tf.data.readers.registry import reader
from e2e_tf.errors import InputError

__all__ = ["count_top_tagging", "read_top_tagging"]

_MOMENTUM = ("E", "PX", "PY", "PZ")
_TRUTH = ("truthE", "truthPX", "truthPY", "truthPZ")


def count_top_tagging(path: PathLike, key: str = "table") -> int:
    """Number of jets in the file.

    Args:
        path: an HDF5 file with a pandas frame.
        key: the frame's name.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing, damaged or has no such frame.
    """
    with open_hdf5(path) as (path, file):
        return _Frame(path, file, key).n


def _accepts(content: Content) -> bool:
    frames = content.has("table/table") or content.has("table/block0_values")
    return content.container == "HDF5" and frames


@reader("top_tagging", "top-tagging reference sample", count=count_top_tagging, accepts=_accepts)
def read_top_tagging(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    key: str = "table",
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Top (label 1) and QCD (label 0) jets with up to 200 constituents.

    Jets are the sums of their constituents. Candidates have ``pt``, ``energy``, ``deta``, ``dphi``. The truth
    holds ``ttv`` and ``truthE`` … as far as the file has them. ``event`` is the jet's row in the file.

    Args:
        path: an HDF5 file with a pandas frame.
        start, stop: range of jets.
        key: the frame's name.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, it has no such frame or column, a value is NaN or
            infinite, an energy is negative, or a label is neither 0 nor 1.
    """
    with open_hdf5(path) as (path, file):
        frame = _Frame(path, file, key)
        first, last = row_range(frame.n, start, stop)
        n_slots = sum(name.startswith("E_") and name[2:].isdigit() for name in frame.columns)
        if not n_slots:
            raise InputError(f"{path} has no column E_0; there are: {', '.join(list(frame.columns)[:20])}")
        names = [f"{component}_{i}" for i in range(n_slots) for component in _MOMENTUM]
        extra = [name for name in ("ttv", *_TRUTH) if name in frame.columns]
        values = frame.read(["is_signal_new", *names, *extra], first, last)
    label = values["is_signal_new"]
    momenta = np.stack([values[name] for name in names], axis=1).reshape(len(label), n_slots, 4)
    raw = unpad(momenta, np.any(momenta != 0, axis=2), _MOMENTUM)
    entries = EntryValidator(path, len(label), on_error, report, first)
    entries.rows("constituents'", raw, ["E"])
    entries.one_of("is_signal_new", label, (0, 1))
    keep = entries.passed
    jets, candidates = summed(raw.take(keep), ("PX", "PY", "PZ", "E"))
    return entries.finish(
        Jets,
        "top_tagging",
        {"key": key},
        columns=jets,
        label=label[keep].astype(np.int8),
        truth={name: values[name][keep].astype(np.int8 if name == "ttv" else np.float32) for name in extra},
        candidates=candidates,
    )


class _Frame:
    """A pandas frame in an HDF5 file: ``columns`` maps a name to (data set, field or None, position)."""

    def __init__(self, path: Path, file: Any, key: str) -> None:
        self.path = path
        need(path, "frame", [key], file)
        group = file[key]
        self.columns: dict[str, tuple[Any, str | None, int | None]] = {}
        with readable(path):
            if "table" in group:
                self._table(group["table"])
            elif "block0_values" in group:
                self._fixed(group)
        if not self.columns:
            raise InputError(f"{path}: {key} must be a pandas frame, it has {', '.join(group) or 'nothing'}")
        self.n = len(next(iter(self.columns.values()))[0])

    def _table(self, table: Any) -> None:
        for field in table.dtype.names or ():
            if field == "index":
                continue
            width = table.dtype[field].shape
            if width:
                names = _strings(table.attrs[f"{field}_kind"])
                if len(names) != width[0]:
                    raise ValueError(f"{field} has {width[0]} columns and {len(names)} names")
                self.columns |= {name: (table, field, i) for i, name in enumerate(names)}
            else:
                self.columns[field] = (table, field, None)

    def _fixed(self, group: Any) -> None:
        block = 0
        while f"block{block}_values" in group:
            values = group[f"block{block}_values"]
            names = [item.decode() for item in group[f"block{block}_items"][()]]
            if values.shape[1] != len(names):
                raise ValueError(f"block {block} has {values.shape[1]} columns and {len(names)} names")
            self.columns |= {name: (values, None, i) for i, name in enumerate(names)}
            block += 1

    def read(self, names: list[str], start: int, stop: int) -> dict[str, np.ndarray]:
        """Columns by name; every data set is read once."""
        need(self.path, "column", names, self.columns)
        sets = {self.columns[name][0].name: self.columns[name][0] for name in names}
        rows = {name: hdf5_rows(self.path, dataset, start, stop) for name, dataset in sets.items()}
        found = {}
        for name in names:
            dataset, field, position = self.columns[name]
            values = rows[dataset.name] if field is None else rows[dataset.name][field]
            found[name] = values if position is None else values[:, position]
        return found


def _strings(pickled: Any) -> list[str]:
    """The strings of a pickled list, in order, without running the pickle."""
    opcodes = pickletools.genops(bytes(pickled))
    return [str(value) for code, value, _ in opcodes if "UNICODE" in code.name or "STRING" in code.name]
