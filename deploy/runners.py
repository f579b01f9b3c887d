"""Every form of a bundle as a function from tensors to scores, in Python.

Each form registers with :func:`opener`; a new one takes a function here and a name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.session import first_line, runtime_errors
from e2e_tf.errors import InputError

__all__ = ["NAMES", "Runner", "frozen_graph_runner", "onnx_runner", "runners", "tensorflow_version"]

NAMES = {
    "frozen_graph": "frozen graph",
    "saved_model": "SavedModel",
    "onnx": "ONNX",
    "onnx_float16": "ONNX, float16 weights",
    "onnx_int8": "ONNX, int8",
    "onnx_fused": "ONNX, fused attention",
    "onnx_fused_float16": "ONNX, fused attention, float16",
    "fixed": "frozen graph of fixed shape",
    "onnx_one_jet": "ONNX of one jet",
}
Runner = Callable[[dict[str, np.ndarray]], np.ndarray]
Opener = Callable[[Path, dict[str, Any]], Runner]

_OPENERS: dict[str, tuple[Callable[[], str], Opener]] = {}


def opener(version: Callable[[], str], *forms: str) -> Callable[[Opener], Opener]:
    """Register how forms of a model that take any number of jets are opened.

    Args:
        version: name and version of the library that runs them.
        forms: their keys in the manifest; the order of registration is that of the validation.

    Returns:
        The decorator, which gives the function as it is.
    """

    def register(function: Opener) -> Opener:
        _OPENERS.update(dict.fromkeys(forms, (version, function)))
        return function

    return register


def tensorflow_version() -> str:
    """``TensorFlow 2.21.0``.

    Returns:
        Name and version.
    """
    import tensorflow as tf

    return f"TensorFlow {tf.__version__}"


def _onnx_version() -> str:
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__}"


def runners(folder: Path, manifest: dict[str, Any]) -> dict[str, tuple[str, Runner]]:
    """Every form of a bundle that takes any number of jets.

    Args:
        folder: the bundle.
        manifest: of it.

    Returns:
        By key of the form: name with version, and the function from float32 tensors by name to scores, float32
        (B, C), or (1, B, C) with the interface ``edges``.

    Raises:
        InputError: the bundle holds no such form.
    """
    formats = manifest["formats"]
    made = {
        form: (f"{NAMES[form]} ({version()})", open_form(folder, formats[form]))
        for form, (version, open_form) in _OPENERS.items()
        if form in formats
    }
    if not made:
        raise InputError(
            f"{folder} must hold one of {', '.join(_OPENERS)}; it holds {', '.join(formats) or 'none'}"
        )
    return made


@opener(tensorflow_version, "frozen_graph")
def frozen_graph_runner(folder: Path, info: dict[str, Any]) -> Runner:
    """From tensors to scores by a session of the frozen graph, as CMSSW runs it.

    Args:
        folder: the bundle.
        info: the entry of the manifest.

    Returns:
        A function from tensors by name to scores.
    """
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        definition = tf.compat.v1.GraphDef.FromString((folder / info["file"]).read_bytes())
        tf.compat.v1.import_graph_def(definition, name="")
    return _fed(tf.compat.v1.Session(graph=graph), info)


@opener(tensorflow_version, "saved_model")
def _saved_model_runner(folder: Path, info: dict[str, Any]) -> Runner:
    """As CMSSW does: load the SavedModel with its tag and feed raw tensor names, not the signature."""
    import tensorflow as tf

    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        tf.compat.v1.saved_model.load(session, [info["tag"]], str(folder / info["folder"]))
    return _fed(session, info)


def _fed(session: Any, info: dict[str, Any]) -> Runner:
    (output,) = info["outputs"].values()
    return lambda feeds: session.run(output, {info["inputs"][name]: value for name, value in feeds.items()})


@opener(_onnx_version, "onnx", "onnx_float16", "onnx_int8", "onnx_fused", "onnx_fused_float16")
def onnx_runner(folder: Path, info: dict[str, Any]) -> Runner:
    """From tensors to scores by ONNX Runtime with one thread, as ``cms::Ort`` runs it.

    Args:
        folder: the bundle.
        info: the entry of the manifest.

    Returns:
        A function from tensors by name to scores.

    Raises:
        InputError: ONNX Runtime does not run the model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # what cms::Ort sets
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(folder / info["file"]), options, providers=["CPUExecutionProvider"]
        )
    except runtime_errors() as error:
        raise InputError(f"{_onnx_version()} cannot run {info['file']}: {first_line(error)}") from error
    (output,) = info["outputs"].values()

    def run(feeds: dict[str, np.ndarray]) -> np.ndarray:
        try:
            scores: np.ndarray = session.run(
                [output], {info["inputs"][k]: value for k, value in feeds.items()}
            )[0]
        except runtime_errors() as error:
            raise InputError(f"{_onnx_version()} cannot run {info['file']}: {first_line(error)}") from error
        return scores

    return run
