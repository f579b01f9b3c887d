"""Fuτure: hadronic taus of a future e⁺e⁻ collider in full simulation (parquet).

Zenodo 13881061 (https://doi.org/10.5281/zenodo.13881061): e⁺e⁻ at 380 GeV, CLIC-like detector, Pandora
candidates, generalised k_T jets; ``z_train.parquet``, ``zh_…``, ``qq_…``, one row per jet:

- ``reco_cand_p4s``, list of records x, y, z [GeV] and tau (mass, GeV) or t (energy, GeV);
- ``reco_cand_charge``, ``reco_cand_pdg`` (±211, 130, 22, ±11, ±13), ``reco_cand_dxy``, ``reco_cand_dz`` [mm]
  and their errors ``…_err``, lists of the same lengths;
- ``reco_jet_p4s``, record;
- ``gen_jet_tau_decaymode``, −1 where there is no hadronic tau, ``gen_jet_tau_p4s``, its visible momentum;
- ``weight``, which flattens pT and θ.

Later versions of the same sample say ``…_charges``, ``…_pdgs``, ``…_error``, ``reco_jet_p4``,
``gen_jet_tau_p4`` and ``cls_weight``; they are accepted too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.checks import need
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import cloud, four_vectors, kinds_of
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import arrow_column, arrow_numbers, open_parquet, parquet_length, parquet_rows
from e2e_tf.errors import InputError

__all__ = ["count_future_tau", "read_future_tau"]

_REQUIRED = {
    "reco_cand_p4s": ("reco_cand_p4s",),
    "charge": ("reco_cand_charge", "reco_cand_charges"),
    "pdg_id": ("reco_cand_pdg", "reco_cand_pdgs"),
    "jet": ("reco_jet_p4s", "reco_jet_p4"),
    "decay_mode": ("gen_jet_tau_decaymode",),
}
_OPTIONAL = {
    "d0": ("reco_cand_dxy",),
    "d0_error": ("reco_cand_dxy_err", "reco_cand_dxy_error"),
    "dz": ("reco_cand_dz",),
    "dz_error": ("reco_cand_dz_err", "reco_cand_dz_error"),
    "visible": ("gen_jet_tau_p4s", "gen_jet_tau_p4"),
    "weight": ("weight", "cls_weight"),
}
_CM_PER_MM = 0.1
_NO_TRACK = -900.0  # a candidate without a track has −1000 or NaN


def count_future_tau(path: PathLike) -> int:
    """Number of jets in the file.

    Args:
        path: the parquet file.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing or damaged, or the extra ``parquet`` is not installed.
    """
    return parquet_length(path)


def _accepts(content: Content) -> bool:
    return content.container == "parquet" and content.has("reco_cand_p4s", "gen_jet_tau_decaymode")


@reader("future_tau", "taus of a future e⁺e⁻ collider", count=count_future_tau, accepts=_accepts)
def read_future_tau(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets with their candidates; label 1 is a jet with a generated hadronic tau, 0 one without.

    Jets have ``pt``, ``eta``, ``phi``, ``mass``. Candidates have ``pt``, ``energy``, ``deta``, ``dphi``,
    ``charge``, ``pdg_id``, the flags ``is_…`` and, where the file has them, ``d0``, ``d0_error``, ``dz``,
    ``dz_error`` [cm], 0 for a candidate without a track. The truth holds ``decay_mode`` (−1 for none) and the
    tau's ``visible_pt``, ``visible_eta``, ``visible_phi``, ``visible_mass`` (0 for none). ``event`` is the
    jet's row in the file: the source keeps no event numbers.

    Args:
        path: a parquet file.
        start, stop: range of jets.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, the extra ``parquet`` is not installed, a column is
            missing or of another type, an energy is negative, NaN or infinite.
    """
    with open_parquet(path) as (path, file):
        there = set(file.schema_arrow.names)
        names = {}
        for key, spellings in (_REQUIRED | _OPTIONAL).items():
            found = [spelling for spelling in spellings if spelling in there]
            if not found and key in _REQUIRED:
                need(path, "column", spellings[:1], there)
            if found:
                names[key] = found[0]
        first, last = row_range(int(file.metadata.num_rows), start, stop)
        table = parquet_rows(path, file, list(names.values()), first, last)
    columns = {key: arrow_column(path, table, name) for key, name in names.items()}
    counts, momenta = _list(path, names["reco_cand_p4s"], columns.pop("reco_cand_p4s"))
    raw = dict(zip(("px", "py", "pz", "energy"), _p4(path, names["reco_cand_p4s"], momenta), strict=True))
    for key in ("charge", "pdg_id", "d0", "d0_error", "dz", "dz_error"):
        if key in columns:
            lengths, values = _list(path, names[key], columns[key])
            if not np.array_equal(lengths, counts):
                raise InputError(
                    f"{path}: {names[key]} must have as many values as reco_cand_p4s in every jet"
                )
            raw[key] = arrow_numbers(path, names[key], values)
    for value, error in (("d0", "d0_error"), ("dz", "dz_error")):
        if value in raw and error in raw:
            tracked = (raw[value] > _NO_TRACK) & (raw[error] > 0)
            raw |= {k: np.where(tracked, raw[k] * _CM_PER_MM, 0).astype(np.float32) for k in (value, error)}
    rows = Ragged.from_counts(raw, counts)
    jet = np.stack(_p4(path, names["jet"], columns["jet"]), axis=1)
    decay_mode = arrow_numbers(path, names["decay_mode"], columns["decay_mode"])
    weight = (
        arrow_numbers(path, names["weight"], columns["weight"]) if "weight" in columns else np.ones(len(jet))
    )
    visible = (
        np.nan_to_num(np.stack(_p4(path, names["visible"], columns["visible"]), axis=1))
        if "visible" in columns
        else np.zeros((len(jet), 4))
    )
    entries = EntryValidator(path, len(jet), on_error, report, first)
    entries.rows("reco_cand_p4s", rows, ["energy"])
    entries.finite(names["jet"], jet)
    entries.energy("jet energy", jet[:, 3])
    entries.finite("gen_jet_tau_decaymode", decay_mode)
    entries.finite("weight", weight)
    keep = entries.passed
    rows, decay_mode = rows.take(keep), decay_mode[keep].astype(np.int32)
    kinematics = _kinematics(jet[keep])
    axis = (kinematics["eta"], kinematics["phi"])
    _, candidates = cloud(rows["px"], rows["py"], rows["pz"], rows["energy"], rows.counts, axis)
    pdg_id = rows["pdg_id"].astype(np.int32)
    candidates |= {"charge": rows["charge"].astype(np.int8), "pdg_id": pdg_id}
    candidates |= kinds_of(pdg_id)
    candidates |= {k: rows[k] for k in ("d0", "d0_error", "dz", "dz_error") if k in rows.columns}
    is_tau = decay_mode >= 0
    truth: dict[str, np.ndarray] = {"decay_mode": np.where(is_tau, decay_mode, -1).astype(np.int32)}
    if "visible" in columns:
        for name, values in _kinematics(visible[keep]).items():
            truth[f"visible_{name}"] = np.where(is_tau, values, 0).astype(np.float32)
    return entries.finish(
        Jets,
        "future_tau",
        {},
        columns={name: column.astype(np.float32) for name, column in kinematics.items()},
        weight=weight[keep].astype(np.float32),
        label=is_tau.astype(np.int8),
        truth=truth,
        candidates=Ragged(candidates, rows.offsets),
    )


def _list(path: Path, name: str, column: Any) -> tuple[np.ndarray, Any]:
    """Lengths (int64) and values of a column of lists."""
    import pyarrow
    import pyarrow.compute

    kind = column.type
    if not (pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)):
        raise InputError(f"{path}: {name} must hold lists, it holds {kind}")
    lengths = pyarrow.compute.list_value_length(column).to_numpy(zero_copy_only=False)
    return lengths.astype(np.int64), column.flatten()


def _p4(path: Path, name: str, records: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """px, py, pz, energy [GeV] of records with x, y, z and tau or t."""
    import pyarrow

    fields = [field.name for field in records.type] if pyarrow.types.is_struct(records.type) else []
    if not ({"x", "y", "z"} <= set(fields) and {"tau", "t"} & set(fields)):
        raise InputError(
            f"{path}: {name} must hold records x, y, z and tau or t, "
            f"it holds {', '.join(fields) if fields else records.type}"
        )
    x, y, z = (arrow_numbers(path, f"{name}.{f}", records.field(f)).astype(np.float64) for f in "xyz")
    if "t" in fields:
        return x, y, z, arrow_numbers(path, f"{name}.t", records.field("t")).astype(np.float64)
    mass = arrow_numbers(path, f"{name}.tau", records.field("tau")).astype(np.float64)
    return x, y, z, np.sqrt(x * x + y * y + z * z + np.maximum(mass, 0) ** 2)


def _kinematics(p4: np.ndarray) -> dict[str, np.ndarray]:
    pt, eta, phi = four_vectors(p4[:, 0], p4[:, 1], p4[:, 2])
    mass = np.sqrt(np.maximum(p4[:, 3] ** 2 - (p4[:, :3] ** 2).sum(axis=1), 0))
    return {"pt": pt, "eta": eta, "phi": phi, "mass": mass}
