"""JetNet: gluon, light-quark, top, W and Z jets with 30 or 150 particles (HDF5).

Zenodo 6975118 (30 particles) and 6975117 (150 particles): ``g.hdf5``, ``q.hdf5``, ``t.hdf5``, ``w.hdf5``,
``z.hdf5`` and ``g150.hdf5``, … A file holds jets of one kind and does not say which:

- ``particle_features`` (n, 30 or 150, 4): etarel, phirel (relative to the jet), ptrel (fraction of the jet's
  pT), mask (1 for a particle, 0 for padding);
- ``jet_features`` (n, 4): pt [GeV], eta, mass [GeV], num_particles.
"""

from __future__ import annotations

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.arrays import hdf5_length, hdf5_rows, hdf5_shape, open_hdf5
from e2e_tf.data.readers.checks import need, need_shape
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import energy_of, unpad
from e2e_tf.data.readers.registry import reader
from e2e_tf.errors import InputError

__all__ = ["count_jetnet", "read_jetnet"]

_KEYS = ("particle_features", "jet_features")


def count_jetnet(path: PathLike) -> int:
    """Number of jets in the file.

    Args:
        path: the HDF5 file.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing, damaged or has other data sets.
    """
    return hdf5_length(path, _KEYS, "jet_features")


def _accepts(content: Content) -> bool:
    return content.container == "HDF5" and content.has("particle_features", "jet_features")


@reader("jetnet", "JetNet", count=count_jetnet, accepts=_accepts)
def read_jetnet(
    path: PathLike,
    *,
    label: int | None,
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets of one kind with their particles.

    Jets have ``pt``, ``eta``, ``mass`` and ``num_particles``; there is no φ. Candidates have ``pt``,
    ``energy`` (massless), ``deta``, ``dphi``. ``event`` is the jet's row in the file.

    Args:
        path: a JetNet file.
        label: the label of all its jets, 1 signal or 0 background: the file does not say what it holds. None
            leaves them without one.
        start, stop: range of jets.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, a data set is missing or of another shape, a value is NaN
            or infinite, a pT is negative, or ``label`` is not 0, 1 or None.
    """
    if label not in (0, 1, None):
        raise InputError(f"label must be 0, 1 or None, not {label!r}")
    with open_hdf5(path) as (path, file):
        need(path, "data set", _KEYS, file)
        n = hdf5_shape(path, file, "jet_features")[0]
        need_shape(path, "jet_features", hdf5_shape(path, file, "jet_features"), (n, 4), "(n, 4)")
        need_shape(
            path,
            "particle_features",
            hdf5_shape(path, file, "particle_features"),
            (n, None, 4),
            f"({n}, N, 4)",
        )
        first, last = row_range(n, start, stop)
        particles, jet = (hdf5_rows(path, file[name], first, last) for name in _KEYS)
    entries = EntryValidator(path, len(jet), on_error, report, first)
    entries.finite("jet_features", jet)
    entries.finite("particle_features", particles)
    entries.energy("pt", jet[:, 0])
    entries.energy("mass", jet[:, 2])
    mask = particles[:, :, 3] > 0.5
    entries.require(~(mask & (particles[:, :, 2] < 0)).any(axis=1), "ptrel must not be negative")
    keep = entries.passed
    jet = jet[keep]
    raw = unpad(particles[keep], mask[keep], ("etarel", "phirel", "ptrel"))
    owner = raw.owner
    pt = (raw["ptrel"] * jet[owner, 0]).astype(np.float32)
    candidates = {
        "pt": pt,
        "energy": energy_of(pt, jet[owner, 1] + raw["etarel"], 0.0),
        "deta": raw["etarel"].astype(np.float32),
        "dphi": raw["phirel"].astype(np.float32),
    }
    return entries.finish(
        Jets,
        "jetnet",
        {"label": label},
        columns={name: jet[:, i].astype(np.float32) for i, name in enumerate(("pt", "eta", "mass"))}
        | {"num_particles": np.rint(jet[:, 3]).astype(np.int32)},
        label=None if label is None else np.full(len(keep), label, np.int8),
        candidates=Ragged(candidates, raw.offsets),
    )
