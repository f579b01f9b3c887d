"""gat_cheb against the same model of Spektral's own layers and of PyTorch Geometric's, on the same two cores.

    python -m benchmarks.layers [--rounds 7] [--threads 2] [--only ours] [--write]

Every library runs in a process and an environment of its own (``sh tests/parity/make_envs.sh`` makes them;
E2E_TF_SPEKTRAL_PYTHON and E2E_TF_PYG_PYTHON may name others) on the same graphs with the same parameters, which are
first checked to give the same scores. Then they take turns, one measurement each, round after round, so that
what else the machine does hits all of them alike; the ratio of each round counts, and its median is printed.

Small graphs: 1,024 of 20 to 120 nodes, 8 neighbours and 17 features, in batches of 128 of similar size. Large
ones: 32 of 1,000 nodes in batches of 4. Ours builds the graphs from coordinates, in a thread beside the model, and
makes the Laplacian within the time that counts; the others get finished matrices and tensors. Memory is what the
largest moment of the measurement needs beyond the process with its model. ``--write`` puts the tables into
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

ROOT = Path(__file__).parents[1]
FEATURES, GLOBALS, K = 17, 2, 8
HEADS, CHEB, ORDER, DENSE = (1, 2, 4), (128, 64, 32), 3, (256, 128)
LIBRARIES = {"ours": "this library", "spektral": "Spektral 1.3", "pyg": "PyTorch Geometric"}
SETS = {"small": (1024, 128), "large": (32, 4)}  # graphs, graphs in a batch
WORK = ("training", "inference")
MARKS = ("<!-- layers: begin -->", "<!-- layers: end -->")


# ---- the graphs, made once by the parent -----------------------------------------------------------------


def make_data(folder: Path, kind: str, graphs: int, batch: int) -> Path:
    """Batches of graphs, and what the other libraries get beside them, in one file."""
    from e2e_tf.graph import knn

    rng = np.random.default_rng(0)
    sizes = np.sort(rng.integers(20, 121, graphs)) if kind == "small" else np.full(graphs, 1000)
    arrays: dict[str, np.ndarray] = {}
    for number, start in enumerate(range(0, graphs, batch)):
        n_node = sizes[start : start + batch].astype(np.int32)
        n = int(n_node.sum())
        points = rng.normal(size=(n, 2)).astype(np.float32)
        senders, receivers = knn(points, n_node, K)
        # S = (A + Aᵀ) / 2, once for each direction.
        pair, count = np.unique(
            np.concatenate(
                [senders.astype(np.int64) * n + receivers, receivers.astype(np.int64) * n + senders]
            ),
            return_counts=True,
        )
        part = {
            "x": rng.normal(size=(n, FEATURES)).astype(np.float32),
            "points": points,
            "n_node": n_node,
            "u": rng.normal(size=(len(n_node), GLOBALS)).astype(np.float32),
            "label": rng.integers(0, 2, (len(n_node), 1)).astype(np.float32),
            "senders": senders,
            "receivers": receivers,
            "s_senders": (pair // n).astype(np.int32),
            "s_receivers": (pair % n).astype(np.int32),
            "s_weight": (0.5 * count).astype(np.float32),
        }
        arrays |= {f"{number}/{name}": values for name, values in part.items()}
    weights = []
    before = FEATURES
    for width in HEADS:
        shapes = [(before, width, 32), (32, width, 1), (32, width, 1), (32 * width,)]
        weights += [rng.normal(0, 0.3 / np.sqrt(s[0]), s) for s in shapes]
        before = 32 * width
    for channels in CHEB:
        weights += [rng.normal(0, 0.5 / np.sqrt(before), (ORDER, before, channels)), np.zeros(channels)]
        before = channels
    before += GLOBALS
    for units in (*DENSE, 1):
        weights += [rng.normal(0, 1 / np.sqrt(before), (before, units)), np.zeros(units)]
        before = units
    arrays |= {f"weight/{i:02d}": value.astype(np.float32) for i, value in enumerate(weights)}
    path = folder / f"{kind}.npz"
    np.savez(path, **arrays)
    return path


def read_data(path: str) -> tuple[list[dict[str, np.ndarray]], list[np.ndarray]]:
    batches: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path) as data:
        for key in data.files:
            number, name = key.split("/")
            batches.setdefault(number, {})[name] = data[key]
    weights = batches.pop("weight")
    return [batches[str(i)] for i in range(len(batches))], list(weights.values())


# ---- one library each, in a process of its own -----------------------------------------------------------


class Ours:
    def __init__(self, batches: list[dict[str, np.ndarray]], weights: list[np.ndarray], threads: int) -> None:
        import keras
        import tensorflow as tf

        from e2e_tf.models.gat_cheb import GATCheb, gat_cheb

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        # As documented: dense blocks up to some 300 nodes, edge lists above.
        layout = "blocks" if max(batch["n_node"].max() for batch in batches) <= 300 else "edges"
        model = gat_cheb(FEATURES, GLOBALS, GATCheb(layout=layout))
        model.set_weights(weights)
        model.compile("rmsprop", "binary_crossentropy", jit_compile=False)
        model.optimizer.build(model.trainable_weights)
        self.batches, self.weights = batches, int(model.count_params())

        @tf.function(reduce_retracing=True)
        def step(inputs: Any, label: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(keras.losses.binary_crossentropy(label, model(inputs, training=True)))
            variables = model.trainable_weights
            model.optimizer.apply(tape.gradient(loss, variables), variables)
            return loss

        self.step = step
        self.score = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def inputs(self) -> Iterator[dict[str, Any]]:
        """Batches with their graphs, built in a thread beside the model, as a loader's prefetch does."""
        import tensorflow as tf

        from e2e_tf.graph import knn

        def build(batch: dict[str, np.ndarray]) -> dict[str, Any]:
            senders, receivers = knn(batch["points"], batch["n_node"], K)
            same = {name: batch[name] for name in ("x", "n_node", "u")}
            inputs = {**same, "senders": senders, "receivers": receivers}
            return {name: tf.convert_to_tensor(value) for name, value in inputs.items()}

        with ThreadPoolExecutor(1) as pool:
            yield from pool.map(build, self.batches)

    def training(self) -> None:
        for batch, inputs in zip(self.batches, self.inputs(), strict=True):
            self.step(inputs, batch["label"])

    def inference(self) -> list[np.ndarray]:
        return [self.score(inputs).numpy() for inputs in self.inputs()]


class Spektral:
    def __init__(self, batches: list[dict[str, np.ndarray]], weights: list[np.ndarray], threads: int) -> None:
        import tensorflow as tf
        from spektral import layers
        from tensorflow import keras

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        x = x_in = keras.Input((FEATURES,))
        a, laplacian = (keras.Input((None,), sparse=True) for _ in range(2))
        graph, u = keras.Input((), dtype=tf.int64), keras.Input((GLOBALS,))
        for heads in HEADS:
            x = layers.GATConv(32, heads, dropout_rate=0.0, activation="relu")([x, a])
        for channels in CHEB:
            x = layers.ChebConv(channels, K=ORDER, activation="relu")([x, laplacian])
        h = tf.concat([layers.GlobalAvgPool()([x, graph]), u], axis=1)
        for units in DENSE:
            h = keras.layers.Dense(units, activation="relu")(h)
        model = keras.Model([x_in, a, laplacian, graph, u], keras.layers.Dense(1, activation="sigmoid")(h))
        model.set_weights(weights)
        self.weights, self.data = model.count_params(), []
        for batch in batches:
            n = len(batch["x"])

            def sparse(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, n: int = n) -> Any:
                index = np.stack([rows, columns], axis=1).astype(np.int64)
                return tf.sparse.reorder(tf.SparseTensor(index, values.astype(np.float32), (n, n)))

            adjacency = sparse(batch["senders"], batch["receivers"], np.ones(len(batch["senders"])))
            scaled = sparse(batch["s_receivers"], batch["s_senders"], laplacian_weights(batch))
            ids = np.repeat(np.arange(len(batch["n_node"])), batch["n_node"])
            inputs = [tf.constant(batch["x"]), adjacency, scaled, tf.constant(ids), tf.constant(batch["u"])]
            self.data.append((inputs, tf.constant(batch["label"])))
        optimizer = keras.optimizers.RMSprop(1e-3)
        optimizer.build(model.trainable_variables)

        @tf.function(reduce_retracing=True)
        def step(inputs: Any, label: Any) -> Any:
            with tf.GradientTape() as tape:
                score = model(inputs, training=True)
                loss = tf.reduce_mean(keras.losses.binary_crossentropy(label, score))
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))  # noqa: B905
            return loss

        self.step = step
        self.score = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def training(self) -> None:
        for inputs, label in self.data:
            self.step(inputs, label)

    def inference(self) -> list[np.ndarray]:
        return [self.score(inputs).numpy() for inputs, _ in self.data]


class PyG:
    def __init__(self, batches: list[dict[str, np.ndarray]], weights: list[np.ndarray], threads: int) -> None:
        import torch
        from torch import nn
        from torch_geometric.nn import ChebConv, GATConv, global_mean_pool

        torch.set_num_threads(threads)

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                widths = [FEATURES, *(32 * heads for heads in HEADS)]
                self.gat = nn.ModuleList(GATConv(w, 32, heads=h) for w, h in zip(widths, HEADS, strict=False))
                widths = [widths[-1], *CHEB]
                self.cheb = nn.ModuleList(ChebConv(a, b, K=ORDER) for a, b in zip(widths, CHEB, strict=False))
                widths = [CHEB[-1] + GLOBALS, *DENSE, 1]
                self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

            def forward(self, x: Any, edges: Any, pairs: Any, weight: Any, graph: Any, n: int, u: Any) -> Any:
                for layer in self.gat:
                    x = torch.relu(layer(x, edges))
                for layer in self.cheb:
                    x = torch.relu(layer(x, pairs, weight))
                h = torch.cat([global_mean_pool(x, graph, n), u], dim=1)
                for layer in self.dense[:-1]:
                    h = torch.relu(layer(h))
                return torch.sigmoid(self.dense[-1](h))

        model = Net()
        source = iter(weights)
        state = {}
        for i in range(len(HEADS)):
            kernel, own, other, bias = (next(source) for _ in range(4))
            state[f"gat.{i}.lin.weight"] = kernel.reshape(len(kernel), -1).T
            state[f"gat.{i}.att_dst"], state[f"gat.{i}.att_src"] = (
                own.transpose(2, 1, 0),
                other.transpose(2, 1, 0),
            )
            state[f"gat.{i}.bias"] = bias
        for i in range(len(CHEB)):
            for k, kernel in enumerate(next(source)):
                state[f"cheb.{i}.lins.{k}.weight"] = kernel.T
            state[f"cheb.{i}.bias"] = next(source)
        for i in range(len(DENSE) + 1):
            state[f"dense.{i}.weight"], state[f"dense.{i}.bias"] = next(source).T, next(source)
        model.load_state_dict({k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in state.items()})
        self.model, self.torch = model, torch
        self.weights = sum(p.numel() for p in model.parameters())
        self.optimizer = torch.optim.RMSprop(model.parameters(), 1e-3)
        self.loss = nn.BCELoss()
        self.data = []
        for batch in batches:
            tensor = {name: torch.from_numpy(values) for name, values in batch.items()}
            edges, pairs = (
                torch.stack([tensor[f"{p}senders"], tensor[f"{p}receivers"]]).long() for p in ("", "s_")
            )
            ids = torch.repeat_interleave(torch.arange(len(tensor["n_node"])), tensor["n_node"].long())
            inputs = (tensor["x"], edges, pairs, tensor["s_weight"], ids, len(tensor["n_node"]), tensor["u"])
            self.data.append((inputs, tensor["label"]))

    def training(self) -> None:
        self.model.train()
        for inputs, label in self.data:
            self.optimizer.zero_grad()
            self.loss(self.model(*inputs), label).backward()
            self.optimizer.step()

    def inference(self) -> list[np.ndarray]:
        self.model.eval()
        with self.torch.inference_mode():
            return [self.model(*inputs).numpy() for inputs, _ in self.data]


def laplacian_weights(batch: dict[str, np.ndarray]) -> np.ndarray:
    """Entries of the scaled Laplacian, -D^-1/2 S D^-1/2, of the directed pairs of S."""
    degree = np.bincount(batch["s_receivers"], batch["s_weight"], len(batch["x"]))
    root = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    return -root[batch["s_senders"]] * batch["s_weight"] * root[batch["s_receivers"]]


def work(library: str, path: str, threads: int) -> None:
    """Answer the parent's commands on standard input, one JSON line each."""
    batches, weights = read_data(path)
    runner = {"ours": Ours, "spektral": Spektral, "pyg": PyG}[library](batches, weights, threads)
    # Scores before anything is trained; this also compiles, and so does one pass of training.
    np.savez(f"{path}.{library}.npz", *runner.inference())
    before = resident()
    runner.training()
    runner.inference()
    print(json.dumps({"weights": runner.weights}), flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        getattr(runner, line.strip())()
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({**took, "memory": max(0.0, peak - before)}), flush=True)


def resident() -> float:
    """MiB of memory that this process has now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


# ---- the parent ----------------------------------------------------------------------------------------


def python_of(library: str) -> str | None:
    """The python in which a library runs, as the parity tests find it."""
    if library == "ours":
        return sys.executable
    named = os.environ.get(f"E2E_TF_{library.upper()}_PYTHON")
    path = Path(named or ROOT / f".venv-{library}" / "bin" / "python")
    if path.exists():
        return str(path)
    if library == "spektral" and importlib.util.find_spec("tf_keras"):
        return sys.executable
    return None


class Worker:
    def __init__(self, library: str, python: str, path: Path, threads: int) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "VIRTUAL_ENV"))}
        clean |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": str(threads)}
        if library == "spektral":
            clean["TF_USE_LEGACY_KERAS"] = "1"
        command = [python, __file__, "--worker", library, "--data", str(path), "--threads", str(threads)]
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (open as long as the process)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=clean
        )

    def answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.log.seek(0)
        sys.exit(f"{' '.join(self.process.args[:4])} ended:\n{self.log.read()[-3000:]}")

    def ask(self, what: str) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


def measure(kind: str, found: dict[str, str], options: argparse.Namespace, folder: Path) -> list[str]:
    graphs, batch = SETS[kind]
    graphs = max(batch, graphs // options.shrink)
    path = make_data(folder, kind, graphs, batch)
    workers = {}
    for library, python in found.items():  # one after the other, so that they start undisturbed
        workers[library] = Worker(library, python, path, options.threads)
        print(f"{kind}: {LIBRARIES[library]}, {workers[library].answer()['weights']} parameters", flush=True)
    scores = {}
    for library in workers:
        with np.load(f"{path}.{library}.npz") as data:
            scores[library] = np.concatenate([data[key] for key in data.files])
        difference = float(np.abs(scores[library] - scores["ours"]).max())
        if not difference < 1e-4:
            sys.exit(f"{LIBRARIES[library]} computes something else: scores differ by {difference:.1e}")
    rounds: dict[tuple[str, str], list[dict[str, float]]] = {}
    for number in range(options.rounds):
        for what in WORK:
            order = list(workers) if number % 2 == 0 else list(workers)[::-1]
            for library in order:
                rounds.setdefault((library, what), []).append(workers[library].ask(what))
    for worker in workers.values():
        worker.close()
    lines = []
    for what in WORK:
        for library in workers:
            taken = rounds[library, what]
            rate = graphs / min(one["wall"] for one in taken)
            ratios = {
                clock: [them[clock] / us[clock] for us, them in zip(rounds["ours", what], taken, strict=True)]
                for clock in ("wall", "cpu")
            }
            ratio = [f"{np.median(values):.2f}" if library != "ours" else "" for values in ratios.values()]
            memory = max(one["memory"] for one in rounds[library, WORK[-1]])
            lines.append(
                f"| {what} | {LIBRARIES[library]} | {rate:,.0f} | {ratio[0]} | {ratio[1]} | {memory:,.0f} |"
            )
    return lines


def write_tables(marks: tuple[str, str], lines: list[str]) -> None:
    """Put lines between two marks of docs/benchmarks.md, in place of what is there."""
    path = ROOT / "docs" / "benchmarks.md"
    before, _, rest = path.read_text(encoding="utf-8").partition(marks[0])
    after = rest.partition(marks[1])[2]
    body = "\n".join([marks[0], *lines, marks[1]])
    part = path.with_suffix(".part")
    part.write_text(f"{before.rstrip()}\n\n{body}\n\n{after.lstrip()}", encoding="utf-8")
    part.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=list(LIBRARIES), nargs="+", help="these, ours always among them")
    parser.add_argument("--sets", choices=list(SETS), nargs="+", default=list(SETS))
    parser.add_argument("--shrink", type=int, default=1, help="so many times fewer graphs, to try it out")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--worker", choices=list(LIBRARIES), help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.data, options.threads)
        return
    if options.write and (options.shrink > 1 or options.only or len(options.sets) < len(SETS)):
        sys.exit("--write takes the whole measurement: leave out --shrink, --only and --sets")
    wanted = [name for name in LIBRARIES if name == "ours" or not options.only or name in options.only]
    found = {name: python_of(name) for name in wanted}
    missing = [LIBRARIES[name] for name, python in found.items() if python is None]
    if missing:
        sys.exit(f"no environment with {' and '.join(missing)}: run 'sh tests/parity/make_envs.sh' first")
    started = time.perf_counter()
    text = []
    titles = {
        "small": "1,024 graphs of 20 to 120 nodes, batches of 128",
        "large": "32 graphs of 1,000 nodes, batches of 4",
    }
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.sets:
            lines = measure(kind, {k: v for k, v in found.items() if v}, options, Path(folder))
            head = "| | library | graphs/s, best | ours over it | in processor time | memory [MiB] |"
            text += [f"{titles[kind]}, k = {K}:", "", head, "|---|---|---|---|---|---|", *lines, ""]
    text.append(
        f"`python -m benchmarks.layers --rounds {options.rounds} --threads {options.threads}`: ratios are medians "
        "of the rounds' ratios; graph building counts on our side only."
    )
    print("\n".join(text))
    print(f"{time.perf_counter() - started:.0f} s")
    if options.write:
        write_tables(MARKS, text)


if __name__ == "__main__":
    main()
