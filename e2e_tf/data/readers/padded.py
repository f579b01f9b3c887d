"""Jets as plain padded arrays (npz): one array of candidates, one of labels, your own column names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.arrays import npz_rows, npz_shape, open_npz
from e2e_tf.data.readers.checks import need, need_shape, numbers_only
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.energyflow import is_energyflow
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import cloud, energy_of, unpad
from e2e_tf.data.readers.registry import reader
from e2e_tf.errors import InputError

__all__ = ["count_padded", "read_padded"]


def count_padded(path: PathLike, key: str = "X") -> int:
    """Number of jets in the file.

    Args:
        path: an npz file.
        key: the array of candidates.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing, damaged or has no such array.
    """
    with open_npz(path) as (path, archive):
        need(path, "array", [key], archive.files)
        return npz_shape(path, archive, key)[0]


def _accepts(content: Content) -> bool:
    fits = content.has("X", "y") and len(content.shape("X")) == 3
    return content.container == "npz" and fits and not is_energyflow(content)


@reader("padded", "plain padded arrays", count=count_padded, accepts=_accepts)
def read_padded(
    path: PathLike,
    *,
    columns: Sequence[str],
    key: str = "X",
    label_key: str | None = "y",
    mask_key: str | None = None,
    event_key: str | None = None,
    jet_keys: Mapping[str, str] | None = None,
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets of a padded array (n, N, F) with ``columns`` for its F columns.

    What else is known follows from the names. With ``px, py, pz, energy`` or ``pt, eta, phi`` [GeV, rad]
    (massless, unless ``energy`` is there), jets are the sums of their candidates, and these get ``pt``,
    ``energy``, ``deta``, ``dphi``. With ``pt, deta, dphi`` candidates stay as they are. Every other column is
    kept under its name.

    Args:
        path: an npz file.
        columns: names of the columns of the array, in order.
        key: the array of candidates.
        label_key: the array of labels (n,), 1 signal and 0 background; None reads none.
        mask_key: an array (n, N) that is not 0 where a candidate is real; None takes rows that are not all 0.
        event_key: an array (n,) of event numbers; None takes the row in the file.
        jet_keys: name of a jet's column (``pt``, ``mass``, …) to the array (n,) that holds it; these replace
            what was summed.
        start, stop: range of jets.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, an array is missing or of another shape, the names are not
            as many as the columns, a value is NaN or infinite, a pT or energy is negative, or a label is
            neither 0 nor 1.
    """
    jet_keys = {} if jet_keys is None else dict(jet_keys)
    if isinstance(columns, str) or len(set(columns)) != len(columns):
        raise InputError(f"columns must be different names, one per column of {key}, not {columns!r}")
    with open_npz(path) as (path, archive):
        shapes: dict[str, tuple[int | None, ...]] = {key: (None, None, len(columns))}
        need(path, "array", [key], archive.files)
        n, n_slots, *_ = (*npz_shape(path, archive, key), 0, 0)
        shapes |= {k: (n,) for k in (label_key, event_key, *jet_keys.values()) if k is not None}
        shapes |= {} if mask_key is None else {mask_key: (n, n_slots)}
        need(path, "array", shapes, archive.files)
        for name, shape in shapes.items():
            words = f"({', '.join('any' if s is None else str(s) for s in shape)})"
            need_shape(path, name, npz_shape(path, archive, name), shape, words)
        first, last = row_range(n, start, stop)
        arrays = {name: npz_rows(path, archive, name, first, last) for name in shapes}
    for name, array in arrays.items():
        numbers_only(path, name, array)
    particles = arrays[key]
    mask = np.any(particles != 0, axis=2) if mask_key is None else arrays[mask_key] != 0
    raw = unpad(particles, mask, columns)
    entries = EntryValidator(path, len(particles), on_error, report, first)
    entries.rows(key, raw, [name for name in ("pt", "energy") if name in columns])
    for name, source in jet_keys.items():
        if name in ("pt", "mass", "energy"):
            entries.energy(source, arrays[source])
        else:
            entries.finite(source, arrays[source])
    if label_key is not None:
        several = np.unique(arrays[label_key])
        if on_error == "stop" and several.max(initial=0) > 1 and np.array_equal(several, np.round(several)):
            raise InputError(
                f"{path}: {label_key} must be 0 or 1, it holds {', '.join(f'{value:g}' for value in several[:5])}; "
                f"for more classes give label_key = none and jet_keys.kind = {label_key}, and an output of the "
                "column kind"
            )
        entries.one_of(label_key, arrays[label_key], (0, 1))
    keep = entries.passed
    raw = raw.take(keep)
    jets, candidates = _kinematics(raw)
    jets |= {name: arrays[source][keep] for name, source in jet_keys.items()}
    event = first + keep if event_key is None else arrays[event_key][keep]
    return entries.finish(
        Jets,
        "padded",
        {"columns": list(columns), "key": key},
        columns=jets,
        event=event,
        label=None if label_key is None else arrays[label_key][keep].astype(np.int8),
        candidates=Ragged(candidates, raw.offsets),
    )


def _kinematics(raw: Ragged) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    names = set(raw.columns)
    cartesian = {"px", "py", "pz", "energy"} <= names
    polar = {"pt", "eta", "phi"} <= names and not {"deta", "dphi"} <= names
    if not cartesian and not polar:
        return {}, dict(raw.columns)
    if cartesian:
        used = {"px", "py", "pz", "energy"}
        jets, candidates = cloud(raw["px"], raw["py"], raw["pz"], raw["energy"], raw.counts)
    else:
        used = {"pt", "eta", "phi", "energy"}
        pt, eta, phi = (raw[name].astype(np.float64) for name in ("pt", "eta", "phi"))
        energy = raw["energy"] if "energy" in names else energy_of(pt, eta, 0.0)
        pz = pt * np.sinh(np.clip(eta, -20, 20))
        jets, candidates = cloud(pt * np.cos(phi), pt * np.sin(phi), pz, energy, raw.counts)
    return jets, candidates | {name: column for name, column in raw.columns.items() if name not in used}
