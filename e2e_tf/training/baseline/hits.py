"""High-level features of hits."""

from __future__ import annotations

import numpy as np

from e2e_tf.data.features import CHANNELS
from e2e_tf.data.jets import Jets
from e2e_tf.data.quantities import hit_positions
from e2e_tf.errors import InputError
from e2e_tf.training.baseline.rows import RINGS, Rows, jet_columns, need, ratio, table

__all__ = ["hit_features"]


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
    need(jets.columns, ("pt", "mass", "eta", "phi", "ieta", "iphi"), "jets")
    columns = jet_columns(jets)
    n = len(jets)
    parts = {}
    for channel in channels:
        owner, deta, dphi = hit_positions(jets, channel)
        parts[channel] = (owner, jets.hits[channel]["value"].astype(np.float64), deta, dphi)
    total = np.sum([np.bincount(owner, value, n) for owner, value, _, _ in parts.values()], axis=0)
    for channel, (owner, value, deta, dphi) in parts.items():
        of = Rows(owner, n)
        delta_r, energy = np.hypot(deta, dphi), of.sum(value)
        columns[f"n_{channel}"] = of.count()
        columns[f"{channel}_sum"] = energy
        columns[f"{channel}_fraction"] = ratio(energy, total)
        columns[f"{channel}_leading_fraction"] = ratio(of.largest(value), energy)
        columns[f"{channel}_mean_delta_r"] = ratio(of.sum(value * delta_r), energy)
        columns[f"{channel}_rms_delta_r"] = np.sqrt(ratio(of.sum(value * delta_r**2), energy))
        for low, high in RINGS:
            ring = (delta_r >= low) & (delta_r < high)
            columns[f"{channel}_sum_{low:g}_{high:g}"] = of.sum(value, ring)
            columns[f"n_{channel}_{low:g}_{high:g}"] = of.count(ring)
    calorimeters = [parts[channel] for channel in ("ecal", "hcal") if channel in parts]
    if calorimeters:
        owner, energy, deta, dphi = (np.concatenate(columns) for columns in zip(*calorimeters, strict=True))
        eta, of = deta + jets["eta"][owner], Rows(owner, n)
        pt, near = energy / np.cosh(eta), np.hypot(deta, dphi) < 0.2
        columns["calorimeter_mass"] = of.mass(pt, eta, dphi, energy)
        columns["calorimeter_mass_0_0.2"] = of.mass(pt, eta, dphi, energy, near)
    if len(calorimeters) == 2:
        core = columns["ecal_sum_0_0.1"] + columns["hcal_sum_0_0.1"]
        columns["ecal_share_0_0.1"] = ratio(columns["ecal_sum_0_0.1"], core)
    return table(columns)
