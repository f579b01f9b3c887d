"""Decays in flight of what the generator hands over undecayed: strange hadrons, charged pions, neutral pions.

Masses, lifetimes and branching fractions are those of the Review of Particle Physics (Particle Data Group). Decays to
three are flat in phase space; channels below 1 % are left out and the others scaled to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.table import joined
from e2e_tf.sim.particles import Particles

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

_SIZE = 4000  # of the tables by absolute PDG code


def _table(values: Mapping[int, float], otherwise: float) -> np.ndarray:
    table = np.full(_SIZE, otherwise)
    table[list(values)] = list(values.values())
    return table


_MASS = _table(MASSES, MASSES[211])
_LIFETIME = _table(LIFETIMES, np.inf)
_CHARGE = _table(_CHARGES, 0.0)
_OWN = _table(dict.fromkeys(_OWN_ANTIPARTICLE, 1.0), 0.0) > 0
# All channels in a row: their daughters, and for each mother the first and last of its channels.
_MOTHERS = [mother for mother, channels in CHANNELS.items() for _ in channels]
_DAUGHTERS = np.array(
    [(*channel.daughters, 0)[:3] for channels in CHANNELS.values() for channel in channels], np.int64
)
_ORDER = _table({mother: number for number, mother in enumerate(CHANNELS)}, 0)
_FIRST = _table({mother: _MOTHERS.index(mother) for mother in CHANNELS}, 0).astype(np.int64)
_LAST = _FIRST + _table({mother: len(channels) - 1 for mother, channels in CHANNELS.items()}, 0).astype(
    np.int64
)
_ENDS = np.concatenate(
    [
        number + np.cumsum([c.fraction for c in channels]) / sum(c.fraction for c in channels)
        for number, channels in enumerate(CHANNELS.values())
    ]
)


def mass_of(pdg_id: np.ndarray) -> np.ndarray:
    """float64 (n,): masses [GeV]; that of the pion for codes that are not in ``MASSES``.

    Args:
        pdg_id: int (n,).

    Returns:
        float64 (n,) [GeV].
    """
    return _lookup(_MASS, pdg_id)


def decay_arcs(rng: np.random.Generator, particles: Particles) -> np.ndarray:
    """Transverse way to the decay, float64 (n,) [m]; infinite for what does not decay.

    The proper time is exponential, so the transverse way is cτ pT / m times an exponential number.

    Args:
        rng: random numbers.
        particles: which fly.

    Returns:
        float64 (n,) [m].
    """
    lifetime = _lookup(_LIFETIME, particles.pdg_id)
    rows = np.flatnonzero(np.isfinite(lifetime))
    arc = np.full(len(lifetime), np.inf)
    momentum = particles.momentum[rows]
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    mean = lifetime[rows] * pt / mass_of(particles.pdg_id[rows])
    arc[rows] = mean * rng.standard_exponential(len(rows))
    return arc


def decay(rng: np.random.Generator, particles: Particles) -> Particles:
    """The daughters of particles that decay where they are; neutrinos are left out.

    Args:
        rng: random numbers.
        particles: unstable ones, with their place and momentum at the decay.

    Returns:
        Daughters, born at the vertex of their mother, with its ``event`` and ``origin``, those of decays to two first.
    """
    channel = _chosen_channels(rng, np.abs(particles.pdg_id))
    three = _DAUGHTERS[channel, 2] != 0
    parts = []
    for rows, bodies in ((np.flatnonzero(~three), 2), (np.flatnonzero(three), 3)):
        mothers = particles.take(rows)
        codes = _DAUGHTERS[channel[rows]]
        masses = [mass_of(codes[:, number]) for number in range(bodies)]
        momenta = (two_body if bodies == 2 else three_body)(rng, mothers.momentum, *masses)
        sign = np.where(mothers.pdg_id > 0, 1, -1)
        for number, momentum in enumerate(momenta):
            code = codes[:, number]
            mirrored = np.where(_lookup(_OWN, code), 1, sign)
            charge = _lookup(_CHARGE, code) * np.sign(code) * sign
            daughters = replace(
                mothers,
                pdg_id=(code * mirrored).astype(np.int32),
                charge=charge.astype(np.float64),
                momentum=momentum,
            )
            seen = ~np.isin(np.abs(code), (12, 14))
            parts.append(daughters if seen.all() else daughters.take(np.flatnonzero(seen)))
    return joined(parts)


def _chosen_channels(rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
    """Row of ``_DAUGHTERS`` for each particle."""
    first, last = _lookup(_FIRST, kind), _lookup(_LAST, kind)
    # Channels of one mother end at its number plus their cumulated fraction.
    return np.clip(np.searchsorted(_ENDS, _lookup(_ORDER, kind) + rng.random(len(kind))), first, last)


def _lookup(table: np.ndarray, code: np.ndarray) -> np.ndarray:
    return table[np.minimum(np.abs(code), len(table) - 1)]


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
    rng: np.random.Generator,
    momentum: np.ndarray,
    first: np.ndarray | float,
    second: np.ndarray | float,
    third: np.ndarray | float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decay to three, flat in phase space.

    Args:
        rng: random numbers.
        momentum: float64 (n, 4), px, py, pz, E of the mothers [GeV].
        first, second, third: masses of the daughters, one or (n,) [GeV].

    Returns:
        Momenta of the daughters, float64 (n, 4) each [GeV], that add up to the mother's.
    """
    mass = np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))
    first, second, third = (np.broadcast_to(m, mass.shape) for m in (first, second, third))
    mass = np.maximum(mass, first + second + third)
    # The pair of the first two has mass m with density p*(M → m, third) p*(m → first, second).
    low, high = first + second, mass - third
    most = _breakup(mass, low, third) * _breakup(high, first, second)
    pair = np.array((low + high) / 2)
    waiting = np.flatnonzero(most > 0)
    while len(waiting):
        trial = rng.uniform(low[waiting], high[waiting])
        density = _breakup(mass[waiting], trial, third[waiting])
        density *= _breakup(trial, first[waiting], second[waiting])
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
