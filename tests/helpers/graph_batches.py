"""Small disjoint batches for the models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Batch = dict[str, np.ndarray]


def disjoint_batch(counts: Sequence[int], n_features: int = 6, n_globals: int = 2, seed: int = 0) -> Batch:
    """Graphs of so many nodes, every third pair without an edge."""
    rng = np.random.default_rng(seed)
    senders, receivers, start = [], [], 0
    for count in counts:
        for i in range(count):
            for j in range(count):
                if i != j and (i + j) % 3:
                    senders.append(start + j)
                    receivers.append(start + i)
        start += count
    batch = {
        "x": rng.normal(size=(start, n_features)).astype(np.float32),
        "senders": np.array(senders, np.int32),
        "receivers": np.array(receivers, np.int32),
        "n_node": np.array(counts, np.int32),
    }
    if n_globals:
        batch["u"] = rng.normal(size=(len(counts), n_globals)).astype(np.float32)
    return batch


def one_graph(batch: Batch, graph: int) -> Batch:
    """A graph of a batch alone."""
    ends = np.cumsum(batch["n_node"])
    nodes = slice(ends[graph] - batch["n_node"][graph], ends[graph])
    edges = (batch["receivers"] >= nodes.start) & (batch["receivers"] < nodes.stop)
    alone = {key: batch[key][edges] - nodes.start for key in ("senders", "receivers")}
    alone |= {"n_node": batch["n_node"][graph : graph + 1]}
    for key, values in batch.items():
        if key == "u":
            alone[key] = values[graph : graph + 1]
        elif key not in alone:
            alone[key] = values[nodes]
    return alone


def permuted(batch: Batch, seed: int = 1) -> tuple[Batch, np.ndarray]:
    """The same graphs with their nodes in another order, and that order."""
    rng, start, order = np.random.default_rng(seed), 0, []
    for count in batch["n_node"]:
        order.append(start + rng.permutation(count))
        start += count
    index = np.concatenate(order)
    place = np.argsort(index).astype(np.int32)
    moved = {key: place[batch[key]] for key in ("senders", "receivers")} | {"n_node": batch["n_node"]}
    for key, values in batch.items():
        if key not in moved:
            moved[key] = values if key == "u" else values[index]
    return moved, index
