"""A CMSSW package of bundles: producers for ONNX Runtime and TensorFlow, configuration, data, unit test.

::

    RecoTauTag/E2ETagger/
      interface/, src/   jets and their candidates to tensors, with the C++ builder
      plugins/           E2ETaggerONNXProducer, E2ETaggerTFProducer
      python/            the module of each model with its working points
      data/              model, preprocess.json, manifest.json, of several models in a folder each
      test/              unit test, its parity vectors and raw jets, a cmsRun configuration
      README.md          how to build and run it
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from e2e_tf.data.detector_features import DETECTOR_FEATURES
from e2e_tf.data.features import CANDIDATES, PARTICLE_KINDS
from e2e_tf.data.node_inputs import INPUT_COLUMNS
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
from e2e_tf.deploy.cmssw_jets import jet_values
from e2e_tf.deploy.cmssw_model import BACKENDS, CmsswModel, module_text, quoted, scores
from e2e_tf.deploy.cmssw_objects import column_values, cpp_table, object_values
from e2e_tf.deploy.cmssw_parity import write_parity_text, write_raw_jets
from e2e_tf.deploy.cmssw_readme import readme_values
from e2e_tf.deploy.manifest import check_manifest
from e2e_tf.deploy.meaning import relative_columns
from e2e_tf.deploy.profiles import release
from e2e_tf.deploy.raw_vectors import RAW_FILE
from e2e_tf.errors import InputError
from e2e_tf.files import new_subfolder, read_json

__all__ = ["CANDIDATE_QUANTITIES", "DERIVED_QUANTITIES", "JET_QUANTITIES", "cmssw_package"]

# What a candidate `c` (Particle of JetTensors.cc) and the momentum `jet` of its jet give, by raw name. The tables of
# the producers are written from it.
CANDIDATE_QUANTITIES = {
    "pt": "c->pt()",
    "energy": "c->energy()",
    "mass": "c->mass()",
    "px": "c->px()",
    "py": "c->py()",
    "pz": "c->pz()",
    "eta": "c->eta()",
    "phi": "c->phi()",
    "deta": "c->eta() - jet.eta",
    "dphi": "e2e_tf::delta_phi(c->phi(), jet.phi)",
    "ptrel": "c->pt() / std::max(jet.pt, 1e-6)",
    "charge": "c->charge()",
    **{f"is_{kind}": f"isKind(c, {code})" for kind, code in PARTICLE_KINDS.items()},
    "has_track": "c.hasTrack()",
    "d0": "c.d0()",
    "d0_error": "c.d0Error()",
    "dz": "c.dz()",
    "dz_error": "c.dzError()",
    # As in simulated samples: 1 for tracks of the vertex of the hard scatter, 0 for others, -1 without a track.
    "from_pv": "c.fromVertex()",
    **{
        name: f'c.packed("{name}").{getter}()'
        for name, getter in (
            ("puppiWeight", "puppiWeight"),
            ("puppiWeightNoLep", "puppiWeightNoLep"),
            ("pvAssocQuality", "pvAssociationQuality"),
            ("lostInnerHits", "lostInnerHits"),
        )
    },
}
# What the builder makes of them, by the formulas of e2e_tf.data.features.
DERIVED_QUANTITIES = tuple(
    quantity.feature.raw
    for quantity in CANDIDATES
    if quantity.formula is not None
    and quantity.feature.raw not in CANDIDATE_QUANTITIES
    and CANDIDATE_QUANTITIES.keys() >= set(quantity.sources)
)
JET_QUANTITIES = {
    **{name: f"jet.{name}" for name in ("pt", "mass", "eta", "phi", "energy")},
    "rho": "rho",  # of the event, in GeV per unit area
}
_INTERFACES = ("padded", "edges")
_NODES = ("candidates", "detector")
# Templates of one sort of nodes, and what they are called in the package.
_OF_NODES = {
    "CandidateSource.h": ("candidates", "ObjectSource.h"),
    "DetectorSource.h": ("detector", "ObjectSource.h"),
    "Filter.cc": ("detector", "{name}Filter.cc"),
    "HLT_cff.py.in": ("detector", "{label}HLT_cff.py"),
    "cfg.py.in": ("candidates", "{label}_cfg.py"),
    "detector_cfg.py.in": ("detector", "{label}_cfg.py"),
    "README.md": ("candidates", "README.md"),
    "DETECTOR.md": ("detector", "README.md"),
}
_SOURCES_ONLY = {source for quantity in CANDIDATES for source in quantity.uses_up}
_RULES = ("knn", "radius", "delaunay", "full")  # of the C++ builder, between candidates
_SESSION_CACHE = (13, 1)  # the first series in which tensorflow::SessionCache is sure to be there
_RUNTIMES = {"onnx": "PhysicsTools/ONNXRuntime", "frozen_graph": "PhysicsTools/TensorFlow"}
_HEADERS = {"onnx": "OnnxBackend", "frozen_graph": "TensorFlowBackend"}
# Loaded with the module: process.load takes every service that a file names.
_LOAD_SERVICE = """
try:  # releases from 2026 on run ONNX models through a service
    from PhysicsTools.ONNXRuntime.ONNXService_cfi import ONNXService
except ImportError:
    pass
"""
_TEMPLATES = (".cc", ".h", ".in", ".md", ".xml")


def cmssw_package(
    bundles: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    package: str = "RecoTauTag/E2ETagger",
    force: bool = False,
) -> Path:
    """Write a CMSSW package that runs a bundle of candidates or of detector objects, or several.

    Args:
        bundles: a bundle, or several. Each of several has a module of its own in the package, known by the name of its
            folder or, in a mapping, by its key.
        folder: new folder, which will hold ``Subsystem/Package``, or with ``force`` an existing one, such as the
            ``src`` of a release area, whose other packages stay.
        package: ``Subsystem/Package``.
        force: go into an existing folder, and replace an earlier version of the package there.

    Returns:
        the folder of the package.

    Raises:
        InputError: a bundle is damaged, its graphs or variables cannot be made of what MiniAOD holds, its
            release has no interface for its formats, several have no format in common or no names of their own, or an
            argument is not acceptable. Nothing is left behind.
    """
    folder = Path(folder)
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*/[A-Z][A-Za-z0-9]*", package):
        raise InputError(
            f"the package must be Subsystem/Package in letters and digits, such as RecoTauTag/E2ETagger, not "
            f"{package!r}"
        )
    models = _models(bundles)
    first, (subsystem, name) = models[0], package.split("/")
    label = _label(name)
    values = {
        "SUBSYSTEM": subsystem,
        "PACKAGE": name,
        "GUARD": f"{subsystem}_{name}",
        "NAMESPACE": f"{subsystem}_{name}".lower(),
        "LABEL": label,
        "RELEASE": max((release(m.manifest["release"]["cmssw"]) for m in models), key=lambda r: r.key).name,
        "CANDIDATE_QUANTITIES": cpp_table(CANDIDATE_QUANTITIES, "const Particle& c, const Momentum& jet"),
        "JET_QUANTITIES": cpp_table(JET_QUANTITIES, "const Momentum& jet, double rho"),
        **_default_values(first),
        **column_values(),
        "SRC_TYPES": "pat::Jet, pat::Tau or reco::PFJet",
        "VERTICES": "",
        "USE_OBJECTS": "",
        **jet_values(first.manifest),
        **_build_values(models, package),
        **readme_values(models, name, label),
        **(object_values(models, label) if first.nodes == "detector" else {}),
    }
    foreign = partial(_not_this_package, name=name, label=label)
    with new_subfolder(folder, package, force, foreign) as target:
        with as_file(files("e2e_tf.deploy") / "cmssw_package") as templates:
            for source in sorted(path for path in templates.rglob("*") if path.suffix in _TEMPLATES):
                where = _place(source.relative_to(templates), name, label, first.backends, first.nodes)
                if where is not None:
                    (target / where).parent.mkdir(parents=True, exist_ok=True)
                    (target / where).write_text(_filled(source.read_text("utf-8"), values), "utf-8")
        with as_file(files("e2e_tf.deploy") / "cpp" / "include" / "e2e_tf") as headers:
            for header in sorted(headers.glob("*.hpp")):
                text = header.read_text("utf-8").replace('"e2e_tf/', f'"{package}/interface/')
                # Two packages in one job may come from different versions of the builder.
                text = re.sub(r"\bnamespace e2e_tf\b", f"namespace {values['NAMESPACE']}::e2e_tf", text)
                (target / "interface" / header.name).write_text(text, "utf-8")
        for model in models:
            (target / model.data).mkdir(parents=True)
            for file in model.files:
                shutil.copyfile(model.bundle / file, target / model.data / file)
            write_parity_text(model.bundle, model.manifest, target / model.parity)
            write_raw_jets(model.bundle, model.manifest, target / model.raw_jets)
    return folder / subsystem / name


def _models(
    bundles: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, str | os.PathLike[str]],
) -> list[CmsswModel]:
    """The models of a package, with formats that all of them have."""
    if isinstance(bundles, str | os.PathLike):
        named = [("", Path(bundles))]
    elif isinstance(bundles, Mapping):
        named = [(name, Path(bundle)) for name, bundle in bundles.items()]
    else:
        paths = [Path(bundle) for bundle in bundles]
        named = [(path.resolve().name if len(paths) > 1 else "", path) for path in paths]
    if not named:
        raise InputError("a CMSSW package needs at least one bundle")
    models = [_model(bundle, name) for name, bundle in named]
    taken = {suffix.lower(): f"plugins {suffix}" for suffix in BACKENDS.values()}
    for model in models:
        if model.name and model.name.lower() in taken:
            raise InputError(
                f"{model.bundle} would be {model.name} in the package, as {taken[model.name.lower()]} is already; give "
                "another name, NAME=BUNDLE"
            )
        taken[model.name.lower()] = str(model.bundle)
        if model.nodes != models[0].nodes:
            raise InputError(
                f"bundles of one package need nodes of one sort, {models[0].bundle} has {models[0].nodes}, "
                f"{model.bundle} has {model.nodes}; write a package for each"
            )
    common = tuple(key for key in BACKENDS if all(key in model.backends for model in models))
    if not common:
        found = "; ".join(f"{model.bundle}: {', '.join(model.backends)}" for model in models)
        raise InputError(
            f"bundles of one package need a format in common that their releases run, not {found}"
        )
    return [replace(model, backends=common) for model in models]


def _model(bundle: Path, name: str) -> CmsswModel:
    """A bundle that a producer can run, by the letters and digits of a name."""
    manifest = open_bundle(bundle)
    if manifest["interface"] not in _INTERFACES or len(manifest["outputs"]) != 1:
        raise InputError(
            f"a CMSSW package takes a bundle of the {' or '.join(_INTERFACES)} interface with one output, not "
            f"{manifest['interface']} with {len(manifest['outputs'])}"
        )
    _check(read_bundle_preprocess(bundle), relative_columns(manifest))
    short = "".join(part[0].upper() + part[1:] for part in re.findall("[A-Za-z0-9]+", name))
    if name and not short:
        raise InputError(f"the name of {bundle} in the package must have letters or digits, not {name!r}")
    return CmsswModel(bundle, manifest, tuple(_backends(manifest)), short)


def _not_this_package(folder: Path, name: str, label: str) -> str:
    """Why a folder may not be replaced; empty where it holds what this module writes and nothing else."""
    known: set[str] = set()
    manifests = [*(folder / "data").glob("manifest.json"), *(folder / "data").glob("*/manifest.json")]
    try:
        for path in manifests:
            manifest = read_json(path)
            check_manifest(manifest)
            inner = path.parent.name if path.parent != folder / "data" else ""
            formats = tuple(key for key, info in manifest["formats"].items() if "file" in info)
            model = CmsswModel(path.parent, manifest, formats, inner)
            known |= {model.parity, model.raw_jets, *(f"{model.data}/{file}" for file in model.files)}
    except InputError:
        manifests = []
    if not manifests:
        return "is not a package of 'e2e-tf cmssw'"
    with as_file(files("e2e_tf.deploy")) as package:
        templates = [p.relative_to(package / "cmssw_package") for p in (package / "cmssw_package").rglob("*")]
        for nodes in _NODES:
            known |= {str(_place(path, name, label, list(BACKENDS), nodes)) for path in templates}
        known |= {f"interface/{header.name}" for header in (package / "cpp/include/e2e_tf").glob("*.hpp")}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    extra = [file for file in found if file not in known]
    return f"holds {extra[0]}, which 'e2e-tf cmssw' has not written" if extra else ""


def _check(preprocess: Preprocess, relative: list[str]) -> None:
    """That MiniAOD and the builder give what the model needs."""
    if preprocess.nodes not in _NODES:
        why = "which MiniAOD does not hold: a producer would have to put calorimeter and track hits into the window "
        why += "around each jet, on the grid of the training; detector objects are what producers read"
        takes = f"a CMSSW package takes a bundle whose nodes are {' or '.join(_NODES)}"
        raise InputError(
            f"{takes}; nodes of this one are {preprocess.nodes}" + f", {why}" * (preprocess.nodes == "hits")
        )
    objects = preprocess.nodes == "detector"
    unknown = [n for n in preprocess.spec.names if n not in _RULES and not (objects and "-" in n)]
    if unknown:
        what = "detector objects" if objects else "candidates"
        raise InputError(
            f"the C++ builder links {what} by {', '.join(_RULES)}; this bundle needs {', '.join(unknown)}"
        )
    known = [n for n in (*CANDIDATE_QUANTITIES, *DERIVED_QUANTITIES) if n not in _SOURCES_ONLY]
    if objects:
        known = [feature.raw for feature in DETECTOR_FEATURES]
    wanted = [*(f.raw for f in preprocess.node_features.features), *preprocess.coordinates]
    one = "an object" if objects else "a candidate"
    missing = [f"{raw} of {one}" for raw in dict.fromkeys(wanted) if raw not in (*known, *INPUT_COLUMNS)]
    of_jets = () if preprocess.jet_features is None else preprocess.jet_features.features
    missing += [f"{feature.raw} of a jet" for feature in of_jets if feature.raw not in JET_QUANTITIES]
    missing += [f"{raw} of a jet" for raw in dict.fromkeys(relative) if raw and raw not in JET_QUANTITIES]
    if missing:
        source, of = ("RECO", "objects") if objects else ("MiniAOD", "candidates")
        raise InputError(
            f"{source} does not give {', '.join(missing)}; a model may use {', '.join(known)} of {of} and "
            f"{', '.join(JET_QUANTITIES)} of jets"
        )


def _backends(manifest: dict[str, Any]) -> list[str]:
    """Formats of the bundle that its release can run in a producer."""
    target = release(manifest["release"]["cmssw"])
    found = [key for key in BACKENDS if key in manifest["formats"]]
    if target.key < _SESSION_CACHE:
        found = [key for key in found if key != "frozen_graph"]
        if not found:
            raise InputError(
                f"in CMSSW_{target.name} a package runs ONNX only, tensorflow::SessionCache came later; export the "
                "bundle with the format onnx, or for 13_1 or later"
            )
    if not found:
        raise InputError(
            f"a CMSSW package needs the format onnx or pb; this bundle holds {', '.join(manifest['formats'])}"
        )
    return found


def _label(name: str) -> str:
    """Module label of a plugin's name, as CMSSW makes it: leading capitals but the last one become small."""
    capitals = len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    if 1 < capitals < len(name):
        capitals -= 1
    return name[:capitals].lower() + name[capitals:]


def _place(path: Path, name: str, label: str, backends: Sequence[str], nodes: str) -> Path | None:
    """Where the file of a template goes; None where it is of another backend or of other nodes."""
    if path.name in _OF_NODES:
        of, as_what = _OF_NODES[path.name]
        return path.with_name(as_what.format(name=name, label=label)) if of == nodes else None
    for key, suffix in BACKENDS.items():
        if path.name in (f"{suffix}Producer.cc", f"{_HEADERS[key]}.h"):
            if key not in backends:
                return None
            return path.with_name(f"{name}{path.name}") if path.suffix == ".cc" else path
    if path.suffix == ".in":
        return path.with_name(f"{label}_{path.stem}")
    return path


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"@([A-Z_]+?)@", lambda found: values[found[1]], text)


def _default_values(model: CmsswModel) -> dict[str, str]:
    """What the C++ knows of a model's files: the defaults of the plugins."""
    values = {
        "DATA": model.data,
        "INPUT_NAMES": quoted(info["name"] for info in model.manifest["inputs"]),
        "SCORE_NAMES": quoted(scores(model.manifest)),
        "RELATIVE_TO": quoted(model.relative),
    }
    for key in model.backends:
        prefix = BACKENDS[key]
        values |= {
            f"{prefix}_FILE": model.file(key),
            f"{prefix}_INPUTS": quoted(model.inputs(key)),
            f"{prefix}_OUTPUT": model.output(key),
        }
    return values


def _build_values(models: list[CmsswModel], package: str) -> dict[str, str]:
    """What configuration, build files and unit test show."""
    backends, name, namespace = models[0].backends, package.split("/")[1], package.replace("/", "_").lower()
    label = _label(name)
    modules = [f"{label}{model.name}" for model in models]
    sources = dict.fromkeys(jet_values(model.manifest)["SRC"] for model in models)
    tests = [
        f'    good = agrees<{namespace}::{_HEADERS[key]}>("{f"{label}{BACKENDS[key]} {model.name}".rstrip()}", '
        f'"{package}/{model.data}/{model.file(key)}", {{{quoted(model.inputs(key))}}}, "{model.output(key)}", '
        f'"{package}/{model.parity}", "{package}/{model.data}/preprocess.json", "{_raw_jets(model, package)}") && good;'
        for model in models
        for key in backends
    ]
    return {
        "MODULES": "\n\n".join(module_text(model, package, label) for model in models),
        "PATH": " + ".join(f"process.{module}" for module in modules),
        "KEEP": ", ".join(f'"keep *_{kept}_*_*"' for kept in (*modules, *sources)),
        "DEFAULT_BACKEND": BACKENDS[backends[0]],
        "USE_RUNTIMES": "\n".join(f'  <use name="{_RUNTIMES[key]}"/>' for key in backends),
        "LOAD_SERVICE": _LOAD_SERVICE if "onnx" in backends else "",
        "INCLUDE_BACKENDS": "\n".join(
            f'#include "{package}/interface/{_HEADERS[key]}.h"' for key in backends
        ),
        "RUN_BACKENDS": "\n".join(tests),
    }


def _raw_jets(model: CmsswModel, package: str) -> str:
    """The file of a model's raw jets; empty where its bundle has none."""
    return f"{package}/{model.raw_jets}" if (model.bundle / RAW_FILE).is_file() else ""
