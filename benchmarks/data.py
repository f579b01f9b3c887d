"""Speed of the loader against Spektral's and PyTorch Geometric's, scaling of the conversion, memory of an epoch.

Run ``python -m benchmarks.data``; it prints Markdown tables. Both sides of a comparison take turns in the same
run on the same graphs; wall time counts, because a loader works in the background of a training. Spektral
is a dependency, PyTorch Geometric is not: ``sh tests/parity/make_envs.sh`` makes
an environment with it, give ``--pyg`` its Python. ``--jets 1000000`` measures the
epoch of the full size, which needs some 6 GB of disk in ``--folder``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.features import Feature
from e2e_tf.data.graphs import GraphData, GraphRecipe
from e2e_tf.data.jets import concatenate_jets, read_jets, write_jets
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.samples import SAMPLES, sample_path
from e2e_tf.data.store_writer import new_store
from e2e_tf.graph import GraphBatch, edges_per_graph, knn

BATCH = 128
WIDTH = 12


def random_graphs(count: int, seed: int = 0) -> GraphBatch:
    """Graphs of 20 to 120 nodes with 12 features, 8 nearest neighbours, and two graph features."""
    rng = np.random.default_rng(seed)
    n_node = rng.integers(20, 121, count).astype(np.int32)
    x = rng.normal(size=(n_node.sum(), WIDTH)).astype(np.float32)
    senders, receivers = knn(x[:, :2], n_node, 8)
    u = rng.normal(size=(count, 2)).astype(np.float32)
    return GraphBatch(x, senders, receivers, n_node, edges_per_graph(receivers, n_node), u=u)


def exhaust(items: Iterable[Any]) -> None:
    for _ in items:
        pass


def fastest(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of each side: the least of the rounds, in which all take turns, after one that
    warms up. A side that runs elsewhere returns its processor seconds."""
    best = dict.fromkeys(sides, (float("inf"), float("inf")))
    for turn in range(rounds + 1):
        for name, side in sides.items():
            start, used = time.perf_counter(), time.process_time()
            elsewhere = side()
            wall, used = time.perf_counter() - start, time.process_time() - used
            if turn:
                cpu = elsewhere if isinstance(elsewhere, float) else used
                best[name] = min(best[name][0], wall), min(best[name][1], cpu)
    return best


def spektral_side(graphs: GraphBatch, label: np.ndarray) -> Callable[[], object]:
    from spektral.data import Dataset
    from spektral.data import DisjointLoader as SpektralLoader

    listed = graphs.to_spektral_graphs()
    for graph, value in zip(listed, label, strict=True):
        graph.y = np.array([value], np.float32)

    class InMemory(Dataset):  # type: ignore[misc]
        def read(self) -> list[Any]:
            return listed

        def download(self) -> None:
            """Nothing to download."""

    dataset = InMemory()

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exhaust(SpektralLoader(dataset, batch_size=BATCH, epochs=1, shuffle=True))

    return run


PYG = """
import sys, time
import numpy as np, torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

arrays = np.load(sys.argv[1])
nodes, edges = np.cumsum(arrays["n_node"])[:-1], np.cumsum(arrays["n_edge"])[:-1]
starts = np.concatenate([[0], nodes])
graphs = []
parts = zip(np.split(arrays["x"], nodes), np.split(arrays["senders"], edges),
            np.split(arrays["receivers"], edges), starts, arrays["u"], arrays["label"])
for x, s, r, start, u, y in parts:
    edge_index = torch.from_numpy(np.stack([s, r]).astype(np.int64) - start)
    graphs.append(Data(x=torch.from_numpy(x), edge_index=edge_index, u=torch.from_numpy(u)[None],
                       y=torch.tensor([float(y)])))
print("ready", flush=True)
for _ in sys.stdin:
    start = time.process_time()
    for _ in DataLoader(graphs, batch_size=128, shuffle=True):
        pass
    print(time.process_time() - start, flush=True)
"""


@contextmanager
def pyg_side(graphs: GraphBatch, label: np.ndarray, python: str) -> Iterator[Callable[[], object]]:
    """An epoch in a process of its own, which waits while others have their turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graphs.npz"
        np.savez(
            path,
            x=graphs.x,
            senders=graphs.senders,
            receivers=graphs.receivers,
            n_node=graphs.n_node,
            n_edge=graphs.n_edge,
            u=graphs.u,
            label=label,
        )
        command = [python, "-c", PYG, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            told, answers = process.stdin, process.stdout
            assert told is not None  # both are pipes
            assert answers is not None
            if not answers.readline():
                raise SystemExit(f"{python} cannot run PyTorch Geometric; see the message above")

            def run() -> float:
                print(file=told, flush=True)
                return float(answers.readline())

            yield run


def benchmark_loader(count: int, rounds: int, pyg: str) -> list[list[str]]:
    graphs = random_graphs(count)
    label = np.random.default_rng(1).integers(0, 2, count).astype(np.int8)
    loader = DisjointLoader(graphs, label, batch_size=BATCH, shuffle=True)
    dataset = loader.dataset()
    sides = {
        "this library, tf.data": lambda: exhaust(dataset),
        "this library, NumPy": lambda: exhaust(loader.batches(loader.epoch)),
        "Spektral DisjointLoader": spektral_side(graphs, label),
    }
    with pyg_side(graphs, label, pyg) if pyg else nullcontext() as side:
        if side is not None:
            sides["PyTorch Geometric DataLoader"] = side
        seconds = fastest(sides, rounds)
    wall, cpu = seconds["this library, tf.data"]
    targets = {"Spektral DisjointLoader": "10", "PyTorch Geometric DataLoader": "4"}
    return [
        [name, f"{count / own[0]:,.0f}", f"{own[0] / wall:.1f}", f"{own[1] / cpu:.1f}", targets.get(name, "")]
        for name, own in seconds.items()
    ]


def benchmark_conversion(copies: int, rounds: int, folder: Path) -> list[list[str]]:
    """The shipped sample several times over, as different jets, with one process and with two."""
    sample = read_jets(sample_path(next(iter(SAMPLES))))
    parts = []
    for copy in range(copies):
        event = sample.event + copy * (int(sample.event.max()) + 1)
        parts.append(type(sample)(**{**vars(sample), "event": event}))
    source = folder / "many.h5"
    write_jets(source, concatenate_jets(parts), force=True)
    found: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for processes, runs in found.items():
            start = time.perf_counter()
            # A process of its own, so that the workers' start and imports count.
            done = subprocess.run(
                [sys.executable, "-c", _CONVERT, str(source), str(folder / "out.h5"), str(processes)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            runs.append({**json.loads(done.stdout), "wall": time.perf_counter() - start})
    count = len(sample) * copies
    least = {n: {key: min(run[key] for run in runs) for key in runs[0]} for n, runs in found.items()}
    rows = []
    for processes, run in least.items():
        # On idle cores: what is serial one after the other, the rest side by side.
        idle = run["serial"] + (run["cpu"] - run["serial"]) / processes
        rows.append(
            [
                f"{processes} process{'es' if processes > 1 else ''}, {count:,} jets",
                f"{count / run['wall']:,.0f}",
                f"{least[1]['wall'] / run['wall']:.2f}",
                f"{run['cpu']:.1f}",
                f"{run['serial'] / run['cpu']:.1%}",
                f"{least[1]['cpu'] / idle:.2f}",
                "1.7" if processes == 2 else "",
            ]
        )
    return rows


_CONVERT = """
import json, resource, sys, time
from e2e_tf.data import convert as module
from e2e_tf.data.graphs import GraphRecipe

run, marks = module._run, []

def marked(*arguments):
    marks.append(time.process_time())
    yield from run(*arguments)
    marks.append(time.process_time())

def cpu(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime

if __name__ == "__main__":
    module._run = marked
    module.convert([sys.argv[1]], sys.argv[2], GraphRecipe(), processes=int(sys.argv[3]), force=True)
    # Serial is what this process does before there are workers and when all parts are made.
    serial = marks[0] + time.process_time() - marks[1]
    total = cpu(resource.RUSAGE_SELF) + cpu(resource.RUSAGE_CHILDREN)
    print(json.dumps({"cpu": total, "serial": serial}))
"""

_EPOCH = """
import json, resource, sys, time
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.data.store import GraphStore

with GraphStore(sys.argv[1]) as store:
    loader = DisjointLoader(store, batch_size=128, shuffle=True)
    start, seen = time.perf_counter(), 0
    for inputs, label in loader.dataset():
        seen += int(label.shape[0])
    seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps({"seen": seen, "seconds": seconds, "peak": peak}))
"""


def synthetic_store(path: Path, jets: int) -> None:
    """A store of random graphs, 16,384 at a time."""
    at_once = 16384
    graphs = random_graphs(at_once)
    rng = np.random.default_rng(2)

    def data(count: int) -> GraphData:
        some = graphs.take(rng.integers(0, at_once, count))
        return GraphData(
            batch=some,
            event=np.arange(count, dtype=np.int64),
            weight=np.ones(count, np.float32),
            label=rng.integers(0, 2, count).astype(np.int8),
            jets={"pt": rng.uniform(20, 200, count).astype(np.float32)},
            node_features=tuple(Feature(f"f{i}", "", "random") for i in range(WIDTH)),
            jet_features=(Feature("g0", "", "random"), Feature("g1", "", "random")),
            positions=some.x[:, :2].copy(),
        )

    recipe = GraphRecipe(nodes="candidates", edges="knn:8")
    with new_store(path, data(1), recipe, 120, threads=os.cpu_count() or 1, force=True) as writer:
        for start in range(0, jets, at_once):
            writer.append(data(min(at_once, jets - start)))


def benchmark_memory(jets: int, folder: Path) -> list[list[str]]:
    path = folder / "jets.h5"
    synthetic_store(path, jets)
    found = subprocess.run(
        [sys.executable, "-c", _EPOCH, str(path)], check=True, capture_output=True, text=True
    )
    result = json.loads(found.stdout.splitlines()[-1])
    size = path.stat().st_size
    path.unlink()
    return [
        [
            f"{result['seen']:,}",
            f"{size / 2**30:.2f}",
            f"{result['seen'] / result['seconds']:,.0f}",
            f"{result['peak']:.2f}",
            "1.5" if jets >= 10**6 else "",
        ]
    ]


def table(head: list[str], rows: list[list[str]]) -> None:
    for cells in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(cells) + " |")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", type=int, default=32768, help="graphs of the loaders")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement")
    parser.add_argument("--pyg", default="", help="a Python with PyTorch Geometric")
    parser.add_argument("--copies", type=int, default=24, help="copies of the sample to convert")
    parser.add_argument("--jets", type=int, default=100_000, help="jets of the epoch from disk")
    parser.add_argument("--folder", type=Path, default=None, help="where the stores go meanwhile")
    parser.add_argument("--only", choices=("loader", "conversion", "memory"), help="only one of the tables")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        if options.only in (None, "loader"):
            rows = benchmark_loader(options.graphs, options.rounds, options.pyg)
            table(
                [
                    f"loader, 20-120 nodes, k = 8, batch {BATCH}",
                    "graphs/s",
                    "time ratio",
                    "CPU ratio",
                    "target",
                ],
                rows,
            )
        if options.only in (None, "conversion"):
            rows = benchmark_conversion(options.copies, min(3, options.rounds), folder)
            head = ["jets/s", "speed-up", "CPU [s]", "serial", "speed-up by CPU time", "target"]
            table(["conversion, knn:8+delaunay", *head], rows)
        if options.only in (None, "memory"):
            rows = benchmark_memory(options.jets, folder)
            table(["epoch from disk, jets", "store [GiB]", "jets/s", "peak memory [GiB]", "limit"], rows)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
