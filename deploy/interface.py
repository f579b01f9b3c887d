"""The tensors that a hand-off takes and gives: float32, no rank 0, rules of CMSSW's wrappers.

``edges``, the leading-one disjoint form for graphs that are built outside::

    x           (1, N, F)   node features, normalised by preprocess.json
    edge_index  (1, 2, E)   senders, receivers, counted over all nodes, as float32
    batch       (1, N)      the graph of each node, rising from 0, as float32
    u           (1, B, G)   graph-level features; B says how many graphs there are
    score       (1, B, C)

``cms::Ort`` passes float32 only and takes dimension 0 for the batch, hence the leading one and the indices as
floats (exact up to 2^24). N, E and B may be anything, N = 0 and E = 0 included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch

__all__ = ["EDGES_OUTPUT", "TensorInfo", "edges_feeds", "edges_function", "edges_inputs", "edges_tensors"]

EDGES_OUTPUT = "score"


_DISJOINT = ("x", "senders", "receivers", "n_node", "u")


@dataclass(frozen=True)
class TensorInfo:
    """Name, dtype and shape of a tensor; a string in the shape is a free dimension."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str = "float32"

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}


def _widths(model: Any) -> tuple[int, int]:
    """Numbers of node and graph-level features of a Keras model on disjoint batches."""
    shapes = {tensor.name: tensor.shape for tensor in model.inputs}
    missing = [name for name in _DISJOINT if name not in shapes]
    if missing:
        raise InputError(
            f"the edges interface needs a model with the inputs {', '.join(_DISJOINT)}; this one has "
            f"{', '.join(shapes)} and lacks {', '.join(missing)}"
        )
    return shapes["x"][-1], shapes["u"][-1]


def edges_tensors(model: Any) -> tuple[list[TensorInfo], TensorInfo]:
    """The inputs and the output of the ``edges`` interface around a Keras model on disjoint batches."""
    return edges_inputs(*_widths(model)), TensorInfo(EDGES_OUTPUT, (1, "B", model.output_shape[-1]))


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


def edges_function(model: Any) -> Any:
    """A ``tf.function`` with the ``edges`` interface around a Keras model on disjoint batches."""
    import tensorflow as tf

    infos = edges_inputs(*_widths(model))
    signature = [
        tf.TensorSpec([d if isinstance(d, int) else None for d in info.shape], tf.float32, info.name)
        for info in infos
    ]

    @tf.function(input_signature=signature)
    def score(x: Any, edge_index: Any, batch: Any, u: Any) -> Any:
        graph = tf.cast(batch[0], tf.int32)
        graphs = tf.range(tf.shape(u)[1])
        # Counts by comparison, not by a segment sum: no scatter, and nothing breaks when there are no nodes.
        n_node = tf.reduce_sum(tf.cast(graphs[:, None] == graph[None, :], tf.int32), axis=1)
        index = tf.cast(edge_index[0], tf.int32)
        inputs = {"x": x[0], "senders": index[0], "receivers": index[1], "n_node": n_node, "u": u[0]}
        return model(inputs, training=False)[None]

    return score
