"""Training from a graph store in pieces against training from memory: rate, and peak memory.

    python -m benchmarks.out_of_core top_115k.h5 [--only rates] [--folder DISK] [--count 1200000] [--write]

The file holds the published top-tagging jets (Zenodo 2603256): ``p4`` (n, 4): E, px, py, pz [GeV], ``n``, ``is_top``.
They make two stores, up to 50 candidates a jet and 16 nearest neighbours, which stay in the folder. Two tables:

- ``memory``: the jets repeated to 1.2 million. The memory of a process that trains on them and reads all of them once.
  Three minutes for the store (2 GB), then two more.
- ``rates``: 60,000 jets, which fit into memory, held and in pieces. One model of one process trains whole epochs on
  both sides, which take turns; the ratio of each round counts. Half a minute for the store, 40 s a round on two cores.

``--write`` puts the tables that were measured into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.layers import write_tables
from e2e_tf.config import RunConfig, make_config
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.grid import wrapped_angle
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.store_writer import new_store
from e2e_tf.data.streamed import StreamedGraphs
from e2e_tf.training.loop import compile_model, new_model
from e2e_tf.training.prepare import Prepared, prepare

NODES = 50
EDGES = "knn:16"
AT_ONCE = 5000
SIZE = 128  # jets in a batch
WARM_UP = 20  # batches: tracing, and the first pieces


def top_jets(path: Path) -> Jets:
    """The jets of the file, with the leading constituents relative to the jet's axis."""
    import h5py

    with h5py.File(path) as file:
        p4, counts = file["p4"][()].astype(np.float64), file["n"][()].astype(np.int64)
        label = file["is_top"][()].astype(np.int8)
    owner = np.repeat(np.arange(len(counts)), counts)
    energy, px, py, pz = np.stack([np.bincount(owner, column, len(counts)) for column in p4.T])
    pt = np.hypot(px, py)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    mass = np.sqrt(np.maximum(energy**2 - pt**2 - pz**2, 0))
    own_pt = np.hypot(p4[:, 1], p4[:, 2])
    columns = {
        "pt": own_pt,
        "energy": p4[:, 0],
        "deta": np.arcsinh(p4[:, 3] / own_pt) - eta[owner],
        "dphi": wrapped_angle(np.arctan2(p4[:, 2], p4[:, 1]) - phi[owner]),
    }
    candidates = {name: values.astype(np.float32) for name, values in columns.items()}
    jets = {"pt": pt, "eta": eta, "phi": phi, "mass": mass}
    return Jets(
        columns={name: values.astype(np.float32) for name, values in jets.items()},
        event=np.arange(len(counts), dtype=np.int64),
        weight=np.ones(len(counts), np.float32),
        label=label,
        candidates=Ragged.from_counts(candidates, counts),
    )


def repeated(jets: Jets, count: int, recipe: GraphRecipe) -> Iterator[GraphData]:
    """Graphs of the jets, again and again, with new event numbers."""
    made: list[GraphData] = []
    for start in range(0, count, AT_ONCE):
        number = start // AT_ONCE % -(-len(jets) // AT_ONCE)
        if number == len(made):
            part = jets.take(np.arange(number * AT_ONCE, min((number + 1) * AT_ONCE, len(jets))))
            made.append(build_graphs(part, recipe))
        graphs = made[number]
        yield graphs.take(np.arange(min(len(graphs), count - start)))


def write(path: Path, jets: Jets, count: int) -> int:
    """A store of so many jets; gives their number of nodes."""
    recipe = GraphRecipe(nodes="candidates", edges=EDGES, max_nodes=NODES)
    nodes = number = 0
    parts = repeated(jets, count, recipe)
    first = next(parts)
    with new_store(path, first, recipe, NODES, threads=2, force=True) as store:
        for part in chain([first], parts):
            event = np.arange(number, number + len(part), dtype=np.int64)
            store.append(replace(part, event=event))
            number, nodes = number + len(part), nodes + len(part.batch.x)
    return nodes


def settings(store: Path, memory: str, model: str) -> RunConfig:
    """The same training from memory and in pieces."""
    return make_config(
        {
            "data": {"sample": str(store), "memory": memory, "split": [0.7, 0.1, 0.2], "reweight_pt": False},
            "graph": {"nodes": "candidates", "edges": EDGES, "max_nodes": NODES},
            "model": {"name": model},
            "training": {"batch_size": SIZE},
        }
    )


def epoch_rate(model: Any, prepared: Prepared, epoch: int) -> tuple[float, float]:
    """Jets in a second, and in a processor second, of an epoch."""
    loader = prepared.train.examples.loader(model, SIZE, shuffle=True, seed=1)
    loader.epoch = epoch
    if isinstance(prepared.train.graphs, StreamedGraphs):
        prepared.train.graphs._kept.clear()  # of a larger store next to nothing would be left from the epoch before
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(loader.dataset(), verbose=0, shuffle=False)
    jets = len(prepared.train.jets)
    return jets / (time.perf_counter() - wall), jets / (time.process_time() - cpu)


def first_steps(model: Any, prepared: Prepared) -> None:
    """What a new model does once, and a few steps, which are slower than later ones."""
    loader = prepared.train.examples.loader(model, SIZE, shuffle=True, seed=1)
    model.fit(loader.dataset().take(WARM_UP), verbose=0, shuffle=False)


def peak() -> float:
    """GB that this process has needed at the most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def memory(store: Path, name: str) -> list[str]:
    """Preparing a training on a store, some steps of it, and a reading of the whole training part."""
    began = time.process_time()
    config = settings(store, "stream", name)
    prepared = prepare(config)
    preparing, least = time.process_time() - began, peak()
    model = new_model(config, prepared.train.examples, prepared.preprocess)
    compile_model(model, config.training, 1)
    first_steps(model, prepared)
    began, read = time.process_time(), 0
    for inputs, *_ in prepared.train.examples.loader(model, SIZE, shuffle=True, seed=1).batches(1):
        read += len(inputs["n_node"])
    reading = time.process_time() - began
    count = sum(len(part.jets) for part in (prepared.train, prepared.validation, prepared.test))
    cells = [f"{count:,}", f"{preparing:.0f}", f"{reading:.0f} ({read:,} jets)"]
    return [*cells, f"{peak():.2f} ({least:.2f} when prepared)", name]


def rates(store: Path, name: str, rounds: int) -> list[list[str]]:
    """Jets per second of both sides, the best of the rounds, and the median of the rounds' ratios."""
    sides = {memory: prepare(settings(store, memory, name)) for memory in ("hold", "stream")}
    config, held = settings(store, "hold", name), sides["hold"]
    model = new_model(config, held.train.examples, held.preprocess)
    compile_model(model, config.training, 1)
    for prepared in sides.values():
        first_steps(model, prepared)
    found = np.empty((rounds, 2, 2))
    for number in range(rounds):
        order = list(enumerate(sides.values()))
        for side, prepared in order if number % 2 else order[::-1]:
            found[number, side] = epoch_rate(model, prepared, number)
    best, ratio = found.max(axis=0), found[:, 1] / found[:, 0]
    rows = [[side, f"{wall:,.0f}", f"{cpu:,.0f}"] for side, (wall, cpu) in zip(sides, best, strict=True)]
    middle, low, high = np.median(ratio, axis=0), ratio.min(axis=0), ratio.max(axis=0)
    shares = [f"{m:.3f} ({a:.3f} to {b:.3f})" for m, a, b in zip(middle, low, high, strict=True)]
    return [*rows, ["stream / hold", *shares]]


def lines(head: list[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jets", type=Path, help="HDF5 file of the published jets")
    folder = Path(tempfile.gettempdir()) / "e2e-tf-out-of-core"
    parser.add_argument(
        "--folder", type=Path, default=folder, help=f"where the stores go and stay ({folder})"
    )
    parser.add_argument("--count", type=int, default=1_200_000, help="jets of the table of memory")
    parser.add_argument("--held", type=int, default=60_000, help="jets of the rates")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="gat_cheb")
    parser.add_argument("--only", choices=("memory", "rates"), help="only one of the tables")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    for what, count in (("memory", options.count), ("rates", options.held)):
        if options.only not in (None, what):
            continue
        store = options.folder / f"{count}.h5"
        if not store.exists():
            nodes = write(store, top_jets(options.jets), count)
            print(f"{store}: {nodes / count:.1f} candidates per jet", flush=True)
        if what == "memory":
            head = ["jets", "preparing [CPU s]", "reading an epoch [CPU s]", "peak memory [GB]", "model"]
            made = lines(head, [memory(store, options.model)])
        else:
            made = lines(
                ["side", "jets/s", "jets per CPU second"], rates(store, options.model, options.rounds)
            )
        print("\n".join(made), flush=True)
        if options.write:
            write_tables((f"<!-- pieces, {what}: begin -->", f"<!-- pieces, {what}: end -->"), made)


if __name__ == "__main__":
    main()
