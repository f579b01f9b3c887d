"""The baseline: boosted trees on hand-made features of the same hits or candidates.

A graph network that does not beat this has learned nothing that a physicist would not have written down.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.data.features import CHANNELS
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets
from e2e_tf.data.quantities import hit_positions
from e2e_tf.errors import InputError

__all__ = ["baseline_score", "candidate_features", "hit_features", "summary_features", "train_baseline"]

_RINGS = ((0.0, 0.1), (0.1, 0.2), (0.2, 0.5))  # ΔR to the jet axis [rad]: tau core, its edge, isolation
_KINDS = ("charged_hadron", "neutral_hadron", "photon", "electron", "muon")
_CANDIDATE_COLUMNS = (
    *("pt", "energy", "deta", "dphi", "charge", "d0", "d0_significance"),
    *(f"is_{kind}" for kind in _KINDS),
)


def hit_features(jets: Jets) -> tuple[list[str], np.ndarray]:
    """High-level features of the hits, with the jet's own pT, mass and |η|.

    Per channel: multiplicity, sum [GeV], share of the sum of all channels, share of the leading hit, mean and
    root mean square ΔR [rad] weighted with energy, sums [GeV] and multiplicities in rings of ΔR < 0.1,
    0.1-0.2 and 0.2-0.5. For the calorimeters together also the mass [GeV] of massless hits, all and ΔR < 0.2,
    and the share of ECAL in ΔR < 0.1. What a jet without hits does not have is 0.

    Args:
        jets: n jets with ``hits`` and the columns ``pt``, ``mass``, ``eta``, ``phi``, ``ieta`` and ``iphi``.

    Returns:
        Names and a finite float32 array (n, number of names).

    Raises:
        InputError: the jets have no hits, or a column is missing.
    """
    channels = [channel for channel in CHANNELS if channel in jets.hits]
    if not channels:
        raise InputError(f"features of hits need a channel of {', '.join(CHANNELS)}; these jets have no hits")
    _need(jets.columns, ("pt", "mass", "eta", "phi", "ieta", "iphi"), "jets")
    columns = _jet_columns(jets)
    n = len(jets)
    parts = {}
    for channel in channels:
        owner, deta, dphi = hit_positions(jets, channel)
        parts[channel] = (owner, jets.hits[channel]["value"].astype(np.float64), deta, dphi)
    total = np.sum([np.bincount(owner, value, n) for owner, value, _, _ in parts.values()], axis=0)
    for channel, (owner, value, deta, dphi) in parts.items():
        of = _Rows(owner, n)
        delta_r, energy = np.hypot(deta, dphi), of.sum(value)
        columns[f"n_{channel}"] = of.count()
        columns[f"{channel}_sum"] = energy
        columns[f"{channel}_fraction"] = _ratio(energy, total)
        columns[f"{channel}_leading_fraction"] = _ratio(of.largest(value), energy)
        columns[f"{channel}_mean_delta_r"] = _ratio(of.sum(value * delta_r), energy)
        columns[f"{channel}_rms_delta_r"] = np.sqrt(_ratio(of.sum(value * delta_r**2), energy))
        for low, high in _RINGS:
            ring = (delta_r >= low) & (delta_r < high)
            columns[f"{channel}_sum_{low:g}_{high:g}"] = of.sum(value, ring)
            columns[f"n_{channel}_{low:g}_{high:g}"] = of.count(ring)
    calorimeters = [parts[channel] for channel in ("ecal", "hcal") if channel in parts]
    if calorimeters:
        owner, energy, deta, dphi = (np.concatenate(columns) for columns in zip(*calorimeters, strict=True))
        eta, of = deta + jets["eta"][owner], _Rows(owner, n)
        pt, near = energy / np.cosh(eta), np.hypot(deta, dphi) < 0.2
        columns["calorimeter_mass"] = of.mass(pt, eta, dphi, energy)
        columns["calorimeter_mass_0_0.2"] = of.mass(pt, eta, dphi, energy, near)
    if len(calorimeters) == 2:
        core = columns["ecal_sum_0_0.1"] + columns["hcal_sum_0_0.1"]
        columns["ecal_share_0_0.1"] = _ratio(columns["ecal_sum_0_0.1"], core)
    return _table(columns)


def candidate_features(jets: Jets) -> tuple[list[str], np.ndarray]:
    """High-level features of the candidates, with the jet's own pT, mass and |η|.

    Multiplicities and pT shares per kind; shares of the leading candidate, track and photon; widths [rad];
    pT shares in rings of ΔR < 0.1, 0.1-0.2 and 0.2-0.5; and, with the signal cone ΔR < 3 GeV/pT kept within
    0.05 and 0.1 around the leading track (the jet axis in jets without one): numbers of tracks in it, their
    charge, invariant masses [GeV] of the tracks and of tracks and photons in it, sums of pT [GeV] of tracks
    and photons around it within 0.5, and impact parameters of the leading and of the most displaced track.
    What a jet does not have is 0.

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
    _need(jets.columns, ("pt", "mass", "eta"), "jets")
    _need(jets.candidates.columns, _CANDIDATE_COLUMNS, "candidates")
    owner, n = jets.candidates.owner, len(jets)
    column = {name: jets.candidates[name].astype(np.float64) for name in _CANDIDATE_COLUMNS}
    pt, energy, deta, dphi = (column[name] for name in ("pt", "energy", "deta", "dphi"))
    eta = deta + jets["eta"][owner]
    of, everything = _Rows(owner, n), np.ones(len(pt), bool)
    charged, photon = column["charge"] != 0, column["is_photon"] != 0
    total = of.sum(pt)
    columns = _jet_columns(jets)
    pileup = None
    if "from_pv" in jets.candidates.columns:
        pileup = charged & (jets.candidates["from_pv"] == 0)
        charged &= ~pileup

    columns["n_candidates"] = of.count()
    columns["n_charged"] = of.count(charged)
    for kind in _KINDS:
        mask = column[f"is_{kind}"] != 0
        columns[f"n_{kind}"] = of.count(mask)
        columns[f"{kind}_fraction"] = _ratio(of.sum(pt, mask), total)
    columns["charged_fraction"] = _ratio(of.sum(pt, charged), total)
    for name, mask in (("candidate", everything), ("track", charged), ("photon", photon)):
        columns[f"leading_{name}_fraction"] = _ratio(of.largest(pt, mask), total)
    columns["pt_dispersion"] = _ratio(np.sqrt(of.sum(pt**2)), total)

    delta_r = np.hypot(deta, dphi)
    for name, mask in (("", everything), ("charged_", charged), ("photon_", photon)):
        weight = of.sum(pt, mask)
        columns[f"{name}mean_delta_r"] = _ratio(of.sum(pt * delta_r, mask), weight)
        columns[f"{name}rms_delta_r"] = np.sqrt(_ratio(of.sum(pt * delta_r**2, mask), weight))
    for low, high in _RINGS:
        columns[f"fraction_{low:g}_{high:g}"] = _ratio(of.sum(pt, (delta_r >= low) & (delta_r < high)), total)

    track = of.leading(pt, charged)  # row of each jet's leading track, -1 where it has none
    has_track = track >= 0

    def of_track(values: np.ndarray) -> np.ndarray:
        found = np.zeros(n)
        found[has_track] = values[track[has_track]]
        return found

    axis = np.hypot(deta - of_track(deta)[owner], delta_phi(dphi, of_track(dphi)[owner]))
    cone = np.clip(_ratio(np.full(n, 3.0), jets["pt"].astype(np.float64)), 0.05, 0.1)
    inside = axis < cone[owner]
    around = ~inside & (axis < 0.5)
    columns["leading_track_delta_r"] = of_track(delta_r)
    columns["n_charged_in_cone"] = of.count(charged & inside)
    columns["n_photon_in_cone"] = of.count(photon & inside)
    columns["charge_in_cone"] = np.abs(of.sum(column["charge"], inside & charged))
    columns["fraction_in_cone"] = _ratio(of.sum(pt, inside), total)
    columns["charged_isolation"] = of.sum(pt, charged & around)
    columns["photon_isolation"] = of.sum(pt, photon & around)
    columns["n_charged_around"] = of.count(charged & around)
    if "rho" in jets.columns:
        columns["jet_rho"] = jets["rho"]
    if pileup is not None:
        columns["n_pileup_tracks"] = of.count(pileup)
        columns["pileup_fraction"] = _ratio(of.sum(pt, pileup), total)
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
    return _table(columns)


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
    rows = _Rows(jets.candidates.owner, len(jets))
    count = jets.candidates.counts.astype(np.float64)
    columns: dict[str, np.ndarray] = {"n_candidates": count}
    pt = jets.candidates.columns.get("pt")
    total = None if pt is None else rows.sum(pt)
    for name, values in jets.candidates.columns.items():
        values = np.nan_to_num(values.astype(np.float64))
        columns[f"mean_{name}"] = _ratio(rows.sum(values), count)
        columns[f"rms_{name}"] = np.sqrt(_ratio(rows.sum(values**2), count))
        columns[f"max_{name}"] = rows.largest(values)
        if pt is not None and total is not None:
            columns[f"pt_mean_{name}"] = _ratio(rows.sum(values * pt), total)
    columns |= {f"jet_{name}": values for name, values in jets.columns.items() if name != "phi"}
    return _table(columns)


def train_baseline(
    features: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None, seed: int = 0
) -> Any:
    """Train scikit-learn's `HistGradientBoostingClassifier` until 15 % held out for it stops improving.

    The held-out part is drawn jet by jet from what is given here, so give the training part only. The same
    inputs and seed give the same trees.

    Args:
        features: float32 (n, number of features), as `hit_features` and `candidate_features` give.
        label: int (n,), 1 for signal and 0 for background.
        weight: float (n,), training weights; None means 1.
        seed: seeds the held-out part.

    Returns:
        The fitted estimator; `baseline_score` applies it.

    Raises:
        InputError: lengths differ, a feature is not finite, or a class has fewer than 10 jets.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    features, label = np.asarray(features), np.asarray(label)
    if features.ndim != 2 or label.shape != features.shape[:1]:
        raise InputError(
            f"features must be (n, number of features) and label (n,), received {features.shape} "
            f"and {label.shape}"
        )
    if weight is not None and np.shape(weight) != label.shape:
        raise InputError(f"weight must have shape {label.shape}, received {np.shape(weight)}")
    if bad := int(np.count_nonzero(~np.isfinite(features))):
        raise InputError(f"every feature must be finite, {bad} of {features.size} values are NaN or infinite")
    n_signal = int(np.count_nonzero(label == 1))
    n_background = int(np.count_nonzero(label == 0))
    if n_signal + n_background != len(label) or min(n_signal, n_background) < 10:
        raise InputError(
            "the baseline needs labels 0 and 1 with at least 10 jets each, "
            f"received {n_signal} signal and {n_background} background among {len(label)}"
        )
    estimator = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=1000,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=True,
        validation_fraction=0.15,
        n_iter_no_change=20,
        random_state=seed,
    )
    with _one_thread():
        return estimator.fit(features, label, sample_weight=weight)


def baseline_score(estimator: Any, features: np.ndarray) -> np.ndarray:
    """float64 (n,): the estimator's probability of signal.

    Args:
        estimator: from :func:`train_baseline`.
        features: float (n, F), in the order of the training.

    Returns:
        float64 (n,), from 0 to 1.
    """
    with _one_thread():
        return np.asarray(estimator.predict_proba(features)[:, 1])


def _one_thread() -> Any:
    """A context that keeps the trees to one thread.

    They consist of many tiny parallel loops, each of which waits where another program uses a core: with two
    threads on two busy cores 600 jets took 30 times as long as with one, and 30,000 jets 6 times.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp")


class _Rows:
    """Sums and maxima over the rows of each of ``n`` jets; a jet without rows gets 0."""

    def __init__(self, owner: np.ndarray, n: int) -> None:
        self.owner, self.n = owner, n

    def sum(self, values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        weights = values if mask is None else values * mask
        return np.bincount(self.owner, weights, self.n)

    def count(self, mask: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(self.owner if mask is None else self.owner[mask], minlength=self.n)

    def largest(self, values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """The largest of values that are not negative."""
        found = np.zeros(self.n)
        owner, values = (self.owner, values) if mask is None else (self.owner[mask], values[mask])
        np.maximum.at(found, owner, values)
        return found

    def leading(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """int64 (n,): the row with the largest value among those of the mask, -1 where there is none."""
        rows = np.flatnonzero(mask)
        rows = rows[np.argsort(values[rows], kind="stable")]
        found = np.full(self.n, -1)
        found[self.owner[rows]] = rows  # of several rows for one jet the last one, the largest, stays
        return found

    def mass(
        self,
        pt: np.ndarray,
        eta: np.ndarray,
        phi: np.ndarray,
        energy: np.ndarray,
        mask: np.ndarray | None = None,
    ) -> np.ndarray:
        momentum = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta))
        squared = self.sum(energy, mask) ** 2 - sum(self.sum(p, mask) ** 2 for p in momentum)
        return np.sqrt(np.maximum(squared, 0))  # rounding can leave a massless sum just below 0


def _jet_columns(jets: Jets) -> dict[str, np.ndarray]:
    return {
        "jet_pt": jets["pt"],
        "jet_mass": jets["mass"],
        "jet_abs_eta": np.abs(jets["eta"]),
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def _table(columns: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    return list(columns), np.stack(list(columns.values()), axis=1).astype(np.float32)


def _need(columns: Any, names: tuple[str, ...], where: str) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        raise InputError(
            f"the {where} lack the columns {', '.join(missing)}; they have {', '.join(sorted(columns))}"
        )
