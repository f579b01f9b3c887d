"""The tensors that a hand-off takes and gives: float32, no rank 0, by the rules of CMSSW's wrappers.

``edges``, the leading-one disjoint form for graphs that are built outside::

    x           (1, N, F)   node features, normalised by preprocess.json
    edge_index  (1, 2, E)   senders, receivers, counted over all nodes, as float32
    batch       (1, N)      the graph of each node, rising from 0, as float32
    u           (1, B, G)   graph-level features; B says how many graphs there are
    score       (1, B, C)

``padded``, the form of CMSSW's ParticleNet producers, with the graph built inside::

    points      (B, D, N)   coordinates in which the graph is built, not normalised
    features    (B, F, N)   node features, normalised by preprocess.json
    mask        (B, 1, N)   1 for a node, 0 for an empty slot
    u           (B, G, 1)   graph-level features, where the model has any
    score       (B, C)

``cms::Ort`` passes float32 only and takes dimension 0 for the batch, hence the leading one and the indices as
floats (exact up to 2^24). N and E may be anything, 0 included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.data.preprocess import Preprocess
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch, GraphSpec, delaunay, full, grid8, knn, radius, union

__all__ = [
    "EDGES_OUTPUT",
    "INTERFACES",
    "OUTPUT",
    "JetBatch",
    "TensorInfo",
    "block_core",
    "coordinates",
    "edges_feeds",
    "edges_function",
    "edges_inputs",
    "edges_tensors",
    "link",
    "on_lattice",
    "periods",
]

INTERFACES = ("edges", "padded")
OUTPUT = EDGES_OUTPUT = "score"

_DISJOINT = ("x", "senders", "receivers", "n_node", "u")
_WRAPPED = ("phi", "dphi")  # coordinates that wrap at 2π, as in e2e_tf.data.graphs


@dataclass(frozen=True)
class TensorInfo:
    """Name, dtype and shape of a tensor; a string in the shape is a free dimension."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}


@dataclass(frozen=True)
class JetBatch:
    """Graphs of some jets and the coordinates they were built in.

    Attributes:
        graphs: with normalised features.
        points: float32 (n, D).
    """

    graphs: GraphBatch
    points: np.ndarray


def on_lattice(preprocess: Preprocess) -> bool:
    """True where nodes are compared by row and column of their crystal rather than by angles."""
    return preprocess.nodes == "hits" and not preprocess.coordinates


def coordinates(preprocess: Preprocess) -> tuple[str, ...]:
    """Names of the coordinates in which the graph is built."""
    if on_lattice(preprocess):
        return ("row", "column")
    return preprocess.coordinates or ("deta", "dphi")


def periods(preprocess: Preprocess) -> list[float | None]:
    """Length at which each coordinate wraps, None where it does not."""
    return [2 * np.pi if name in _WRAPPED else None for name in coordinates(preprocess)]


def link(preprocess: Preprocess, points: np.ndarray, n_node: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Senders and receivers, int32 (n_edges,), of the hand-off's graph, sorted by receiver, then sender.

    Args:
        preprocess: says how the graph is built.
        points: float32 (n, D), the columns named by :func:`coordinates`.
        n_node: int32 (B,).

    Raises:
        InputError: a rule cannot be followed with these coordinates alone.
    """
    wraps = periods(preprocess)
    period = wraps if any(wraps) else None
    lattice = points.astype(np.int32) if on_lattice(preprocess) else None
    sets = []
    for rule, number in GraphSpec.parse(preprocess.edges).parts:
        if rule == "knn":
            sets.append(knn(points, n_node, int(number or 0), period=period))
        elif rule == "full":
            sets.append(full(n_node))
        elif rule == "radius" and lattice is None:
            sets.append(radius(points, n_node, float(number or 0), period=period))
        elif rule == "delaunay":
            if lattice is not None:
                sets.append(delaunay(lattice, n_node))
            else:
                sets.append(delaunay(points, n_node, period=period))
        elif rule == "grid8" and lattice is not None:
            sets.append(grid8(lattice, n_node))
        else:
            raise InputError(
                f"the rule {rule} needs other coordinates than {', '.join(coordinates(preprocess))}"
            )
    return sets[0] if len(sets) == 1 else union(sets, n_node)


def widths(model: Any, interface: str) -> tuple[int, int]:
    """Numbers of node and graph-level features of a Keras model on disjoint batches.

    Raises:
        InputError: the model lacks an input of the interface, or has one of another dtype or kind.
    """
    shapes = {tensor.name: tensor.shape for tensor in model.inputs}
    needed = _DISJOINT if interface == "edges" else _DISJOINT[:-1]
    missing = [name for name in needed if name not in shapes]
    if missing:
        raise InputError(
            f"the {interface} interface needs a model with the inputs {', '.join(needed)}; this one has "
            f"{', '.join(shapes)} and lacks {', '.join(missing)}"
        )
    extra = [name for name in shapes if name not in _DISJOINT]
    if extra:
        raise InputError(
            f"the {interface} interface feeds {', '.join(_DISJOINT)}; this model also wants {', '.join(extra)}"
        )
    for tensor in model.inputs:
        if getattr(tensor, "sparse", False):
            raise InputError(f"inputs must be dense tensors; {tensor.name} of this model is sparse")
        if str(tensor.dtype) not in ("float32", "int32", "int64"):
            raise InputError(f"inputs must be numbers; {tensor.name} of this model is {tensor.dtype}")
    outputs = model.output_shape
    if not isinstance(outputs, tuple) or len(outputs) != 2:
        raise InputError(f"a model must have one output of shape (B, C), this one has {outputs}")
    if str(model.output.dtype) != "float32":
        raise InputError(f"the output must be float32, that of this model is {model.output.dtype}")
    return shapes["x"][-1], shapes["u"][-1] if "u" in shapes else 0


def edges_tensors(model: Any) -> tuple[list[TensorInfo], TensorInfo]:
    """The inputs and the output of the ``edges`` interface around a Keras model on disjoint batches."""
    return edges_inputs(*widths(model, "edges")), TensorInfo(OUTPUT, (1, "B", model.output_shape[-1]))


def edges_inputs(n_features: int, n_globals: int) -> list[TensorInfo]:
    """The inputs of the ``edges`` interface."""
    return [
        TensorInfo("x", (1, "N", n_features)),
        TensorInfo("edge_index", (1, 2, "E")),
        TensorInfo("batch", (1, "N")),
        TensorInfo("u", (1, "B", n_globals)),
    ]


def edges_feeds(batch: GraphBatch) -> dict[str, np.ndarray]:
    """The input tensors of a batch of graphs by name, float32."""
    if batch.u is None:
        raise InputError(
            "the edges interface needs graph-level inputs u: their rows say how many graphs there are"
        )
    index = np.stack([batch.senders, batch.receivers]).astype(np.float32)
    return {
        "x": batch.x[None],
        "edge_index": index[None],
        "batch": batch.graph_id.astype(np.float32)[None],
        "u": batch.u[None],
    }


def block_core(model: Any, interface: str) -> Any:
    """The part of a model behind its ``DisjointToBlocks`` layer: a function of ``x, a, mask`` and ``u``.

    Raises:
        InputError: the model has no such layer, several, or reads its disjoint inputs elsewhere too.
    """
    import keras

    from e2e_tf.layers import DisjointToBlocks

    found = [layer for layer in model.layers if isinstance(layer, DisjointToBlocks)]
    if len(found) != 1:
        raise InputError(
            f"the {interface} interface needs a model on dense blocks, with one DisjointToBlocks layer "
            f"(model.layout = 'blocks'); this one has {len(found)}"
        )
    x, a, mask = found[0].output
    inputs = [x, a, mask, *(tensor for tensor in model.inputs if tensor.name == "u")]
    try:
        core = keras.Model(inputs, model.output, name="core")
    except ValueError as error:
        raise InputError(
            f"the {interface} interface needs a model that reads its nodes and edges in its DisjointToBlocks "
            f"layer only; this one also reads them elsewhere"
        ) from error

    def call(x: Any, a: Any, mask: Any, u: Any = None) -> Any:
        return core([x, a, mask, u][: len(inputs)], training=False)

    return call


def edges_function(model: Any, repeated: bool = True) -> Any:
    """A ``tf.function`` with the ``edges`` interface around a Keras model on disjoint batches.

    Args:
        model: on disjoint batches.
        repeated: an edge that is listed twice counts twice, which takes a scatter that adds (ONNX opset 16);
            without, each edge must be listed once, as every graph builder does, and any opset will do.
    """
    import tensorflow as tf

    from e2e_tf.layers.ops import block_index, to_blocks

    infos = edges_inputs(*widths(model, "edges"))
    core = None if repeated else block_core(model, "edges")

    @tf.function(input_signature=tensor_specs(infos))
    def score(x: Any, edge_index: Any, batch: Any, u: Any) -> Any:
        graph = tf.cast(batch[0], tf.int32)
        graphs = tf.range(tf.shape(u)[1])
        # Counts by comparison, not by a segment sum: no scatter, and nothing breaks when there are no nodes.
        # One node of no graph is added: older ONNX Runtimes cannot sum over an axis of length 0.
        owners = tf.concat([graph, [-1]], axis=0)
        n_node = tf.reduce_sum(tf.cast(graphs[:, None] == owners[None, :], tf.int32), axis=1)
        ends = tf.cast(edge_index[0], tf.int32)
        senders, receivers = ends[0], ends[1]
        if core is None:
            inputs = {"x": x[0], "senders": senders, "receivers": receivers, "n_node": n_node, "u": u[0]}
            return model(inputs, training=False)[None]
        index, mask = block_index(n_node)
        owner = tf.gather(graph, receivers)
        start = tf.gather(tf.cumsum(n_node, exclusive=True), owner)
        where = tf.stack([owner, receivers - start, senders - start], axis=1)
        size = tf.shape(index)[1]
        empty = tf.zeros(tf.stack([tf.shape(n_node)[0], size, size]))
        a = tf.tensor_scatter_nd_update(empty, where, tf.ones(tf.shape(senders)))
        return core(to_blocks(x[0], index), a, tf.cast(mask, tf.float32), u[0])[None]

    return score


def tensor_specs(infos: list[TensorInfo]) -> list[Any]:
    """``tf.TensorSpec`` of each tensor."""
    import tensorflow as tf

    return [
        tf.TensorSpec([d if isinstance(d, int) else None for d in info.shape], tf.float32, info.name)
        for info in infos
    ]
