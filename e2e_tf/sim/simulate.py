"""Simulated jets with truth, in chunks that can be made in any order."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import e2e_tf
from e2e_tf.data.grid import CRYSTALS, PITCH, TOWER, delta_phi, window_corner
from e2e_tf.data.jets import Jets, Ragged, concatenate_jets, write_jets
from e2e_tf.errors import InputError
from e2e_tf.files import new_file
from e2e_tf.progress import track
from e2e_tf.sim.candidates import Candidates, reconstruct
from e2e_tf.sim.cluster import HadronicTaus, ReconstructedJets, cluster_jets, hadronic_taus, match_taus
from e2e_tf.sim.detector import CMS
from e2e_tf.sim.hits import jet_hits
from e2e_tf.sim.kinematics import pt_eta_phi, ranges
from e2e_tf.sim.precision import MANTISSA_BITS, round_mantissa
from e2e_tf.sim.pythia import PROCESSES, EventGenerator, Events, Process, Source, import_extra
from e2e_tf.sim.response import (
    collision_points,
    impact_on_calorimeters,
    measure_tracks,
    pass_material,
    visible_particles,
)

__all__ = ["CHUNK_JETS", "PROCESS_NAMES", "Chunk", "chunk_of_event", "plan", "simulate", "simulate_chunk"]

PROCESS_NAMES = tuple(PROCESSES)
CHUNK_JETS = 250  # jets of one class with random numbers of their own
BATCH_EVENTS = 25  # events that go through the detector together; part of what fixes the random numbers
CANDIDATE_RADIUS = 0.5  # candidates up to this ΔR from the jet axis are kept
_EVENTS_PER_CHUNK = 1_000_000  # room for the event numbers of a chunk
_MAX_CHUNK_EVENTS = 400 * CHUNK_JETS  # a chunk that needs more has a selection that nothing passes
_EXTRA = ("pythia8mc", "fastjet", "awkward")


@dataclass(frozen=True)
class Chunk:
    """One independent piece of a sample.

    Attributes:
        process: name in ``PROCESSES``.
        seed: of the whole sample.
        source: which of the process's sources.
        number: among the chunks of this source.
        jets: how many jets; a smaller chunk is the beginning of a larger one.
    """

    process: str
    seed: int
    source: int
    number: int
    jets: int

    @property
    def index(self) -> int:
        """Unique among all chunks of a sample."""
        return self.number * len(PROCESSES[self.process].sources) + self.source


def chunk_of_event(event: np.ndarray) -> np.ndarray:
    """int64: ``Chunk.index`` of the chunk that made an event."""
    return event // _EVENTS_PER_CHUNK


def plan(process: str, jets: int, seed: int) -> list[Chunk]:
    """The chunks of a sample; classes are balanced, signal gets the odd jet."""
    sources = PROCESSES[process].sources
    chunks = []
    for index, source in enumerate(sources):
        wanted = jets // 2 + (jets % 2 if source.label else 0)
        for number, start in enumerate(range(0, wanted, CHUNK_JETS)):
            chunks.append(Chunk(process, seed, index, number, min(CHUNK_JETS, wanted - start)))
    return sorted(chunks, key=lambda chunk: (chunk.number, chunk.source))


def simulate(
    process: str,
    jets: int,
    seed: int,
    output: str | os.PathLike[str],
    *,
    workers: int = 1,
    force: bool = False,
) -> Jets:
    """Simulate labelled jets and write them to an HDF5 file.

    The same process, number and seed give the same file, byte for byte, with the same library versions,
    whatever the number of workers. Signal and background jets alternate; jets of one event share its number.

    Args:
        process: a name in ``PROCESS_NAMES``; ``tau``: hadronic taus of Z/γ* → ττ (1) and QCD jets (0) at
            13 TeV. Both have a reconstructed anti-kT 0.4 jet with 10 < pT < 50 GeV and |η| < 2.3; signal also
            a visible tau within these limits and ΔR < 0.2 of the jet.
        jets: of both classes together, at least 2.
        seed: not negative.
        output: the file to write.
        workers: processes that share the work. Above 1 they are spawned, so a script must guard its entry
            with ``if __name__ == "__main__"``.
        force: replace an existing file.

    Returns:
        The jets as written: kinematics [GeV, rad], ``truth`` (``decay_mode``, −1 for background, and the
        visible tau, 0 for background), hits on the fixed grid, candidates within ΔR < 0.5, and in
        ``attributes`` every number and version the file depends on.

    Raises:
        InputError: an argument is out of range, the file exists, or the extra ``sim`` is not installed.
    """
    _check(process, jets, seed, workers)
    for name in _EXTRA:
        import_extra(name)
    # Opened first: a name that cannot be written is refused before the work, not after it.
    with new_file(output, force) as part:
        chunks = plan(process, jets, seed)
        done = list(track(_run(chunks, workers), f"Simulating {jets} jets", total=len(chunks)))
        sample = concatenate_jets(done, attributes=_provenance(process, jets, seed))
        sample = sample.take(_alternating(sample))
        write_jets(part, sample, force=True)
    return sample


def _check(process: str, jets: int, seed: int, workers: int) -> None:
    if process not in PROCESSES:
        raise InputError(f"process must be one of {', '.join(PROCESSES)}, got {process!r}")
    for name, value, least in (("jets", jets, 2), ("seed", seed, 0), ("workers", workers, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise InputError(f"{name} must be an integer of at least {least}, got {value!r}")


def _run(chunks: list[Chunk], workers: int) -> Iterator[Jets]:
    workers = min(workers, len(chunks))
    if workers == 1:
        yield from map(simulate_chunk, chunks)
        return
    # Spawned rather than forked: TensorFlow may have threads running in this process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(simulate_chunk, chunks)


def _alternating(sample: Jets) -> np.ndarray:
    """Indices that take the classes in turn, each in its own order."""
    assert sample.label is not None
    rank = np.zeros(len(sample), np.int64)
    for label in (0, 1):
        rows = np.flatnonzero(sample.label == label)
        rank[rows] = 2 * np.arange(len(rows)) + (1 - label)
    return np.argsort(rank, kind="stable")


def _provenance(process: str, jets: int, seed: int) -> dict[str, Any]:
    """What a sample depends on; nothing of the machine or the day, so that files can be compared."""
    chosen = PROCESSES[process]
    return {
        "process": process,
        "jets": int(jets),
        "seed": int(seed),
        "command": f"e2e-tf simulate --process {process} --jets {jets} --seed {seed} -o {process}.h5",
        "settings": {
            "process": _plain(asdict(chosen)),
            "detector": _plain(asdict(CMS)),
            "grid": {"pitch": PITCH, "crystals": CRYSTALS, "tower": TOWER},
            "chunk_jets": CHUNK_JETS,
            "batch_events": BATCH_EVENTS,
            "candidate_radius": CANDIDATE_RADIUS,
            "mantissa_bits": MANTISSA_BITS,
        },
        "versions": {
            "e2e-tf": e2e_tf.__version__,
            **{name: importlib.metadata.version(name) for name in (*_EXTRA, "numpy", "scipy", "h5py")},
        },
    }


def _plain(value: Any) -> Any:
    """JSON's own types, so that attributes read back equal what was written."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def simulate_chunk(chunk: Chunk) -> Jets:
    """All jets of a chunk, in the order of their events and falling pT.

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
    generator = EventGenerator(source.cards, int(sequence.generate_state(1)[0]))
    parts: list[Jets] = []
    first = chunk.index * _EVENTS_PER_CHUNK
    made = 0
    while sum(map(len, parts)) < chunk.jets:
        if made >= _MAX_CHUNK_EVENTS:
            raise RuntimeError(
                f"{made} events gave only {sum(map(len, parts))} of {chunk.jets} jets of {source.name}"
            )
        batch = _simulate_events(rng, process, source, generator.next(BATCH_EVENTS), first + made)
        made += BATCH_EVENTS
        if len(batch):
            parts.append(batch)
    return concatenate_jets(parts).take(np.arange(chunk.jets))


def _simulate_events(
    rng: np.random.Generator, process: Process, source: Source, events: Events, first_event: int
) -> Jets:
    """The selected jets of some events."""
    vertex_z = collision_points(rng, len(events))
    particles = visible_particles(events, vertex_z)
    tracks = measure_tracks(rng, particles, vertex_z)
    behind = pass_material(rng, particles)
    deposits = impact_on_calorimeters(rng, behind)
    candidates = reconstruct(rng, particles, tracks, deposits, vertex_z)

    low, high = process.jet_pt
    jets = cluster_jets(candidates.event, candidates.momentum, len(events), process.radius, low)
    taus = hadronic_taus(events)
    matched = match_taus(jets, taus, process.match)
    kept = (jets.pt > low) & (jets.pt < high) & (np.abs(jets.eta) < process.max_eta)
    # Background with a tau in it (from beauty or charm) would be labelled wrongly.
    kept &= _good_tau(process, taus)[matched] & (matched >= 0) if source.label else matched < 0
    rows = np.flatnonzero(kept)
    jets, matched = jets.take(rows), matched[rows]

    # Legs of early conversions leave tracks, but the photon stays one candidate, as if they were recognised.
    legs = behind.take(
        np.flatnonzero((np.abs(behind.pdg_id) == 11) & (particles.pdg_id[behind.origin] == 22))
    )
    leg_tracks = measure_tracks(rng, legs, vertex_z)
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
    hits = jet_hits(rng, len(events), jets, (ieta, iphi), track_columns, deposits)  # type: ignore[arg-type]
    count = len(jets)
    weight = np.ones(count) if source.label else events.weight[jets.event]
    return Jets(
        jets={**kinematics, "ieta": ieta, "iphi": iphi},
        event=(first_event + jets.event).astype(np.int64),
        label=np.full(count, source.label, np.int8),
        weight=weight.astype(np.float32),
        truth=_truth(taus, matched),
        hits=hits,
        candidates=_jet_candidates(candidates, jets),
    )


def _good_tau(process: Process, taus: HadronicTaus) -> np.ndarray:
    """bool (taus + 1,): taus within the limits; the last entry, for jets without a tau, is false."""
    pt, eta, _ = pt_eta_phi(taus.momentum)
    low, high = process.visible_pt
    return np.append((pt > low) & (pt < high) & (np.abs(eta) < process.max_eta), False)


def _truth(taus: HadronicTaus, matched: np.ndarray) -> dict[str, np.ndarray]:
    """Columns per jet; what is not a tau has decay mode −1 and zeros."""
    found = matched >= 0
    momentum = np.where(found[:, None], np.append(taus.momentum, np.zeros((1, 4)), axis=0)[matched], 0.0)
    pt, eta, phi = pt_eta_phi(momentum)
    mass = np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))
    mode = np.append(taus.decay_mode, np.int8(-1))[matched]
    return {
        "decay_mode": np.where(found, mode, -1).astype(np.int8),
        "visible_pt": pt.astype(np.float32),
        "visible_eta": eta.astype(np.float32),
        "visible_phi": phi.astype(np.float32),
        "visible_mass": mass.astype(np.float32),
    }


def _jet_candidates(candidates: Candidates, jets: ReconstructedJets) -> Ragged:
    """Candidates around each jet axis, by falling pT."""
    first = np.searchsorted(candidates.event, jets.event)
    counts = np.searchsorted(candidates.event, jets.event, side="right") - first
    jet = np.repeat(np.arange(len(jets)), counts)
    row = ranges(first, counts)
    pt, eta, phi = pt_eta_phi(candidates.momentum[row])
    deta = eta - jets.eta[jet]
    dphi = delta_phi(phi, jets.phi[jet])
    near = np.flatnonzero(np.hypot(deta, dphi) < CANDIDATE_RADIUS)
    order = near[np.lexsort((-pt[near], jet[near]))]
    row = row[order]
    energies = {
        "pt": pt[order],
        "deta": deta[order],
        "dphi": dphi[order],
        "energy": candidates.momentum[row, 3],
    }
    impact = {name: getattr(candidates, name)[row] for name in ("d0", "dz", "d0_error", "dz_error")}
    columns = {name: round_mantissa(column) for name, column in (energies | impact).items()}
    columns |= {"pdg_id": candidates.pdg_id[row], "charge": candidates.charge[row]}
    return Ragged.from_counts(columns, np.bincount(jet[order], minlength=len(jets)))
