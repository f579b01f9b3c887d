"""A CMSSW package of a bundle: producers for ONNX Runtime and TensorFlow, configuration, data, unit test.

::

    RecoTauTag/E2ETagger/
      interface/, src/   jets and their candidates to tensors, with the C++ builder
      plugins/           E2ETaggerONNXProducer, E2ETaggerTFProducer
      python/            the module with the working points
      data/              model, preprocess.json, manifest.json
      test/              unit test, its parity vectors, a cmsRun configuration
      README.md          how to build and run it
"""

from __future__ import annotations

import os
import re
import shutil
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from e2e_tf.data.features import CANDIDATES, PARTICLE_KINDS
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
from e2e_tf.deploy.cmssw_jets import jet_values
from e2e_tf.deploy.cmssw_parity import write_parity_text
from e2e_tf.deploy.manifest import check_manifest
from e2e_tf.deploy.meaning import relative_columns
from e2e_tf.deploy.profiles import release
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
_SOURCES_ONLY = {source for quantity in CANDIDATES for source in quantity.uses_up}
_RULES = ("knn", "radius", "delaunay", "full")  # of the C++ builder, between candidates
_SESSION_CACHE = (13, 1)  # the first series in which tensorflow::SessionCache is sure to be there
_BACKENDS = {"onnx": "ONNX", "frozen_graph": "TF"}
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
    bundle: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    package: str = "RecoTauTag/E2ETagger",
    force: bool = False,
) -> Path:
    """Write a CMSSW package that runs a bundle of candidates.

    Args:
        bundle: a bundle.
        folder: new folder, which will hold ``Subsystem/Package``, or with ``force`` an existing one, such as the
            ``src`` of a release area, whose other packages stay.
        package: ``Subsystem/Package``.
        force: go into an existing folder, and replace an earlier version of the package there.

    Returns:
        the folder of the package.

    Raises:
        InputError: the bundle is damaged, its graphs or variables cannot be made of what MiniAOD holds, its
            release has no interface for its formats, or an argument is not acceptable. Nothing is left behind.
    """
    bundle, folder = Path(bundle), Path(folder)
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*/[A-Z][A-Za-z0-9]*", package):
        raise InputError(
            f"the package must be Subsystem/Package in letters and digits, such as RecoTauTag/E2ETagger, not "
            f"{package!r}"
        )
    manifest = open_bundle(bundle)
    if manifest["interface"] not in _INTERFACES or len(manifest["outputs"]) != 1:
        raise InputError(
            f"a CMSSW package takes a bundle of the {' or '.join(_INTERFACES)} interface with one output, not "
            f"{manifest['interface']} with {len(manifest['outputs'])}"
        )
    preprocess = read_bundle_preprocess(bundle)
    _check(preprocess, relative_columns(manifest))
    backends = _backends(manifest)
    subsystem, name = package.split("/")
    label = _label(name)
    values = {
        "SUBSYSTEM": subsystem,
        "PACKAGE": name,
        "GUARD": f"{subsystem}_{name}",
        "NAMESPACE": f"{subsystem}_{name}".lower(),
        "LABEL": label,
        "RELEASE": manifest["release"]["cmssw"],
        "CANDIDATE_QUANTITIES": _table(CANDIDATE_QUANTITIES, "const Particle& c, const Momentum& jet"),
        "JET_QUANTITIES": _table(JET_QUANTITIES, "const Momentum& jet, double rho"),
        **_model_values(manifest, backends),
        **jet_values(manifest),
        **_text_values(manifest, backends, package),
    }
    foreign = partial(_not_this_package, name=name, label=label)
    with new_subfolder(folder, package, force, foreign) as target:
        with as_file(files("e2e_tf.deploy") / "cmssw_package") as templates:
            for source in sorted(path for path in templates.rglob("*") if path.suffix in _TEMPLATES):
                where = _place(source.relative_to(templates), name, label, backends)
                if where is not None:
                    (target / where).parent.mkdir(parents=True, exist_ok=True)
                    (target / where).write_text(_filled(source.read_text("utf-8"), values), "utf-8")
        with as_file(files("e2e_tf.deploy") / "cpp" / "include" / "e2e_tf") as headers:
            for header in sorted(headers.glob("*.hpp")):
                text = header.read_text("utf-8").replace('"e2e_tf/', f'"{package}/interface/')
                # Two packages in one job may come from different versions of the builder.
                text = re.sub(r"\bnamespace e2e_tf\b", f"namespace {values['NAMESPACE']}::e2e_tf", text)
                (target / "interface" / header.name).write_text(text, "utf-8")
        (target / "data").mkdir()
        for file in (
            "manifest.json",
            "preprocess.json",
            *(manifest["formats"][key]["file"] for key in backends),
        ):
            shutil.copyfile(bundle / file, target / "data" / file)
        write_parity_text(bundle, manifest, target / "test" / "parity.txt")
    return folder / subsystem / name


def _not_this_package(folder: Path, name: str, label: str) -> str:
    """Why a folder may not be replaced; empty where it holds what this module writes and nothing else."""
    try:
        manifest = read_json(folder / "data" / "manifest.json")
        check_manifest(manifest)
    except InputError:
        return "is not a package of 'e2e-tf cmssw'"
    known = {"data/manifest.json", "data/preprocess.json", "test/parity.txt"}
    known |= {f"data/{info['file']}" for info in manifest["formats"].values() if "file" in info}
    with as_file(files("e2e_tf.deploy")) as package:
        templates = [p.relative_to(package / "cmssw_package") for p in (package / "cmssw_package").rglob("*")]
        known |= {str(_place(path, name, label, list(_BACKENDS))) for path in templates}
        known |= {f"interface/{header.name}" for header in (package / "cpp/include/e2e_tf").glob("*.hpp")}
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    extra = [file for file in found if file not in known]
    return f"holds {extra[0]}, which 'e2e-tf cmssw' has not written" if extra else ""


def _check(preprocess: Preprocess, relative: list[str]) -> None:
    """That MiniAOD and the builder give what the model needs."""
    if preprocess.nodes != "candidates":
        why = "MiniAOD does not hold: a producer would have to put calorimeter and track hits into the window around "
        why += "each jet, on the grid of the training"
        why = why if preprocess.nodes == "hits" else "cannot be packaged for CMSSW yet"
        takes = "a CMSSW package takes a bundle whose nodes are candidates"
        raise InputError(f"{takes}; nodes of this one are {preprocess.nodes}, which {why}")
    unknown = [name for name in preprocess.spec.names if name not in _RULES]
    if unknown:
        raise InputError(
            f"the C++ builder links candidates by {', '.join(_RULES)}; this bundle needs {', '.join(unknown)}"
        )
    known = [n for n in (*CANDIDATE_QUANTITIES, *DERIVED_QUANTITIES) if n not in _SOURCES_ONLY]
    wanted = [*(f.raw for f in preprocess.node_features.features), *preprocess.coordinates]
    missing = [f"{raw} of a candidate" for raw in dict.fromkeys(wanted) if raw not in known]
    if preprocess.jet_features is not None:
        missing += [
            f"{f.raw} of a jet" for f in preprocess.jet_features.features if f.raw not in JET_QUANTITIES
        ]
    missing += [f"{raw} of a jet" for raw in dict.fromkeys(relative) if raw and raw not in JET_QUANTITIES]
    if missing:
        raise InputError(
            f"MiniAOD does not give {', '.join(missing)}; a model may use {', '.join(known)} of candidates and "
            f"{', '.join(JET_QUANTITIES)} of jets"
        )


def _backends(manifest: dict[str, Any]) -> list[str]:
    """Formats of the bundle that its release can run in a producer."""
    target = release(manifest["release"]["cmssw"])
    found = [key for key in _BACKENDS if key in manifest["formats"]]
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


def _place(path: Path, name: str, label: str, backends: list[str]) -> Path | None:
    """Where the file of a template goes; None where the bundle lacks its backend."""
    for key, suffix in _BACKENDS.items():
        if path.name in (f"{suffix}Producer.cc", f"{_HEADERS[key]}.h"):
            if key not in backends:
                return None
            return path.with_name(f"{name}{path.name}") if path.suffix == ".cc" else path
    if path.suffix == ".in":
        return path.with_name(f"{label}_{path.stem}")
    return path


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"@([A-Z_]+?)@", lambda found: values[found[1]], text)


def _strings(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _table(quantities: dict[str, str], arguments: str) -> str:
    """Entries of a C++ table of functions; arguments that an expression does not use go without a name."""
    lines = []
    for key, expression in quantities.items():
        used = arguments
        for variable in ("c", "jet", "rho"):
            if not re.search(rf"\b{variable}\b", expression):
                used = re.sub(rf" {variable}\b", "", used)
        lines.append(f'        {{"{key}", []({used}) -> double {{ return {expression}; }}}}')
    return ",\n".join(lines)


def _model_values(manifest: dict[str, Any], backends: list[str]) -> dict[str, str]:
    """What the C++ needs to know of the model's files."""
    names = [info["name"] for info in manifest["inputs"]]
    (output,) = (info["name"] for info in manifest["outputs"])
    relative = relative_columns(manifest)
    values = {
        "INPUT_NAMES": _strings(names),
        "SCORE_NAMES": _strings(_scores(manifest)),
        "RELATIVE_TO": _strings(relative) if any(relative) else "",
    }
    for key in backends:
        info, prefix = manifest["formats"][key], _BACKENDS[key]
        values |= {
            f"{prefix}_FILE": info["file"],
            f"{prefix}_INPUTS": _strings(info["inputs"][name] for name in names),
            f"{prefix}_OUTPUT": info["outputs"][output],
        }
    return values


def _scores(manifest: dict[str, Any]) -> list[str]:
    """Names of the columns of the output: ``score``, ``score0`` …, or by the heads of a model with several."""
    return [name for names in _scores_by_head(manifest).values() for name in names]


def _scores_by_head(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """:func:`_scores` of each head of the model. Names of products are letters and digits."""
    (output,) = manifest["outputs"]
    heads = output.get("columns") or {"score": output["shape"][-1]}
    scores = {}
    for head, width in heads.items():
        name = re.sub("[^A-Za-z0-9]", "", head) if len(heads) > 1 else "score"
        scores[head] = [name] if width == 1 else [f"{name}{i}" for i in range(width)]
    names = [name for found in scores.values() for name in found]
    if len(set(names)) < len(names) or len(names) != output["shape"][-1]:
        raise InputError(
            f"the outputs of the model must have different names in letters and digits, not {', '.join(heads)}"
        )
    return scores


def _contents(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Each score and what it is."""
    meaning = manifest["outputs"][0].get("meaning", {})
    found = []
    for head, names in _scores_by_head(manifest).items():
        says = meaning.get(head, {})
        for i, name in enumerate(names):
            what = "one value per jet"
            if says.get("kind") == "multiclass":
                what += f": probability of {says['column']} = {says['classes'][i]}"
            elif says.get("kind") == "regression":
                what += f": {says['column']}" + (f" [{says['unit']}]" if "unit" in says else "")
            found.append((name, what))
    return found


def _score_of(point: dict[str, Any], manifest: dict[str, Any]) -> str:
    """The score that a working point cuts on: that of its output, which may be left out where there is one score."""
    scores = _scores_by_head(manifest)
    single = [head for head, names in scores.items() if len(names) == 1]
    head = point.get("output")
    if head is None and len(scores) == 1:
        (head,) = scores
    if head not in single:
        raise InputError(
            f"a working point must name the output that it cuts on, one of a single column "
            f"({', '.join(single) or 'this model has none'}), not {head or 'none'}"
        )
    return scores[head][0]


def _text_values(manifest: dict[str, Any], backends: list[str], package: str) -> dict[str, str]:
    """What configuration, build files and README show."""
    points = manifest["working_points"]
    names = [f"eff{100 * point['target']:g}".replace(".", "p") for point in points]
    rows = [
        f"| {i} | {label} | {point['threshold']!r} | {point['signal_efficiency']:.3f} "
        f"| {point['background_efficiency']:.2e} |"
        for i, (label, point) in enumerate(zip(names, points, strict=True))
    ]
    table = [
        "| bit | name | threshold | signal efficiency | background efficiency |",
        "|---|---|---|---|---|",
        *rows,
    ]
    indented = "\n".join(f'  <use name="{_RUNTIMES[key]}"/>' for key in backends)
    name, namespace = package.split("/")[1], package.replace("/", "_").lower()
    return {
        "MODEL": str(manifest.get("model", {}).get("name", "unnamed")),
        "INTERFACE": manifest["interface"],
        "EDGES": manifest["graph"]["edges"],
        "PLUGINS": " and ".join(f"`{name}{_BACKENDS[key]}Producer`" for key in backends),
        "PRODUCTS": "\n".join(
            f"| `edm::ValueMap<float>`, `{s}` | {what} |" for s, what in _contents(manifest)
        ),
        "WORKING_POINTS": "".join(
            f'\n        cms.PSet(name=cms.string("{label}"), score=cms.string("{_score_of(point, manifest)}"), '
            f"threshold=cms.double({point['threshold']!r})),"
            for label, point in zip(names, points, strict=True)
        )
        + "\n    " * bool(points),
        "WORKING_POINT_TABLE": "\n".join(table)
        if points
        else "The bundle has no working points: its run was not evaluated. They can be added in the configuration.",
        "DEFAULT_BACKEND": _BACKENDS[backends[0]],
        "USE_RUNTIMES": indented,
        "LOAD_SERVICE": _LOAD_SERVICE if "onnx" in backends else "",
        "INCLUDE_BACKENDS": "\n".join(
            f'#include "{package}/interface/{_HEADERS[key]}.h"' for key in backends
        ),
        "RUN_BACKENDS": "\n".join(
            f"    good = agrees<{namespace}::{_HEADERS[key]}>(batches) && good;" for key in backends
        ),
    }
