"""What happens to particles in the tracker's material: nuclear interactions, conversions, bremsstrahlung.

The hadrons of a nuclear interaction are few, share the momentum at random and leave along the old direction with a
transverse momentum of a third of a GeV, as pions on nuclei do at some GeV; the numbers are chosen so that the tails of
the impact parameters are those of the full simulation of CMS (docs/simulation.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.table import joined
from e2e_tf.sim.decays import mass_of
from e2e_tf.sim.particles import Particles

__all__ = ["NUCLEAR", "Nuclear", "convert", "interact", "radiate", "scatter"]


@dataclass(frozen=True)
class Nuclear:
    """Numbers of nuclear interactions; those without a source are chosen.

    Attributes:
        eta, lengths: thickness of the tracker in interaction lengths by |η|: its shape in radiation lengths (figure 3
            of the tracking paper, JINST 9 (2014) P10009, has both), scaled so that the published efficiencies for
            charged hadrons come out.
        elastic: elastic scatters per inelastic interaction; about 0.3 for pions and protons of some GeV on light
            nuclei (Review of Particle Physics: collision and interaction lengths of silicon and carbon).
        elastic_pt: mean transverse momentum of elastic scatters [GeV].
        hadrons: mean number of hadrons, a + b ln(1 + E / GeV), never below 1.
        sharing: shape of the gamma distribution of their shares of the momentum.
        lost: largest share of the momentum that is left to the nucleus and to what is too soft to be followed.
        pt: mean transverse momentum of the hadrons [GeV].
        min_momentum: softer products are not followed [GeV].
    """

    eta: tuple[float, ...] = (0.0, 0.5, 1.0, 1.4, 1.6, 2.0, 2.5)
    lengths: tuple[float, ...] = (0.12, 0.14, 0.23, 0.44, 0.42, 0.36, 0.30)
    elastic: float = 0.3
    elastic_pt: float = 0.12
    hadrons: tuple[float, float] = (1.5, 1.2)
    sharing: float = 0.7
    lost: float = 0.3
    pt: float = 0.35
    min_momentum: float = 0.15


NUCLEAR = Nuclear()

# Products of inelastic interactions: PDG code, charge, share.
_PRODUCTS = (
    (211, 1, 0.29),
    (-211, -1, 0.27),
    (111, 0, 0.26),
    (2212, 1, 0.10),
    (2112, 0, 0.08),
)


def interact(rng: np.random.Generator, particles: Particles, numbers: Nuclear = NUCLEAR) -> Particles:
    """Hadrons that leave inelastic nuclear interactions.

    Args:
        rng: random numbers.
        particles: hadrons, with their place and momentum at the interaction.
        numbers: of the model.

    Returns:
        The products, born there; a few of the interactions have none.
    """
    size = np.sqrt((particles.momentum[:, :3] ** 2).sum(1))
    base, slope = numbers.hadrons
    mean = base + slope * np.log1p(particles.momentum[:, 3])
    count = 1 + rng.poisson(np.maximum(mean - 1, 0.0))
    row = np.repeat(np.arange(len(particles)), count)
    share = rng.gamma(numbers.sharing, size=len(row))
    share /= np.maximum(np.bincount(row, share, len(particles)), 1e-9)[row]
    kept = 1 - numbers.lost * rng.random(len(particles))
    product = rng.choice(len(_PRODUCTS), len(row), p=[entry[2] for entry in _PRODUCTS])
    code = np.array([entry[0] for entry in _PRODUCTS])[product]
    charge = np.array([entry[1] for entry in _PRODUCTS], np.float64)[product]
    momentum = _turned(rng, particles.momentum[row], share * (size * kept)[row], numbers.pt)
    momentum[:, 3] = np.sqrt((momentum[:, :3] ** 2).sum(1) + mass_of(code) ** 2)
    hard = np.flatnonzero((momentum[:, :3] ** 2).sum(1) > numbers.min_momentum**2)
    products = replace(particles.take(row), pdg_id=code.astype(np.int32), charge=charge, momentum=momentum)
    return products.take(hard)


def scatter(rng: np.random.Generator, particles: Particles, numbers: Nuclear = NUCLEAR) -> Particles:
    """Hadrons after an elastic scatter: the same energy, another direction.

    Args:
        rng: random numbers.
        particles: hadrons, with their place and momentum at the scatter.
        numbers: of the model.

    Returns:
        The same particles with other momenta.
    """
    size = np.sqrt((particles.momentum[:, :3] ** 2).sum(1))
    momentum = _turned(rng, particles.momentum, size, numbers.elastic_pt)
    momentum[:, 3] = particles.momentum[:, 3]
    return replace(particles, momentum=momentum)


def _turned(rng: np.random.Generator, parent: np.ndarray, size: np.ndarray, pt: float) -> np.ndarray:
    """Momenta (n, 4) of the given sizes around the parents' directions, E left at 0.

    The transverse momentum is Rayleigh distributed with mean ``pt`` as long as it is small against the momentum; the
    angle of softer ones is that ratio, at most 180 degrees.
    """
    transverse = pt * np.sqrt(2 / np.pi) * np.sqrt(2 * rng.standard_exponential(len(size)))
    angle = np.minimum(transverse / np.maximum(size, 1e-6), np.pi)
    around = rng.uniform(0, 2 * np.pi, len(size))
    direction = parent[:, :3] / np.maximum(np.sqrt((parent[:, :3] ** 2).sum(1)), 1e-9)[:, None]
    flat = np.maximum(np.hypot(direction[:, 0], direction[:, 1]), 1e-9)
    zero = np.zeros_like(flat)
    aside = np.stack([-direction[:, 1] / flat, direction[:, 0] / flat, zero], 1)
    other = np.cross(direction, aside)
    result = np.zeros((len(size), 4))
    result[:, :3] = size[:, None] * (
        np.cos(angle)[:, None] * direction
        + (np.sin(angle) * np.cos(around))[:, None] * aside
        + (np.sin(angle) * np.sin(around))[:, None] * other
    )
    return result


def convert(rng: np.random.Generator, photons: Particles) -> Particles:
    """The electron and the positron of photons, along the photons and with any share of their energy.

    Args:
        rng: random numbers.
        photons: with their place and momentum at the conversion.

    Returns:
        The electrons, then the positrons.
    """
    share = rng.random(len(photons))
    return joined(
        [
            replace(
                photons,
                pdg_id=np.full(len(photons), 11 * sign, np.int32),
                charge=np.full(len(photons), -float(sign)),
                momentum=photons.momentum * part[:, None],
            )
            for sign, part in ((1, share), (-1, 1 - share))
        ]
    )


def radiate(rng: np.random.Generator, electrons: Particles, depth: np.ndarray) -> tuple[Particles, Particles]:
    """Electrons after one photon of bremsstrahlung, and the photons.

    Args:
        rng: random numbers.
        electrons: with their place and momentum where they radiate.
        depth: float (n,), material in radiation lengths.

    Returns:
        The electrons and the photons.
    """
    radiated = 1 - np.exp(-depth * rng.standard_exponential(len(electrons)))
    slowed = replace(electrons, momentum=electrons.momentum * (1 - radiated)[:, None])
    photons = replace(
        electrons,
        pdg_id=np.full(len(electrons), 22, np.int32),
        charge=np.zeros(len(electrons)),
        momentum=electrons.momentum * radiated[:, None],
    )
    return slowed, photons
