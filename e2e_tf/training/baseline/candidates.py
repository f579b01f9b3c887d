"""High-level features of candidates."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.features import PARTICLE_KINDS
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets
from e2e_tf.errors import InputError
from e2e_tf.training.baseline.rows import RINGS, Rows, at, jet_columns, need, ratio, table
from e2e_tf.training.baseline.tau import Objects, tau_columns

__all__ = ["candidate_features", "summary_features"]

_KINDS = tuple(PARTICLE_KINDS)
_CANDIDATE_COLUMNS = (
    *("pt", "energy", "deta", "dphi", "charge", "d0", "d0_significance"),
    *(f"is_{kind}" for kind in _KINDS),
)


def candidate_features(jets: Jets) -> tuple[list[str], np.ndarray]:
    """High-level features of the candidates, with the jet's own pT, mass and |η|.

    Multiplicities and pT shares per kind; shares of the leading candidate, track and photon; widths [rad];
    pT shares in rings of ΔR < 0.1, 0.1-0.2 and 0.2-0.5; and, with the signal cone ΔR < 3 GeV/pT kept within
    0.05 and 0.1 around the leading track (the jet axis in jets without one): numbers of tracks in it, their
    charge, invariant masses [GeV] of the tracks and of tracks and photons in it, sums of pT [GeV] of tracks
    and photons around it within 0.5, and impact parameters of the leading and of the most displaced track. Then the
    119 of :func:`e2e_tf.training.baseline.tau.tau_columns`. What a jet does not have is 0.

    Samples with pileup tell the tracks of other collisions apart (a column ``from_pv``, 0 for these): they count
    as charged nowhere; their number, pT share and sum around the leading track are features of their own, as is
    the jets' ``rho`` [GeV per unit area], so that isolation can be corrected.

    Args:
        jets: n jets with ``candidates`` (columns ``pt``, ``energy`` [GeV], ``deta``, ``dphi`` [rad],
            ``charge``, ``d0`` [cm], ``d0_significance`` and ``is_<kind>`` for charged_hadron,
            neutral_hadron, photon, electron, muon) and the columns ``pt``, ``mass`` and ``eta``.

    Returns:
        Names and a finite float32 array (n, number of names).

    Raises:
        InputError: the jets have no candidates, or a column is missing.
    """
    if jets.candidates is None:
        raise InputError("features of candidates need candidates; these jets have none")
    need(jets.columns, ("pt", "mass", "eta"), "jets")
    need(jets.candidates.columns, _CANDIDATE_COLUMNS, "candidates")
    owner, n = jets.candidates.owner, len(jets)
    column = {name: jets.candidates[name].astype(np.float64) for name in _CANDIDATE_COLUMNS}
    pt, energy, deta, dphi = (column[name] for name in ("pt", "energy", "deta", "dphi"))
    eta = deta + jets["eta"][owner]
    of, everything = Rows(owner, n), np.ones(len(pt), bool)
    charged, photon = column["charge"] != 0, column["is_photon"] != 0
    total = of.sum(pt)
    columns = jet_columns(jets)
    pileup = None
    if "from_pv" in jets.candidates.columns:
        pileup = charged & (jets.candidates["from_pv"] == 0)
        charged &= ~pileup

    columns["n_candidates"] = of.count()
    columns["n_charged"] = of.count(charged)
    for kind in _KINDS:
        mask = column[f"is_{kind}"] != 0
        columns[f"n_{kind}"] = of.count(mask)
        columns[f"{kind}_fraction"] = ratio(of.sum(pt, mask), total)
    columns["charged_fraction"] = ratio(of.sum(pt, charged), total)
    for name, mask in (("candidate", everything), ("track", charged), ("photon", photon)):
        columns[f"leading_{name}_fraction"] = ratio(of.largest(pt, mask), total)
    columns["pt_dispersion"] = ratio(np.sqrt(of.sum(pt**2)), total)

    delta_r = np.hypot(deta, dphi)
    for name, mask in (("", everything), ("charged_", charged), ("photon_", photon)):
        weight = of.sum(pt, mask)
        columns[f"{name}mean_delta_r"] = ratio(of.sum(pt * delta_r, mask), weight)
        columns[f"{name}rms_delta_r"] = np.sqrt(ratio(of.sum(pt * delta_r**2, mask), weight))
    for low, high in RINGS:
        columns[f"fraction_{low:g}_{high:g}"] = ratio(of.sum(pt, (delta_r >= low) & (delta_r < high)), total)

    track = of.leading(pt, charged)[:, 0]  # row of each jet's leading track, -1 where it has none

    def of_track(values: np.ndarray) -> np.ndarray:
        return at(values, track)

    axis = np.hypot(deta - of_track(deta)[owner], delta_phi(dphi, of_track(dphi)[owner]))
    cone = np.clip(ratio(np.full(n, 3.0), jets["pt"].astype(np.float64)), 0.05, 0.1)
    inside = axis < cone[owner]
    around = ~inside & (axis < 0.5)
    columns["leading_track_delta_r"] = of_track(delta_r)
    columns["n_charged_in_cone"] = of.count(charged & inside)
    columns["n_photon_in_cone"] = of.count(photon & inside)
    columns["charge_in_cone"] = np.abs(of.sum(column["charge"], inside & charged))
    columns["fraction_in_cone"] = ratio(of.sum(pt, inside), total)
    columns["charged_isolation"] = of.sum(pt, charged & around)
    columns["photon_isolation"] = of.sum(pt, photon & around)
    columns["n_charged_around"] = of.count(charged & around)
    if "rho" in jets.columns:
        columns["jet_rho"] = jets["rho"]
    if pileup is not None:
        columns["n_pileup_tracks"] = of.count(pileup)
        columns["pileup_fraction"] = ratio(of.sum(pt, pileup), total)
        columns["pileup_isolation"] = of.sum(pt, pileup & around)
    for name, mask in (
        ("charged", charged),
        ("charged_in_cone", charged & inside),
        ("charged_photon_in_cone", (charged | photon) & inside),
    ):
        columns[f"mass_{name}"] = of.mass(pt, eta, dphi, energy, mask)
    columns["leading_track_d0"] = np.abs(of_track(column["d0"]))
    columns["leading_track_d0_significance"] = np.abs(of_track(column["d0_significance"]))
    columns["largest_d0_significance"] = of.largest(np.abs(column["d0_significance"]), charged)
    found = jets.candidates.columns
    none = np.zeros(len(pt))
    objects = Objects(
        owner,
        n,
        pt,
        deta,
        dphi,
        jets["eta"].astype(np.float64),
        track=charged,
        pileup=pileup,
        electromagnetic=photon,
        strip=photon | (column["is_electron"] != 0),
        hadronic=column["is_neutral_hadron"] != 0,
        charge=column["charge"],
        d0_significance=column["d0_significance"],
        dz_significance=found["dz_significance"].astype(np.float64) if "dz_significance" in found else none,
    )
    return table(columns | tau_columns(objects, jets["pt"].astype(np.float64)))


def summary_features(jets: Jets) -> tuple[list[str], np.ndarray]:
    """Summaries of whatever columns the candidates have, for samples without the columns that
    `candidate_features` needs.

    The number of candidates and, per column, mean, root mean square and maximum over the jet's candidates
    (with pT weights as well where there is ``pt``), and every jet column but ``phi``. What a jet without
    candidates does not have is 0.

    Args:
        jets: n jets with ``candidates``.

    Returns:
        Names and a finite float32 array (n, number of names).

    Raises:
        InputError: there are no candidates.
    """
    if jets.candidates is None:
        raise InputError("summary features need jets with candidates")
    rows = Rows(jets.candidates.owner, len(jets))
    count = jets.candidates.counts.astype(np.float64)
    columns: dict[str, np.ndarray] = {"n_candidates": count}
    pt = jets.candidates.columns.get("pt")
    total = None if pt is None else rows.sum(pt)
    for name, values in jets.candidates.columns.items():
        values = np.nan_to_num(values.astype(np.float64))
        columns[f"mean_{name}"] = ratio(rows.sum(values), count)
        columns[f"rms_{name}"] = np.sqrt(ratio(rows.sum(values**2), count))
        columns[f"max_{name}"] = rows.largest(values)
        if pt is not None and total is not None:
            columns[f"pt_mean_{name}"] = ratio(rows.sum(values * pt), total)
    columns |= {f"jet_{name}": values for name, values in jets.columns.items() if name != "phi"}
    return table(columns)
