"""Decays in flight of what the generator hands over undecayed: strange hadrons, charged pions, neutral pions.

Masses, lifetimes and branching fractions are those of the Review of Particle Physics (Particle Data Group). Decays to
three are flat in phase space; channels below 1 % are left out and the others scaled to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.sim.particles import Particles
from e2e_tf.sim.table import joined

__all__ = [
    "CHANNELS",
    "LIFETIMES",
    "MASSES",
    "Channel",
    "decay",
    "decay_arcs",
    "mass_of",
    "three_body",
    "two_body",
]

# GeV, by absolute PDG code.
MASSES = {
    11: 0.000511,
    12: 0.0,
    13: 0.10566,
    14: 0.0,
    22: 0.0,
    111: 0.13498,
    130: 0.49761,
    211: 0.13957,
    310: 0.49761,
    321: 0.49368,
    2112: 0.93957,
    2212: 0.93827,
    3112: 1.19745,
    3122: 1.11568,
    3222: 1.18937,
    3312: 1.32171,
    3322: 1.31486,
    3334: 1.67245,
}

# cτ [m], by absolute PDG code.
LIFETIMES = {
    111: 0.0,  # 25 nm: at once
    130: 15.34,
    211: 7.8045,
    310: 0.026844,
    321: 3.711,
    3112: 0.04434,
    3122: 0.0789,
    3222: 0.02404,
    3312: 0.0491,
    3322: 0.0871,
    3334: 0.02461,
}

_CHARGES = {
    11: -1,
    13: -1,
    211: 1,
    321: 1,
    2212: 1,
    3112: -1,
    3222: 1,
    3312: -1,
    3334: -1,
}
_OWN_ANTIPARTICLE = (22, 111, 130, 310)


@dataclass(frozen=True)
class Channel:
    """One way to decay.

    Attributes:
        fraction: of the decays, before the fractions of a particle are scaled to 1.
        daughters: PDG codes, for the decay of the particle rather than the antiparticle.
    """

    fraction: float
    daughters: tuple[int, ...]


CHANNELS = {
    111: (Channel(0.98823, (22, 22)), Channel(0.01174, (11, -11, 22))),
    # Either charge with the same probability.
    130: (
        Channel(0.2028, (-211, -11, 12)),
        Channel(0.2028, (211, 11, -12)),
        Channel(0.1352, (-211, -13, 14)),
        Channel(0.1352, (211, 13, -14)),
        Channel(0.1952, (111, 111, 111)),
        Channel(0.1254, (211, -211, 111)),
    ),
    211: (Channel(0.99988, (-13, 14)),),
    310: (Channel(0.6920, (211, -211)), Channel(0.3069, (111, 111))),
    321: (
        Channel(0.6356, (-13, 14)),
        Channel(0.2067, (211, 111)),
        Channel(0.05583, (211, 211, -211)),
        Channel(0.0507, (111, -11, 12)),
        Channel(0.03352, (111, -13, 14)),
        Channel(0.01760, (211, 111, 111)),
    ),
    3112: (Channel(0.99848, (2112, -211)),),
    3122: (Channel(0.641, (2212, -211)), Channel(0.359, (2112, 111))),
    3222: (Channel(0.5157, (2212, 111)), Channel(0.4831, (2112, 211))),
    3312: (Channel(0.99887, (3122, -211)),),
    3322: (Channel(0.99524, (3122, 111)),),
    3334: (Channel(0.678, (3122, -321)), Channel(0.236, (3322, -211)), Channel(0.086, (3312, 111))),
}

_KINDS = np.array(sorted(LIFETIMES))
_LIFETIME = np.array([LIFETIMES[kind] for kind in sorted(LIFETIMES)])


def mass_of(pdg_id: np.ndarray) -> np.ndarray:
    """float64 (n,): masses [GeV]; that of the pion for codes that are not in ``MASSES``.

    Args:
        pdg_id: int (n,).

    Returns:
        float64 (n,) [GeV].
    """
    codes = np.array(sorted(MASSES))
    values = np.array([MASSES[code] for code in sorted(MASSES)])
    kind = np.abs(pdg_id)
    row = np.minimum(np.searchsorted(codes, kind), len(codes) - 1)
    return np.where(codes[row] == kind, values[row], MASSES[211])


def decay_arcs(rng: np.random.Generator, particles: Particles) -> np.ndarray:
    """Transverse way to the decay, float64 (n,) [m]; infinite for what does not decay.

    The proper time is exponential, so the transverse way is cτ pT / m times an exponential number.

    Args:
        rng: random numbers.
        particles: which fly.

    Returns:
        float64 (n,) [m].
    """
    kind = np.abs(particles.pdg_id)
    row = np.minimum(np.searchsorted(_KINDS, kind), len(_KINDS) - 1)
    rows = np.flatnonzero(_KINDS[row] == kind)
    arc = np.full(len(kind), np.inf)
    momentum = particles.momentum[rows]
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    mean = _LIFETIME[row[rows]] * pt / mass_of(particles.pdg_id[rows])
    arc[rows] = mean * rng.standard_exponential(len(rows))
    return arc


def decay(rng: np.random.Generator, particles: Particles) -> Particles:
    """The daughters of particles that decay where they are; neutrinos are left out.

    Args:
        rng: random numbers.
        particles: unstable ones, with their place and momentum at the decay.

    Returns:
        Daughters, born at the vertex of their mother, with its ``event`` and ``origin``, grouped by channel.
    """
    kind = np.abs(particles.pdg_id)
    parts = [particles.take(np.zeros(0, np.int64))]
    choice = rng.random(len(particles))
    for mother in np.unique(kind):
        channels = CHANNELS[int(mother)]
        share = np.cumsum([channel.fraction for channel in channels])
        rows = np.flatnonzero(kind == mother)
        chosen = np.searchsorted(share / share[-1], choice[rows], side="right")
        for number, channel in enumerate(channels):
            if len(mine := rows[chosen == number]):
                parts += _daughters(rng, particles.take(mine), channel)
    return joined(parts)


def _daughters(rng: np.random.Generator, mothers: Particles, channel: Channel) -> list[Particles]:
    masses = [MASSES[abs(code)] for code in channel.daughters]
    momenta = (two_body if len(masses) == 2 else three_body)(rng, mothers.momentum, *masses)
    sign = np.where(mothers.pdg_id > 0, 1, -1)
    result = []
    for code, momentum in zip(channel.daughters, momenta, strict=True):
        if abs(code) in (12, 14):
            continue
        mirrored = np.ones_like(sign) if abs(code) in _OWN_ANTIPARTICLE else sign
        charge = _CHARGES.get(abs(code), 0) * (1 if code > 0 else -1)
        result.append(
            replace(
                mothers,
                pdg_id=(code * mirrored).astype(np.int32),
                charge=charge * sign.astype(np.float64),
                momentum=momentum,
            )
        )
    return result


def two_body(
    rng: np.random.Generator, momentum: np.ndarray, first: np.ndarray | float, second: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Decay to two, isotropic in the rest frame.

    Args:
        rng: random numbers.
        momentum: float64 (n, 4), px, py, pz, E of the mothers [GeV].
        first, second: masses of the daughters, one or (n,) [GeV].

    Returns:
        Momenta of the daughters, float64 (n, 4) each [GeV], that add up to the mother's.
    """
    mass = np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))
    mass = np.maximum(mass, np.add(first, second))
    size = _breakup(mass, first, second)
    cosine = rng.uniform(-1, 1, len(mass))
    sine = np.sqrt(1 - cosine**2)
    angle = rng.uniform(0, 2 * np.pi, len(mass))
    resting = np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], 1) * size[:, None]
    energy = np.hypot(size, first)
    one = _boost(np.concatenate([resting, energy[:, None]], 1), momentum, mass)
    return one, momentum - one


def three_body(
    rng: np.random.Generator, momentum: np.ndarray, first: float, second: float, third: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decay to three, flat in phase space.

    Args:
        rng: random numbers.
        momentum: float64 (n, 4), px, py, pz, E of the mothers [GeV].
        first, second, third: masses of the daughters [GeV].

    Returns:
        Momenta of the daughters, float64 (n, 4) each [GeV], that add up to the mother's.
    """
    mass = np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))
    mass = np.maximum(mass, first + second + third)
    # The pair of the first two has mass m with density p*(M → m, third) p*(m → first, second).
    low, high = first + second, mass - third
    most = _breakup(mass, low, third) * _breakup(high, first, second)
    pair = np.array((low + high) / 2)
    waiting = np.flatnonzero(most > 0)
    while len(waiting):
        trial = rng.uniform(low, high[waiting])
        density = _breakup(mass[waiting], trial, third) * _breakup(trial, first, second)
        taken = rng.random(len(waiting)) * most[waiting] < density
        pair[waiting[taken]] = trial[taken]
        waiting = waiting[~taken]
    both, last = two_body(rng, momentum, pair, third)
    one, two = two_body(rng, both, first, second)
    return one, two, last


def _breakup(mass: np.ndarray, first: np.ndarray | float, second: np.ndarray | float) -> np.ndarray:
    """Momentum of the daughters in the rest frame [GeV]."""
    total, apart = np.add(first, second), np.subtract(first, second)
    return np.sqrt(np.maximum((mass**2 - total**2) * (mass**2 - apart**2), 0.0)) / (
        2 * np.maximum(mass, 1e-9)
    )


def _boost(resting: np.ndarray, frame: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Momenta (n, 4) from the rest frame of ``frame`` (n, 4) with the given masses to the laboratory."""
    gamma = frame[:, 3] / mass
    velocity = frame[:, :3] / frame[:, 3:]
    along = (resting[:, :3] * velocity).sum(1)
    factor = gamma**2 / (gamma + 1) * along + gamma * resting[:, 3]
    space = resting[:, :3] + velocity * factor[:, None]
    return np.concatenate([space, (gamma * (resting[:, 3] + along))[:, None]], 1)
