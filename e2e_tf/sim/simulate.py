"""Simulated jets with truth, in chunks that can be made in any order."""

from __future__ import annotations

import os
import zipfile
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from e2e_tf.data.images import Images
from e2e_tf.data.jets import Jets, concatenate_jets, write_jets
from e2e_tf.errors import InputError
from e2e_tf.files import followed, new_file, refuse_existing
from e2e_tf.jobs import parts_folder, run_tasks
from e2e_tf.sim import egamma
from e2e_tf.sim.chunk import Chunk, plan, simulate_chunk
from e2e_tf.sim.detector import DETECTORS
from e2e_tf.sim.flown import FlownPool, flown_pool
from e2e_tf.sim.order import alternating, in_random_pairs, mixed, renumbered
from e2e_tf.sim.pieces import load_columns, pack, save_columns, unpack
from e2e_tf.sim.pileup import POOL_EVENTS, Pool, minimum_bias, pool_columns, pool_of_columns
from e2e_tf.sim.provenance import EXTRA, sample_provenance
from e2e_tf.sim.pythia import PROCESSES, import_extra
from e2e_tf.terminal import status, track

__all__ = ["MAX_PILEUP", "PROCESS_NAMES", "simulate"]

PROCESS_NAMES = (*PROCESSES, egamma.PROCESS)
MAX_PILEUP = 200.0
_POOL = "pool.npz"


def simulate(
    process: str,
    jets: int,
    seed: int,
    output: str | os.PathLike[str],
    *,
    pileup: float = 0.0,
    detector: str = "cms",
    objects: bool = False,
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
    - ``wtau_all``: taus of W → τν from 5 GeV on, against QCD jets, electrons, muons, jets of pileup (with ``pileup``)
      and jets beside a Z in equal parts, told apart by the truth column ``background``
      (:data:`e2e_tf.sim.pythia.BACKGROUNDS`). Weights hold within each;
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
        objects: write detector objects too (``Jets.objects``); everything else in the file stays the same.
        workers: processes that share the work. Above 1 they are spawned, so a script must guard its entry
            with ``if __name__ == "__main__"``.
        resume: continue an interrupted simulation of this output.
        force: replace an existing file, and pieces of an interrupted simulation.

    Returns:
        The jets as written: kinematics [GeV, rad], ``truth``, hits on the fixed grid, candidates around the jet,
        detector objects where they were asked for,
        and in ``attributes`` every number and version the file depends on; images for ``egamma``.

    Raises:
        InputError: an argument is out of range, the file exists, pieces of another simulation are in its
            place, a worker was killed, or the extra ``sim`` is not installed.
    """
    _check(process, jets, seed, workers, pileup, detector, objects)
    for name in () if process == egamma.PROCESS else EXTRA:
        import_extra(name)
    provenance = sample_provenance(process, jets, seed, pileup, detector, objects)
    chunks = plan(process, jets, seed, pileup, detector, objects)
    output = followed(output)
    refuse_existing(output, force)
    folder = output.with_name(f"{output.name}.parts")
    with (
        parts_folder(folder, provenance, "simulation", resume=resume, force=force),
        new_file(output, force, folder) as part,
    ):
        missing = [chunk for chunk in chunks if not _is_done(folder, chunk)]
        if pileup and missing and not (folder / _POOL).exists():
            with status("Minimum-bias collisions for pileup"), new_file(folder / _POOL) as pool:
                save_columns(pool, pool_columns(minimum_bias(seed, POOL_EVENTS)))
        made = run_tasks(partial(_make, folder=folder), missing, workers)
        for _ in track(made, f"Simulating {jets} jets", total=len(missing)):
            pass
        arrays = [load_columns(_part_of(folder, chunk)) for chunk in chunks]
        if process == egamma.PROCESS:
            return egamma.write(part, arrays, provenance, seed)
        sample = concatenate_jets([unpack(columns) for columns in arrays], attributes=provenance)
        if "background" in sample.truth:
            sample = sample.take(mixed(len(sample), seed))
        label = sample.label
        assert label is not None  # every chunk has one
        if _is_first_format(process, pileup, detector):
            sample = sample.take(alternating(label))
        else:
            sample = renumbered(sample.take(in_random_pairs(label, seed)))
        write_jets(part, sample, force=True)
    return sample


def _check(
    process: str, jets: int, seed: int, workers: int, pileup: float, detector: str, objects: bool
) -> None:
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
    if not isinstance(objects, bool):
        raise InputError(f"objects must be True or False, got {objects!r}")
    if process == egamma.PROCESS and objects:
        raise InputError(
            f"process {process} makes images, detector objects belong to jets, got objects={objects}"
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
        return path.exists() and len(load_columns(path)["event"]) == chunk.jets
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False  # made again


def _make(chunk: Chunk, folder: Path) -> None:
    """Simulate a chunk and keep it."""
    if chunk.process == egamma.PROCESS:
        columns = egamma.simulate_chunk(
            chunk.seed, chunk.source, chunk.number, chunk.jets, DETECTORS[chunk.detector]
        )
    else:
        pool = _pool(folder / _POOL, chunk.seed) if chunk.pileup else None
        flown = _flown(folder / _POOL, chunk.seed, chunk.detector) if pool and chunk.objects else None
        columns = pack(simulate_chunk(chunk, pool, flown))
    with new_file(_part_of(folder, chunk), force=True) as part:
        save_columns(part, columns)


@lru_cache(maxsize=1)
def _pool(path: Path, seed: int) -> Pool:
    """The kept pool; the seed tells pools of one path apart."""
    return pool_of_columns(load_columns(path))


@lru_cache(maxsize=1)
def _flown(path: Path, seed: int, detector: str) -> FlownPool:
    """The kept pool behind the tracker."""
    return flown_pool(seed, _pool(path, seed), DETECTORS[detector])
