"""Four-momenta, PDG numbers and padded arrays: what several formats need to give candidates and jets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Ragged
from e2e_tf.errors import InputError

__all__ = [
    "MASSES",
    "charge_of",
    "cloud",
    "cms_event",
    "energy_of",
    "four_vectors",
    "is_pdg",
    "kinds_of",
    "mass_of",
    "summed",
    "unpad",
]


def four_vectors(px: np.ndarray, py: np.ndarray, pz: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """pt, η, φ of momenta, float64; a vanishing momentum gives zeros, one along the beam η = ±20.

    Args:
        px, py, pz: (n,) [GeV].

    Returns:
        pt [GeV], η, φ [rad], float64 (n,) each.
    """
    px, py, pz = (np.asarray(p, np.float64) for p in (px, py, pz))
    pt = np.hypot(px, py)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(pz / pt)
    eta = np.where(pt > 0, eta, np.sign(pz) * 20.0)
    return pt, np.clip(eta, -20.0, 20.0), np.arctan2(py, px)


def energy_of(pt: np.ndarray, eta: np.ndarray, mass: np.ndarray | float) -> np.ndarray:
    """float32, energy of particles [GeV]; a mass just below zero, as reduced precision gives, counts as 0.

    Args:
        pt: (n,) [GeV].
        eta: (n,), beyond ±20 taken as ±20.
        mass: (n,) or one for all [GeV].

    Returns:
        float32 (n,) [GeV].
    """
    momentum = np.asarray(pt, np.float64) * np.cosh(np.clip(np.asarray(eta, np.float64), -20, 20))
    return np.hypot(momentum, np.maximum(mass, 0)).astype(np.float32)


MASSES = {
    11: 0.000511,
    13: 0.10566,
    22: 0.0,
    130: 0.49761,
    211: 0.13957,
    321: 0.49368,
    2112: 0.93957,
    2212: 0.93827,
}
"""Masses [GeV] of what a jet's constituents are called, by absolute PDG number."""

_LEAST_HADRON = 100
_NEUTRAL_HADRONS = (130, 310, 111, 2112, 3122, 3212, 3322, 1)  # 1 is a hadron in the forward calorimeter
_PHOTONS = (22, 2)  # 2 is an electromagnetic deposit in the forward calorimeter
_LEPTONS = (11, 13, 15, 12, 14, 16)
_NEGATIVE = (11, 13, 15, 3112, 3312, 3334)  # these have negative charge where the number is positive


def is_pdg(values: np.ndarray) -> np.ndarray:
    """bool, whether values are PDG numbers of particles that reach a detector: leptons, photons and hadrons.

    Args:
        values: numbers (n,).

    Returns:
        bool (n,).
    """
    kind = np.abs(np.asarray(values, np.float64))
    return (kind == np.rint(kind)) & (np.isin(kind, (*_LEPTONS, _PHOTONS[0])) | (kind >= _LEAST_HADRON))


def mass_of(pdg_id: np.ndarray) -> np.ndarray:
    """float64, masses [GeV] by PDG number: those of `MASSES`, pions for everything else.

    Args:
        pdg_id: int (n,).

    Returns:
        float64 (n,) [GeV].
    """
    kind = np.abs(pdg_id)
    return np.select([kind == code for code in MASSES], list(MASSES.values()), MASSES[211])


def charge_of(pdg_id: np.ndarray) -> np.ndarray:
    """int8, electric charge of the particles that reach a detector, by PDG number.

    Args:
        pdg_id: int (n,).

    Returns:
        int8 (n,), in units of the positron's charge.
    """
    kind = np.abs(pdg_id)
    sign = np.sign(pdg_id) * np.where(np.isin(kind, _NEGATIVE), -1, 1)
    neutral = np.isin(kind, (*_NEUTRAL_HADRONS, *_PHOTONS, 0, 12, 14, 16))
    return np.where(neutral, 0, sign).astype(np.int8)


def kinds_of(pdg_id: np.ndarray) -> dict[str, np.ndarray]:
    """int8 columns is_charged_hadron, is_neutral_hadron, is_photon, is_electron, is_muon by PDG number.

    Args:
        pdg_id: int (n,).

    Returns:
        int8 (n,) by name, 1 for a particle of that kind.
    """
    kind = np.abs(pdg_id)
    neutral, photon = np.isin(kind, _NEUTRAL_HADRONS), np.isin(kind, _PHOTONS)
    charged = ~neutral & ~photon & ~np.isin(kind, (*_LEPTONS, 0))
    columns = {
        "is_charged_hadron": charged,
        "is_neutral_hadron": neutral,
        "is_photon": photon,
        "is_electron": kind == 11,
        "is_muon": kind == 13,
    }
    return {name: column.astype(np.int8) for name, column in columns.items()}


RUN_SHIFT = 40


def cms_event(run: np.ndarray, number: np.ndarray) -> np.ndarray:
    """int64, run · 2⁴⁰ + event number: no two CMS events share it.

    Args:
        run, number: integers (n,).

    Returns:
        int64 (n,).

    Raises:
        InputError: a run number is not below 2²³, or an event number not below 2⁴⁰.
    """
    run, number = np.asarray(run), np.asarray(number)
    if len(run) and (int(run.max()) >= 1 << 23 or int(number.max()) >= 1 << RUN_SHIFT):
        raise InputError(
            "run numbers must be below 2^23 and event numbers below 2^40, "
            f"the largest are {int(run.max())} and {int(number.max())}"
        )
    return (run.astype(np.int64) << RUN_SHIFT) + number.astype(np.int64)


def cloud(
    px: np.ndarray,
    py: np.ndarray,
    pz: np.ndarray,
    energy: np.ndarray,
    counts: np.ndarray,
    axis: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Jets as sums of their constituents, and the constituents around them.

    Args:
        px, py, pz, energy: (rows,), four-momenta [GeV].
        counts: (n,), constituents of each jet.
        axis: η and φ (n,) of the jets to which the constituents are relative; None takes those of the sums.

    Returns:
        Jets' pt, eta, phi, mass and candidates' pt, energy, deta, dphi, float32.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    sums = [np.bincount(owner, np.asarray(p, np.float64), len(counts)) for p in (px, py, pz, energy)]
    pt, eta, phi = four_vectors(*sums[:3])
    mass = np.sqrt(np.maximum(sums[3] ** 2 - sums[0] ** 2 - sums[1] ** 2 - sums[2] ** 2, 0))
    jets = {"pt": pt, "eta": eta, "phi": phi, "mass": mass}
    centre = (eta, phi) if axis is None else axis
    own_pt, own_eta, own_phi = four_vectors(px, py, pz)
    candidates = {
        "pt": own_pt,
        "energy": np.asarray(energy),
        "deta": own_eta - centre[0][owner],
        "dphi": delta_phi(own_phi, centre[1][owner]),
    }
    return (
        {name: column.astype(np.float32) for name, column in jets.items()},
        {name: column.astype(np.float32) for name, column in candidates.items()},
    )


def summed(raw: Ragged, names: Sequence[str]) -> tuple[dict[str, np.ndarray], Ragged]:
    """Jets as sums of their constituents, and the constituents around them, see `cloud`.

    Args:
        raw: constituents with their four-momenta [GeV].
        names: columns of px, py, pz and energy.

    Returns:
        Columns (jets,) of the jets, and their constituents with places relative to the axis.
    """
    px, py, pz, energy = (raw[name] for name in names)
    jets, candidates = cloud(px, py, pz, energy, raw.counts)
    return jets, Ragged(candidates, raw.offsets)


def unpad(array: np.ndarray, mask: np.ndarray, names: Sequence[str]) -> Ragged:
    """The real rows of a padded array.

    Args:
        array: (n, N, F).
        mask: bool (n, N), True where a row is real.
        names: names of the first columns.

    Returns:
        The real rows of each entry, by name.
    """
    rows = array[mask]
    return Ragged.from_counts({name: rows[:, i] for i, name in enumerate(names)}, mask.sum(axis=1))
