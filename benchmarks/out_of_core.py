"""Training from a graph store in pieces against training from memory: rate, and peak memory.

Run ``python -m benchmarks.out_of_core top_115k.h5 --folder DISK`` with the published top-tagging jets (Zenodo 2603256),
``p4`` (n, 4): E, px, py, pz [GeV], ``n`` and ``is_top``. It makes stores (2 GB, once), with the jets repeated to 1.2
million, up to 50 candidates each and 16 nearest neighbours, and prints Markdown tables: the memory of a process that
trains on the large store, and reads all of it once; and the rates of both sides on a smaller one, which fits into
memory. The two train one model in one process and take turns. The steps that are timed come after the first ones, and
groups of pieces are read within them as often as in a whole epoch.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import table
from e2e_tf.config import RunConfig, make_config
from e2e_tf.data.graphs import GraphData, GraphRecipe, build_graphs
from e2e_tf.data.grid import wrapped_angle
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.data.store_writer import new_store
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


class Timer:
    """Seconds, and processor seconds, of the batches after the first ones."""

    def __init__(self) -> None:
        import keras

        timer = self

        class Callback(keras.callbacks.Callback):  # type: ignore[misc]
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                if batch + 1 == WARM_UP:
                    timer.began = time.perf_counter(), time.process_time()

        self.began = (0.0, 0.0)
        self.callback = Callback()

    def seconds(self) -> tuple[float, float]:
        return time.perf_counter() - self.began[0], time.process_time() - self.began[1]


def rate(model: Any, prepared: Prepared, steps: int, epoch: int) -> tuple[float, float]:
    """Jets in a second, and in a processor second, of so many batches of an epoch."""
    loader = prepared.train.examples.loader(model, SIZE, shuffle=True, seed=1)
    loader.epoch = epoch
    timer = Timer()
    model.fit(loader.dataset().take(WARM_UP + steps), verbose=0, callbacks=[timer.callback], shuffle=False)
    wall, cpu = timer.seconds()
    return steps * SIZE / wall, steps * SIZE / cpu


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
    rate(model, prepared, WARM_UP, 0)
    began, read = time.process_time(), 0
    for inputs, *_ in prepared.train.examples.loader(model, SIZE, shuffle=True, seed=1).batches(1):
        read += len(inputs["n_node"])
    reading = time.process_time() - began
    count = sum(len(part.jets) for part in (prepared.train, prepared.validation, prepared.test))
    cells = [f"{count:,}", f"{preparing:.0f}", f"{reading:.0f} ({read:,} jets)"]
    return [*cells, f"{peak():.2f} ({least:.2f} when prepared)", name]


def rates(store: Path, name: str, steps: int, rounds: int) -> list[list[str]]:
    """Jets per second of both sides, which take turns; the best of the rounds."""
    sides = {memory: prepare(settings(store, memory, name)) for memory in ("hold", "stream")}
    config, held = settings(store, "hold", name), sides["hold"]
    model = new_model(config, held.train.examples, held.preprocess)
    compile_model(model, config.training, 1)
    rate(model, held, WARM_UP, 0)  # the first steps of a model are slower
    best = {side: (0.0, 0.0) for side in sides}
    for number in range(rounds):
        for side, prepared in sides.items():
            found = rate(model, prepared, steps, number)
            best[side] = max(best[side][0], found[0]), max(best[side][1], found[1])
    rows = [[side, f"{wall:,.0f}", f"{cpu:,.0f}"] for side, (wall, cpu) in best.items()]
    return [*rows, ["stream / hold", *(f"{best['stream'][i] / best['hold'][i]:.3f}" for i in (0, 1))]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jets", type=Path, help="HDF5 file of the published jets")
    parser.add_argument("--folder", type=Path, required=True, help="where the stores go and stay")
    parser.add_argument("--count", type=int, default=1_200_000)
    parser.add_argument("--held", type=int, default=60_000, help="jets of the rates")
    parser.add_argument("--steps", type=int, default=180, help="batches of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="gat_cheb")
    parser.add_argument("--only", choices=("memory", "rates"), help="only one of the tables")
    options = parser.parse_args()
    for name, count in (("held.h5", options.held), ("streamed.h5", options.count)):
        if not (options.folder / name).exists():
            nodes = write(options.folder / name, top_jets(options.jets), count)
            print(f"{name}: {nodes / count:.1f} candidates per jet", flush=True)
    if options.only in (None, "memory"):
        head = ["jets", "preparing [CPU s]", "reading an epoch [CPU s]", "peak memory [GB]", "model"]
        table(head, [memory(options.folder / "streamed.h5", options.model)])
    if options.only in (None, "rates"):
        rows = rates(options.folder / "held.h5", options.model, options.steps, options.rounds)
        table(["side", "jets/s", "jets per CPU second"], rows)


if __name__ == "__main__":
    main()
