"""Standard graphs, and the forms in which layers take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

F = 5  # node features of the standard graphs


@dataclass(frozen=True)
class Graphs:
    """A disjoint batch in NumPy."""

    x: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    n_node: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.n_node, dtype=np.int32) - self.n_node

    @property
    def graph_id(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.n_node)), self.n_node)

    @property
    def size(self) -> int:
        return max(1, int(self.n_node.max(initial=0)))

    @property
    def local(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Graph, receiver and sender of each edge, nodes counted within their graph."""
        graph = self.graph_id[self.receivers]
        return graph, self.receivers - self.starts[graph], self.senders - self.starts[graph]

    def blocks(self, rows: np.ndarray | None = None) -> np.ndarray:
        rows = self.x if rows is None else rows
        out = np.zeros((len(self.n_node), self.size, rows.shape[-1]), rows.dtype)
        out[self.graph_id, np.arange(len(self.x)) - self.starts[self.graph_id]] = rows
        return out

    def mask(self) -> np.ndarray:
        return (np.arange(self.size) < self.n_node[:, None]).astype(np.float32)

    def dense(self, weights: np.ndarray | None = None) -> np.ndarray:
        a = np.zeros(
            (len(self.n_node), self.size, self.size), np.float32 if weights is None else weights.dtype
        )
        np.add.at(a, self.local, 1.0 if weights is None else weights)
        return a

    def alone(self, i: int) -> Graphs:
        nodes = self.graph_id == i
        edges = self.local[0] == i
        start = self.starts[i]
        return Graphs(
            self.x[nodes], self.senders[edges] - start, self.receivers[edges] - start, self.n_node[i : i + 1]
        )

    def permuted(self, seed: int) -> tuple[Graphs, np.ndarray]:
        """The nodes of each graph in another order; ``new.x == old.x[order]``."""
        rng = np.random.default_rng(seed)
        order = np.concatenate(
            [
                np.zeros(0, int),
                *(s + rng.permutation(n) for s, n in zip(self.starts, self.n_node, strict=True)),
            ]
        )
        position = np.argsort(order).astype(np.int32)
        return Graphs(self.x[order], position[self.senders], position[self.receivers], self.n_node), order


def make_graphs(sizes: Sequence[int], edges: Sequence[int], seed: int, features: int = F) -> Graphs:
    """Random graphs of given sizes and numbers of edges, one of them in both directions, a loop and a double."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum(sizes) - sizes
    senders, receivers = [], []
    for start, n, m in zip(starts, sizes, edges, strict=True):
        s, r = rng.integers(0, max(n, 1), m), rng.integers(0, max(n, 1), m)
        if m >= 4:
            s[1], r[1] = s[0], r[0]  # listed twice
            r[2] = s[2]  # a loop
        senders.append(start + s)
        receivers.append(start + r)
    x = rng.normal(size=(sum(sizes), features)).astype(np.float32)
    none = np.zeros(0, np.int32)
    return Graphs(
        x,
        np.concatenate([none, *senders]).astype(np.int32),
        np.concatenate([none, *receivers]).astype(np.int32),
        np.array(sizes, np.int32),
    )


# An empty graph in the middle and at the end, a single node, a graph without edges, doubles and loops.
STANDARD = make_graphs([5, 0, 1, 4, 6, 0], [9, 0, 0, 0, 14, 0], seed=1)
OTHER = make_graphs([7, 2, 3], [11, 2, 5], seed=2)
EMPTY = make_graphs([0], [0], seed=3)
# The standard graphs with features that need all digits of float64.
DOUBLE = replace(STANDARD, x=np.random.default_rng(7).normal(size=STANDARD.x.shape))
# A batch of each kind that has little in it.
SPARSE_GRAPHS = {
    "no graphs": make_graphs([], [], seed=4),
    "a graph without nodes": EMPTY,
    "a node": make_graphs([1], [0], seed=5),
    "a node with a loop": make_graphs([1], [1], seed=6),
    "features of 0": replace(STANDARD, x=np.where(np.arange(5) % 2, STANDARD.x, np.float32(0))),
    "graphs without edges": make_graphs([3, 0, 1, 2, 0, 0], [0, 0, 0, 0, 0, 0], seed=7),
}


@dataclass(frozen=True)
class Form:
    """One form in which a layer takes graphs.

    Attributes:
        name: for messages.
        feed: the inputs of the layer, nested as it takes them, as NumPy arrays (or a sparse tensor).
        rows: the rows of the output that belong to something real, in one order for all forms.
        blocks: the shapes are those of padded blocks.
        exports: leave out the ONNX export where false.
        like: the name of a form whose code gives the gradients of this one, so that their modes are checked once.
    """

    name: str
    feed: Callable[[Graphs], Any]
    rows: Callable[[Any, Graphs], Any]
    blocks: bool = False
    exports: bool = True
    like: str = ""

    @property
    def compiles(self) -> bool:
        """XLA takes all tensors but sparse ones."""
        return not any(isinstance(part, tf.SparseTensor) for part in tf.nest.flatten(self.feed(STANDARD)))


def flat_rows(output: Any, graphs: Graphs) -> Any:
    return output


def node_rows(output: Any, graphs: Graphs) -> Any:
    return tf.boolean_mask(output, graphs.mask() > 0)


def edge_rows(output: Any, graphs: Graphs) -> Any:
    return tf.gather_nd(output, np.stack(graphs.local, axis=1).astype(np.int32))


def pair_rows(output: Any, graphs: Graphs) -> Any:
    mask = graphs.mask() > 0
    return tf.boolean_mask(output, mask[:, :, None] & mask[:, None, :])


def sparse(graphs: Graphs, rows: str = "senders", weights: np.ndarray | None = None) -> tf.SparseTensor:
    pair = (graphs.senders, graphs.receivers) if rows == "senders" else (graphs.receivers, graphs.senders)
    n = len(graphs.x)
    values = np.ones(len(graphs.senders), np.float32) if weights is None else weights
    return tf.SparseTensor(np.stack(pair, axis=1).astype(np.int64), values, (n, n))


EDGES = Form("edges", lambda g: [g.x, (g.senders, g.receivers)], flat_rows)
SPARSE = Form("sparse", lambda g: [g.x, sparse(g)], flat_rows, exports=False)
BLOCKS = Form("blocks", lambda g: [g.blocks(), g.dense()], node_rows, blocks=True)
MASKED = Form("masked blocks", lambda g: [g.blocks(), g.dense(), g.mask()], node_rows, blocks=True)
COUNTED = Form("counted nodes", lambda g: [g.x, g.n_node], flat_rows)
COUNTED_BLOCKS = Form("counted blocks", lambda g: [g.blocks(), g.mask()], node_rows, blocks=True)
POOLED_BLOCKS = Form("pooled blocks", lambda g: [g.blocks(), g.mask()], flat_rows, blocks=True)
EDGE_ROWS = Form("edge rows", lambda g: [g.blocks(), g.dense()], edge_rows, blocks=True, like="blocks")


def set_weights(layer: Any, seed: int = 0) -> None:
    """Weights without special values, biases and statistics included."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        values = rng.normal(size=weight.shape) * 0.5
        weight.assign(np.abs(values) + 0.5 if "variance" in weight.name else values)


def tensors(feed: Any) -> Any:
    return tf.nest.map_structure(
        lambda part: part if isinstance(part, tf.SparseTensor) else tf.convert_to_tensor(part), feed
    )


def shapes(form: Form) -> list[tuple[tuple[int | None, ...], Any]]:
    """Shape and dtype of every input, free where two batches differ."""
    first, second = (tf.nest.flatten(form.feed(g)) for g in (STANDARD, OTHER))
    return [
        (tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)), a.dtype)
        for a, b in zip(first, second, strict=True)
    ]


def run(layer: Any, form: Form, graphs: Graphs, reset: bool = False) -> np.ndarray:
    inputs = tensors(form.feed(graphs))
    output = layer(inputs)
    if reset:
        set_weights(layer)
        output = layer(inputs)
    return np.array(form.rows(output, graphs))
