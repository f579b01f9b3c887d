"""What tells hadronic taus from jets, of candidates and detector objects alike: strips, masses, rings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.training.baseline.rows import Rows, at, ratio

__all__ = ["Objects", "tau_columns"]

_RADII = (0.05, 0.1, 0.2, 0.3, 0.5)  # rad, around the leading track
_STRIP = (0.05, 0.2)  # Δη and Δφ [rad] of a strip of photons, as in the hadrons-plus-strips algorithm
_STRIP_PT = 0.5  # GeV, of what enters a strip
_LEADING = 4  # tracks and deposits of electromagnetic energy
_DISPLACED = 2
_CUT = 100.0  # of a squared significance, so that one track does not decide a sum


@dataclass(frozen=True)
class Objects:
    """The objects of n jets, whatever they were made from.

    Attributes:
        owner: int64 (rows,), the jet of each.
        n: number of jets.
        pt, deta, dphi: float64 (rows,) [GeV, rad], relative to the jet axis.
        eta: float64 (n,), of the jets.
        track: bool (rows,), tracks of the chosen vertex.
        pileup: bool (rows,), other tracks; None where they are not told apart.
        electromagnetic: bool (rows,), photons or deposits in the ECAL.
        strip: bool (rows,), what may be in a strip: these, and electrons where they are told apart.
        hadronic: bool (rows,), neutral hadrons or deposits in the HCAL.
        charge, d0_significance, dz_significance: float64 (rows,), 0 of what is no track.
    """

    owner: np.ndarray
    n: int
    pt: np.ndarray
    deta: np.ndarray
    dphi: np.ndarray
    eta: np.ndarray
    track: np.ndarray
    pileup: np.ndarray | None
    electromagnetic: np.ndarray
    strip: np.ndarray
    hadronic: np.ndarray
    charge: np.ndarray
    d0_significance: np.ndarray
    dz_significance: np.ndarray


def tau_columns(o: Objects, jet_pt: np.ndarray) -> dict[str, np.ndarray]:
    """Features around the leading track of the chosen vertex; of a jet without one around its axis.

    Sums of pT [GeV] and numbers within 0.05 to 0.5 of tracks, electromagnetic and hadronic objects and tracks of other
    vertices; the strip around the leading electromagnetic object; masses [GeV] of the leading track and the strip, the
    tracks in the signal cone (3 GeV/pT within 0.05 and 0.1) with and without it, and of all tracks and photons; widths;
    impact parameters; isolation less half the sum of the tracks of other vertices; and of the leading tracks,
    electromagnetic and hadronic objects and the most displaced tracks what is known of each. What is not there is 0.

    CMS, Performance of reconstruction and identification of τ leptons, https://arxiv.org/abs/1809.02816 (strips,
    signal cone, Δβ correction).

    Args:
        o: the objects.
        jet_pt: float64 (n,) [GeV].

    Returns:
        (n,) each, by name: 119 columns, 5 fewer where tracks of other vertices are not told apart.
    """
    of = Rows(o.owner, o.n)
    leading = of.leading(o.pt, o.track, _LEADING)
    first = leading[:, 0]
    deta = o.deta - at(o.deta, first)[o.owner]
    dphi = delta_phi(o.dphi, at(o.dphi, first)[o.owner])
    around = np.hypot(deta, dphi)
    cone = np.clip(ratio(np.full(o.n, 3.0), jet_pt), 0.05, 0.1)
    inside = around < cone[o.owner]
    columns = _rings(o, of, around)
    strip = _strip(o, of, columns)
    is_first = np.zeros(len(o.pt), bool)
    is_first[first[first >= 0]] = True
    eta, energy = o.deta + o.eta[o.owner], o.pt * np.cosh(o.deta + o.eta[o.owner])
    for name, mask in (
        ("track_strip", is_first | strip),
        ("cone_strip", (o.track & inside) | strip),
        ("cone", o.track & inside),
        ("tracks", o.track),
        ("tracks_em", o.track | o.electromagnetic),
    ):
        columns[f"tau_mass_{name}"] = of.mass(o.pt, eta, o.dphi, energy, mask)
    _shapes(o, of, columns, around, inside, jet_pt)
    columns["tau_leading_share"] = ratio(at(o.pt, first), jet_pt)
    share, significance = o.pt / np.maximum(jet_pt, 1e-6)[o.owner], np.abs(o.d0_significance)
    place = {"share": share, "delta_r": around, "pt": o.pt, "deta": deta, "dphi": dphi}
    of_tracks = {
        **place,
        "d0": o.d0_significance * o.charge,
        "abs_d0": significance,
        "dz": o.dz_significance,
        "charge": o.charge,
    }
    near = {name: place[name] for name in ("share", "delta_r")}
    groups = (
        ("track", leading, of_tracks),
        ("em", of.leading(o.pt, o.electromagnetic, _LEADING), place),
        ("had", of.leading(o.pt, o.hadronic, 2), near),
        ("displaced", of.leading(significance, o.track, _DISPLACED), {**near, "abs_d0": significance}),
    )
    for what, rows, values in groups:
        for rank in range(rows.shape[1]):
            columns |= {f"{what}_{rank + 1}_{name}": at(v, rows[:, rank]) for name, v in values.items()}
    return columns


def _rings(o: Objects, of: Rows, around: np.ndarray) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    kinds = [("track", o.track), ("em", o.electromagnetic), ("had", o.hadronic)]
    if o.pileup is not None:
        kinds.append(("pileup", o.pileup))
    for radius in _RADII:
        near = around < radius
        for name, mask in kinds:
            columns[f"tau_{name}_sum_{radius:g}"] = of.sum(o.pt, mask & near)
        for name, mask in kinds[:2]:
            columns[f"tau_n_{name}_{radius:g}"] = of.count(mask & near)
    return columns


def _strip(o: Objects, of: Rows, columns: dict[str, np.ndarray]) -> np.ndarray:
    """The rows of the strip around the leading one that may be in it; its columns are added."""
    centre = of.leading(o.pt, o.strip)[:, 0]
    from_eta = np.abs(o.deta - at(o.deta, centre)[o.owner])
    from_phi = np.abs(delta_phi(o.dphi, at(o.dphi, centre)[o.owner]))
    strip = o.strip & (from_eta < _STRIP[0]) & (from_phi < _STRIP[1]) & (o.pt > _STRIP_PT)
    total = of.sum(o.pt, strip)
    columns["tau_strip_pt"] = total
    columns["tau_strip_n"] = of.count(strip)
    columns["tau_strip_deta"] = ratio(of.sum(o.pt * from_eta, strip), total)
    columns["tau_strip_dphi"] = ratio(of.sum(o.pt * from_phi, strip), total)
    return strip


def _shapes(
    o: Objects,
    of: Rows,
    columns: dict[str, np.ndarray],
    around: np.ndarray,
    inside: np.ndarray,
    jet_pt: np.ndarray,
) -> None:
    """Widths around the leading track, impact parameters and isolation are added to the columns."""
    other = np.zeros(len(o.pt), bool) if o.pileup is None else o.pileup
    kept = ~other
    total, em = of.sum(o.pt, kept), o.electromagnetic
    columns["tau_width"] = ratio(of.sum(o.pt * around, kept), total)
    columns["tau_width_2"] = ratio(of.sum(o.pt * around**2, kept), total)
    for name, mask in (("em", em), ("em_cone", em & inside), ("em_outside", em & ~inside)):
        columns[f"tau_width_{name}"] = ratio(of.sum(o.pt * around, mask), of.sum(o.pt, mask))
    columns["tau_track_share"] = ratio(of.sum(o.pt, o.track & inside), jet_pt)
    columns["tau_em_share"] = ratio(of.sum(o.pt, em & inside), jet_pt)
    significance = np.abs(o.d0_significance)
    columns["tau_d0"] = ratio(of.sum(significance * o.pt, o.track), of.sum(o.pt, o.track))
    columns["tau_n_displaced_2"] = of.count(o.track & (significance > 2))
    columns["tau_n_displaced_4"] = of.count(o.track & (significance > 4))
    columns["tau_d0_cone"] = of.sum(np.minimum(significance**2, _CUT), o.track & inside)
    columns["tau_n_displaced_cone"] = of.count(o.track & inside & (significance > 2))
    outside = ~inside & (around < 0.5)
    neutral = of.sum(o.pt, (em | o.hadronic) & outside) - 0.5 * of.sum(o.pt, other & (around < 0.5))
    columns["tau_isolation"] = np.maximum(neutral, 0) + of.sum(o.pt, o.track & outside)
