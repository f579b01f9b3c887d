"""Particles on their way through the tracker: decays in flight, nuclear interactions, conversions, bremsstrahlung.

What ends in the tracker is followed by what comes of it, generation by generation, until everything has reached the
calorimeters or is gone. :class:`Flights` holds all of it: what leaves hits on the way, and what arrives.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from e2e_tf.data.helix import along
from e2e_tf.data.table import Table, joined
from e2e_tf.sim.decays import decay, decay_arcs
from e2e_tf.sim.detector import CMS, Detector
from e2e_tf.sim.interactions import NUCLEAR, Nuclear, convert, interact, radiate, scatter
from e2e_tf.sim.kinematics import pt_eta_phi
from e2e_tf.sim.layers import LAYERS, crossings, relative_thickness
from e2e_tf.sim.particles import Particles

__all__ = ["CONVERSION", "DECAY", "NUCLEAR_INTERACTION", "PRIMARY", "RADIATION", "Flights", "fly"]

# How a flight began.
PRIMARY, DECAY, NUCLEAR_INTERACTION, CONVERSION, RADIATION = range(5)

_GENERATIONS = 5
_MAX_ETA = 2.9  # beyond the tracker particles go straight to the calorimeters
_HADRONS = (130, 211, 310, 321, 2112, 2212, 3112, 3122, 3222, 3312, 3322, 3334)
_IS_HADRON = np.isin(np.arange(4000), _HADRONS)
_ELASTIC_RADIUS = 0.20  # m; scatters further out bend a track that begins before them too little to break it
_INSIDE = 0.97  # of the calorimeters' radius and length: what ends beyond is theirs
_WALLS = -2  # the last two layers: what happens there happens at the face of the calorimeters
_LONGEST = 8.0  # m of transverse way


@dataclass(frozen=True)
class Flights(Table):
    """Straight or bent ways through the tracker; the first columns are those of :class:`Particles`.

    Attributes:
        event, pdg_id, charge, momentum, vertex, origin: as of particles; momentum and vertex at the beginning.
        process: int8 (n,), how it began: ``PRIMARY``, ``DECAY``, ``NUCLEAR_INTERACTION``, ``CONVERSION`` or
            ``RADIATION``.
        stop: float64 (n,), transverse length of the way to its end in the tracker [m], infinite without one.
        tracked: bool (n,), leaves hits of its own; false for an electron after radiation, whose track began before.
        arrives: bool (n,), reaches the calorimeters.
    """

    event: np.ndarray
    pdg_id: np.ndarray
    charge: np.ndarray
    momentum: np.ndarray
    vertex: np.ndarray
    origin: np.ndarray
    process: np.ndarray
    stop: np.ndarray
    tracked: np.ndarray
    arrives: np.ndarray

    def arriving(self) -> Particles:
        """What reaches the calorimeters.

        Returns:
            The particles that reach them.
        """
        return _particles(self.take(np.flatnonzero(self.arrives)))


def _particles(flights: Flights) -> Particles:
    return Particles(*(getattr(flights, field.name) for field in fields(Particles)))


def _flights(particles: Particles, process: int, tracked: bool = True) -> Flights:
    count = len(particles)
    return Flights(
        particles.event,
        particles.pdg_id,
        particles.charge,
        particles.momentum,
        particles.vertex,
        particles.origin,
        np.full(count, process, np.int8),
        np.full(count, np.inf),
        np.full(count, tracked),
        np.ones(count, bool),
    )


def fly(
    rng: np.random.Generator,
    particles: Particles,
    detector: Detector = CMS,
    nuclear: Nuclear = NUCLEAR,
    min_pt: float = 0.3,
) -> Flights:
    """Follow particles through the tracker to the calorimeters.

    Args:
        rng: random numbers.
        particles: generated ones.
        detector: its material and size.
        nuclear: numbers of nuclear interactions.
        min_pt: softer particles go on as they are; only neutral pions always decay [GeV].

    Returns:
        The particles in their order, then what came of them, generation by generation.
    """
    waiting = _flights(particles, PRIMARY)
    done = []
    for generation in range(_GENERATIONS):
        last = generation == _GENERATIONS - 1
        ended, products = (waiting, []) if last else _step(rng, waiting, detector, nuclear, min_pt)
        done.append(ended)
        if not products:
            break
        waiting = joined(products)
        if not len(waiting):
            break
    return joined(done)


def _step(
    rng: np.random.Generator, flights: Flights, detector: Detector, nuclear: Nuclear, min_pt: float
) -> tuple[Flights, list[Flights]]:
    """The flights with their ends, and what comes of them."""
    particles = _particles(flights)
    kind = np.abs(flights.pdg_id)
    pt, eta, _ = pt_eta_phi(flights.momentum)
    followed = (pt > min_pt) & (np.abs(eta) < _MAX_ETA)
    decays = np.full(len(kind), np.inf)
    unstable = np.flatnonzero(followed | (kind == 111))
    decays[unstable] = decay_arcs(rng, particles.take(unstable))
    electron = (kind == 11) & flights.tracked
    solid = np.flatnonzero(
        followed & (electron | (kind == 22) | _IS_HADRON[np.minimum(kind, len(_IS_HADRON) - 1)])
    )
    meets, arc, depth = _material(rng, particles, eta, solid, detector, nuclear)
    material = np.full(len(kind), np.inf)
    material[meets] = arc
    stop = np.minimum(decays, material)
    rows = np.flatnonzero(stop < _LONGEST)
    place, momentum = along(flights.charge[rows], flights.momentum[rows], flights.vertex[rows], stop[rows])
    inside = (np.hypot(place[:, 0], place[:, 1]) < _INSIDE * detector.ecal_radius) & (
        np.abs(place[:, 2]) < _INSIDE * detector.ecal_half_length
    )
    rows = rows[inside]
    at = replace(particles.take(rows), vertex=place[inside], momentum=momentum[inside])
    decayed = decays[rows] < material[rows]
    of_kind = kind[rows]
    products = [_flights(decay(rng, at.take(decayed)), DECAY)]
    photons = ~decayed & (of_kind == 22)
    products.append(_flights(convert(rng, at.take(photons)), CONVERSION))

    electrons = ~decayed & (of_kind == 11)
    thickness = np.zeros(len(kind))
    thickness[meets] = depth
    slowed, radiated = radiate(rng, at.take(electrons), thickness[rows[electrons]])
    products += [_flights(slowed, RADIATION, tracked=False), _flights(radiated, RADIATION)]

    hadrons = ~decayed & (of_kind != 22) & (of_kind != 11)
    elastic = hadrons & (rng.random(len(rows)) < nuclear.elastic / (1 + nuclear.elastic))
    products.append(_flights(interact(rng, at.take(hadrons & ~elastic), nuclear), NUCLEAR_INTERACTION))
    early = np.hypot(at.vertex[:, 0], at.vertex[:, 1]) < _ELASTIC_RADIUS
    for tracked in (True, False):
        chosen = elastic & (early == tracked)
        products.append(_flights(scatter(rng, at.take(chosen), nuclear), NUCLEAR_INTERACTION, tracked))

    ended, own, arrives = np.full(len(kind), np.inf), flights.tracked.copy(), np.ones(len(kind), bool)
    goes_on = electrons | (elastic & ~early)  # its track does not end, though it goes on under another row
    ended[rows[~goes_on]] = stop[rows[~goes_on]]
    own[rows[elastic & early]] = False
    arrives[rows] = False
    return replace(flights, stop=ended, tracked=own, arrives=arrives), products


def _material(
    rng: np.random.Generator,
    particles: Particles,
    eta: np.ndarray,
    rows: np.ndarray,
    detector: Detector,
    nuclear: Nuclear,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of the ``rows`` something happens to in the material, the transverse way to it, and for electrons the
    thickness."""
    size, kind = np.abs(eta[rows]), np.abs(particles.pdg_id[rows])
    radiation = np.interp(size, detector.material_eta, detector.material_x0)
    lengths = np.interp(size, nuclear.eta, nuclear.lengths) * (1 + nuclear.elastic)
    total = np.where(kind == 22, 7 / 9 * radiation, lengths)
    # Depth at which it happens, as a share of the material; electrons radiate somewhere in the earlier part of it.
    drawn = rng.standard_exponential(len(rows)) / total
    drawn = np.where(kind == 11, rng.random(len(rows)) * detector.bremsstrahlung_x0_share, drawn)
    likely = np.flatnonzero(
        drawn < 1.3
    )  # layers are met at steps, so their sum is not always that of the average
    rows, drawn, radiation = rows[likely], drawn[likely], radiation[likely]
    found = crossings(
        particles.charge[rows], particles.momentum[rows], particles.vertex[rows], LAYERS[:_WALLS]
    )
    thickness = relative_thickness(eta[rows], LAYERS)[:, :_WALLS]
    order = np.argsort(found.arc, axis=1)
    way = np.take_along_axis(found.arc, order, 1)
    passed = np.cumsum(np.where(np.isfinite(way), np.take_along_axis(thickness, order, 1), 0.0), axis=1)
    reached = passed > drawn[:, None]
    layer = np.argmax(reached, axis=1)
    happens = np.flatnonzero(reached.any(1))
    return (
        rows[happens],
        way[happens, layer[happens]],
        radiation[happens] * detector.bremsstrahlung_x0_share,
    )
