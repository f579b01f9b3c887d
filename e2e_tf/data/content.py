"""Which particles are in a jet: targets that a network learns beside its outputs, only while it is trained.

As ATLAS's taggers learn vertices and origins of tracks beside the flavour of a jet (ATL-PHYS-PUB-2022-027), a network
on what a detector measured can learn which particles were measured. They are the candidates of the sample: of a
simulation the true particles, of other files what their reader gives.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError

__all__ = ["CONTENT", "CONTENT_INPUT", "jet_content"]

CONTENT_INPUT = "jet_content"
"""Name of the input of a model in training that has the targets."""
_COLUMNS = ("pt", "deta", "dphi", "pdg_id", "charge")
_KINDS = ("photons", "charged", "pileup", "neutral_hadrons")
_AXES = ("jet", "leading")
_CONES = (0.1, 0.2, 0.4)
_LEAST_PT = 1.0  # GeV, of particles that are counted
_MASSES = {"photons": (0,), "visible": (0, 1), "charged": (1,)}  # kinds by their place
CONTENT = tuple(
    f"{quantity}_{axis}_{cone:g}"
    for axis, cone in product(_AXES, _CONES)
    for quantity in (
        *(f"pt_{kind}" for kind in _KINDS),
        "n_photons",
        "n_charged",
        *(f"mass_{name}" for name in _MASSES),
    )
)
"""Columns of :func:`jet_content`, such as ``pt_photons_jet_0.1`` and ``mass_visible_leading_0.4``."""


def jet_content(particles: Ragged | None) -> np.ndarray:
    r"""Sums, numbers and masses of the particles of each kind around the jet axis and around the leading particle.

    Kinds are photons, charged particles of the chosen vertex, other charged particles (of pileup) and neutral hadrons.
    In each cone of ΔR < 0.1, 0.2 and 0.4 around both axes: :math:`\log(1 + \sum p_\mathrm{T} / \mathrm{GeV})` of each
    kind, numbers of photons and of charged particles of the vertex with more than 1 GeV, and masses [GeV] of the
    photons, of photons and charged particles of the vertex, and of the latter, of particles without mass. The leading
    particle has the largest pT among the charged ones of the vertex, among all if there are none.

    Args:
        particles: of B jets, with pT [GeV], Δη, Δφ [rad] to the jet axis, ``pdg_id`` and ``charge``; those with
            ``from_pv`` = 0 are not of the vertex, without this column all charged ones are.

    Returns:
        float32 (B, 54), columns :data:`CONTENT`; 0 for jets without particles.

    Raises:
        InputError: there are no particles, or a column is missing.
    """
    missing = [name for name in _COLUMNS if particles is None or name not in particles.columns]
    if particles is None or missing:
        raise InputError(
            f"training.auxiliary_loss needs candidates with the columns {', '.join(_COLUMNS)}; this sample lacks "
            f"{', '.join(missing)}"
        )
    columns = particles.columns
    pt, deta, dphi = (np.asarray(columns[name], np.float64) for name in ("pt", "deta", "dphi"))
    photon, charged = np.abs(columns["pdg_id"]) == 22, columns["charge"] != 0
    vertex = columns["from_pv"] > 0 if "from_pv" in columns else np.ones(len(pt), bool)
    kinds = np.stack([photon, charged & vertex, charged & ~vertex, ~charged & ~photon])
    count = np.diff(particles.offsets)
    owner = np.repeat(np.arange(len(count)), count)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(owner, values, len(count))

    found = []
    for axis in _AXES:
        eta, phi = np.zeros((2, len(count)))
        if axis == "leading":
            some = count > 0
            lead = np.lexsort((pt, kinds[1], owner))[np.cumsum(count)[some] - 1]  # the last one of each jet
            eta[some], phi[some] = deta[lead], dphi[lead]
        distance = np.hypot(deta - eta[owner], delta_phi(dphi, phi[owner]))
        for cone in _CONES:
            inside = kinds & (distance < cone)
            found += [np.log1p(total(members * pt)) for members in inside]
            found += [total(members & (pt > _LEAST_PT)) for members in inside[:2]]
            for members in _MASSES.values():
                part = inside[list(members)].any(axis=0) * pt
                energy, z = total(part * np.cosh(deta)), total(part * np.sinh(deta))
                x, y = total(part * np.cos(dphi)), total(part * np.sin(dphi))
                found.append(np.sqrt(np.maximum(energy**2 - x**2 - y**2 - z**2, 0)))
    return np.stack(found, axis=1).astype(np.float32)
