"""The proof of a hand-off: every runtime gives the same scores on the same tensors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deploy.export import MANIFEST_FORMAT
from deploy.interface import edges_feeds
from deploy.quiet import quiet_tensorflow
from e2e_tf.data.preprocess import read_preprocess
from e2e_tf.errors import InputError
from e2e_tf.files import sha256
from e2e_tf.graph import GraphBatch, GraphSpec
from e2e_tf.progress import track
from e2e_tf.training.run import read_json

__all__ = ["TOLERANCE", "Agreement", "open_handoff", "verify"]

TOLERANCE = 1e-5
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
        InputError: the folder or its manifest is missing, or a file is missing or changed; the message names it.
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
    for name, expected in manifest["checksums"].items():
        if not (folder / name).is_file():
            raise InputError(f"{folder} lacks {name}, which its manifest lists")
        found = sha256(folder / name)
        if found != expected:
            raise InputError(
                f"{folder / name} has changed: its SHA-256 is {found[:12]}…, the manifest says {expected[:12]}…"
            )
    return manifest


def verify(folder: str | os.PathLike[str], *, jets: int = 1000, seed: int = 0) -> list[Agreement]:
    """Score random jets with every runtime and compare with Keras.

    Jets have 0 to 120 nodes and the hand-off's own graph; at least one has no node, one has a single node and
    one batch holds nothing but empty jets. Features cover the whole range that normalisation lets through.

    Args:
        folder: the hand-off.
        jets: number of jets, at least 1,000 make a proof.
        seed: of the random jets.

    Raises:
        InputError: the hand-off is damaged, or ``jets`` is not positive.
    """
    folder = Path(folder)
    if jets < 1:
        raise InputError(f"jets must be positive, not {jets}")
    manifest = open_handoff(folder)
    with quiet_tensorflow():
        reference, runners = _keras(folder), _runners(folder, manifest)
    worst = {name: (0.0, -1) for name in runners}
    scored = 0
    batches = list(_batches(folder, jets, seed))
    for batch in track(batches, f"Verifying on {sum(b.n_graph for b in batches)} jets"):
        feeds = edges_feeds(batch)
        expected = reference(batch)
        scored += batch.n_graph
        for name, run in runners.items():
            scores = run(feeds)
            if scores.dtype != np.float32 or scores.shape != (1, *expected.shape):
                raise InputError(
                    f"{name} gives {scores.dtype} of shape {scores.shape}, expected float32 of shape {(1, *expected.shape)}"
                )
            difference = np.abs(scores[0] - expected).max(axis=1)
            difference = np.where(np.isfinite(difference), difference, np.inf)
            at = int(difference.argmax())
            if difference[at] >= worst[name][0]:
                worst[name] = (float(difference[at]), int(batch.n_node[at]))
    return [Agreement(name, scored, *worst[name]) for name in runners]


def _batches(folder: Path, jets: int, seed: int) -> Iterator[GraphBatch]:
    """Random graphs with the hand-off's features: batches of 1, 7 and 64 jets, empty jets among them."""
    preprocess = read_preprocess(folder / "preprocess.json")
    spec = GraphSpec.parse(preprocess.edges)
    node, jet = preprocess.node_features, preprocess.jet_features
    rng = np.random.default_rng(seed)
    sizes = [np.array([0]), np.array([1]), np.array([0, 0, 0]), np.array([2, 0]), np.array([0, 1, 30, 0])]
    done = sum(len(n) for n in sizes)
    while done < jets:
        count = min(int(rng.choice([1, 7, 64])), jets - done)
        sizes.append(
            np.where(rng.random(count) < 0.05, rng.integers(0, 3, count), rng.integers(1, 121, count))
        )
        done += count
    for n_node in sizes:
        n_node = n_node.astype(np.int32)
        count = int(n_node.sum())
        # Distinct pixels of a 125 x 125 image, as hits are; candidates may lie anywhere.
        cells = [rng.choice(125 * 125, n, replace=False) for n in n_node]
        flat = np.concatenate([*cells, np.zeros(0, int)]).astype(np.int32)
        lattice = np.stack(np.divmod(flat, np.int32(125)), axis=1)
        senders, receivers, n_edge = spec.build(lattice.astype(np.float32), n_node, lattice=lattice)

        def features(norm: Any, rows: int) -> np.ndarray:
            values = rng.normal(0, 1.5, (rows, len(norm.features))).astype(np.float32)
            extreme = rng.random(values.shape) < 0.02
            return np.clip(np.where(extreme, values * 1e3, values), norm.lower, norm.upper).astype(np.float32)

        u = features(jet, len(n_node)) if jet is not None else None
        yield GraphBatch(features(node, count), senders, receivers, n_node, n_edge, u=u)


def _keras(folder: Path) -> Callable[[GraphBatch], np.ndarray]:
    import keras

    import e2e_tf.layers  # noqa: F401  # registers the layers
    from e2e_tf.data.loader import model_inputs

    model = keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)
    return lambda batch: np.asarray(model(model_inputs(batch), training=False))


def _runners(folder: Path, manifest: dict[str, Any]) -> dict[str, Runner]:
    import onnxruntime
    import tensorflow as tf

    formats = manifest["formats"]
    return {
        f"frozen graph (TensorFlow {tf.__version__})": _frozen_graph(folder, formats["frozen_graph"]),
        f"SavedModel (TensorFlow {tf.__version__})": _saved_model(folder, formats["saved_model"]),
        f"ONNX (ONNX Runtime {onnxruntime.__version__})": _onnx(folder, formats["onnx"]),
    }


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
    session = onnxruntime.InferenceSession(
        str(folder / info["file"]), options, providers=["CPUExecutionProvider"]
    )
    (output,) = info["outputs"].values()
    return lambda feeds: session.run(
        [output], {info["inputs"][name]: value for name, value in feeds.items()}
    )[0]
