"""Repeat the validation of a bundle with NumPy and one runtime, of any version, and nothing else.

    python repeat.py BUNDLE [onnx|tf|savedmodel]...

Every batch of ``inputs.npz`` goes through the runtime and is compared with the scores of Keras in ``outputs.npz``, and
the tensors of raw jets in ``jets.npz`` with the scores there. How these tensors are made of the raw jets takes the
library ('e2e-tf validate') or its C++ builder ('e2e_tf_run'); this script checks that preprocess.json is unchanged.
Without names, all forms are run whose runtime is installed. The status is 0 where every difference is at most what
the manifest allows, 1 where one is larger, 2 where nothing can be run. Python 3.8 or newer; it imports nothing of the
library that made the bundle, and every bundle holds a copy.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-5  # where the manifest says nothing else
KINDS = {"onnx": "onnx", "tf": "frozen_graph", "savedmodel": "saved_model"}
NEEDS = {"onnx": "onnxruntime", "tf": "tensorflow", "savedmodel": "tensorflow"}


def onnx(folder: Path, info: dict) -> tuple:
    """Open the ONNX model of a bundle.

    Args:
        folder: the bundle.
        info: the model's entry in ``formats`` of the manifest.

    Returns:
        Name and version of the runtime, and a function from tensors by name to scores.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / info["file"]), options, providers=["CPUExecutionProvider"]
    )
    (output,) = info["outputs"].values()

    def run(feeds: dict) -> np.ndarray:
        return session.run([output], {info["inputs"][name]: value for name, value in feeds.items()})[0]

    return f"ONNX Runtime {onnxruntime.__version__}", run


def tensorflow(folder: Path, info: dict) -> tuple:
    """Open the frozen graph or the SavedModel of a bundle.

    Args:
        folder: the bundle.
        info: the model's entry in ``formats`` of the manifest.

    Returns:
        Name and version of the runtime, and a function from tensors by name to scores.
    """
    import tensorflow as tf

    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        if "folder" in info:
            tf.compat.v1.saved_model.load(session, [info["tag"]], str(folder / info["folder"]))
        else:
            definition = tf.compat.v1.GraphDef.FromString((folder / info["file"]).read_bytes())
            tf.compat.v1.import_graph_def(definition, name="")
    (output,) = info["outputs"].values()

    def run(feeds: dict) -> np.ndarray:
        return session.run(output, {info["inputs"][name]: value for name, value in feeds.items()})

    return f"TensorFlow {tf.__version__}", run


def changed(folder: Path, manifest: dict) -> list:
    """Files whose SHA-256 is not that of the manifest; the manifest itself where it lists none of its own.

    That one is of its bytes with 64 zeros instead of the entry, so that it covers thresholds, names and graph.

    Args:
        folder: the bundle.
        manifest: what is in its ``manifest.json``.

    Returns:
        Names of the files.
    """
    checksums = manifest.get("checksums", {})
    found = [] if "manifest.json" in checksums else ["manifest.json"]
    for name, expected in checksums.items():
        path = folder / name
        content = path.read_bytes() if path.is_file() else b""
        if name == "manifest.json" and len(expected) == 64:
            content = content.replace(expected.encode(), b"0" * 64)
        if not path.is_file() or hashlib.sha256(content).hexdigest() != expected:
            found.append(name)
    return found


def tolerance(output: dict) -> tuple:
    """Absolute and relative part of what each column of an output may differ by.

    Args:
        output: its entry in the manifest.

    Returns:
        Two arrays, or two numbers where the manifest says nothing.
    """
    entry = output.get("tolerance")
    if entry is None:
        return TOLERANCE, 0.0
    names = [name for name, width in output["columns"].items() for _ in range(width)]
    return tuple(np.array([entry[name][part] for name in names]) for part in ("absolute", "relative"))


def vectors(folder: Path) -> Any:
    """Recorded tensors and the scores that Keras gave for them.

    Args:
        folder: the bundle.

    Yields:
        The name of a batch, its tensors by name, its scores; the last one is of the raw jets, where there are any.
    """
    inputs, outputs = np.load(folder / "inputs.npz"), np.load(folder / "outputs.npz")
    for name in outputs.files:
        batch = name.split("/")[0]
        feeds = {key.split("/")[1]: inputs[key] for key in inputs.files if key.split("/")[0] == batch}
        yield batch, feeds, outputs[name]
    if (folder / "jets.npz").is_file():
        jets = np.load(folder / "jets.npz")
        names = [key for key in jets.files if key.startswith("tensors/")]
        yield "of raw jets", {key.split("/")[1]: jets[key] for key in names}, jets["score"]


def largest(folder: Path, run: Any, output: dict) -> tuple:
    """The score that is farthest from what it may be: its difference, the allowed one, its batch, and how many jets.

    Args:
        folder: the bundle.
        run: from tensors to scores.
        output: the entry of the scores in the manifest.

    Returns:
        Two numbers, the name of a batch, a number.
    """
    absolute, relative = tolerance(output)
    worst, allowed, where, jets = 0.0, TOLERANCE, "-", 0
    for batch, feeds, expected in vectors(folder):
        found = run(feeds)
        if found.shape != expected.shape or found.dtype != np.float32:
            raise SystemExit(
                f"repeat.py: error: batch {batch} gives {found.dtype} {found.shape}, not {expected.shape}"
            )
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        with np.errstate(invalid="ignore"):
            difference = np.where(same, 0.0, np.abs(found - expected))
        difference = np.where(np.isfinite(difference), difference, np.inf).reshape(-1)
        size = np.abs(np.where(np.isfinite(expected), expected, 0.0))
        may = np.broadcast_to(absolute + relative * size, expected.shape).reshape(-1)
        at = int((difference / may).argmax()) if difference.size else -1
        if at >= 0 and difference[at] / may[at] >= worst / allowed:
            worst, allowed, where = float(difference[at]), float(may[at]), batch
        jets += expected.reshape(-1, expected.shape[-1]).shape[0]
    return worst, allowed, where, jets


def main(arguments: list) -> int:
    """Repeat the validation and print one line for each form.

    Args:
        arguments: of the command line, without the script's name.

    Returns:
        The exit status, 0, 1 or 2 as above.
    """
    if not arguments or any(kind not in KINDS for kind in arguments[1:]):
        print("usage: python repeat.py BUNDLE [onnx|tf|savedmodel]...", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    if not (folder / "manifest.json").is_file():
        print(f"repeat.py: error: {folder} is not a bundle: it has no manifest.json", file=sys.stderr)
        return 2
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    wrong = changed(folder, manifest)
    if wrong:
        print(f"repeat.py: error: {folder} has changed since its export: {', '.join(wrong)}", file=sys.stderr)
        return 2
    kinds = [
        kind for kind in arguments[1:] or KINDS if arguments[1:] or importlib.util.find_spec(NEEDS[kind])
    ]
    kinds = [kind for kind in kinds if arguments[1:] or KINDS[kind] in manifest["formats"]]
    if not kinds:
        print("repeat.py: error: neither onnxruntime nor tensorflow is installed", file=sys.stderr)
        return 2
    status = 0
    for kind in kinds:
        if KINDS[kind] not in manifest["formats"]:
            print(f"repeat.py: error: the bundle holds no {KINDS[kind]}", file=sys.stderr)
            return 2
        version, run = (onnx if kind == "onnx" else tensorflow)(folder, manifest["formats"][KINDS[kind]])
        difference, allowed, batch, jets = largest(folder, run, manifest["outputs"][0])
        verdict = "agrees" if difference <= allowed else "DIFFERS"
        print(
            f"{kind:10} {version:22} {jets} jets, largest difference {difference:.1e} in batch {batch}: {verdict}"
        )
        status = max(status, int(verdict != "agrees"))
    if (folder / "jets.npz").is_file():
        print("not checked here: that the raw jets of jets.npz give its tensors; 'e2e-tf validate' does")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
