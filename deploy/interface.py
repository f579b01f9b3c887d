"""The tensors that a bundle takes and gives: float32, no rank 0, by the rules of CMSSW's wrappers.

``edges``, the leading-one disjoint form for graphs that are built outside::

    x           (1, N, F)   node features, normalised by preprocess.json; behind them those of further inputs of
                            nodes (points, p4), as they are
    edge_index  (1, 2, E)   senders, receivers, counted over all nodes, as float32
    batch       (1, N)      the graph of each node, rising from 0, as float32
    u           (1, B, G)   graph-level features; B says how many graphs there are
    n_node      (1, B)      nodes of each graph, as float32, where the model has no graph-level features
    score       (1, B, C)

``padded``, the form of CMSSW's ParticleNet producers, with the graph built inside::

    points      (B, D, N)   coordinates in which the graph is built, not normalised
    features    (B, F, N)   node features, normalised by preprocess.json; behind them further inputs, as in ``edges``
    mask        (B, 1, N)   1 for a node, 0 for an empty slot
    u           (B, G, 1)   graph-level features, where the model has any
    score       (B, C)

``tensors``, for models on images and other tensors, has the model's own inputs (B, ...) and score (B, C).

``cms::Ort`` passes float32 only and takes dimension 0 for the batch, hence the leading one and the indices as
floats (exact up to 2^24). N and E may be anything, 0 included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.data.node_inputs import NODE_INPUTS
from e2e_tf.deploy.block_core import block_core
from e2e_tf.deploy.model_inputs import graph_inputs, node_columns
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch

__all__ = [
    "EDGES_OUTPUT",
    "INTERFACES",
    "OUTPUT",
    "JetBatch",
    "TensorInfo",
    "check_inputs",
    "check_tensors",
    "edges_feeds",
    "edges_function",
    "edges_inputs",
    "edges_tensors",
    "is_graph_model",
]

INTERFACES = ("edges", "padded", "tensors")
OUTPUT = EDGES_OUTPUT = "score"

_DISJOINT = ("x", "senders", "receivers", "n_node", "u")


@dataclass(frozen=True)
class TensorInfo:
    """Name, dtype and shape of a tensor; a string in the shape is a free dimension.

    Attributes:
        keras: what the input is called in the Keras model, where runtimes do not take that name.
        below: its values are integers from 0 to one less than this number; 0 where they may be any.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"
    keras: str = ""
    below: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The entry of the manifest.

        Returns:
            JSON values: name, dtype and shape, and ``keras`` and ``below`` where there are any.
        """
        more = {key: value for key, value in (("keras", self.keras), ("below", self.below)) if value}
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), **more}


@dataclass(frozen=True)
class JetBatch:
    """Graphs of some jets and the coordinates they were built in.

    Attributes:
        graphs: with normalised features.
        points: float32 (n, D).
    """

    graphs: GraphBatch
    points: np.ndarray


def widths(model: Any, interface: str) -> tuple[int, int]:
    """Numbers of columns of nodes and of graph-level features of a Keras model on disjoint batches.

    Args:
        model: a Keras model.
        interface: its name, for the message.

    Returns:
        ``(F, G)``: F of ``x`` and the further inputs of nodes together, G of ``u``, 0 without it.

    Raises:
        InputError: the model lacks an input of the interface, or has one of another dtype or kind.
    """
    shapes = {tensor.name: tensor.shape for tensor in model.inputs}
    needed = _DISJOINT[:-1]
    missing = [name for name in needed if name not in shapes]
    if missing:
        raise InputError(
            f"the {interface} interface needs a model with the inputs {', '.join(needed)}; this one has "
            f"{', '.join(shapes)} and lacks {', '.join(missing)}"
        )
    extra = [name for name in shapes if name not in (*_DISJOINT, *NODE_INPUTS)]
    if extra:
        raise InputError(
            f"the {interface} interface feeds {', '.join((*_DISJOINT, *NODE_INPUTS))}; this model also wants "
            f"{', '.join(extra)}"
        )
    for name, of in NODE_INPUTS.items():
        if name in shapes and shapes[name][1:] != (len(of),):
            raise InputError(
                f"the input {name} must have the {len(of)} columns {', '.join(f.raw for f in of)}; that of this model "
                f"has the shape {shapes[name]}"
            )
    check_tensors(model)
    return max(part.stop for part in node_columns(model).values()), shapes["u"][-1] if "u" in shapes else 0


def check_tensors(model: Any) -> None:
    """Check that inputs can be passed as float32 and that the output is one of CMSSW's.

    Args:
        model: a Keras model.

    Raises:
        InputError: naming the tensor that is not.
    """
    check_inputs(model)
    outputs = model.output_shape
    if not isinstance(outputs, tuple) or len(outputs) != 2:
        raise InputError(f"a model must have one output of shape (B, C), this one has {outputs}")
    if str(model.output.dtype) != "float32":
        raise InputError(
            f"the output must be float32, that of this model is {model.output.dtype}; give the last layer "
            "dtype='float32'"
        )


def check_inputs(model: Any) -> None:
    """Check that inputs can be passed as float32, from which they are cast inside.

    Args:
        model: a Keras model.

    Raises:
        InputError: naming the tensor that cannot.
    """
    for tensor in model.inputs:
        if getattr(tensor, "sparse", False):
            raise InputError(f"inputs must be dense tensors; {tensor.name} of this model is sparse")
        if not re.fullmatch(r"b?float\d+|u?int\d+|bool", str(tensor.dtype)):
            raise InputError(f"inputs must be numbers; {tensor.name} of this model is {tensor.dtype}")


def is_graph_model(model: Any) -> bool:
    """True for a model on disjoint batches.

    Args:
        model: a Keras model.

    Returns:
        Whether ``senders``, ``receivers`` and ``n_node`` are among its inputs.
    """
    return {"senders", "receivers", "n_node"} <= {
        tensor.name for tensor in getattr(model, "inputs", None) or ()
    }


def edges_tensors(model: Any) -> tuple[list[TensorInfo], TensorInfo]:
    """The tensors of the ``edges`` interface around a Keras model on disjoint batches.

    Args:
        model: a Keras model.

    Returns:
        Its inputs, and its output ``score`` (1, B, C).

    Raises:
        InputError: the model does not fit the interface.
    """
    return edges_inputs(*widths(model, "edges")), TensorInfo(OUTPUT, (1, "B", model.output_shape[-1]))


def edges_inputs(n_features: int, n_globals: int) -> list[TensorInfo]:
    """The inputs of the ``edges`` interface.

    Args:
        n_features: F, width of ``x``.
        n_globals: G, width of ``u``; 0 where the model has no graph-level features and takes ``n_node`` instead.

    Returns:
        Four tensors in the order of the manifest.
    """
    return [
        TensorInfo("x", (1, "N", n_features)),
        TensorInfo("edge_index", (1, 2, "E")),
        TensorInfo("batch", (1, "N")),
        TensorInfo("u", (1, "B", n_globals)) if n_globals else TensorInfo("n_node", (1, "B")),
    ]


def edges_feeds(batch: GraphBatch) -> dict[str, np.ndarray]:
    """The input tensors of a batch of graphs.

    Args:
        batch: normalised, with sorted edges.

    Returns:
        float32 by name, in the order of :func:`edges_inputs`.
    """
    index = np.stack([batch.senders, batch.receivers]).astype(np.float32)
    return {
        "x": batch.x[None],
        "edge_index": index[None],
        "batch": batch.graph_id.astype(np.float32)[None],
        **({"n_node": batch.n_node.astype(np.float32)[None]} if batch.u is None else {"u": batch.u[None]}),
    }


def edges_function(model: Any, repeated: bool = True) -> Any:
    """A ``tf.function`` with the ``edges`` interface around a Keras model on disjoint batches.

    Args:
        model: on disjoint batches.
        repeated: an edge that is listed twice counts twice, which takes a scatter that adds (ONNX opset 16);
            without, each edge must be listed once, as every graph builder does, and any opset will do.

    Returns:
        The function; it takes the tensors of :func:`edges_inputs` and gives (1, B, C).

    Raises:
        InputError: the model does not fit the interface.
    """
    import tensorflow as tf

    from e2e_tf.layers.padded import block_index, to_blocks
    from e2e_tf.layers.plain import plain

    infos = edges_inputs(*widths(model, "edges"))
    core = None if repeated else block_core(model, "edges")

    def score(x: Any, edge_index: Any, batch: Any, n_node: Any, u: Any) -> Any:
        graph = tf.cast(batch[0], tf.int32)
        if n_node is None:
            graphs = tf.range(tf.shape(u)[1])
            # Counts by comparison, not by a segment sum: no scatter, and nothing breaks when there are no nodes.
            # One node of no graph is added: older ONNX Runtimes cannot sum over an axis of length 0.
            owners = tf.concat([graph, [-1]], axis=0)
            n_node = tf.reduce_sum(tf.cast(graphs[:, None] == owners[None, :], tf.int32), axis=1)
        else:
            n_node = tf.cast(n_node[0], tf.int32)
        u = None if u is None else u[0]
        ends = tf.cast(edge_index[0], tf.int32)
        senders, receivers = ends[0], ends[1]
        if core is None:
            inputs = {"x": x[0], "senders": senders, "receivers": receivers, "n_node": n_node}
            inputs = graph_inputs(model, inputs if u is None else inputs | {"u": u})
            with plain(model):
                return model(inputs, training=False)[None]
        index, mask = block_index(n_node)
        owner = tf.gather(graph, receivers)
        start = tf.gather(tf.cumsum(n_node, exclusive=True), owner)
        where = tf.stack([owner, receivers - start, senders - start], axis=1)
        size = tf.shape(index)[1]
        empty = tf.zeros(tf.stack([tf.shape(n_node)[0], size, size]))
        a = tf.tensor_scatter_nd_update(empty, where, tf.ones(tf.shape(senders)))
        with plain(model):
            return core(to_blocks(x[0], index), a, tf.cast(mask, tf.float32), n_node, u)[None]

    def with_globals(x: Any, edge_index: Any, batch: Any, u: Any) -> Any:
        return score(x, edge_index, batch, None, u)

    def with_counts(x: Any, edge_index: Any, batch: Any, n_node: Any) -> Any:
        return score(x, edge_index, batch, n_node, None)

    chosen = with_globals if infos[-1].name == "u" else with_counts
    return tf.function(chosen, input_signature=tensor_specs(infos), autograph=False)


def tensor_specs(infos: list[TensorInfo]) -> list[Any]:
    """Signature of a ``tf.function``.

    Args:
        infos: tensors; a string in a shape is a free dimension.

    Returns:
        One ``tf.TensorSpec`` each, float32.
    """
    import tensorflow as tf

    return [
        tf.TensorSpec([d if isinstance(d, int) else None for d in info.shape], tf.float32, info.name)
        for info in infos
    ]
