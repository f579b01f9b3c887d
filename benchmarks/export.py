"""Exported models against Spektral's and PyTorch Geometric's inference, and against a plain export, in one run.

    python -m benchmarks.export [--rounds 9] [--jets 128] [--batches 16 128] [--only ours] [--write]

``gat_cheb`` with its default settings and the same parameters everywhere.

- Throughput, two threads: jets of 20 to 120 nodes, 17 features, 8 neighbours, in size-sorted batches. Ours is the
  padded interface with the k-NN inside; the others get finished graphs and Laplacians. Spektral and PyTorch
  Geometric run in processes and environments of their own, as in ``layers.py``; ``plain`` is what tf2onnx makes of
  the same model written with segment sums, as Spektral writes it; ``given`` is ours with finished graphs as well, the
  same work as theirs. All give the same scores, which is checked, and
  take turns, one measurement each, round after round. Each runs in batches of several sizes, and its best counts.
  ONNX Runtime has two callers with one thread each, as CMSSW's streams are, or two threads for a single batch.
- Latency, one thread: one jet of 50 candidates, tensors bound as C++ binds them, the least of many calls, next to
  a product of two 256 x 256 matrices in the same runtime.
- Memory is what a fresh process that loads the ONNX file and scores all batches needs beyond the runtime itself.

``--write`` puts the tables into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

from benchmarks import layers
from benchmarks.layers import (
    FEATURES,
    GLOBALS,
    LIBRARIES,
    ROOT,
    K,
    Worker,
    make_data,
    python_of,
    read_data,
    write_tables,
)

MARKS = ("<!-- export: begin -->", "<!-- export: end -->")
Feeds = dict[str, np.ndarray]


def session(model: bytes | str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that spin while they wait would count as used processor time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def recipe(coordinates: tuple[str, ...] = ()) -> Any:
    """Inputs of the model: the candidates' features, whatever their values are."""
    from e2e_tf.data.features import CANDIDATE_FEATURES, JET_FEATURES
    from e2e_tf.data.preprocess import Normalisation, Preprocess

    def norm(features: Any) -> Normalisation:
        return Normalisation.fit(features, np.zeros((0, len(features)), np.float32))

    features = (CANDIDATE_FEATURES * 2)[:FEATURES]
    return Preprocess(
        "candidates", f"knn:{K}", norm(features), norm(JET_FEATURES[:GLOBALS]), coordinates, max_nodes=120
    )


def padded(batch: Feeds) -> Feeds:
    """A batch of ``layers.make_data`` as tensors of the padded interface."""
    from e2e_tf.deploy.interface import JetBatch
    from e2e_tf.deploy.padded import padded_feeds
    from e2e_tf.graph import GraphBatch

    none = np.zeros(0, np.int32)
    graphs = GraphBatch.from_edges(
        x=batch["x"], senders=none, receivers=none, n_node=batch["n_node"], u=batch["u"]
    )
    return padded_feeds(JetBatch(graphs, batch["points"]))


def given(batch: Feeds) -> Feeds:
    """The same with the finished graph, which the other libraries get, in the place of the points."""
    from e2e_tf.graph import knn

    feeds = padded(batch)
    del feeds["points"]
    n_node = batch["n_node"]
    senders, receivers = knn(batch["points"], n_node, K)
    graph, start = np.repeat(np.arange(len(n_node)), n_node), np.cumsum(n_node) - n_node
    a = np.zeros((len(n_node), *2 * (feeds["mask"].shape[-1],)), np.float32)
    owner = graph[receivers]
    a[owner, receivers - start[owner], senders - start[owner]] = 1
    return {"graph": a, **feeds}


def given_function(model: Any) -> Any:
    """The padded interface as a ``tf.function``, but that it gets the finished graph."""
    import tensorflow as tf

    from e2e_tf.deploy.block_core import block_core
    from e2e_tf.layers.plain import plain

    core = block_core(model, "padded")
    shapes = {
        "graph": (None, None, None),
        "features": (None, FEATURES, None),
        "mask": (None, 1, None),
        "u": (None, GLOBALS, 1),
    }
    specs = [tf.TensorSpec(shape, tf.float32, name) for name, shape in shapes.items()]

    @tf.function(input_signature=specs, autograph=False)
    def score(graph: Any, features: Any, mask: Any, u: Any) -> Any:
        members = mask[:, 0]
        n_node = tf.cast(tf.reduce_sum(members, axis=1), tf.int32)
        a = tf.cast(graph > 0.5, tf.float32)  # an edge or none, as of the graph that is built inside
        with plain(model):
            return core(tf.transpose(features, (0, 2, 1)), a, members, n_node, u[:, :, 0])

    return score


def segments(batch: Feeds) -> Feeds:
    """The same batch as edge lists with a finished Laplacian."""
    ids = np.repeat(np.arange(len(batch["n_node"]), dtype=np.int32), batch["n_node"])
    names = ("x", "senders", "receivers", "s_senders", "s_receivers")
    return {
        **{name: batch[name] for name in names},
        "weight": layers.laplacian_weights(batch).astype(np.float32),
        "graph": ids,
        "u": batch["u"],
    }


def segment_model(weights: Sequence[np.ndarray]) -> Any:
    """gat_cheb with the segment sums of TensorFlow, as Spektral's layers have them, as a ``tf.function``."""
    import tensorflow as tf

    def gather_sum(values: Any, receivers: Any, count: Any) -> Any:
        return tf.math.unsorted_segment_sum(values, receivers, count)

    def call(
        x: Any,
        senders: Any,
        receivers: Any,
        s_senders: Any,
        s_receivers: Any,
        weight: Any,
        graph: Any,
        u: Any,
    ) -> Any:
        source = iter(weights)
        n = tf.shape(x)[0]
        loops = tf.range(n)
        sources, targets = tf.concat([senders, loops], 0), tf.concat([receivers, loops], 0)
        for _ in layers.HEADS:
            kernel, own, other, bias = (next(source) for _ in range(4))
            h = tf.einsum("nf,fhc->nhc", x, kernel)
            receive, send = (tf.einsum("nhc,ch->nh", h, vector[:, :, 0]) for vector in (own, other))
            logits = tf.nn.leaky_relu(tf.gather(receive, targets) + tf.gather(send, sources), 0.2)
            top = tf.math.unsorted_segment_max(logits, targets, n)
            share = tf.exp(logits - tf.gather(top, targets))
            share = share / (tf.gather(gather_sum(share, targets, n), targets) + 1e-9)
            summed = gather_sum(share[:, :, None] * tf.gather(h, sources), targets, n)
            x = tf.nn.relu(tf.reshape(summed, (-1, kernel.shape[1] * kernel.shape[2])) + bias)
        for _ in layers.CHEB:
            kernel, bias = next(source), next(source)
            terms = [x]
            for k in range(1, len(kernel)):
                product = gather_sum(tf.gather(terms[-1], s_senders) * weight[:, None], s_receivers, n)
                terms.append(product if k == 1 else 2.0 * product - terms[-2])
            x = tf.nn.relu(sum(tf.matmul(t, w) for t, w in zip(terms, kernel, strict=True)) + bias)
        graphs = tf.shape(u)[0]
        counts = gather_sum(tf.ones_like(x[:, :1]), graph, graphs)
        h = tf.concat([gather_sum(x, graph, graphs) / counts, u], axis=1)
        for _ in layers.DENSE:
            kernel, bias = next(source), next(source)
            h = tf.nn.relu(tf.matmul(h, kernel) + bias)
        kernel, bias = next(source), next(source)
        return tf.sigmoid(tf.matmul(h, kernel) + bias)

    shapes = {"x": (None, FEATURES), "u": (None, GLOBALS)}
    floats = ("x", "weight", "u")
    names = ("x", "senders", "receivers", "s_senders", "s_receivers", "weight", "graph", "u")
    signature = [
        tf.TensorSpec(shapes.get(n, (None,)), tf.float32 if n in floats else tf.int32, n) for n in names
    ]
    return tf.function(call, input_signature=signature, autograph=False)


def split(batches: list[Feeds], size: int) -> list[Feeds]:
    """The same jets in the same order, at most ``size`` in a batch."""
    parts = []
    for batch in batches:
        ends = np.concatenate([[0], np.cumsum(batch["n_node"])])
        for first in range(0, len(batch["n_node"]), size):
            jets = slice(first, first + size)
            nodes = slice(ends[first], ends[min(first + size, len(ends) - 1)])
            part = {name: batch[name][nodes] for name in ("x", "points")}
            parts.append({**part, "n_node": batch["n_node"][jets], "u": batch["u"][jets]})
    return parts


class Callers:
    """Two threads of ONNX Runtime: two callers of one each, or two in the one call for a single batch."""

    def __init__(self, path: Path, feeds: list[Feeds]) -> None:
        self.feeds = feeds
        self.session = session(str(path), 1 if len(feeds) > 1 else 2)
        self.pool = ThreadPoolExecutor(2)

    def __call__(self) -> list[np.ndarray]:
        # The largest first, so that nobody waits for one at the end.
        scores = self.pool.map(lambda part: self.session.run(None, part)[0], self.feeds[::-1])
        return list(scores)[::-1]


def write_models(folder: Path, weights: list[np.ndarray], batches: list[Feeds]) -> tuple[dict[str, Any], Any]:
    """ONNX files by name with their numbers of nodes, and the frozen graph."""
    import tensorflow as tf
    import tf2onnx

    from e2e_tf.deploy import lowering
    from e2e_tf.deploy.exported import freeze
    from e2e_tf.deploy.interface import OUTPUT, TensorInfo
    from e2e_tf.deploy.padded import padded_function, padded_tensors
    from e2e_tf.deploy.quiet import quiet_tensorflow
    from e2e_tf.models import build_model

    samples = [padded(batch) for batch in batches]
    for n in (1, 0):
        samples.append({k: v if k == "u" else v[..., :n] for k, v in samples[0].items()})
    samples += [{name: value[:1] for name, value in samples[0].items()}]
    made: dict[str, Any] = {}

    def keep(name: str, model: Any) -> None:
        path = folder / f"{name.replace(' ', '_')}.onnx"
        path.write_bytes(model.SerializeToString())
        made[name] = {"path": path, "nodes": len(model.graph.node)}

    with quiet_tensorflow():
        model = build_model("gat_cheb", FEATURES, GLOBALS)
        model.set_weights(weights)
        # In η and φ, which wraps, for one jet; in the plain coordinates of the benchmark's graphs for many.
        for name, preprocess in (("tau", recipe()), ("padded", recipe(("a", "b")))):
            graph, names = freeze(padded_function(model, preprocess))
            converted = lowering.convert(graph, names, OUTPUT, 18, 8)
            small = lowering.optimise(converted, samples, padded_tensors(model, preprocess)[0])[0]
            keep(f"{name} as converted", converted)
            keep(name, small)
        keep("padded float16 weights", lowering.float16_weights(small))
        keep("padded int8", lowering.int8_weights(small))
        frozen, names = freeze(given_function(model))
        known = [given(batch) for batch in split(batches, 7)[:3]]
        known += [{name: value[:1] for name, value in known[0].items()}]
        graph_given = [
            TensorInfo("graph", ("B", "N", "N")),
            TensorInfo("features", ("B", FEATURES, "N")),
            TensorInfo("mask", ("B", 1, "N")),
            TensorInfo("u", ("B", GLOBALS, 1)),
        ]
        converted = lowering.convert(frozen, names, OUTPUT, 18, 8)
        keep("given", lowering.optimise(converted, known, graph_given)[0])
        with tf.device("/cpu:0"):
            function = segment_model(weights)
            plain, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=18)
        keep("plain", plain)
    return made, graph


class Frozen:
    """The frozen graph in TensorFlow."""

    def __init__(self, graph: Any, threads: int) -> None:
        import tensorflow as tf

        imported = tf.Graph()
        with imported.as_default():
            tf.compat.v1.import_graph_def(graph, name="")
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1
        )
        self.session = tf.compat.v1.Session(graph=imported, config=config)

    def run(self, _: None, feeds: Feeds) -> list[np.ndarray]:
        return [self.session.run("score:0", {f"{k}:0": v for k, v in feeds.items()})]


def timed(call: Callable[[], Any]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def product() -> bytes:
    """An ONNX model: the product c of two 256 x 256 matrices a and b."""
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (256, 256)) for name in "abc"]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])], "product", ports[:2], ports[2:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    return model.SerializeToString()


def latency(models: dict[str, Any], feeds: Feeds, calls: int) -> dict[str, float]:
    """Least milliseconds of one call of each model, in turns, and of a product of matrices."""
    import onnxruntime

    bound = {}
    for name in ("tau", "tau as converted"):
        run = session(str(models[name]["path"]), 1)
        binding = run.io_binding()
        for key, value in feeds.items():
            binding.bind_ortvalue_input(key, onnxruntime.OrtValue.ortvalue_from_numpy(value))
        score = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 1), np.float32))
        binding.bind_ortvalue_output("score", score)
        bound[name] = (run, binding)
    run = session(product(), 1)
    binding = run.io_binding()
    for name in "ab":
        values = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(values))
    binding.bind_output("c")
    bound["matrices"] = (run, binding)
    best = dict.fromkeys(bound, np.inf)
    for _ in range(calls // 50):
        for name, (run, binding) in bound.items():
            for _ in range(50):
                best[name] = min(best[name], timed(lambda r=run, b=binding: r.run_with_iobinding(b))["wall"])  # type: ignore[misc]
    return {name: 1e3 * seconds for name, seconds in best.items()}


def alone(model: str, feeds: str) -> None:
    """Print the MiB that a fresh process needs for a model and its batches."""
    parts: dict[str, Feeds] = {}
    with np.load(feeds) as data:
        for key in data.files:
            number, name = key.split("/")
            parts.setdefault(number, {})[name] = data[key]
    import onnxruntime  # noqa: F401  # counts as the runtime

    before = layers.resident()
    run = session(model, 2)
    for part in parts.values():
        run.run(None, part)
    # The peak of this program; that of getrusage counts the parent's too.
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    print(json.dumps(max(0.0, int(peak.split()[1]) / 1024 - before)))


def memory(path: Path, feeds: list[Feeds]) -> float:
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file.name, **{f"{i}/{name}": v for i, part in enumerate(feeds) for name, v in part.items()})
        command = [sys.executable, "-m", "benchmarks.export", "--alone", str(path.resolve()), file.name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def measure(options: argparse.Namespace, folder: Path) -> list[str]:
    data: dict[int, tuple[Path, list[Feeds]]] = {}
    weights: list[np.ndarray] = []
    for size in options.batches:
        place = folder / str(size)
        place.mkdir()
        path = make_data(place, "small", options.jets, size)
        batches, weights = read_data(str(path))
        rng = np.random.default_rng(2)  # biases as trained, which are not 0
        weights = [w if w.any() else rng.normal(0, 0.1, w.shape).astype(np.float32) for w in weights]
        named = {f"weight/{i:02d}": w for i, w in enumerate(weights)}
        rest = {f"{i}/{name}": v for i, part in enumerate(batches) for name, v in part.items()}
        np.savez(path, **rest, **named)
        data[size] = (path, batches)
    models, graph = write_models(folder, weights, data[options.batches[0]][1])

    calls: dict[tuple[str, int], Callable[[], Any]] = {}
    scores: dict[tuple[str, int], np.ndarray] = {}
    workers: list[Worker] = []
    used: dict[str, float] = {}
    source: dict[int, int] = {}  # of the jets in batches of a size, the size they were made with
    frozen = Frozen(graph, 2)
    for size, (path, batches) in data.items():
        blocks = [padded(batch) for batch in batches]
        first = size == options.batches[0]
        for name, info in models.items():
            if name.startswith("tau"):
                continue
            for part in {size, *(options.parts if first and name != "plain" else ())}:
                parts = batches if name == "plain" else split(batches, part)
                make = {"plain": segments, "given": given}.get(name, padded)
                feeds = [make(b) for b in parts]
                run = Callers(info["path"], feeds)
                scores[name, part] = np.concatenate(run())
                calls[name, part] = lambda r=run: timed(r)
                source[part] = size
                if first and part == size:
                    used[name] = memory(info["path"], feeds)
        scores["frozen graph", size] = np.concatenate([frozen.run(None, part)[0] for part in blocks])
        calls["frozen graph", size] = lambda f=blocks: timed(lambda: [frozen.run(None, part) for part in f])
        for library in options.libraries:
            worker = Worker(library, options.libraries[library], path, 2)
            worker.answer()
            workers.append(worker)
            with np.load(f"{path}.{library}.npz") as found:
                scores[library, size] = np.concatenate([found[key] for key in found.files])
            calls[library, size] = lambda w=worker: w.ask("inference")
    for (name, size), found in scores.items():
        difference = float(np.abs(found - scores["padded", source[size]]).max())
        allowed = 0.2 if "int8" in name else 1e-2 if "float16" in name else 1e-4
        if not difference < allowed:
            sys.exit(f"{name} computes something else: scores differ by {difference:.1e}")

    rounds: dict[tuple[str, int], list[dict[str, float]]] = {key: [] for key in calls}
    for number in range(options.rounds + 1):
        for key in list(calls) if number % 2 else list(calls)[::-1]:
            took = calls[key]()
            if number:  # the first round warms up
                rounds[key].append(took)
    for worker in workers:
        worker.close()
    best = {
        name: min(
            (size for other, size in calls if other == name),
            key=lambda s, n=name: min(one["wall"] for one in rounds[n, s]),  # type: ignore[misc]
        )
        for name in dict.fromkeys(name for name, _ in calls)
    }
    ours = rounds["padded", best["padded"]]
    titles = {
        "padded": "ONNX, padded, k-NN inside",
        "given": "the same, graph given",
        "padded as converted": "the same as converted, before lowering",
        "padded float16 weights": "the same with float16 weights",
        "padded int8": "the same with int8 products",
        "frozen graph": "frozen graph in TensorFlow, k-NN inside",
        "plain": "plain tf2onnx export of segment sums, graph given",
        "spektral": "Spektral 1.3, graph given",
        "pyg": "PyTorch Geometric, graph given",
    }
    lines = [
        "| two threads | jets/s, best | in batches of | ours over it | in processor time | kB | nodes | memory [MiB] |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = [(name, best[name], title) for name, title in titles.items() if name in best]
    # As converted code is used unless someone looks for its best batch: all jets at once.
    rows += [
        ("plain", size, "the plain export, all jets in a batch")
        for other, size in calls
        if other == "plain" and size == options.jets != best["plain"]
    ]
    for name, batch, title in rows:
        taken = rounds[name, batch]
        ratio = {
            clock: np.median([them[clock] / us[clock] for us, them in zip(ours, taken, strict=True)])
            for clock in ("wall", "cpu")
        }
        rate = options.jets / min(one["wall"] for one in taken)
        info = models.get(name)
        kilobytes = f"{info['path'].stat().st_size / 1000:,.0f}" if info else ""
        if name == "frozen graph":
            kilobytes = f"{graph.ByteSize() / 1000:,.0f}"
        nodes = str(info["nodes"]) if info else str(len(graph.node)) if name == "frozen graph" else ""
        size = f"{used[name]:,.0f}" if name in used else ""
        compared = ["", ""] if name == "padded" else [f"{ratio['wall']:.2f}", f"{ratio['cpu']:.2f}"]
        lines.append(
            f"| {title} | {rate:,.0f} | {batch} | {compared[0]} | {compared[1]} | {kilobytes} | {nodes} | {size} |"
        )

    one = make_data(folder, "small", 1, 1)
    (jet,), _ = read_data(str(one))
    rng = np.random.default_rng(3)
    jet |= {
        "x": rng.normal(size=(50, FEATURES)).astype(np.float32),
        "points": rng.normal(0, 0.2, (50, 2)).astype(np.float32),
        "n_node": np.array([50], np.int32),
    }
    least = latency(models, padded(jet), options.calls)
    lines += [
        "",
        "| one thread, one jet of 50 candidates | ms, least | over the product of matrices |",
        "|---|---|---|",
    ]
    for name, title in (("tau", titles["padded"]), ("tau as converted", titles["padded as converted"])):
        lines.append(f"| {title} | {least[name]:.3f} | {least[name] / least['matrices']:.2f} |")
    lines.append(f"| product of two 256 x 256 matrices | {least['matrices']:.3f} | |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--jets", type=int, default=128)
    parser.add_argument("--calls", type=int, default=5000, help="of one jet")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 128], help="jets in a batch")
    parser.add_argument("--parts", type=int, nargs="+", default=[2, 4], help="and of ours also so many")
    parser.add_argument("--only", choices=list(LIBRARIES), nargs="+", help="these, ours always among them")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        alone(*options.alone)
        return
    wanted = [n for n in LIBRARIES if n != "ours" and (not options.only or n in options.only)]
    options.libraries = {name: python_of(name) for name in wanted}
    missing = [LIBRARIES[name] for name, python in options.libraries.items() if python is None]
    if missing:
        sys.exit(f"no environment with {' and '.join(missing)}: run 'sh tests/parity/make_envs.sh' first")
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(options, Path(folder))
    lines += [
        "",
        f"`python -m benchmarks.export --rounds {options.rounds}`: {options.jets} jets of 20 to 120 nodes; ratios are "
        "medians of the rounds' ratios.",
    ]
    print("\n".join(lines))
    if options.write:
        write_tables(MARKS, lines)


if __name__ == "__main__":
    main()
