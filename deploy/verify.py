"""The proof of a hand-off: every runtime gives the same scores on the same jets."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.interface import JetBatch, edges_feeds, link
from deploy.jets import adversarial_batches, random_batch
from deploy.manifest import MANIFEST_FORMAT, check_manifest
from deploy.padded import handoff_preprocess, padded_feeds
from deploy.quiet import quiet_tensorflow
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.progress import track
from e2e_tf.training.run import read_json

__all__ = [
    "TOLERANCE",
    "Agreement",
    "feeds_of",
    "open_handoff",
    "read_handoff_preprocess",
    "runners",
    "verify",
]

TOLERANCE = 1e-5
_BACKENDS = {"onnx": "onnx", "tf": "frozen_graph", "savedmodel": "saved_model"}  # of the runner
_EAGER = 8  # jets in a batch up to which Keras is called eagerly
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Agreement:
    """How one runtime compares with Keras.

    Attributes:
        runtime: its name and version.
        jets: jets scored.
        difference: largest absolute difference of a score.
        where: number of nodes of the jet with the largest difference.
    """

    runtime: str
    jets: int
    difference: float
    where: int

    @property
    def passed(self) -> bool:
        return bool(self.difference <= TOLERANCE)  # false for NaN


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
) -> list[Agreement]:
    """Score random and adversarial jets with every runtime and compare with Keras.

    Random jets have 0 to 120 nodes (or the hand-off's limit) and the hand-off's own graph; features cover the
    whole range that normalisation lets through. Adversarial ones have no nodes, one, fewer than k, the limit and
    one more, nodes at one place or at equal distances, features at their bounds or from NaN, infinities and
    1e30, and come in batches of every size from 1 to 64. On Keras' side edges are always built outside.

    Args:
        folder: the hand-off.
        jets: number of random jets, at least 1,000 make a proof.
        seed: of all jets.
        runner: ``e2e_tf_run``, to compare also what C++ makes of raw jets of the shipped sample, with each of its
            backends.

    Raises:
        InputError: the hand-off is damaged, ``jets`` is not positive, or the runner fails.
    """
    folder = Path(folder)
    if jets < 1:
        raise InputError(f"jets must be positive, not {jets}")
    manifest = open_handoff(folder)
    preprocess = read_handoff_preprocess(folder)
    with quiet_tensorflow():
        reference, found = _keras(folder), runners(folder, manifest)
    worst = {name: (0.0, -1) for name in found}
    scored = 0
    batches = list(_batches(preprocess, manifest, jets, seed))
    for number, batch in enumerate(
        track(batches, f"Verifying on {sum(b.graphs.n_graph for b in batches)} jets")
    ):
        feeds = feeds_of(batch, manifest, extra=number % 4)
        expected = reference(batch)
        scored += batch.graphs.n_graph
        for name, run in found.items():
            scores = run(feeds)
            shape = (1, *expected.shape) if manifest["interface"] == "edges" else expected.shape
            if scores.dtype != np.float32 or scores.shape != shape:
                raise InputError(
                    f"{name} gives {scores.dtype} of shape {scores.shape}, expected float32 of shape {shape}"
                )
            difference = np.abs(scores.reshape(expected.shape) - expected).max(axis=1)
            difference = np.where(np.isfinite(difference), difference, np.inf)
            at = int(difference.argmax())
            if difference[at] >= worst[name][0]:
                worst[name] = (float(difference[at]), int(batch.graphs.n_node[at]))
    agreements = [Agreement(name, scored, *worst[name]) for name in found]
    if runner is not None:
        agreements += _cpp(folder, manifest, preprocess, reference, Path(runner), jets)
    return agreements


def _cpp(
    folder: Path,
    manifest: dict[str, Any],
    preprocess: Preprocess,
    reference: Callable[[JetBatch], np.ndarray],
    runner: Path,
    jets: int,
) -> list[Agreement]:
    """From raw jets to scores in C++, against Python's features, edges and Keras."""
    from deploy.candidates import write_candidates
    from e2e_tf.data.graphs import graphs_of
    from e2e_tf.data.jets import read_jets
    from e2e_tf.data.samples import sample_path

    if not runner.is_file():
        raise InputError(f"there is no runner {runner}; 'make -C deploy/cpp' builds it")
    raw = read_jets(sample_path("tau"))
    raw = raw.take(np.arange(min(jets, len(raw))))
    graphs = graphs_of(raw, preprocess)
    expected = reference(JetBatch(graphs.graphs, graphs.positions))
    made = []
    with tempfile.TemporaryDirectory() as scratch:
        file, scores = Path(scratch) / "jets.bin", Path(scratch) / "scores.bin"
        write_candidates(file, raw)
        for backend, key in _BACKENDS.items():
            if key not in manifest["formats"]:
                continue
            command = [runner, "--backend", backend, "--scores", scores, folder, file]
            done = subprocess.run(
                [str(part) for part in command], capture_output=True, text=True, check=False
            )
            if "was built without" in done.stderr:
                continue
            if done.returncode:
                raise InputError(
                    f"{runner} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
                )
            found = np.fromfile(scores, "<f4")
            if found.size != expected.size:
                raise InputError(f"{runner} gave {found.size} scores for {expected.size}")
            difference = np.abs(found.reshape(expected.shape) - expected).max(axis=1)
            difference = np.where(np.isfinite(difference), difference, np.inf)
            at = int(difference.argmax())
            made.append(
                Agreement(
                    f"C++ from raw jets, {backend}",
                    len(raw),
                    float(difference[at]),
                    int(graphs.graphs.n_node[at]),
                )
            )
    return made


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


def _keras(folder: Path) -> Callable[[JetBatch], np.ndarray]:
    import keras
    import tensorflow as tf

    import e2e_tf.layers  # noqa: F401  # registers the layers
    from e2e_tf.data.loader import model_inputs

    model = keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)
    wanted = {tensor.name for tensor in model.inputs}

    traced = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def score(batch: JetBatch) -> np.ndarray:
        inputs = {k: tf.constant(v) for k, v in model_inputs(batch.graphs).items() if k in wanted}
        # Eager calls are slow; they are what users call, so small batches, which are many sizes, take them.
        if batch.graphs.n_graph <= _EAGER:
            return np.asarray(model(inputs, training=False))
        return traced(inputs).numpy()

    return score


def runners(folder: Path, manifest: dict[str, Any]) -> dict[str, Runner]:
    """A function from feeds to scores for every format of a hand-off that must agree with Keras."""
    import onnxruntime
    import tensorflow as tf

    formats = manifest["formats"]
    made: dict[str, Runner] = {}
    if "frozen_graph" in formats:
        made[f"frozen graph (TensorFlow {tf.__version__})"] = _frozen_graph(folder, formats["frozen_graph"])
    if "saved_model" in formats:
        made[f"SavedModel (TensorFlow {tf.__version__})"] = _saved_model(folder, formats["saved_model"])
    if "onnx" in formats:
        made[f"ONNX (ONNX Runtime {onnxruntime.__version__})"] = _onnx(folder, formats["onnx"])
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


def _onnx(folder: Path, info: dict[str, Any]) -> Runner:
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
