"""Simulated jets with truth, in chunks that can be made in any order."""

from __future__ import annotations

import importlib.metadata
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.grid import CRYSTALS, PITCH, TOWER, delta_phi, window_corner
from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, Ragged, concatenate_jets, write_jets
from e2e_tf.errors import InputError
from e2e_tf.files import new_file, refuse_existing
from e2e_tf.jobs import parts_folder, run_tasks
from e2e_tf.sim import egamma
from e2e_tf.sim.candidates import Candidates, reconstruct
from e2e_tf.sim.cluster import HadronicTaus, ReconstructedJets, cluster_jets, hadronic_taus, match_taus
from e2e_tf.sim.detector import DETECTORS, Detector
from e2e_tf.sim.hits import jet_hits
from e2e_tf.sim.kinematics import four_momentum, pt_eta_phi, ranges
from e2e_tf.sim.pileup import (
    MAX_DZ_CM,
    POOL_EVENTS,
    Pool,
    density,
    from_primary_vertex,
    join_deposits,
    join_particles,
    join_tracks,
    minimum_bias,
    overlay,
    pool_columns,
    pool_of_columns,
)
from e2e_tf.sim.precision import MANTISSA_BITS, round_mantissa
from e2e_tf.sim.pythia import PROCESSES, EventGenerator, Events, Process, Source, import_extra
from e2e_tf.sim.response import (
    collision_points,
    impact_on_calorimeters,
    measure_tracks,
    pass_material,
    visible_particles,
)
from e2e_tf.sim.truth import (
    generated_jets,
    hadronic_tops,
    hard_partons,
    heavy_flavour,
    near_prompt_muons,
    top_of_jets,
)
from e2e_tf.terminal import status, track
from e2e_tf.version import __version__

__all__ = [
    "CHUNK_JETS",
    "PROCESS_NAMES",
    "Chunk",
    "Pileup",
    "chunk_of_event",
    "plan",
    "simulate",
    "simulate_chunk",
    "simulate_events",
]

PROCESS_NAMES = (*PROCESSES, egamma.PROCESS)
CHUNK_JETS = 250  # jets of one class with random numbers of their own
BATCH_EVENTS = 25  # events that go through the detector together; part of what fixes the random numbers
GENERATED_SHARE = (
    0.8  # with pileup, background needs a jet of the hard scatter above this share of the lowest pT
)
MAX_PILEUP = 200.0
_EVENTS_PER_CHUNK = 1_000_000  # room for the event numbers of a chunk
_MAX_CHUNK_EVENTS = 400 * CHUNK_JETS  # a chunk that needs more has a selection that nothing passes
_EXTRA = ("pythia8mc", "fastjet", "awkward")
_POOL = "pool.npz"


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
    """

    process: str
    seed: int
    source: int
    number: int
    jets: int
    pileup: float = 0.0
    detector: str = "cms"

    @property
    def index(self) -> int:
        """Unique among all chunks of a sample."""
        return self.number * 2 + self.source


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
    """int64: ``Chunk.index`` of the chunk that made an event, before events are numbered anew."""
    return event // _EVENTS_PER_CHUNK


def plan(process: str, jets: int, seed: int, pileup: float = 0.0, detector: str = "cms") -> list[Chunk]:
    """The chunks of a sample; classes are balanced, signal gets the odd jet."""
    labels = egamma.LABELS if process == egamma.PROCESS else [s.label for s in PROCESSES[process].sources]
    chunks = []
    for index, label in enumerate(labels):
        wanted = jets // 2 + (jets % 2 if label else 0)
        for number, start in enumerate(range(0, wanted, CHUNK_JETS)):
            size = min(CHUNK_JETS, wanted - start)
            chunks.append(Chunk(process, seed, index, number, size, pileup, detector))
    return sorted(chunks, key=lambda chunk: (chunk.number, chunk.source))


def simulate(
    process: str,
    jets: int,
    seed: int,
    output: str | os.PathLike[str],
    *,
    pileup: float = 0.0,
    detector: str = "cms",
    workers: int = 1,
    resume: bool = False,
    force: bool = False,
) -> Jets | Images:
    """Simulate labelled jets and write them to an HDF5 file.

    The same process, number, seed, pileup and detector give the same file, byte for byte, with the same library
    versions, whatever the number of workers and however often the work was interrupted. Finished pieces wait in
    the folder ``<output>.parts``, which goes when the output is complete.

    Processes, signal (label 1) against background (0), at 13 TeV unless said otherwise; jets are anti-kT:

    - ``tau``: hadronic taus of Z/γ* → ττ against QCD; ``wtau``: of W → τν. R = 0.4, 10 < pT < 50 GeV,
      |η| < 2.3; signal also has a visible tau within these limits and ΔR < 0.2 of the jet;
    - ``z_jet``: the quark against the gluon beside Z → μμ; ``dijet``: quarks against gluons of dijets. R = 0.4,
      30 < pT < 200 GeV, |η| < 2;
    - ``top``: tops that decay to three quarks against QCD. R = 0.8, 550 < pT < 650 GeV, |η| < 2, 14 TeV;
    - ``egamma``: single electrons against photons as images of 32 × 32 crystals, in the layout of the public
      ML4SCI files.

    Args:
        process: a name in ``PROCESS_NAMES``.
        jets: of both classes together, at least 2.
        seed: not negative.
        output: the file to write.
        pileup: mean number of further collisions in an event, 0 to 200. The hard scatters stay the same.
        detector: a name in ``DETECTORS``.
        workers: processes that share the work. Above 1 they are spawned, so a script must guard its entry
            with ``if __name__ == "__main__"``.
        resume: continue an interrupted simulation of this output.
        force: replace an existing file, and pieces of an interrupted simulation.

    Returns:
        The jets as written: kinematics [GeV, rad], ``truth``, hits on the fixed grid, candidates around the jet,
        and in ``attributes`` every number and version the file depends on; images for ``egamma``.

    Raises:
        InputError: an argument is out of range, the file exists, pieces of another simulation are in its
            place, a worker was killed, or the extra ``sim`` is not installed.
    """
    _check(process, jets, seed, workers, pileup, detector)
    for name in () if process == egamma.PROCESS else _EXTRA:
        import_extra(name)
    provenance = _provenance(process, jets, seed, pileup, detector)
    chunks = plan(process, jets, seed, pileup, detector)
    output = Path(output)
    refuse_existing(output, force)
    folder = output.with_name(f"{output.name}.parts")
    with (
        parts_folder(folder, provenance, "simulation", resume=resume, force=force),
        new_file(output, force, folder) as part,
    ):
        missing = [chunk for chunk in chunks if not _is_done(folder, chunk)]
        if pileup and missing and not (folder / _POOL).exists():
            with status("Minimum-bias collisions for pileup"), new_file(folder / _POOL) as pool:
                _save(pool, pool_columns(minimum_bias(seed, POOL_EVENTS)))
        made = run_tasks(partial(_make, folder=folder), missing, workers)
        for _ in track(made, f"Simulating {jets} jets", total=len(missing)):
            pass
        arrays = [_load(_part_of(folder, chunk)) for chunk in chunks]
        if process == egamma.PROCESS:
            return egamma.write(part, arrays, provenance, seed)
        sample = concatenate_jets([_unpack(columns) for columns in arrays], attributes=provenance)
        if _is_first_format(process, pileup, detector):
            sample = sample.take(_alternating(sample))
        else:
            sample = _renumbered(sample.take(_in_random_pairs(sample, seed)))
        write_jets(part, sample, force=True)
    return sample


def _check(process: str, jets: int, seed: int, workers: int, pileup: float, detector: str) -> None:
    if process not in PROCESS_NAMES:
        raise InputError(f"process must be one of {', '.join(PROCESS_NAMES)}, got {process!r}")
    for name, value, least in (("jets", jets, 2), ("seed", seed, 0), ("workers", workers, 1)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise InputError(f"{name} must be an integer of at least {least}, got {value!r}")
    number = isinstance(pileup, (int, float, np.number)) and not isinstance(pileup, bool)
    if not number or not 0 <= pileup <= MAX_PILEUP:
        raise InputError(f"pileup must be a number from 0 to {MAX_PILEUP:g}, got {pileup!r}")
    if process == egamma.PROCESS and pileup:
        raise InputError(
            f"process {process} is a gun of single particles and takes no pileup, got {pileup!r}"
        )
    if detector not in DETECTORS:
        raise InputError(f"detector must be one of {', '.join(DETECTORS)}, got {detector!r}")


def _is_first_format(process: str, pileup: float, detector: str) -> bool:
    """Whether the order of the sample that ships with the library must be kept."""
    return process == "tau" and not pileup and detector == "cms"


def _part_of(folder: Path, chunk: Chunk) -> Path:
    return folder / f"{chunk.index:06d}.npz"


def _is_done(folder: Path, chunk: Chunk) -> bool:
    path = _part_of(folder, chunk)
    try:
        return path.exists() and len(_load(path)["event"]) == chunk.jets
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False  # made again


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _make(chunk: Chunk, folder: Path) -> None:
    """Simulate a chunk and keep it."""
    if chunk.process == egamma.PROCESS:
        columns = egamma.simulate_chunk(
            chunk.seed, chunk.source, chunk.number, chunk.jets, DETECTORS[chunk.detector]
        )
    else:
        columns = _pack(simulate_chunk(chunk, _pool(folder / _POOL, chunk.seed) if chunk.pileup else None))
    with new_file(_part_of(folder, chunk), force=True) as part:
        _save(part, columns)


def _save(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **columns)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def _pool(path: Path, seed: int) -> Pool:
    """The kept pool; the seed tells pools of one path apart."""
    return pool_of_columns(_load(path))


def _pack(jets: Jets) -> dict[str, np.ndarray]:
    """Flat columns by name, in the order of a file of jets."""
    assert jets.label is not None
    columns = {f"jets/{name}": column for name, column in jets.columns.items()}
    columns |= {f"truth/{name}": column for name, column in jets.truth.items()}
    columns |= {"event": jets.event, "weight": jets.weight, "label": jets.label}
    groups = {f"hits/{channel}": hits for channel, hits in jets.hits.items()}
    if jets.candidates is not None:
        groups["candidates"] = jets.candidates
    for group, ragged in groups.items():
        columns[f"{group}/offset"] = ragged.offsets
        columns |= {f"{group}/{name}": column for name, column in ragged.columns.items()}
    return columns


def _unpack(columns: dict[str, np.ndarray]) -> Jets:
    def group(prefix: str) -> dict[str, np.ndarray]:
        return {name[len(prefix) :]: column for name, column in columns.items() if name.startswith(prefix)}

    def ragged(prefix: str) -> Ragged:
        found = group(prefix)
        return Ragged({name: found[name] for name in found if name != "offset"}, found["offset"])

    return Jets(
        columns=group("jets/"),
        event=columns["event"],
        weight=columns["weight"],
        label=columns["label"],
        truth=group("truth/"),
        hits={channel: ragged(f"hits/{channel}/") for channel in ("track", "ecal", "hcal")},
        candidates=ragged("candidates/"),
    )


def _alternating(sample: Jets) -> np.ndarray:
    """Indices that take the classes in turn, each in its own order."""
    assert sample.label is not None
    rank = np.zeros(len(sample), np.int64)
    for label in (0, 1):
        rows = np.flatnonzero(sample.label == label)
        rank[rows] = 2 * np.arange(len(rows)) + (1 - label)
    return np.argsort(rank, kind="stable")


def _in_random_pairs(sample: Jets, seed: int) -> np.ndarray:
    """Indices that take one jet of each class after another, which of them first by chance.

    Every beginning of the file is balanced, and neither a jet's place nor its parity tells its class.
    """
    assert sample.label is not None
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(b"order"),)))
    first = rng.integers(0, 2, len(sample))
    rank = np.zeros(len(sample), np.int64)
    for label in (0, 1):
        rows = np.flatnonzero(sample.label == label)
        pair = np.arange(len(rows))
        rank[rows] = 2 * pair + (first[pair] != label)
    return np.argsort(rank, kind="stable")


def _renumbered(sample: Jets) -> Jets:
    """Events numbered as they appear, so that no number tells the class."""
    _, first, inverse = np.unique(sample.event, return_index=True, return_inverse=True)
    number = np.argsort(np.argsort(first))
    return replace(sample, event=number[inverse.reshape(-1)].astype(np.int64))


def _provenance(process: str, jets: int, seed: int, pileup: float, detector: str) -> dict[str, Any]:
    """What a sample depends on; nothing of the machine or the day, so that files can be compared."""
    options = f" --pileup {pileup:g}" if pileup else ""
    options += f" --detector {detector}" if detector != "cms" else ""
    gun = process == egamma.PROCESS
    settings: dict[str, Any] = {
        "process": egamma.SETTINGS if gun else _settings_of(PROCESSES[process]),
        "detector": _plain(asdict(DETECTORS[detector])),
        "grid": {"pitch": PITCH, "crystals": CRYSTALS, "tower": TOWER},
        "chunk_jets": CHUNK_JETS,
    }
    if not gun:
        radius = PROCESSES[process].candidate_radius
        settings |= {
            "batch_events": BATCH_EVENTS,
            "candidate_radius": radius,
            "mantissa_bits": MANTISSA_BITS,
        }
    if detector != "cms":
        settings["detector_name"] = detector
    if pileup:
        settings["pileup"] = {
            "mean": float(pileup),
            "pool_events": POOL_EVENTS,
            "max_dz_cm": MAX_DZ_CM,
            "generated_share": GENERATED_SHARE,
        }
    libraries = ("numpy", "scipy", "h5py") if gun else (*_EXTRA, "numpy", "scipy", "h5py")
    return {
        "process": process,
        "jets": int(jets),
        "seed": int(seed),
        "command": f"e2e-tf simulate --process {process} --jets {jets} --seed {seed}{options} -o {process}.h5",
        "settings": settings,
        "versions": {
            "e2e-tf": __version__,
            **{name: importlib.metadata.version(name) for name in libraries},
        },
    }


def _settings_of(process: Process) -> dict[str, Any]:
    """A process as JSON, without what is at its default: files made before a field existed stay the same."""

    def shortened(part: Process | Source) -> dict[str, Any]:
        return {f.name: getattr(part, f.name) for f in fields(part) if getattr(part, f.name) != f.default}

    settings = shortened(process) | {"sources": tuple(shortened(source) for source in process.sources)}
    return _plain(settings)


def _plain(value: Any) -> Any:
    """JSON's own types, so that attributes read back equal what was written."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def simulate_chunk(chunk: Chunk, pool: Pool | None = None) -> Jets:
    """All jets of a chunk, in the order of their events and falling pT.

    Args:
        chunk: which jets.
        pool: minimum-bias events for pileup; by default they are made.

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
    pileup = None
    if chunk.pileup:
        own = np.random.default_rng(np.random.SeedSequence(chunk.seed, spawn_key=(*key, 1)))
        pileup = Pileup(own, pool or minimum_bias(chunk.seed, POOL_EVENTS), chunk.pileup)
    generator = EventGenerator(source.cards, int(sequence.generate_state(1)[0]))
    detector = DETECTORS[chunk.detector]
    parts: list[Jets] = []
    first = chunk.index * _EVENTS_PER_CHUNK
    made = 0
    while sum(map(len, parts)) < chunk.jets:
        if made >= _MAX_CHUNK_EVENTS:
            raise RuntimeError(
                f"{made} events gave only {sum(map(len, parts))} of {chunk.jets} jets of {source.name}"
            )
        events = generator.next(BATCH_EVENTS)
        batch = simulate_events(rng, process, source, events, first + made, detector, pileup)
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
    """
    vertex_z = collision_points(rng, len(events), detector)
    particles = visible_particles(events, vertex_z)
    hard = particles
    tracks = measure_tracks(rng, particles, vertex_z, detector)
    behind = pass_material(rng, particles, detector)
    deposits = impact_on_calorimeters(rng, behind, detector)
    if pileup is not None:
        soft, collisions = overlay(pileup.rng, pileup.pool, len(events), pileup.mean, detector)
        soft_tracks = measure_tracks(pileup.rng, soft, vertex_z, detector)
        soft_deposits = impact_on_calorimeters(
            pileup.rng, pass_material(pileup.rng, soft, detector), detector
        )
        shift = len(particles)
        particles = join_particles(particles, soft, shift)
        tracks = join_tracks(tracks, soft_tracks)
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
    kept, truth = _TRUTH[process.truth](process, source, events, jets)
    if pileup is not None:
        generated = generated_jets(hard, len(events), process.radius, GENERATED_SHARE * low)
        near = match_taus(jets, _as_objects(generated), process.match)
        if process.truth == "tau" and not source.label and process.subtract_pileup:
            kept &= near >= 0
        truth |= {
            "n_pileup": collisions[jets.event].astype(np.int16),
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
        candidates=_jet_candidates(candidates, jets, process.candidate_radius, origin),
    )


def _without_pileup(jets: ReconstructedJets, rho: np.ndarray, radius: float) -> ReconstructedJets:
    """Jets with the median density times their area taken off pT and mass."""
    pt = np.maximum(jets.pt - rho[jets.event] * np.pi * radius**2, 0.0)
    return replace(jets, pt=pt, mass=jets.mass * pt / jets.pt)


def _as_objects(jets: ReconstructedJets) -> HadronicTaus:
    momentum = four_momentum(jets.pt, jets.eta, jets.phi, jets.mass)
    return HadronicTaus(jets.event, momentum, np.zeros(len(jets), np.int8))


Selected = tuple[np.ndarray, dict[str, np.ndarray]]


def _tau_truth(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> Selected:
    """Signal has a good tau; background with a tau in it (from beauty or charm) would be labelled wrongly."""
    taus = hadronic_taus(events)
    matched = match_taus(jets, taus, process.match)
    kept = _good_tau(process, taus)[matched] & (matched >= 0) if source.label else matched < 0
    return kept, _truth(taus, matched)


def _flavour_truth(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> Selected:
    """Flavour of the parton, or of the heavy hadron in the jet; muons of the Z are not jets."""
    partons = hard_partons(events)
    matched = partons.match(jets, process.match)
    found = matched >= 0
    parton = np.append(np.abs(partons.pdg_id), 0)[matched]
    heavy = heavy_flavour(events, jets, process.match)
    flavour = np.where(heavy > 0, heavy, parton)
    # A gluon that splits to heavy quarks is neither: only quarks from the hard scatter are labelled as such.
    wanted = np.isin(flavour, source.flavours) & np.isin(parton, source.flavours)
    kept = found & wanted & ~near_prompt_muons(events, jets, process.radius)
    pt = np.append(np.hypot(partons.momentum[:, 0], partons.momentum[:, 1]), 0.0)[matched]
    truth = {"flavour": flavour.astype(np.int8), "parton": parton.astype(np.int8)}
    truth |= {"parton_pt": pt.astype(np.float32), "is_uds": np.isin(flavour, (1, 2, 3)).astype(np.int8)}
    for name, code in (("is_c", 4), ("is_b", 5), ("is_gluon", 21)):
        truth[name] = (flavour == code).astype(np.int8)
    return kept, truth


def _top_truth(process: Process, source: Source, events: Events, jets: ReconstructedJets) -> Selected:
    """Signal holds all three quarks of a top."""
    tops = hadronic_tops(events)
    matched = top_of_jets(jets, tops, process.match)
    found = matched >= 0
    momentum = np.append(tops.quarks.sum(1), np.zeros((1, 4)), axis=0)[matched]
    mass = np.sqrt(np.maximum(momentum[:, 3] ** 2 - (momentum[:, :3] ** 2).sum(1), 0.0))
    truth = {
        "is_top": found.astype(np.int8),
        "top_pt": np.append(tops.pt, 0.0)[matched].astype(np.float32),
        "top_mass": np.where(found, mass, 0.0).astype(np.float32),
    }
    return found if source.label else ~found, truth


_TRUTH = {"tau": _tau_truth, "flavour": _flavour_truth, "top": _top_truth}


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


def _jet_candidates(
    candidates: Candidates, jets: ReconstructedJets, radius: float, origin: np.ndarray | None
) -> Ragged:
    """Candidates around each jet axis, by falling pT."""
    first = np.searchsorted(candidates.event, jets.event)
    counts = np.searchsorted(candidates.event, jets.event, side="right") - first
    jet = np.repeat(np.arange(len(jets)), counts)
    row = ranges(first, counts)
    pt, eta, phi = pt_eta_phi(candidates.momentum[row])
    deta = eta - jets.eta[jet]
    dphi = delta_phi(phi, jets.phi[jet])
    near = np.flatnonzero(np.hypot(deta, dphi) < radius)
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
    if origin is not None:
        columns["from_pv"] = origin[row]
    return Ragged.from_counts(columns, np.bincount(jet[order], minlength=len(jets)))
