"""How long the exported model takes for one jet."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.config import RunConfig
from e2e_tf.files import write_json
from e2e_tf.models import without_auxiliary
from e2e_tf.training.run import Run
from e2e_tf.tuning.cache import TrialData

__all__ = ["latency_ms", "time_onnx"]


def latency_ms(model: Any, config: RunConfig, data: TrialData) -> float:
    """Median time for the validation jet of median size [ms]: exported to ONNX, ONNX Runtime, one thread.

    The parameters do not matter, so a model can be measured before it is trained.

    Args:
        model: a Keras model; its auxiliary task is left out, as it is in bundles.
        config: its run.
        data: the splits; the jet is one of the validation part.

    Returns:
        Milliseconds.

    Raises:
        InputError: the model cannot be exported with edge lists.
    """
    from e2e_tf.deploy.export import export
    from e2e_tf.deploy.interface import edges_feeds
    from e2e_tf.deploy.model_inputs import with_node_columns

    model = without_auxiliary(model)
    order = np.argsort(data.validation.graphs.n_node, kind="stable")
    middle = order[len(order) // 2 : len(order) // 2 + 1]
    jet = with_node_columns(model, *data.validation.loader(model, 1).graphs_and_nodes(middle))
    with tempfile.TemporaryDirectory(prefix="e2e-tf-latency-") as name:
        folder = Path(name) / "run"
        folder.mkdir()
        model.save(folder / "model.keras")
        data.preprocess.write(folder / "preprocess.json")
        write_json(folder / "provenance.json", {"data": data.data})
        run = Run(folder, config, Path(name), data.preprocess)
        path = export(run, Path(name) / "bundle", interface="edges", formats=["onnx"]) / "model.onnx"
        return time_onnx(path, edges_feeds(jet))


def time_onnx(path: Path, feeds: dict[str, np.ndarray], repeats: int = 101, warm: int = 20) -> float:
    """Median time of an ONNX model for the given inputs on one thread [ms].

    Args:
        path: an ONNX model.
        feeds: its inputs by name; others are left out.
        repeats: runs that are timed.
        warm: runs before them.

    Returns:
        Milliseconds.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    feeds = {name: value for name, value in feeds.items() if name in wanted}
    times = []
    for turn in range(warm + repeats):
        start = time.perf_counter()
        session.run(None, feeds)
        if turn >= warm:
            times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))
