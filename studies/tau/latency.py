"""Milliseconds of one jet in ONNX Runtime, one thread, of the exported models."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.deploy.export import export
from e2e_tf.deploy.interface import edges_feeds
from e2e_tf.deploy.jets import random_batch
from e2e_tf.deploy.padded import padded_feeds
from e2e_tf.deploy.samples import tensor_batch
from e2e_tf.files import read_json
from e2e_tf.training.run import open_run
from studies.tau.rows import Row

NODES = 50
CALLS = 2000


def latency(row: Row, folder: Path) -> dict[str, Any]:
    """Export a run and time it with a jet of :data:`NODES` nodes."""
    with tempfile.TemporaryDirectory() as temporary:
        bundle = Path(temporary) / "bundle"
        source = folder
        if row.image:  # a Keras model whose inputs are tensors: it stands alone
            source = Path(shutil.copy(folder / "model.keras", temporary))
        export(source, bundle, formats=("onnx",), proof=0)
        manifest = read_json(bundle / "manifest.json")
        model = bundle / "model.onnx"
        return {
            "interface": manifest["interface"],
            "bytes": model.stat().st_size,
            **times(model, one_jet(folder, manifest)),
        }


def one_jet(run: Path, manifest: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Tensors of one random jet in the interface of a bundle."""
    rng = np.random.default_rng(1)
    if manifest["interface"] == "tensors":
        return tensor_batch(manifest["inputs"], 1, rng)
    batch = random_batch(open_run(run).preprocess, np.array([NODES]), rng)
    return padded_feeds(batch) if manifest["interface"] == "padded" else edges_feeds(batch.graphs)


def times(model: Path, feeds: Mapping[str, np.ndarray], calls: int = CALLS) -> dict[str, float]:
    """Median, least and 99th percentile of many calls with bound tensors, as C++ makes them, in milliseconds."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    taken = {tensor.name for tensor in session.get_inputs()}
    for key, value in feeds.items():
        if key in taken:
            binding.bind_ortvalue_input(key, onnxruntime.OrtValue.ortvalue_from_numpy(value))
    for tensor in session.get_outputs():
        binding.bind_output(tensor.name)
    each = np.empty(calls)
    for i in range(calls):
        before = time.perf_counter()
        session.run_with_iobinding(binding)
        each[i] = time.perf_counter() - before
    found = {"milliseconds": np.median(each), "least": each.min(), "p99": np.quantile(each, 0.99)}
    return {name: round(1e3 * float(value), 4) for name, value in found.items()}
