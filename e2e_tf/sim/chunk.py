"""A chunk of a sample: events of one class with random numbers of their own, made into jets."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from e2e_tf.data.grid import window_corner
from e2e_tf.data.jets import Jets, Ragged, concatenate_jets
from e2e_tf.data.table import joined
from e2e_tf.sim import egamma
from e2e_tf.sim.calorimeters import impact_on_calorimeters
from e2e_tf.sim.candidates import reconstruct
from e2e_tf.sim.cluster import HadronicTaus, ReconstructedJets, cluster_jets, match_taus
from e2e_tf.sim.detector import DETECTORS, READOUT, Detector
from e2e_tf.sim.event_objects import ObjectMaker, detector_objects
from e2e_tf.sim.flown import FlownPool, flown_pool
from e2e_tf.sim.hits import jet_hits
from e2e_tf.sim.jet_objects import candidates_of_jets
from e2e_tf.sim.kinematics import four_momentum
from e2e_tf.sim.particles import collision_points, visible_particles
from e2e_tf.sim.pileup import (
    POOL_EVENTS,
    Pool,
    density,
    from_primary_vertex,
    join_deposits,
    join_particles,
    minimum_bias,
    overlay,
)
from e2e_tf.sim.pythia import PROCESSES, EventGenerator, Events, Process, Source
from e2e_tf.sim.selection import select_jets
from e2e_tf.sim.tracker import measure_tracks, pass_material
from e2e_tf.sim.truth import generated_jets

__all__ = [
    "BATCH_EVENTS",
    "CHUNK_JETS",
    "GENERATED_SHARE",
    "Chunk",
    "Pileup",
    "chunk_of_event",
    "plan",
    "simulate_chunk",
    "simulate_events",
]

CHUNK_JETS = 250  # jets of one class with random numbers of their own
BATCH_EVENTS = 25  # events that go through the detector together; part of what fixes the random numbers
GENERATED_SHARE = (
    0.8  # with pileup, background needs a jet of the hard scatter above this share of the lowest pT
)
_EVENTS_PER_CHUNK = 1_000_000  # room for the event numbers of a chunk
_MAX_CHUNK_EVENTS = 400 * CHUNK_JETS  # a chunk that needs more has a selection that nothing passes


@dataclass(frozen=True)
class Chunk:
    """One independent piece of a sample.

    Attributes:
        process: a name in ``PROCESS_NAMES``.
        seed: of the whole sample.
        source: which of the process's sources.
        number: among the chunks of this source.
        jets: how many jets; a smaller chunk is the beginning of a larger one.
        pileup: mean number of pileup collisions.
        detector: name in ``DETECTORS``.
        objects: whether detector objects are made too.
    """

    process: str
    seed: int
    source: int
    number: int
    jets: int
    pileup: float = 0.0
    detector: str = "cms"
    objects: bool = False

    @property
    def index(self) -> int:
        """Unique among all chunks of a sample."""
        sources = len(egamma.LABELS if self.process == egamma.PROCESS else PROCESSES[self.process].sources)
        return self.number * sources + self.source


@dataclass(frozen=True)
class Pileup:
    """Pileup of a chunk.

    Attributes:
        rng: random numbers of its own, so that the hard scatters are those of a sample without pileup.
        pool: minimum-bias events.
        mean: number of collisions.
    """

    rng: np.random.Generator
    pool: Pool
    mean: float


def chunk_of_event(event: np.ndarray) -> np.ndarray:
    """int64: ``Chunk.index`` of the chunk that made an event, before events are numbered anew.

    Args:
        event: int64 (n,).

    Returns:
        int64 (n,).
    """
    return event // _EVENTS_PER_CHUNK


def plan(
    process: str,
    jets: int,
    seed: int,
    pileup: float = 0.0,
    detector: str = "cms",
    objects: bool = False,
) -> list[Chunk]:
    """The chunks of a sample; classes are balanced, signal gets the odd jet, backgrounds share theirs.

    Args:
        process: a name in ``PROCESS_NAMES``.
        jets: of both classes together.
        seed: of the sample.
        pileup: mean number of pileup collisions.
        detector: a name in ``DETECTORS``.
        objects: whether detector objects are made too.

    Returns:
        The chunks of both classes, in the order of their jets in the file.
    """
    if process == egamma.PROCESS:
        labels = dict(enumerate(egamma.LABELS))
    else:  # without pileup there are no jets of it
        sources = enumerate(PROCESSES[process].sources)
        labels = {i: source.label for i, source in sources if pileup or source.background != "pileup"}
    chunks = []
    for index, label in labels.items():
        # Sources of one label share its jets, the first of them get those that are left over.
        same = [other for other in labels if labels[other] == label]
        whole = jets // 2 + (jets % 2 if label else 0)
        wanted = whole // len(same) + (same.index(index) < whole % len(same))
        for number, start in enumerate(range(0, wanted, CHUNK_JETS)):
            size = min(CHUNK_JETS, wanted - start)
            chunks.append(Chunk(process, seed, index, number, size, pileup, detector, objects))
    return sorted(chunks, key=lambda chunk: (chunk.number, chunk.source))


def simulate_chunk(chunk: Chunk, pool: Pool | None = None, flown: FlownPool | None = None) -> Jets:
    """All jets of a chunk, in the order of their events and falling pT.

    Args:
        chunk: which jets.
        pool: minimum-bias events for pileup; by default they are made.
        flown: the pool behind the tracker, for objects; by default it is made.

    Returns:
        ``chunk.jets`` jets.

    Raises:
        InputError: the extra ``sim`` is not installed.
        RuntimeError: the selection passes almost nothing.
    """
    process = PROCESSES[chunk.process]
    source = process.sources[chunk.source]
    # The name's checksum rather than its place in a list: adding a process leaves the others' files alone.
    key = (zlib.crc32(chunk.process.encode()), chunk.source, chunk.number)
    sequence = np.random.SeedSequence(chunk.seed, spawn_key=key)
    rng = np.random.default_rng(sequence)
    detector = DETECTORS[chunk.detector]
    pileup = None
    if chunk.pileup:
        own = np.random.default_rng(np.random.SeedSequence(chunk.seed, spawn_key=(*key, 1)))
        pileup = Pileup(own, pool or minimum_bias(chunk.seed, POOL_EVENTS), chunk.pileup)
    maker = None
    if chunk.objects:
        own = np.random.default_rng(np.random.SeedSequence(chunk.seed, spawn_key=(*key, 2)))
        if pileup is not None:
            flown = flown or flown_pool(chunk.seed, pileup.pool, detector)
        maker = ObjectMaker(own, flown)
    generator = EventGenerator(source.cards, int(sequence.generate_state(1)[0]))
    parts: list[Jets] = []
    first = chunk.index * _EVENTS_PER_CHUNK
    made = 0
    while sum(map(len, parts)) < chunk.jets:
        if made >= _MAX_CHUNK_EVENTS:
            raise RuntimeError(
                f"{made} events gave only {sum(map(len, parts))} of {chunk.jets} jets of {source.name}"
            )
        events = generator.next(BATCH_EVENTS)
        batch = simulate_events(rng, process, source, events, first + made, detector, pileup, maker)
        made += BATCH_EVENTS
        if len(batch):
            parts.append(batch)
    return concatenate_jets(parts).take(np.arange(chunk.jets))


def simulate_events(
    rng: np.random.Generator,
    process: Process,
    source: Source,
    events: Events,
    first_event: int,
    detector: Detector,
    pileup: Pileup | None = None,
    maker: ObjectMaker | None = None,
) -> Jets:
    """The selected jets of some events.

    Args:
        rng: the chunk's random numbers.
        process: what is selected.
        source: which class of it the events are.
        events: the generator's record.
        first_event: number of the first event.
        detector: its numbers.
        pileup: what is laid over the events.
        maker: of detector objects; None makes none.

    Returns:
        The jets with hits, candidates and truth.
    """
    vertex_z = collision_points(rng, len(events), detector)
    particles = visible_particles(events, vertex_z)
    hard = particles
    tracks = measure_tracks(rng, particles, vertex_z, detector)
    behind = pass_material(rng, particles, detector)
    deposits = impact_on_calorimeters(rng, behind, detector)
    collisions = None
    if pileup is not None:
        soft, collisions = overlay(pileup.rng, pileup.pool, len(events), pileup.mean, detector)
        soft_tracks = measure_tracks(pileup.rng, soft, vertex_z, detector)
        soft_deposits = impact_on_calorimeters(
            pileup.rng, pass_material(pileup.rng, soft, detector), detector
        )
        shift = len(particles)
        particles = join_particles(particles, soft, shift)
        tracks = joined([tracks, soft_tracks])
        deposits = join_deposits(deposits, soft_deposits, shift)
        behind = deposits.particles
    candidates = reconstruct(rng, particles, tracks, deposits, vertex_z, detector)

    low, high = process.jet_pt
    if pileup is None:
        jets = cluster_jets(candidates.event, candidates.momentum, len(events), process.radius, low)
        rho, origin = None, None
    else:
        # Charged-hadron subtraction, and what is left of pileup taken off by the area of the jet.
        origin = from_primary_vertex(candidates)
        used = np.flatnonzero((origin != 0) | (not process.subtract_pileup))
        jets = cluster_jets(
            candidates.event[used], candidates.momentum[used], len(events), process.radius, low
        )
        rho = density(candidates.event[used], candidates.momentum[used], len(events))
        if process.subtract_pileup:
            jets = _without_pileup(jets, rho, process.radius)
    in_range = (jets.pt > low) & (jets.pt < high) & (np.abs(jets.eta) < process.max_eta)
    kept, truth = select_jets(process, source, events, jets)
    if collisions is not None:
        generated = generated_jets(hard, len(events), process.radius, GENERATED_SHARE * low)
        near = match_taus(jets, _as_objects(generated), process.match)
        if source.background == "pileup":
            kept &= match_taus(jets, _as_objects(generated), process.radius) < 0
        elif process.truth == "tau" and not source.label and process.subtract_pileup:
            kept &= near >= 0
        truth |= {
            "n_pileup": np.bincount(collisions.event, minlength=len(events))[jets.event].astype(np.int16),
            "generated_pt": np.append(generated.pt, 0.0)[near].astype(np.float32),
        }
    rows = np.flatnonzero(in_range & kept)
    jets = jets.take(rows)
    truth = {name: column[rows] for name, column in truth.items()}

    # Legs of early conversions leave tracks, but the photon stays one candidate, as if they were recognised.
    legs = behind.take(
        np.flatnonzero((np.abs(behind.pdg_id) == 11) & (particles.pdg_id[behind.origin] == 22))
    )
    leg_tracks = measure_tracks(rng, legs, vertex_z, detector)
    track_columns = tuple(
        np.concatenate([column[tracks.found], leg_column[leg_tracks.found]])
        for column, leg_column in (
            (particles.event, legs.event),
            (tracks.pt, leg_tracks.pt),
            (tracks.eta, leg_tracks.eta),
            (tracks.phi, leg_tracks.phi),
        )
    )
    kinematics = {name: getattr(jets, name).astype(np.float32) for name in ("pt", "eta", "phi", "mass")}
    # From the stored axis, so that a reader of the file finds the same window.
    ieta, iphi = window_corner(kinematics["eta"], kinematics["phi"])
    hits = jet_hits(rng, len(events), jets, (ieta, iphi), track_columns, deposits, detector)  # type: ignore[arg-type]
    objects: dict[str, Ragged] = {}
    if maker is not None:
        readout = replace(READOUT, radius=process.candidate_radius)
        objects = detector_objects(maker, jets, particles, deposits, vertex_z, collisions, detector, readout)
    if rho is not None:
        kinematics["rho"] = rho[jets.event].astype(np.float32)
    count = len(jets)
    weight = np.ones(count) if process.truth == "tau" and source.label else events.weight[jets.event]
    return Jets(
        columns={**kinematics, "ieta": ieta, "iphi": iphi},
        event=(first_event + jets.event).astype(np.int64),
        label=np.full(count, source.label, np.int8),
        weight=weight.astype(np.float32),
        truth=truth,
        hits=hits,
        candidates=candidates_of_jets(candidates, jets, process.candidate_radius, origin),
        objects=objects,
    )


def _without_pileup(jets: ReconstructedJets, rho: np.ndarray, radius: float) -> ReconstructedJets:
    """Jets with the median density times their area taken off pT and mass."""
    pt = np.maximum(jets.pt - rho[jets.event] * np.pi * radius**2, 0.0)
    return replace(jets, pt=pt, mass=jets.mass * pt / jets.pt)


def _as_objects(jets: ReconstructedJets) -> HadronicTaus:
    momentum = four_momentum(jets.pt, jets.eta, jets.phi, jets.mass)
    return HadronicTaus(jets.event, momentum, np.zeros(len(jets), np.int8))
