"""Speed and size of exported models: ONNX Runtime and TensorFlow on the padded interface, k-NN inside.

    python benchmarks/export.py [--jets 128] [--repeats 30] [--json OUT]

Measured in one run, best and median of the repeats: gat_cheb with its default settings and random weights, 16 node
and 2 jet features, k = 8.

- latency: one jet of 50 candidates, one thread
- throughput: jets of 20 to 120 nodes in size-sorted batches of 16, two threads, as converted, optimised, frozen
  graph; `plain` is the converter's output without this library's lowering
- the same with edge lists instead of dense blocks (segment sums), graph given
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

K, FEATURES, GLOBALS, BATCH = 8, 16, 2, 16


def best(call: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Best and median seconds of a call."""
    for _ in range(3):
        call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times), float(np.median(times))


def session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def recipe() -> Any:
    from e2e_tf.data.preprocess import Normalisation, Preprocess
    from e2e_tf.data.schema import CANDIDATE_FEATURES, JET_FEATURES

    def norm(features: Any) -> Normalisation:
        return Normalisation.fit(features, np.zeros((0, len(features)), np.float32))

    return Preprocess(
        "candidates", f"knn:{K}", norm(CANDIDATE_FEATURES), norm(JET_FEATURES[:GLOBALS]), max_nodes=120
    )


def export_all(folder: Path, preprocess: Any) -> dict[str, Any]:
    """Models of both interfaces: path of each ONNX file, and the padded function's frozen graph."""
    from deploy import lowering
    from deploy.export import freeze
    from deploy.interface import OUTPUT, edges_feeds, edges_function, link
    from deploy.jets import random_batch
    from deploy.padded import padded_feeds, padded_function
    from deploy.quiet import quiet_tensorflow
    from e2e_tf.models import build_model

    rng = np.random.default_rng(0)
    batches = [
        random_batch(preprocess, np.array(n), rng, link)
        for n in ([3, 11, 0, 7], [13, 1], [0], [1], [17, 2, 5])
    ]
    made: dict[str, Any] = {}
    with quiet_tensorflow():
        padded = build_model("gat_cheb", FEATURES, GLOBALS)
        lists = build_model("gat_cheb", FEATURES, GLOBALS, {"layout": "edges"})
        for name, function, feeds in (
            ("padded", padded_function(padded, preprocess), [padded_feeds(b) for b in batches]),
            ("edge lists", edges_function(lists), [edges_feeds(b.graphs) for b in batches]),
        ):
            graph, names = freeze(function)
            plain = lowering.convert(graph, names, OUTPUT, 18, 8)
            small = lowering.optimise(plain, feeds)
            for form, model in (
                ("plain", plain),
                ("optimised", small),
                ("float16 weights", lowering.float16_weights(small)),
                ("int8", lowering.int8_weights(small)),
            ):
                path = folder / f"{name}_{form}.onnx".replace(" ", "_")
                path.write_bytes(model.SerializeToString())
                made[f"{name}, {form}"] = (path, len(model.graph.node))
            if name == "padded":
                made["graph"] = graph
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jets", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import tensorflow as tf

    from deploy.interface import OUTPUT, edges_feeds, link
    from deploy.jets import random_batch
    from deploy.padded import padded_feeds

    preprocess = recipe()
    rng = np.random.default_rng(1)
    sizes = np.sort(rng.integers(20, 121, options.jets))
    batches = [random_batch(preprocess, sizes[i : i + BATCH], rng, link) for i in range(0, len(sizes), BATCH)]
    one = random_batch(preprocess, np.array([50]), rng, link)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        made = export_all(Path(name), preprocess)
        graph = made.pop("graph")
        for label, (path, nodes) in made.items():
            feeds_of = padded_feeds if label.startswith("padded") else lambda batch: edges_feeds(batch.graphs)
            single, feeds = feeds_of(one), [feeds_of(batch) for batch in batches]
            alone, both = session(path, 1), session(path, 2)
            latency = best(lambda s=alone, f=single: s.run(None, f), 10 * options.repeats)
            whole = best(lambda s=both, f=feeds: [s.run(None, part) for part in f], options.repeats)
            row = {"model": f"ONNX {label}", "nodes": nodes, "kB": path.stat().st_size / 1000}
            rows.append(row | {"latency_ms": latency[0] * 1e3, "graphs_per_s": options.jets / whole[0]})
        imported = tf.Graph()
        with imported.as_default():
            tf.compat.v1.import_graph_def(graph, name="")
        feeds = [{f"{k}:0": v for k, v in padded_feeds(batch).items()} for batch in batches]
        single = {f"{k}:0": v for k, v in padded_feeds(one).items()}
        seconds = {}
        for threads in (1, 2):
            config = tf.compat.v1.ConfigProto(
                intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1
            )
            with tf.compat.v1.Session(graph=imported, config=config) as run:
                work = [single] if threads == 1 else feeds
                repeats = 10 * options.repeats if threads == 1 else options.repeats
                seconds[threads] = best(
                    lambda r=run, w=work: [r.run(f"{OUTPUT}:0", part) for part in w], repeats
                )[0]
        row = {"model": "frozen graph padded", "nodes": len(graph.node), "kB": graph.ByteSize() / 1000}
        rows.append(row | {"latency_ms": seconds[1] * 1e3, "graphs_per_s": options.jets / seconds[2]})

    print(f"{'model':34} {'nodes':>6} {'kB':>8} {'one jet of 50, ms':>18} {'graphs/s':>9}")
    for row in rows:
        print(
            f"{row['model']:34} {row['nodes']:6d} {row['kB']:8.0f} {row['latency_ms']:18.3f} "
            f"{row['graphs_per_s']:9.0f}"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
