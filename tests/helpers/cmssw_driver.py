"""A compiled CMSSW package over the stand-ins of deploy/standin: events in, products out."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import e2e_tf.deploy
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.deploy import closure_events
from e2e_tf.deploy.closure_events import WHOLE
from e2e_tf.deploy.signing import write_manifest

STANDIN = Path(e2e_tf.deploy.__file__).parent / "standin"
LANGUAGE = Path(__file__).parents[1] / "deploy" / "standin"  # of configurations
PACKAGE = "RecoTauTag/E2ETagger"
POINTS = [
    {"target": target, "threshold": threshold, "signal_efficiency": target, "background_efficiency": 0.01}
    for target, threshold in ((0.5, 0.52), (0.7, 0.48), (0.9, 0.35))
]
_ERRORS = {"signal_error": 0.02, "rejection": 100.0, "is_limit": False, "low": 80.0, "high": 125.0}
BINS = [  # of pT; the middle one has no jets of a class
    {"low": 10.0, "high": 20.0, "working_points": [{**point, **_ERRORS} for point in POINTS]},
    {"low": 20.0, "high": 30.5, "working_points": None},
    {
        "low": 30.5,
        "high": 50.0,
        "working_points": [{**point, **_ERRORS, "threshold": point["threshold"] + 0.01} for point in POINTS],
    },
]
BINS = [{"signal": 9 * bool(part["working_points"]), "background": 8, **part} for part in BINS]
# As a sample of 'e2e-tf simulate' with pileup states it.
DEFINITION = {"candidates": "cone", "radius": 0.5, "jet_radius": 0.4, "momentum": "area", "rho": "candidates"}
CORRECTIONS = (0.9, 1.08)  # of events of this module: factors of the levels L1FastJet and of the last one


def compiler_flags(toolchain: Any, base: Path, coming: bool = True) -> list[str]:
    """Of packages below ``base`` over the stand-ins, with the wrapper of ONNX Runtime of 2026 or an earlier one.

    Names are hidden: the stand-ins have classes of the same names as TensorFlow, which must go on using its own.
    """
    flags = ["-std=c++17", "-O0", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"]
    flags += [f"-I{folder}" for folder in (*[STANDIN / "coming"] * coming, STANDIN, STANDIN / "src", base)]
    system = (
        toolchain.tensorflow / "include",
        toolchain.headers / "include",
        toolchain.headers / "include" / "onnxruntime",
    )
    return flags + [word for folder in system for word in ("-isystem", str(folder))]


def compile_package(toolchain: Any, base: Path, package: Path, folder: Path) -> tuple[Path, Path]:
    """A package below ``base`` and the stand-ins: the driver with its plugins, and its unit test."""
    objects, compiler = folder / "objects", os.environ.get("CXX", "c++")
    objects.mkdir()
    flags = compiler_flags(toolchain, base)
    sources = [
        *(package / "src").glob("*.cc"),
        *(package / "plugins").glob("*.cc"),
        *(package / "test").glob("*.cc"),
    ]
    sources += [path for path in (STANDIN / "src").glob("*.cc") if path.stem != "piped"]

    def compiled(source: Path) -> None:
        command = [*toolchain.launcher, compiler, *flags, "-c", source, "-o", objects / f"{source.stem}.o"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compiled, sources))
    library = next((toolchain.onnxruntime / "capi").glob("libonnxruntime.so*"))
    # The Python package has the versioned name only, which is not the name that the linker records.
    (objects / ".".join(library.name.split(".")[:3])).symlink_to(library)
    libraries = [library, *(toolchain.tensorflow / f"libtensorflow_{n}.so.2" for n in ("cc", "framework"))]
    paths = f"-Wl,-rpath,{objects}:{toolchain.tensorflow}"

    def linked(name: str, *left_out: str) -> Path:
        parts = [path for path in objects.glob("*.o") if path.stem not in left_out]
        command = [
            compiler,
            *filter(None, [toolchain.linker]),
            "-o",
            folder / name,
            *parts,
            "-Wl,--no-as-needed",
        ]
        done = subprocess.run([*command, *libraries, paths, "-pthread"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return folder / name

    plugins = [path.stem for path in (package / "plugins").glob("*.cc")]
    return linked("driver", "testParity"), linked("parity", "driver", *plugins)


def with_points(bundle: Path, folder: Path) -> Path:
    """A copy of a bundle as it is after its run was evaluated."""
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["working_points"] = POINTS
    manifest["jets"] = DEFINITION
    write_manifest(folder, manifest)
    return folder


@dataclass(frozen=True)
class Built:
    """The compiled package of a padded bundle, and the data of one with edges beside it.

    ``behind`` is another folder of packages, for what is not found below ``base``.
    """

    base: Path
    driver: Path
    parity: Path
    bundle: Path
    trained: Path
    behind: Path | None = None

    def run(self, *arguments: Any, services: str = "ONNXService") -> subprocess.CompletedProcess[str]:
        path = ":".join(str(folder) for folder in (self.base, self.behind) if folder)
        env = os.environ | {"CMSSW_SEARCH_PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
        env |= {"STANDIN_SERVICES": services}
        return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, env=env)

    def each(self, folder: Path, commands: list[list[Any]]) -> list[tuple[int, str]]:
        """Status and what was said on standard error of several commands of the driver in one process."""
        (folder / "commands").write_text("".join(" ".join(map(str, words)) + "\n" for words in commands))
        done = self.run(self.driver, "each", folder / "commands")
        assert done.returncode == 0, done.stderr
        parts = re.split(r"^status (\d+)\n", done.stderr, flags=re.MULTILINE)
        assert len(parts) == 2 * len(commands) + 1
        return [(int(status), text) for text, status in zip(parts[::2], parts[1::2], strict=False)]


def configured(built: Built, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The modules of the package by label: of fillDescriptions by the backend, and those of the package's own file."""
    done = built.run(built.driver, "describe")
    assert done.returncode == 0, done.stderr
    files: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        kind, name, *words = line.split(" ")
        if kind in ("plugin", "filter"):
            lines = files.setdefault(words[0], ["import FWCore.ParameterSet.Config as cms"])
            module = "EDProducer" if kind == "plugin" else "EDFilter"
            lines.append(f'{words[0]} = cms.{module}("{name}",')
        else:
            texts = ["" if word == '""' else word for word in words]
            numbers = kind in ("uint32", "double", "vdouble")
            value = ", ".join(words) if numbers else ", ".join(map(repr, texts))
            lines.append(f"    {name} = cms.{kind}({value}),")
    # What scram writes from fillDescriptions, beside the package's own python folder.
    python = folder / "python" / PACKAGE
    shutil.copytree(built.base / PACKAGE / "python", python)
    for label, lines in files.items():
        (python / f"{label}_cfi.py").write_text("\n".join([*lines, ")"]) + "\n")
    for name in [n for n in sys.modules if n.split(".")[0] in ("FWCore", "PhysicsTools", "RecoTauTag")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(LANGUAGE / "python")
    monkeypatch.syspath_prepend(folder / "python")
    return {
        name: value
        for path in sorted(python.glob("*.py"))
        for name, value in runpy.run_path(str(path)).items()
        if name.startswith(path.stem.rsplit("_", 1)[0])
    }


def random_event(rng: np.random.Generator, counts: list[int]) -> list[dict[str, Any]]:
    """Jets with the given numbers of candidates, in single precision."""
    jets = []
    rho = rng.uniform(0, 30)
    for count in counts:
        jet = {
            "rho": rho,
            "pt": rng.uniform(20, 200),
            "eta": rng.uniform(-2, 2),
            "phi": rng.uniform(-3.2, 3.2),
            "mass": 5.0,
        }
        charged = rng.random(count) < 0.6
        details = charged & (rng.random(count) < 0.8)
        rows = {
            "pt": rng.exponential(5, count) + 0.3,
            "eta": jet["eta"] + rng.normal(0, 0.2, count),
            "phi": jet["phi"] + rng.normal(0, 0.2, count),
            "mass": np.where(charged, 0.1396, 0.0),
            "charge": np.where(charged, rng.choice([-1, 1], count), 0),
            "pdg_id": np.where(
                charged, rng.choice([211, -211, 11, -13], count), rng.choice([22, 130, 1, 2], count)
            ),
            "details": details,
            "d0": np.where(details, rng.normal(0, 0.05, count), 0.5),  # beyond use without details
            "d0_error": rng.uniform(0.001, 0.1, count),
            "dz": np.where(details, rng.normal(0, 0.3, count), 0.5),
            "dz_error": rng.uniform(0.001, 0.1, count),
            "from_pv": np.where(charged, rng.integers(0, 4, count), 0),
            "puppi": rng.random(count),
            "lost": np.zeros(count),
        }
        rows = {k: v.astype(int if k in WHOLE else np.float32) for k, v in rows.items()}
        jets.append({k: np.float32(v) for k, v in jet.items()} | {"rows": rows})
    return jets


def events_text(events: list[tuple[Any, ...]]) -> str:
    """As :func:`e2e_tf.deploy.closure_events.events_text`, with the corrections of this module."""
    return closure_events.events_text(events, CORRECTIONS)


def own_candidates(module: Any, **changes: Any) -> Any:
    """The same module with the candidates that each jet was made of, and with the density that the event has."""
    import FWCore.ParameterSet.Config as cms

    return module.clone(
        **{
            "src": cms.InputTag("jets"),
            "candidates": cms.VInputTag(),
            "rho": cms.InputTag("fixedGridRhoFastjetAll"),
            **changes,
        }
    )


def python_jets(jets: list[dict[str, Any]]) -> Jets:
    """The same jets as the library's readers make them."""
    counts = np.array([len(jet["rows"]["pt"]) for jet in jets], int)
    rows = {k: np.concatenate([jet["rows"][k] for jet in jets]) for k in jets[0]["rows"]}
    of_jet = {k: np.array([jet[k] for jet in jets], np.float32) for k in ("pt", "eta", "phi", "mass", "rho")}
    eta, phi, pt, mass = (rows[k].astype(float) for k in ("eta", "phi", "pt", "mass"))
    kind, details = np.abs(rows["pdg_id"]), rows["details"].astype(bool)
    columns = {
        "pt": rows["pt"],
        "energy": np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2),
        "deta": eta - np.repeat(of_jet["eta"].astype(float), counts),
        "dphi": delta_phi(phi, np.repeat(of_jet["phi"].astype(float), counts)),
        "charge": rows["charge"],
        "is_charged_hadron": kind == 211,
        "is_neutral_hadron": (kind == 130) | (kind == 1),
        "is_photon": (kind == 22) | (kind == 2),
        "is_electron": kind == 11,
        "is_muon": kind == 13,
        "from_pv": np.where(rows["charge"] == 0, -1, rows["from_pv"] > 0),
        **{k: np.where(details, rows[k], 0) for k in ("d0", "d0_error", "dz", "dz_error")},
    }
    return Jets(
        columns=of_jet,
        event=np.arange(len(jets)),
        weight=np.ones(len(jets), np.float32),
        candidates=Ragged.from_counts({k: v.astype(np.float32) for k, v in columns.items()}, counts),
    )


def products(path: Path) -> dict[str, list[np.ndarray]]:
    """Values of each product, event by event."""
    out: dict[str, list[np.ndarray]] = {}
    for line in path.read_text().splitlines():
        number, name, *values = line.split(" ")
        assert int(number) == len(out.setdefault(name, []))
        out[name].append(np.array(values, np.float64))
    return out


def edges_of(module: Any, backend: str) -> Any:
    """The same module with the model, inputs and names of the bundle with edges."""
    import FWCore.ParameterSet.Config as cms

    names = ("x", "edge_index", "batch", "u")
    suffix, file = ("", "model.onnx") if backend == "ONNX" else (":0", "model.pb")
    return module.clone(
        model_path=cms.FileInPath(f"RecoTauTag/Edges/data/{file}"),
        preprocess_json=cms.FileInPath("RecoTauTag/Edges/data/preprocess.json"),
        input_names=cms.vstring(*names),
        model_inputs=cms.vstring(*(f"{name}{suffix}" for name in names)),
    )


def write_config(module: Any, path: Path) -> Path:
    path.write_text(" ".join(module.words()) + "\n")
    return path
