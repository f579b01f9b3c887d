"""What a simulated sample depends on, as attributes of its file."""

from __future__ import annotations

import importlib.metadata
from dataclasses import asdict, fields, replace
from typing import Any

from e2e_tf.data.grid import CRYSTALS, PITCH, TOWER
from e2e_tf.sim import egamma
from e2e_tf.sim.chunk import BATCH_EVENTS, CHUNK_JETS, GENERATED_SHARE
from e2e_tf.sim.detector import DETECTORS, PARTICLE_FLOW, READOUT
from e2e_tf.sim.interactions import NUCLEAR
from e2e_tf.sim.measurement import TRACKING
from e2e_tf.sim.pileup import MAX_DZ_CM, POOL_EVENTS
from e2e_tf.sim.precision import MANTISSA_BITS
from e2e_tf.sim.pythia import PROCESSES, Process, Source
from e2e_tf.sim.tracking import FAKES
from e2e_tf.sim.vertices import VERTEXING
from e2e_tf.version import __version__

__all__ = ["EXTRA", "sample_provenance"]

EXTRA = ("pythia8mc", "fastjet", "awkward")  # libraries of the extra sim


def sample_provenance(
    process: str, jets: int, seed: int, pileup: float, detector: str, objects: bool = False
) -> dict[str, Any]:
    """What a sample depends on; nothing of the machine or the day, so that files can be compared.

    Args:
        process: a name in ``PROCESS_NAMES``.
        jets: of both classes together.
        seed: of the sample.
        pileup: mean number of pileup collisions.
        detector: a name in ``DETECTORS``.
        objects: whether detector objects are made too.

    Returns:
        What can be written as JSON, by name.
    """
    options = f" --pileup {pileup:g}" if pileup else ""
    options += f" --detector {detector}" if detector != "cms" else ""
    options += " --objects" if objects else ""
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
    if objects:
        numbers: dict[str, Any] = {
            "readout": replace(READOUT, radius=PROCESSES[process].candidate_radius),
            "particle_flow": PARTICLE_FLOW,
            "tracking": TRACKING,
            "fakes": FAKES,
        }
        numbers |= {"vertexing": VERTEXING, "nuclear": NUCLEAR}
        settings["objects"] = {name: _plain(asdict(values)) for name, values in numbers.items()}
    libraries = ("numpy", "scipy", "h5py") if gun else (*EXTRA, "numpy", "scipy", "h5py")
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
