"""A small untrained run, and bundles of it, shared by the tests of this folder."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import compiler_cache
import numpy as np
import pytest
from cmssw_driver import PACKAGE, Built, compile_package, with_points
from cpp_tools import BUILT, CPP, compile_tools
from once import once

import e2e_tf.deploy.cpp_runner
from e2e_tf.data.features import CANDIDATE_FEATURES, HIT_FEATURES, JET_FEATURES, Feature
from e2e_tf.data.preprocess import Normalisation, Preprocess, read_preprocess
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.files import sha256

DETECTOR_MODEL = Path(e2e_tf.__file__).parent / "models" / "pretrained" / "tau_detector"
SMALL = {"channels": (8, 8), "heads": (1, 2), "cheb_channels": (8, 4), "dense": (8,)}


def make_preprocess(
    rng: np.random.Generator,
    nodes: str = "candidates",
    edges: str = "knn:3",
    max_nodes: int = 20,
    jet_features: tuple[str, ...] = ("pt", "mass"),
    coordinates: tuple[str, ...] = (),
) -> Preprocess:
    """Inputs with the normalisation of random numbers."""
    known = HIT_FEATURES if nodes == "hits" else CANDIDATE_FEATURES
    of_jets = (*JET_FEATURES, Feature("rho", "GeV", "pileup density of the event"))
    jet = tuple(f for f in of_jets if f.raw in jet_features)
    return Preprocess(
        nodes=nodes,
        edges=edges,
        coordinates=coordinates,
        max_nodes=max_nodes,
        node_features=Normalisation.fit(known, rng.normal(0.3, 1.2, (500, len(known))).astype(np.float32)),
        jet_features=Normalisation.fit(jet, rng.normal(2, 1, (500, len(jet))).astype(np.float32))
        if jet
        else None,
    )


def write_run(
    folder: Path,
    *,
    name: str = "gat_cheb",
    settings: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    model: Any = None,
    preprocess: Preprocess | None = None,
    **inputs: Any,
) -> Path:
    """A run folder as 'e2e-tf fit' leaves it, with random weights, made in a second.

    ``inputs`` are those of :func:`make_preprocess`, unless a ``preprocess`` is given.
    """
    import keras

    from e2e_tf.config import make_config
    from e2e_tf.files import write_json
    from e2e_tf.models import build_model
    from e2e_tf.training.targets import run_outputs

    rng = np.random.default_rng(5)
    preprocess = make_preprocess(rng, **inputs) if preprocess is None else preprocess
    jet = preprocess.jet_features.features if preprocess.jet_features else ()
    keras.utils.set_random_seed(3)
    config = make_config(
        {
            "graph": {
                "nodes": preprocess.nodes,
                "edges": preprocess.edges,
                "max_nodes": preprocess.max_nodes,
                "jet_features": [feature.raw for feature in jet],
                "coordinates": list(preprocess.coordinates),
            },
            "model": {"name": name, **(SMALL if settings is None else settings)},
            "outputs": outputs or {},
        }
    )
    folder.mkdir()
    if model is None:
        assert preprocess.node_features is not None
        n_features = len(preprocess.node_features.features)
        model = build_model(name, n_features, len(jet), config.model_settings, run_outputs(config))
        for weight in model.weights:  # biases that are zero would hide what happens to empty jets
            if "bias" in weight.path:
                weight.assign(rng.normal(0, 0.3, weight.shape))
    model.save(folder / "model.keras")
    preprocess.write(folder / "preprocess.json")
    write_json(folder / "config.json", {"config": config.model_dump(mode="json"), "base": str(folder)})
    write_json(folder / "provenance.json", {"data": {"sample": "none", "sha256": "0" * 64}})
    return folder


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """:func:`write_run`, for tests that need another kind of run."""
    return write_run


@pytest.fixture(scope="session")
def inputs_like() -> Callable[..., Preprocess]:
    """The inputs of such a run alone, for tests that need no model."""

    def inputs(**options: Any) -> Preprocess:
        return make_preprocess(np.random.default_rng(5), **options)

    return inputs


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs by kind: ``padded`` (candidates, k-NN), ``edges`` (hits, k-NN and Delaunay)."""

    def make(folder: Path) -> None:
        write_run(folder / "padded")
        write_run(folder / "edges", nodes="hits", edges="knn:3+delaunay", max_nodes=0)

    root = once(tmp_path_factory, "runs", make)
    return {"padded": root / "padded", "edges": root / "edges"}


@pytest.fixture(scope="session")
def detector_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the shipped network on tracks, crystals, towers and clusters of pixels."""
    from e2e_tf.deploy.sources import read_model

    def make(folder: Path) -> None:
        preprocess = read_preprocess(DETECTOR_MODEL / "preprocess.json")
        model = read_model(DETECTOR_MODEL / "model.keras")
        write_run(folder / "run", model=model, name="detector_net", settings={}, preprocess=preprocess)

    return once(tmp_path_factory, "detector", make) / "run"


@pytest.fixture(scope="session")
def detector_bundle(detector_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle, with ONNX and the frozen graph."""
    from e2e_tf.deploy.export import export

    def make(folder: Path) -> None:
        export(detector_run, folder / "bundle", formats=("onnx", "pb"), proof=0)

    return once(tmp_path_factory, "detector-bundle", make) / "bundle"


@pytest.fixture(scope="session")
def bundles(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles by interface."""
    from e2e_tf.deploy.export import export

    def make(folder: Path) -> None:
        for kind, run in runs.items():
            export(run, folder / kind, proof=0)

    root = once(tmp_path_factory, "bundles", make)
    return {kind: root / kind for kind in runs}


@pytest.fixture
def copy(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the padded one, to be damaged."""
    return Path(shutil.copytree(bundles["padded"], tmp_path / "copy"))


@pytest.fixture
def not_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No C++ runner where one is looked for, whatever this checkout holds."""
    monkeypatch.setattr(e2e_tf.deploy.cpp_runner, "RUNNER", tmp_path / "none")


def resign_file(folder: Path, name: str) -> None:
    """Make the manifest agree with a file that was changed."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["checksums"][name] = sha256(folder / name)
    write_manifest(folder, manifest)


@pytest.fixture(scope="session")
def resign() -> Callable[[Path, str], None]:
    """:func:`resign_file`."""
    return resign_file


@pytest.fixture(scope="session")
def perturb() -> Callable[[Path], None]:
    """:func:`perturb_weights`."""
    return perturb_weights


def perturb_weights(folder: Path) -> None:
    """Scale weights of the ONNX model and of the frozen graph by 1.02, and sign the files again."""
    import onnx
    from onnx import numpy_helper
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.python.framework.tensor_util import MakeNdarray, make_tensor_proto

    model = onnx.load(folder / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 2 and values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.02), tensor.name))
    onnx.save(model, folder / "model.onnx")
    graph = GraphDef.FromString((folder / "model.pb").read_bytes())
    for node in graph.node:
        if node.op == "Const" and node.attr["dtype"].type == 1:
            values = MakeNdarray(node.attr["value"].tensor)
            if values.ndim == 2 and values.size > 8:
                node.attr["value"].tensor.CopyFrom(make_tensor_proto(values * np.float32(1.02)))
    (folder / "model.pb").write_bytes(graph.SerializeToString())
    for name in ("model.onnx", "model.pb"):
        resign_file(folder, name)


@dataclass(frozen=True)
class Toolchain:
    """What compiling needs, beside the compiler.

    Attributes:
        headers: folder with ``include/onnxruntime`` and perhaps ``include/nlohmann``; None where they cannot be had.
        missing: why not.
        tensorflow, onnxruntime: folders of the Python packages, whose libraries are linked.
        linker: a flag for a linker that reads TensorFlow's library in a second rather than in four.
        launcher: a command before the compiler's; objects that were compiled before are taken from a folder.
    """

    headers: Path | None
    missing: str
    tensorflow: Path
    onnxruntime: Path
    linker: str
    launcher: tuple[str, ...]


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """Compiler and libraries; headers that Python packages lack are fetched once, as 'make cpp' does."""
    for tool in ("cmake", "make", os.environ.get("CXX", "c++")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    given, missing = os.environ.get("ONNXRUNTIME_ROOT"), ""
    headers: Path | None = Path(given) if given else CPP / "build" / "headers" / "usr"
    if not given:
        command = ["sh", CPP / "headers.sh", CPP / "build" / "headers"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            headers, missing = None, f"ONNX Runtime's headers cannot be had: {done.stderr.strip()[-300:]}"
    roots = {}
    for name in ("tensorflow", "onnxruntime"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations
        roots[name] = Path(spec.submodule_search_locations[0])
    linker = "-fuse-ld=gold" if shutil.which("ld.gold") else ""
    launcher = (sys.executable, "-IS", compiler_cache.__file__, str(CPP / "build" / "objects"))
    return Toolchain(headers, missing, **roots, linker=linker, launcher=launcher)


@pytest.fixture(scope="session")
def built(toolchain: Any, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The package and the stand-ins, compiled once."""
    if toolchain.headers is None:
        pytest.skip(toolchain.missing)
    folder = once(tmp_path_factory, "cmssw", lambda folder: build_package(toolchain, folder))
    return Built(folder / "src", folder / "driver", folder / "parity", folder / "bundle", folder / "run")


def build_package(toolchain: Toolchain, folder: Path) -> None:
    """``run``, its ``bundle``, the package below ``src`` and the programs ``driver`` and ``parity``."""
    from e2e_tf.deploy.cmssw import cmssw_package
    from e2e_tf.deploy.export import export

    run = write_run(folder / "run", jet_features=("pt", "mass", "rho"))
    formats = ("onnx", "pb")
    bundle = with_points(export(run, folder / "plain", formats=formats, proof=0), folder / "bundle")
    base = folder / "src"
    package = cmssw_package(bundle, base, package=PACKAGE)
    edges = export(run, folder / "edges", interface="edges", formats=formats, proof=0)
    shutil.copytree(cmssw_package(edges, folder / "other") / "data", base / "RecoTauTag" / "Edges" / "data")

    exact = write_run(folder / "exact_run", model=exact_model(), jet_features=("pt", "mass", "rho"))
    export(exact, folder / "exact", interface="edges", formats=formats, proof=0)

    compile_package(toolchain, base, package, folder)


def exact_model() -> Any:
    """A small model that takes ``points`` and ``p4`` of candidates beside ``x``."""
    import keras

    from e2e_tf.layers import DisjointToBlocks, GlobalAvgPool
    from e2e_tf.models.inputs import disjoint_inputs

    keras.utils.set_random_seed(4)
    n_features = len(CANDIDATE_FEATURES)
    inputs = disjoint_inputs(n_features, 3, {"points": 2, "p4": 4})
    x = keras.layers.Concatenate()([inputs[name] for name in ("x", "points", "p4")])
    x = keras.layers.Rescaling([1.0] * n_features + [1.0, 1.0, 0.1, 1.0, 1.0, 1.0])(x)
    x, _, mask = DisjointToBlocks()([x, *(inputs[name] for name in ("senders", "receivers", "n_node"))])
    x = GlobalAvgPool()([keras.layers.Dense(8, activation="tanh")(x), mask])
    x = keras.layers.Concatenate()([x, inputs["u"]])
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x), name="exact")


@pytest.fixture(scope="session")
def built_detector(
    toolchain: Any, detector_run: Path, detector_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Built:
    """The package of the shipped network on detector objects, compiled once."""
    if toolchain.headers is None:
        pytest.skip(toolchain.missing)
    from e2e_tf.deploy.cmssw import cmssw_package

    folder = tmp_path_factory.mktemp("cmssw_detector")
    bundle = with_points(detector_bundle, folder / "bundle")
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    manifest["provenance"]["data"]["range"] = {"pt": [14.0, 40.0], "eta": [-1.5, 1.25]}
    write_manifest(bundle, manifest)
    package = cmssw_package(bundle, folder / "src", package=PACKAGE)
    driver, parity = compile_package(toolchain, folder / "src", package, folder)
    return Built(folder / "src", driver, parity, bundle, detector_run)


@pytest.fixture(scope="session")
def sanitized(toolchain: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``e2e_tf_check``, built with the address and undefined-behaviour sanitizers."""
    if BUILT:
        return Path(BUILT) / "sanitize" / "e2e_tf_check"
    # Some optimisation: it runs for longer than the compiler takes for it.
    options = ["-DE2E_TF_SANITIZE=ON", "-DE2E_TF_RUNNERS=OFF", "-DCMAKE_CXX_FLAGS=-O1"]

    def make(folder: Path) -> None:
        compile_tools(toolchain, folder, "e2e_tf_check", *options)

    return once(tmp_path_factory, "sanitized", make) / "e2e_tf_check"


@pytest.fixture(scope="session")
def runner(toolchain: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``e2e_tf_run`` with TensorFlow, and ONNX Runtime where its headers are."""
    if BUILT:
        return Path(BUILT) / "e2e_tf_run"
    options = [
        f"-DTENSORFLOW_ROOT={toolchain.tensorflow}",
        f"-DONNXRUNTIME_ROOT={toolchain.onnxruntime};{toolchain.headers or ''}",
    ]

    def make(folder: Path) -> None:
        compile_tools(toolchain, folder, "e2e_tf_run", *options)

    return once(tmp_path_factory, "runner", make) / "e2e_tf_run"


@pytest.fixture(scope="session")
def tables(
    toolchain: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., dict[str, list[list[str]]]]:
    """Lines that features.cpp prints for some arguments, by their first word."""

    def make(folder: Path) -> None:
        compiler, made = os.environ.get("CXX", "c++"), folder / "features.o"
        options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", CPP / "include"]
        source = Path(__file__).parent / "features.cpp"
        for command in (
            [*toolchain.launcher, compiler, *options, "-c", source, "-o", made],
            [compiler, made, "-o", folder / "features"],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr

    program = once(tmp_path_factory, "tables", make) / "features"

    def lines(*arguments: str) -> dict[str, list[list[str]]]:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
        found: dict[str, list[list[str]]] = {}
        for line in done.stdout.splitlines():
            kind, *rest = line.split("\t")
            found.setdefault(kind, []).append(rest)
        return found

    return lines
