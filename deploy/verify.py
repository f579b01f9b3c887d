"""The proof of a hand-off: every runtime gives the same scores on the same jets."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.preprocess import Preprocess
from e2e_tf.deploy.interface import JetBatch, edges_feeds, link
from e2e_tf.deploy.jets import adversarial_batches, adversarial_jets, random_batch
from e2e_tf.deploy.manifest import MANIFEST_FORMAT, check_manifest
from e2e_tf.deploy.padded import handoff_preprocess, padded_feeds
from e2e_tf.deploy.quiet import quiet_tensorflow
from e2e_tf.deploy.tensors import verify_tensors
from e2e_tf.errors import InputError
from e2e_tf.files import read_json, sha256, write_json
from e2e_tf.graph import GraphBatch
from e2e_tf.graph.batch import concatenate
from e2e_tf.terminal import status

__all__ = [
    "RUNNER",
    "SMALLER",
    "TOLERANCE",
    "Agreement",
    "CppRun",
    "cpp_runs",
    "feeds_of",
    "keras_scores",
    "onnx_runner",
    "open_handoff",
    "read_handoff_preprocess",
    "record",
    "runners",
    "verify",
]

TOLERANCE = 1e-5
# Weights of fewer bits cannot keep it. Within what they are expected to stay; they are reported and fail nothing.
SMALLER = {"onnx_float16": 1e-2, "onnx_int8": 0.2}
RUNNER = Path(__file__).parent / "cpp" / "build" / "e2e_tf_run"  # where 'make cpp' builds it
_BACKENDS = {"onnx": "onnx", "tf": "frozen_graph", "savedmodel": "saved_model"}  # of the runner
_NAMES = {
    "frozen_graph": "frozen graph",
    "saved_model": "SavedModel",
    "onnx": "ONNX",
    "onnx_float16": "ONNX, float16 weights",
    "onnx_int8": "ONNX, int8",
    "fixed": "frozen graph of fixed shape",
}
_PAIRS = 1 << 22  # pairs of nodes in one call of Keras
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Agreement:
    """How one runtime compares with Keras.

    Attributes:
        runtime: its name and version.
        jets: jets scored.
        difference: largest absolute difference of a score; infinite where a score is not finite.
        where: number of nodes of the jet with the largest difference.
        tolerance: what the difference may be.
        required: the proof fails where this runtime differs by more.
        missing: why nothing was run; empty where something was.
    """

    runtime: str
    jets: int
    difference: float
    where: int
    tolerance: float = TOLERANCE
    required: bool = True
    missing: str = ""

    @property
    def passed(self) -> bool:
        """The scores were compared and agree."""
        return not self.missing and bool(self.difference <= self.tolerance)  # false for NaN

    @property
    def failed(self) -> bool:
        """The proof fails because of this runtime."""
        return self.required and not self.missing and not self.passed

    @property
    def verdict(self) -> str:
        """One word, or why there is none."""
        if self.missing:
            return self.missing
        return "agrees" if self.passed else "DIFFERS"

    def to_dict(self) -> dict[str, Any]:
        """The entry of the manifest."""
        return {
            "runtime": self.runtime,
            "jets": self.jets,
            "largest_difference": self.difference,
            "tolerance": self.tolerance,
            "required": self.required,
        }


def open_handoff(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The manifest of a hand-off whose files are as they were written.

    Raises:
        InputError: the folder or its manifest is missing or not one, a file is missing or changed, or
            ``preprocess.json`` does not fit the model; the message names it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no hand-off folder {folder}")
    if not (folder / "manifest.json").is_file():
        raise InputError(
            f"{folder} is not a hand-off: it has no manifest.json; make one with 'e2e-tf export'"
        )
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != MANIFEST_FORMAT:
        raise InputError(f"{folder / 'manifest.json'} is not the manifest of a hand-off")
    check_manifest(manifest, str(folder / "manifest.json"))
    for name, expected in manifest["checksums"].items():
        if not (folder / name).is_file():
            raise InputError(f"{folder} lacks {name}, which its manifest lists")
        found = sha256(folder / name)
        if found != expected:
            raise InputError(
                f"{folder / name} has changed: its SHA-256 is {found[:12]}…, the manifest says {expected[:12]}…"
            )
    if manifest["interface"] != "tensors":
        _check_preprocess(folder, manifest)
    return manifest


def _check_preprocess(folder: Path, manifest: dict[str, Any]) -> None:
    preprocess = read_handoff_preprocess(folder)
    group = "features" if manifest["interface"] == "padded" else "x"
    axis = 1 if manifest["interface"] == "padded" else 2
    widths = {info["name"]: info["shape"][axis] for info in manifest["inputs"] if len(info["shape"]) > 2}
    found = len(preprocess.node_features.features)
    if found != widths.get(group):
        raise InputError(
            f"{folder / 'preprocess.json'} has {found} variables for {group}, the model takes {widths.get(group)}"
        )
    jet = 0 if preprocess.jet_features is None else len(preprocess.jet_features.features)
    if jet != widths.get("u", 0):
        raise InputError(
            f"{folder / 'preprocess.json'} has {jet} variables for u, the model takes {widths.get('u', 0)}"
        )


def read_handoff_preprocess(folder: str | os.PathLike[str]) -> Preprocess:
    """``preprocess.json`` of a hand-off of either interface.

    Raises:
        InputError: it is missing or damaged.
    """
    path = Path(folder) / "preprocess.json"
    document = read_json(path)
    try:
        return handoff_preprocess(document)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a preprocess.json of this library ({error!r})") from error


def verify(
    folder: str | os.PathLike[str],
    *,
    jets: int = 1000,
    seed: int = 0,
    runner: str | os.PathLike[str] | None = None,
    write: bool = False,
) -> list[Agreement]:
    """Score random, real and adversarial jets with every runtime and compare with Keras.

    Random jets have 0 to 120 nodes (or the hand-off's limit) and the hand-off's own graph; features cover the
    whole range that normalisation lets through. Adversarial ones have no nodes, one, fewer than k, the limit and
    one more, nodes at one place or at equal distances, features at their bounds or from zeros, NaN, infinities
    and 1e30, and come in batches of every size from 1 to 64. Real ones are jets of the shipped sample, and raw
    jets with the same defects; C++ makes the tensors of those itself. Keras is called eagerly, on other batches
    than the runtimes and with edges that are always built outside.

    Runtimes are Keras in a ``tf.function``, the frozen graph, the SavedModel and ONNX Runtime, in Python and, by
    ``e2e_tf_run``, in C++; smaller forms of ONNX, with tolerances of their own, fail nothing.

    Args:
        folder: the hand-off.
        jets: number of random jets, at least 1,000 make a proof.
        seed: of all jets.
        runner: ``e2e_tf_run``; None takes :data:`RUNNER` where it has been built, and says so where not.
        write: write the result into the manifest.

    Raises:
        InputError: the hand-off is damaged, ``jets`` is not positive, or the runner is missing or fails.
    """
    folder = Path(folder)
    if jets < 1:
        raise InputError(f"jets must be positive, not {jets}")
    if runner is not None and not Path(runner).is_file():
        raise InputError(f"there is no runner {runner}; 'make cpp' builds it")
    manifest = open_handoff(folder)
    if manifest["interface"] == "tensors":
        agreements = verify_tensors(folder, manifest, jets, seed, runner)
        if write:
            record(folder, agreements)
        return agreements
    preprocess = read_handoff_preprocess(folder)
    with quiet_tensorflow():
        model, found = _load(folder), runners(folder, manifest)
    batches = list(_batches(preprocess, manifest, jets, seed))
    count = sum(batch.graphs.n_graph for batch in batches)
    with status(f"Verifying on {count} jets"):
        expected = keras_scores(model, batches)
        feeds = [feeds_of(batch, manifest, extra=i % 4) for i, batch in enumerate(batches)]
        traced = _traced(model)
        scores = [traced(batch.graphs) for batch in batches]
        agreements = [_compare(f"Keras in a tf.function ({_tensorflow()})", batches, expected, scores)]
        lead = (1,) if manifest["interface"] == "edges" else ()
        for key, (name, run) in found.items():
            scores = []
            for values, score in zip(feeds, expected, strict=True):
                scores.append(run(values))
                if scores[-1].dtype != np.float32 or scores[-1].shape != lead + score.shape:
                    raise InputError(
                        f"{name} gives {scores[-1].dtype} of shape {scores[-1].shape}, expected float32 of shape "
                        f"{lead + score.shape}"
                    )
            agreements.append(_compare(name, batches, expected, scores, **_tolerance(key)))
        if "fixed" in manifest["formats"]:
            agreements.append(_fixed(folder, manifest["formats"]["fixed"], preprocess, model, seed))
    with status("Verifying C++"):
        agreements += _cpp(folder, manifest, preprocess, model, runner, batches, expected, feeds, seed)
    if write:
        record(folder, agreements)
    return agreements


def record(folder: str | os.PathLike[str], agreements: Sequence[Agreement]) -> None:
    """Write into the manifest of a hand-off which runtimes were tested and their largest differences.

    Raises:
        InputError: the hand-off is damaged.
    """
    folder = Path(folder)
    manifest = open_handoff(folder)
    manifest["tested"] = [agreement.to_dict() for agreement in agreements if not agreement.missing]
    for entry in manifest["tested"]:
        if not np.isfinite(entry["largest_difference"]):
            entry["largest_difference"] = None  # JSON has no infinity
    check_manifest(manifest)
    write_json(folder / "manifest.json", manifest)


def _tolerance(key: str) -> dict[str, Any]:
    return {"tolerance": SMALLER[key], "required": False} if key in SMALLER else {}


def _compare(
    name: str,
    batches: Sequence[JetBatch],
    expected: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    tolerance: float = TOLERANCE,
    required: bool = True,
) -> Agreement:
    wanted = np.concatenate(expected)
    found = np.concatenate([a.reshape(b.shape) for a, b in zip(scores, expected, strict=True)])
    difference = np.abs(found - wanted).max(axis=1)
    difference = np.where(np.isfinite(difference), difference, np.inf)
    at = int(difference.argmax())
    n_node = np.concatenate([batch.graphs.n_node for batch in batches])
    return Agreement(name, len(wanted), float(difference[at]), int(n_node[at]), tolerance, required)


def _fixed(folder: Path, info: dict[str, Any], preprocess: Preprocess, model: Any, seed: int) -> Agreement:
    """The graph of one shape, on batches of that many jets in that many slots."""
    rng = np.random.default_rng(seed)
    shape = info["batch"], info["nodes"]
    none, full = np.zeros(shape[0], int), np.full(shape[0], shape[1])
    kinds = ("random", "random"), ("coincident", "bounds"), ("grid", "raw"), ("random", "raw")
    batches = [
        random_batch(preprocess, n_node, rng, link, points=points, features=features)
        for points, features in kinds
        for n_node in (none, full, rng.integers(0, shape[1] + 1, shape[0]))
    ]
    run = _frozen_graph(folder, info)
    scores = [run(padded_feeds(batch, shape[1])) for batch in batches]
    name = f"{_NAMES['fixed']}, {shape[0]} jets of {shape[1]} ({_tensorflow()})"
    return _compare(name, batches, keras_scores(model, batches), scores)


def _cpp(
    folder: Path,
    manifest: dict[str, Any],
    preprocess: Preprocess,
    model: Any,
    runner: str | os.PathLike[str] | None,
    batches: Sequence[JetBatch],
    expected: Sequence[np.ndarray],
    feeds: Sequence[dict[str, np.ndarray]],
    seed: int,
) -> list[Agreement]:
    """Every backend of the runner: the same tensors as in Python, and from raw jets to scores."""
    from e2e_tf.deploy.candidates import write_candidates

    raw, why = _raw_jets(preprocess, seed)
    raw_scores = [] if raw is None else keras_scores(model, [raw[1]])
    made = []
    with tempfile.TemporaryDirectory() as scratch:
        jets = Path(scratch) / "jets.bin"
        if raw is not None:
            write_candidates(jets, raw[0])
        for run in cpp_runs(folder, manifest, runner, feeds, [score.size for score in expected]):
            if run.scores is None:
                made.append(_missing(run.name, run.missing))
                continue
            made.append(_compare(f"{run.name} ({run.version})", batches, expected, run.scores))
            if raw is None:
                made.append(_missing(f"{run.name} from raw jets", why))
                continue
            found, _ = _run(run.runner, run.backend, "jets", folder, jets, [raw_scores[0].size])
            made.append(
                _compare(f"{run.name} from raw jets ({run.version})", [raw[1]], raw_scores, found or [])
            )
    return made


@dataclass(frozen=True)
class CppRun:
    """What a backend of the runner makes of tensors.

    Attributes:
        name: of the form of the model.
        runner, backend: how it was run.
        scores: of each batch, float32; None where nothing was run.
        version: of the library.
        missing: why nothing was run.
    """

    name: str
    runner: Path
    backend: str
    scores: list[np.ndarray] | None = None
    version: str = ""
    missing: str = ""


def cpp_runs(
    folder: Path,
    manifest: dict[str, Any],
    runner: str | os.PathLike[str] | None,
    feeds: Sequence[dict[str, np.ndarray]],
    sizes: Sequence[int],
) -> Iterator[CppRun]:
    """Scores of batches of tensors by every backend of the runner that the hand-off has a form for.

    Args:
        folder: the hand-off.
        manifest: of it.
        runner: ``e2e_tf_run``; None takes :data:`RUNNER`.
        feeds: float32 tensors of each batch.
        sizes: number of scores of each batch.

    Raises:
        InputError: the runner fails.
    """
    from e2e_tf.deploy.candidates import write_tensors

    runner = RUNNER if runner is None else Path(runner)
    with tempfile.TemporaryDirectory() as scratch:
        tensors = Path(scratch) / "tensors.bin"
        if runner.is_file():
            write_tensors(tensors, feeds)
        for backend, key in _BACKENDS.items():
            if key not in manifest["formats"]:
                continue
            name = f"{_NAMES[key]} in C++"
            if not runner.is_file():
                yield CppRun(name, runner, backend, missing="not built, see 'make cpp'")
                continue
            scores, version = _run(runner, backend, "tensors", folder, tensors, sizes)
            why = f"built without {backend}" if scores is None else ""
            yield CppRun(name, runner, backend, scores, version, why)


def _missing(name: str, why: str) -> Agreement:
    return Agreement(name, 0, float("nan"), -1, missing=why)


def _run(
    runner: Path, backend: str, kind: str, folder: Path, file: Path, sizes: Sequence[int]
) -> tuple[list[np.ndarray] | None, str]:
    """Scores of every batch and the version of the library; None where the runner lacks the backend."""
    out = file.with_suffix(".scores")
    command = [runner, "--backend", backend, "--input", kind, "--scores", out, folder, file]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if "was built without" in done.stderr:
        return None, ""
    if "unknown option" in done.stderr:
        raise InputError(f"{runner} is older than this library; 'make cpp' builds it again")
    if done.returncode:
        raise InputError(f"{runner} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    found = np.fromfile(out, "<f4")
    if found.size != sum(sizes):
        raise InputError(f"{runner} gave {found.size} scores for {sum(sizes)}")
    library = "ONNX Runtime" if backend == "onnx" else "TensorFlow"
    version = json.loads(done.stdout.splitlines()[-1])["version"]
    return np.split(found, np.cumsum(sizes)[:-1]), f"{library} {version}"


def _raw_jets(preprocess: Preprocess, seed: int) -> tuple[tuple[Any, JetBatch] | None, str]:
    """Jets of the shipped sample and broken ones, with their graphs; or None and why there are none."""
    from e2e_tf.data.graphs import graphs_of
    from e2e_tf.data.samples import sample_path

    if not sample_path("tau").is_file():
        return None, "the shipped sample is absent"
    from e2e_tf.data.jets import read_jets

    raw = adversarial_jets(read_jets(sample_path("tau")), preprocess, np.random.default_rng(seed))
    try:
        graphs = graphs_of(raw, preprocess)
    except InputError:
        return None, "the shipped sample lacks an input"
    return (raw, JetBatch(graphs.batch, graphs.positions)), ""


def feeds_of(batch: JetBatch, manifest: dict[str, Any], extra: int = 0) -> dict[str, np.ndarray]:
    """The tensors of a batch in the interface of a hand-off; ``extra`` empty slots where it is padded."""
    if manifest["interface"] == "edges":
        return edges_feeds(batch.graphs)
    return padded_feeds(batch, int(batch.graphs.n_node.max(initial=0)) + extra)


def _batches(preprocess: Preprocess, manifest: dict[str, Any], jets: int, seed: int) -> Iterator[JetBatch]:
    """Random batches of 1, 7 and 64 jets, empty ones among them, and the adversarial ones."""
    rng = np.random.default_rng(seed)
    for _, batch in adversarial_batches(preprocess, manifest["graph"]["k"] or 1, rng, link):
        yield batch
    limit = preprocess.max_nodes or 120
    done = 0
    while done < jets:
        count = min(int(rng.choice([1, 7, 64])), jets - done)
        few = rng.random(count) < 0.05
        n_node = np.where(few, rng.integers(0, min(3, limit + 1), count), rng.integers(1, limit + 1, count))
        done += count
        kind = str(rng.choice(["random", "random", "random", "grid"]))
        yield random_batch(preprocess, n_node, rng, link, points=kind)


def _load(folder: Path) -> Any:
    import keras

    import e2e_tf.layers  # noqa: F401  # registers the layers

    return keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)


def keras_scores(model: Any, batches: Sequence[JetBatch]) -> list[np.ndarray]:
    """What Keras gives for the jets of each batch, called eagerly as users call it, float32 (B, C) each.

    Several batches are scored in one call: calls are slow, and what a jet gets must not depend on its company.
    """
    from e2e_tf.data.loader import model_inputs

    wanted = {tensor.name for tensor in model.inputs}
    scores: list[np.ndarray] = []
    together: list[GraphBatch] = []

    def flush() -> None:
        inputs = model_inputs(concatenate(together) if len(together) > 1 else together[0])
        found = np.asarray(model({k: v for k, v in inputs.items() if k in wanted}, training=False))
        scores.extend(np.split(found, np.cumsum([graphs.n_graph for graphs in together])[:-1]))
        together.clear()

    for batch in batches:
        counts = np.concatenate([graphs.n_node for graphs in [*together, batch.graphs]])
        if together and len(counts) * int(counts.max(initial=1)) ** 2 > _PAIRS:
            flush()
        together.append(batch.graphs)
    if together:
        flush()
    return scores


def _traced(model: Any) -> Callable[[GraphBatch], np.ndarray]:
    import tensorflow as tf

    from e2e_tf.data.loader import model_inputs

    signature = {t.name: tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in model.inputs}
    call = tf.function(lambda inputs: model(inputs, training=False), input_signature=[signature])

    def score(graphs: GraphBatch) -> np.ndarray:
        inputs = model_inputs(graphs)
        return np.asarray(call({name: tf.constant(inputs[name]) for name in signature}))

    return score


def _tensorflow() -> str:
    import tensorflow as tf

    return f"TensorFlow {tf.__version__}"


def runners(folder: Path, manifest: dict[str, Any]) -> dict[str, tuple[str, Runner]]:
    """Name and function from feeds to scores of every form that takes any number of jets, by its key."""
    import onnxruntime

    formats = manifest["formats"]
    openers = {"frozen_graph": _frozen_graph, "saved_model": _saved_model} | dict.fromkeys(
        ("onnx", *SMALLER), onnx_runner
    )
    made: dict[str, tuple[str, Runner]] = {}
    for key, opener in openers.items():
        if key in formats:
            library = f"ONNX Runtime {onnxruntime.__version__}" if opener is onnx_runner else _tensorflow()
            made[key] = (f"{_NAMES[key]} ({library})", opener(folder, formats[key]))
    if not made:
        raise InputError(f"{folder} holds no model that a runtime could run")
    return made


def _frozen_graph(folder: Path, info: dict[str, Any]) -> Runner:
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        definition = tf.compat.v1.GraphDef.FromString((folder / info["file"]).read_bytes())
        tf.compat.v1.import_graph_def(definition, name="")
    session = tf.compat.v1.Session(graph=graph)
    (output,) = info["outputs"].values()
    return lambda feeds: session.run(output, {info["inputs"][name]: value for name, value in feeds.items()})


def _saved_model(folder: Path, info: dict[str, Any]) -> Runner:
    """As CMSSW does: load the bundle with its tag and feed raw tensor names, not the signature."""
    import tensorflow as tf

    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        tf.compat.v1.saved_model.load(session, [info["tag"]], str(folder / info["folder"]))
    (output,) = info["outputs"].values()
    return lambda feeds: session.run(output, {info["inputs"][name]: value for name, value in feeds.items()})


def onnx_runner(folder: Path, info: dict[str, Any]) -> Runner:
    """From feeds to scores by ONNX Runtime with one thread; ``info`` is the entry of the manifest."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # what cms::Ort sets
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / info["file"]), options, providers=["CPUExecutionProvider"]
    )
    (output,) = info["outputs"].values()
    return lambda feeds: session.run(
        [output], {info["inputs"][name]: value for name, value in feeds.items()}
    )[0]
