"""JetClass: ten kinds of jets (ROOT).

Zenodo 6619768 (https://doi.org/10.5281/zenodo.6619768): 100 M training, 5 M validation and 20 M test jets,
anti-k_T R = 0.8, pT 500–1000 GeV, |η| < 2, MadGraph, Pythia and Delphes with a CMS-like detector; one file
holds jets of one kind. The tree ``tree`` has one entry per jet:

- ``part_px, part_py, part_pz, part_energy`` [GeV], ``part_d0val, part_d0err, part_dzval, part_dzerr`` [mm],
  ``part_charge``, ``part_isChargedHadron``, ``part_isNeutralHadron``, ``part_isPhoton``, ``part_isElectron``,
  ``part_isMuon``, jagged, in falling pT. (``part_deta`` has the sign of the jet's η and is not used here.)
- ``jet_pt, jet_eta, jet_phi, jet_energy, jet_sdmass`` [GeV], ``jet_nparticles``, ``jet_tau1`` … ``jet_tau4``;
- ``label_QCD``, ``label_Hbb``, ``label_Hcc``, ``label_Hgg``, ``label_H4q``, ``label_Hqql``, ``label_Zqq``,
  ``label_Wqq``, ``label_Tbqq``, ``label_Tbl``: exactly one of them is 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.readers.checks import need
from e2e_tf.data.readers.content import Content
from e2e_tf.data.readers.entries import EntryValidator, OnError, PathLike, Report, row_range
from e2e_tf.data.readers.particles import cloud
from e2e_tf.data.readers.registry import reader
from e2e_tf.data.readers.tables import branch, flat, open_tree, row_counts, tree_length
from e2e_tf.errors import InputError

__all__ = ["CLASSES", "count_jetclass", "read_jetclass"]

CLASSES: tuple[str, ...] = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
_MOMENTUM = ("px", "py", "pz", "energy")
_IMPACT = {"d0": "d0val", "d0_error": "d0err", "dz": "dzval", "dz_error": "dzerr"}
_FLAGS = {
    "is_charged_hadron": "isChargedHadron",
    "is_neutral_hadron": "isNeutralHadron",
    "is_photon": "isPhoton",
    "is_electron": "isElectron",
    "is_muon": "isMuon",
}
_JET = ("pt", "eta", "phi", "energy")
_OPTIONAL = ("nparticles", "sdmass", "tau1", "tau2", "tau3", "tau4")
_CM_PER_MM = np.float32(0.1)


def count_jetclass(path: PathLike) -> int:
    """Number of jets in the file.

    Args:
        path: the ROOT file.

    Returns:
        The number of jets.

    Raises:
        InputError: the file is missing, damaged or has no tree ``tree``.
    """
    return tree_length(path, "tree")


def _accepts(content: Content) -> bool:
    return content.has("tree/part_px", "tree/jet_pt", "tree/label_QCD")


@reader("jetclass", "JetClass", count=count_jetclass, accepts=_accepts)
def read_jetclass(
    path: PathLike,
    *,
    signal: Sequence[str] | None,
    start: int = 0,
    stop: int | None = None,
    on_error: OnError = "stop",
    report: Report | None = None,
) -> Jets:
    """Jets with their particles.

    Jets have ``pt``, ``eta``, ``phi``, ``mass`` (from the jet's own energy) and ``nparticles``, ``sdmass``,
    ``tau1`` … as far as the file has them. Candidates have ``pt``, ``energy``, ``deta``, ``dphi``,
    ``charge``, ``d0``, ``d0_error``, ``dz``, ``dz_error`` [cm] and the flags ``is_…``. The truth holds
    ``class``, the position in `CLASSES`. ``event`` is the jet's entry in the file.

    Args:
        path: a JetClass file.
        signal: the `CLASSES` whose jets have label 1; all others have 0. None leaves them without a label.
        start, stop: range of jets.
        on_error: ``"stop"``, or ``"skip"`` to leave out damaged jets.
        report: counts what was left out.

    Returns:
        The jets that were not left out, in the order of the file.

    Raises:
        InputError: the file is missing or damaged, the extra ``root`` is not installed, a branch is missing,
            a value is NaN or infinite, an energy or pT is negative, a jet has not exactly one class, or
            ``signal`` is no class.
    """
    wanted = [signal] if isinstance(signal, str) else list(signal or ())
    if signal is not None and (not wanted or not set(wanted) <= set(CLASSES)):
        raise InputError(f"signal must be among {', '.join(CLASSES)}; it is {wanted}")
    with open_tree(path, "tree") as (path, tree):
        names = set(tree.keys())
        parts = (*_MOMENTUM, "charge", *_IMPACT.values(), *_FLAGS.values())
        need(
            path,
            "branch",
            [*(f"part_{p}" for p in parts), *(f"jet_{j}" for j in _JET), *(f"label_{c}" for c in CLASSES)],
            names,
        )
        first, last = row_range(int(tree.num_entries), start, stop)
        counts = row_counts(branch(path, tree, "part_px", first, last))
        raw = Ragged.from_counts(
            {p: flat(branch(path, tree, f"part_{p}", first, last)) for p in parts}, counts
        )
        jet = {
            j: flat(branch(path, tree, f"jet_{j}", first, last))
            for j in (*_JET, *(j for j in _OPTIONAL if f"jet_{j}" in names))
        }
        classes = np.stack([flat(branch(path, tree, f"label_{c}", first, last)) for c in CLASSES], axis=1)
    entries = EntryValidator(path, len(counts), on_error, report, first)
    entries.rows("part_", raw, ["energy"])
    entries.energy("jet_pt", jet["pt"])
    entries.energy("jet_energy", jet["energy"])
    entries.finite("jet_eta and jet_phi", np.stack([jet["eta"], jet["phi"]], axis=1))
    entries.require((classes != 0).sum(axis=1) == 1, "exactly one label_ must be 1")
    keep = entries.passed
    raw, jet, classes = raw.take(keep), {j: v[keep] for j, v in jet.items()}, classes[keep]
    axis = (jet["eta"].astype(np.float64), jet["phi"].astype(np.float64))
    _, candidates = cloud(raw["px"], raw["py"], raw["pz"], raw["energy"], raw.counts, axis)
    candidates["charge"] = np.rint(raw["charge"]).astype(np.int8)
    candidates |= {name: raw[stored].astype(np.float32) * _CM_PER_MM for name, stored in _IMPACT.items()}
    candidates |= {name: (raw[stored] != 0).astype(np.int8) for name, stored in _FLAGS.items()}
    momentum = jet["pt"].astype(np.float64) * np.cosh(np.clip(axis[0], -20, 20))
    mass = np.sqrt(np.maximum(jet.pop("energy").astype(np.float64) ** 2 - momentum**2, 0)).astype(np.float32)
    number = classes.argmax(axis=1)
    return entries.finish(
        Jets,
        "jetclass",
        {"signal": None if signal is None else wanted},
        columns={"pt": jet.pop("pt"), "eta": jet.pop("eta"), "phi": jet.pop("phi"), "mass": mass} | jet,
        label=None if signal is None else np.isin(number, [CLASSES.index(n) for n in wanted]).astype(np.int8),
        truth={"class": number.astype(np.int8)},
        candidates=Ragged(candidates, raw.offsets),
    )
