"""Graphs per second of gat_cheb, the model of attention and Chebyshev layers, in TensorFlow and ONNX Runtime.

    python benchmarks/layers.py [--heads 1 2 4] [--graphs 1024] [--batch 128] [--layout blocks] [--profile]

Graphs have 20 to 120 nodes, 8 neighbours and 17 features. Batches are made of graphs of similar size, as the
loader can make them, and at random. Next to the wall time stands the number per second of processor time,
which a busy machine changes less. With ``--profile`` ONNX Runtime says where its time goes.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from e2e_tf.graph import knn

FEATURES, GLOBALS, K = 17, 4, 8


def make_batch(sizes: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = int(sizes.sum())
    senders, receivers = knn(rng.normal(size=(n, 2)), sizes, K)
    return {
        "x": rng.normal(size=(n, FEATURES)).astype(np.float32),
        "senders": senders,
        "receivers": receivers,
        "n_node": sizes.astype(np.int32),
        "u": rng.normal(size=(len(sizes), GLOBALS)).astype(np.float32),
    }


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(name: str, call: Callable[[Any], Any], batches: Sequence[Any], graphs: int, repeats: int) -> None:
    for batch in batches:
        call(batch)
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), used()
        for batch in batches:
            call(batch)
        walls.append(graphs / (time.perf_counter() - wall))
        cpus.append(graphs / (used() - cpu))
    print(
        f"{name:28s} {max(walls):7.0f} graphs/s (median {np.median(walls):.0f}), {max(cpus):6.0f} per cpu-s"
    )


def onnx_model(model: Any) -> bytes:
    import tensorflow as tf
    import tf2onnx

    dtypes = {"x": tf.float32, "u": tf.float32}
    shapes = {"x": (None, FEATURES), "u": (None, GLOBALS)}
    names = ("x", "senders", "receivers", "n_node", "u")
    signature = [tf.TensorSpec(shapes.get(n, (None,)), dtypes.get(n, tf.int32), n) for n in names]

    @tf.function(input_signature=signature)
    def score(x: Any, senders: Any, receivers: Any, n_node: Any, u: Any) -> Any:
        values = (x, senders, receivers, n_node, u)
        return model(dict(zip(names, values, strict=True)), training=False)

    converted, _ = tf2onnx.convert.from_function(score, input_signature=signature, opset=18)
    return converted.SerializeToString()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, nargs=3, default=[1, 2, 4])
    parser.add_argument("--graphs", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--layout", choices=["blocks", "edges"], default="blocks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()

    import keras
    import onnxruntime
    import tensorflow as tf

    from e2e_tf.models.gat_cheb import GATCheb, gat_cheb

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    sizes = rng.integers(20, 121, options.graphs)
    model = gat_cheb(FEATURES, GLOBALS, GATCheb(heads=tuple(options.heads), layout=options.layout))
    print(
        f"{model.count_params()} weights, heads {options.heads}, {options.layout}, batches of {options.batch}"
    )
    model.compile("rmsprop", "binary_crossentropy", jit_compile=False)
    model.optimizer.build(model.trainable_weights)

    @tf.function(reduce_retracing=True)
    def step(inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            score = model(inputs, training=True)
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(tf.zeros_like(score), score))
        weights = model.trainable_weights
        model.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    infer = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options.threads
    session_options.enable_profiling = options.profile
    # Threads that spin while they wait would count as used processor time.
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    folder = tempfile.TemporaryDirectory()
    session_options.profile_file_prefix = str(Path(folder.name) / "profile")
    session = onnxruntime.InferenceSession(
        onnx_model(model), session_options, providers=["CPUExecutionProvider"]
    )
    for order, some in (("sorted", np.sort(sizes)), ("random", sizes)):
        parts = [some[i : i + options.batch] for i in range(0, len(some), options.batch)]
        arrays = [make_batch(part, rng) for part in parts]
        tensors = [{k: tf.constant(v) for k, v in batch.items()} for batch in arrays]
        count, repeats = options.graphs, options.repeats
        measure(f"{order}: training", step, tensors, count, repeats)
        measure(f"{order}: TensorFlow", infer, tensors, count, repeats)
        measure(f"{order}: ONNX Runtime", lambda batch: session.run(None, batch), arrays, count, repeats)
    if options.profile:
        shares: collections.Counter[str] = collections.Counter()
        for event in json.loads(Path(session.end_profiling()).read_text()):
            if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
                shares[event["args"]["op_name"]] += event["dur"]
        total = sum(shares.values())
        print(", ".join(f"{op} {100 * part / total:.0f} %" for op, part in shares.most_common(10)))


if __name__ == "__main__":
    main()
