"""CMS full-simulation jets, light quark against gluon, with charged and neutral candidates (HDF5).

The features are those of the long-lived-particle tagger of CMS (LLPDNNX, https://github.com/LLPDNNX), as in
the HDF5 test files of https://github.com/LLPDNNX/test-files (no licence stated: measure with them, do not
redistribute), merged to one file with uds and gluon jets of equal numbers:

- ``globalvars`` float32 (n, 14), `GLOBALS`; the first is log10 of the jet's pT in GeV;
- ``cpf`` float32 (n, 25, 18), `CHARGED`: at most 25 charged candidates, the most displaced first;
- ``npf`` float32 (n, 25, 6), `NEUTRAL`: at most 25 neutral candidates, the closest to a secondary vertex
  first;
- ``is_gluon`` int8 (n,), 1 for a gluon jet and 0 for a u, d or s jet. The source does not name its truth
  columns; which is which was inferred from the jets' multiplicity.

Rows of zeros are padding. A jet with more candidates keeps its true numbers in ``n_cpf`` and ``n_npf``.

How sure the names are. The source's feature lists name 16 of the 18 charged columns, in order, without
``fromPV`` and ``track_ndof``; where these two belong follows from the values: column 13 holds 0, 1, 2, 3 as
fromPV does, column 14 holds 0 or 1 as a charged candidate's PUPPI weight does, column 15 is an integer times
column 16 as a χ² rebuilt from the packed χ²/ndof is, and column 17 holds the quality masks 1 and 5. The
neutral columns match their names too: column 2 is 0 or 1 and 86 % of the candidates are photons; column 3 is
its complement (the stored HCAL fraction tells hadrons from photons and nothing more); columns 1 and 4 are
distances that end at 0.4; column 5 lies in [0, 1].
"""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.arrays import hdf5_length, hdf5_rows, hdf5_shape, open_hdf5
from e2e_tf.data.readers.checks import need, need_shape
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, check_choice, row_range
from e2e_tf.data.readers.registry import reader

__all__ = ["CHARGED", "GLOBALS", "NEUTRAL", "count_cms_uds_g", "read_cms_uds_g"]

GLOBALS: tuple[str, ...] = (
    "log10_pt",
    "eta",
    "n_cpf",
    "n_npf",
    "n_sv",
    "csv_trackSumJetEtRatio",
    "csv_trackSumJetDeltaR",
    "csv_vertexCategory",
    "csv_trackSip2dValAboveCharm",
    "csv_trackSip2dSigAboveCharm",
    "csv_trackSip3dValAboveCharm",
    "csv_trackSip3dSigAboveCharm",
    "csv_jetNSelectedTracks",
    "csv_jetNTracksEtaRel",
)
CHARGED: tuple[str, ...] = (
    "trackEtaRel",
    "trackPtRel",
    "trackPPar",
    "trackDeltaR",
    "trackPParRatio",
    "trackSip2dVal",
    "trackSip2dSig",
    "trackSip3dVal",
    "trackSip3dSig",
    "trackJetDistVal",
    "ptrel",
    "drminsv",
    "vertex_association",
    "fromPV",
    "puppi_weight",
    "track_chi2",
    "track_ndof",
    "track_quality",
)
NEUTRAL: tuple[str, ...] = ("ptrel", "deltaR", "isGamma", "hcal_fraction", "drminsv", "puppi_weight")
_KEYS = ("cpf", "npf", "globalvars", "is_gluon")


def count_cms_uds_g(path: PathLike) -> int:
    """Number of jets in the file.

    Args:
        path: the HDF5 file.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing, damaged or has other data sets.
    """
    return hdf5_length(path, _KEYS, "is_gluon")


def _accepts(content: Content) -> bool:
    return content.container == "HDF5" and content.has(*_KEYS)


@reader("cms_uds_g", "CMS light-quark and gluon jets", count=count_cms_uds_g, accepts=_accepts)
def read_cms_uds_g(
    path: PathLike,
    *,
    start: int = 0,
    stop: int | None = None,
    signal: Literal["quark", "gluon"] = "quark",
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets with the union of their charged and neutral candidates.

    Jets have ``pt`` [GeV] and ``eta``, and the other `GLOBALS` by name; φ and mass are not in the file.
    Candidates come charged first, each group in the file's order, with ``is_charged`` (0 or 1), ``pt`` [GeV]
    (``ptrel`` times the jet's pT), ``delta_r`` to the jet axis (``trackDeltaR`` or ``deltaR``), ``is_photon``
    (``isGamma``), and the rest of `CHARGED` and `NEUTRAL` by name, of which ``ptrel``, ``drminsv`` and
    ``puppi_weight`` belong to both. A column of the other kind is 0. η and φ of candidates and
    their energies are not in the file.

    The truth holds ``is_gluon`` as stored. Events are not numbered in the file: ``event`` is a hash of the
    jet's own features, so that copies of a jet, in this file or another, share it and no split parts them.

    Args:
        path: the HDF5 file.
        start, stop: range of jets.
        signal: which jets have label 1: ``"quark"`` (u, d, s) or ``"gluon"``.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, a data set is missing or of another shape, a value is NaN
            or infinite, a pT is negative, or ``is_gluon`` is neither 0 nor 1.
    """
    check_choice("signal", signal, ("quark", "gluon"))
    with open_hdf5(path) as (path, file):
        need(path, "data set", _KEYS, file)
        n = hdf5_shape(path, file, "is_gluon")[0]
        need_shape(path, "is_gluon", hdf5_shape(path, file, "is_gluon"), (n,), f"({n},)")
        shapes = {
            "cpf": (n, None, len(CHARGED)),
            "npf": (n, None, len(NEUTRAL)),
            "globalvars": (n, len(GLOBALS)),
        }
        for name, shape in shapes.items():
            need_shape(
                path,
                name,
                hdf5_shape(path, file, name),
                shape,
                f"({', '.join('any' if s is None else str(s) for s in shape)})",
            )
        first, last = row_range(n, start, stop)
        charged, neutral, values, gluon = (hdf5_rows(path, file[name], first, last) for name in _KEYS)
    entries = EntryValidator(path, len(gluon), on_error, report, first)
    for name, array in (("cpf", charged), ("npf", neutral), ("globalvars", values)):
        entries.finite(name, array)
    exponent = np.where(np.isfinite(values[:, 0]), values[:, 0], 0)
    entries.require(np.abs(exponent) < 6, "log10 of pt must lie within ±6")
    entries.one_of("is_gluon", gluon, (0, 1))
    for name, array, column in (
        ("cpf", charged, CHARGED.index("ptrel")),
        ("npf", neutral, NEUTRAL.index("ptrel")),
    ):
        entries.require((array[:, :, column] >= 0).all(axis=1), f"{name} ptrel must not be negative")
    if not entries.keep.all():
        charged, neutral, values, gluon = (a[entries.keep] for a in (charged, neutral, values, gluon))
    pt = 10.0 ** values[:, 0].astype(np.float64)
    is_gluon = gluon.astype(np.int8)
    return entries.finish(
        Jets,
        "cms_uds_g",
        {"signal": signal},
        columns={"pt": pt.astype(np.float32), "eta": values[:, 1]}
        | {name: _whole(name, values[:, i]) for i, name in enumerate(GLOBALS) if i > 1},
        event=_events(charged, neutral, values),
        label=is_gluon if signal == "gluon" else (1 - is_gluon).astype(np.int8),
        truth={"is_gluon": is_gluon},
        candidates=_candidates(charged, neutral, pt),
    )


def _whole(name: str, values: np.ndarray) -> np.ndarray:
    return values.astype(np.int32) if name.startswith("n_") else np.ascontiguousarray(values)


def _candidates(charged: np.ndarray, neutral: np.ndarray, pt: np.ndarray) -> Ragged:
    real = (np.any(charged != 0, axis=2), np.any(neutral != 0, axis=2))
    jet = np.concatenate([np.nonzero(mask)[0] for mask in real])
    order = np.argsort(jet, kind="stable")  # charged stay in front of neutral within a jet
    rows = (charged[real[0]], neutral[real[1]])
    n_charged = len(rows[0])
    columns: dict[str, np.ndarray] = {"is_charged": (np.arange(len(jet)) < n_charged).astype(np.int8)}
    sources = {name: (name, name) for name in (*CHARGED, *NEUTRAL)}
    sources["delta_r"] = (sources.pop("trackDeltaR")[0], sources.pop("deltaR")[1])
    sources["is_photon"] = sources.pop("isGamma")
    for name, (of_charged, of_neutral) in sources.items():
        column = np.zeros(len(jet), np.float32)
        if of_charged in CHARGED:
            column[:n_charged] = rows[0][:, CHARGED.index(of_charged)]
        if of_neutral in NEUTRAL:
            column[n_charged:] = rows[1][:, NEUTRAL.index(of_neutral)]
        columns[name] = column
    columns["pt"] = (columns["ptrel"] * pt[jet]).astype(np.float32)
    counts = real[0].sum(axis=1) + real[1].sum(axis=1)
    return Ragged.from_counts({name: column[order] for name, column in columns.items()}, counts)


def _events(*arrays: np.ndarray) -> np.ndarray:
    """int64 (n,): a hash of each jet's rows, not negative."""
    rows = [np.ascontiguousarray(array) for array in arrays]
    digests = []
    for i in range(len(rows[0])):
        digest = hashlib.blake2b(digest_size=8)
        for array in rows:
            digest.update(array[i].data)
        digests.append(digest.digest())
    return (np.frombuffer(b"".join(digests), "<u8") >> np.uint64(1)).astype(np.int64)
