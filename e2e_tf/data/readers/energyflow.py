"""EnergyFlow quark and gluon jets (npz, or a pair of npy files).

Pythia 8 or Herwig 7.1 jets, anti-k_T R = 0.4, pT 500–550 GeV, from Zenodo 3164691 (Pythia) and 3066475
(Herwig): ``QG_jets[_i].npz`` with ``X`` float64 (n, M, 4), columns pt [GeV], rapidity, φ [rad], PDG number,
and ``y`` (n,), **1 for a quark and 0 for a gluon jet**. Rows of zeros are padding; M differs from file to
file. Copies in circulation hold the same arrays in two npy files, some cut to the leading constituents: a
jet's pT, η, φ and mass are sums over the constituents that are in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.arrays import npy_rows, npz_rows, npz_shape, open_npz
from e2e_tf.data.readers.checks import existing_file, need, need_shape, numbers_only
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import charge_of, cloud, is_pdg, kinds_of, mass_of, unpad
from e2e_tf.data.readers.registry import reader
from e2e_tf.errors import InputError

__all__ = ["count_energyflow", "is_energyflow", "read_energyflow"]


def count_energyflow(path: PathLike, labels: PathLike | None = None) -> int:
    """Number of jets in the file (``labels`` as in `read_energyflow`).

    Args:
        path: an npz file with ``X`` and ``y``, or the npy file of ``X``.
        labels: as in `read_energyflow`.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing or damaged, or its arrays have other shapes.
    """
    with _arrays(path, labels) as (_, shape, _x, _y):
        return shape[0]


def is_energyflow(content: Content) -> bool:
    """Whether a file holds X (n, M, 4) with y, or X alone as npy.

    Args:
        content: what is in the file.

    Returns:
        True if it can be this format.
    """
    name = "" if content.container == "npy" else "X"
    shape = content.shape(name)
    if len(shape) != 3 or shape[-1] != 4:
        return False
    return content.container == "npy" or (content.container == "npz" and set(content.names) == {"X", "y"})


@reader(
    "energyflow",
    "EnergyFlow quark and gluon jets",
    count=count_energyflow,
    accepts=is_energyflow,
    files=("labels",),
)
def read_energyflow(
    path: PathLike,
    *,
    labels: PathLike | None = None,
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Quark (label 1) and gluon (label 0) jets with their particles.

    Candidates have ``pt``, ``energy`` (with the particle's own mass), ``deta``, ``dphi``, ``charge``,
    ``pdg_id`` and the flags ``is_charged_hadron``, … for the five kinds that particle flow tells apart.
    ``event`` is the jet's row in the file: the source keeps no event numbers.

    Args:
        path: an npz file with ``X`` and ``y``, or the npy file of ``X``.
        labels: the npy file of ``y``; needed with an npy file of ``X``, not accepted with npz.
        start, stop: range of jets.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the file.

    Raises:
        InputError: a file is missing or damaged, an array is missing or of another shape, a value is NaN or
            infinite, a pT is negative, column 4 is no PDG number, or a label is neither 0 nor 1.
    """
    with _arrays(path, labels) as (path, shape, x, y):
        first, last = row_range(shape[0], start, stop)
        particles, label = x(first, last), y(first, last)
    for name, array in (("X", particles), ("y", label)):
        numbers_only(path, name, array)
    raw = unpad(particles, np.any(particles != 0, axis=2), ("pt", "y", "phi", "pid"))
    entries = EntryValidator(path, len(label), on_error, report, first)
    entries.rows("X", raw, ["pt"])
    entries.one_of("y", label, (0, 1))
    other = np.bincount(raw.owner[~is_pdg(raw["pid"])], minlength=len(label)) > 0
    entries.require(
        ~other,
        "column 4 of X must hold PDG numbers such as 22, 211 or -2212 (for other columns name them: --reader padded "
        "--option columns=pt,eta,phi,mass)",
    )
    keep = entries.passed
    raw = raw.take(keep)
    pdg_id = raw["pid"].astype(np.int32)
    transverse = np.hypot(raw["pt"], mass_of(pdg_id))
    rapidity = np.clip(raw["y"], -20, 20)
    jets, candidates = cloud(
        raw["pt"] * np.cos(raw["phi"]),
        raw["pt"] * np.sin(raw["phi"]),
        transverse * np.sinh(rapidity),
        transverse * np.cosh(rapidity),
        raw.counts,
    )
    candidates |= {"charge": charge_of(pdg_id), "pdg_id": pdg_id} | kinds_of(pdg_id)
    return entries.finish(
        Jets,
        "energyflow",
        {},
        columns=jets,
        label=label[keep].astype(np.int8),
        candidates=Ragged(candidates, raw.offsets),
    )


@contextmanager
def _arrays(path: PathLike, labels: PathLike | None) -> Iterator[tuple[Path, tuple[int, ...], Any, Any]]:
    """The path, the shape of X, and functions that read a range of X and y."""
    path = existing_file(path)
    with open(path, "rb") as file:
        is_npy = file.read(6) == b"\x93NUMPY"
    if is_npy:
        if labels is None:
            raise InputError(f"{path} holds no labels; give the npy file of y as labels")
        x, y = npy_rows(path), npy_rows(Path(labels))
        _check(path, x.shape, y.shape)
        yield path, x.shape, lambda a, b: np.array(x[a:b]), lambda a, b: np.array(y[a:b])
        return
    if labels is not None:
        raise InputError(f"{path} must be an npy file of X to go with {labels}; an npz file has its own y")
    with open_npz(path) as (path, archive):
        need(path, "array", ("X", "y"), archive.files)
        shape = npz_shape(path, archive, "X")
        _check(path, shape, npz_shape(path, archive, "y"))
        yield (
            path,
            shape,
            lambda a, b: npz_rows(path, archive, "X", a, b),
            lambda a, b: npz_rows(path, archive, "y", a, b),
        )


def _check(path: Path, x: tuple[int, ...], y: tuple[int, ...]) -> None:
    need_shape(path, "X", x, (None, None, 4), "(n, M, 4)")
    need_shape(path, "y", y, (x[0],), f"({x[0]},)")
