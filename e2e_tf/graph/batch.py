"""Graphs in memory: a batch of disjoint graphs as flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import as_counts, as_offsets, edges_per_graph
from e2e_tf.graph.union import as_edges, sort_edges

__all__ = ["GraphBatch", "concatenate"]

_ALIGNMENT = 64  # bytes, of Eigen with AVX-512
_NOTHING = np.empty((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """A batch of graphs, disjoint, in flat arrays.

    Node indices are absolute within the batch; the nodes and the edges of a graph are consecutive. None means
    "no features", not "no nodes". Graphs without nodes or edges keep their place, at the end too, because
    graphs are counted by ``n_node``, never by what occurs in the indices.

    Making a batch checks nothing, so that the loader can make many; call :meth:`check` on what comes from
    outside, or make it with :meth:`from_edges`.

    Attributes:
        x: float32 (n_nodes, F), node features.
        senders: int32 (n_edges,), the node each edge leaves.
        receivers: int32 (n_edges,), the node each edge enters; edges are sorted by receiver, then sender.
        n_node: int32 (B,), nodes of each graph.
        n_edge: int32 (B,), edges of each graph.
        edge_features: float32 (n_edges, E), or None.
        u: float32 (B, G), features of the graphs, or None.
    """

    x: np.ndarray
    senders: np.ndarray
    receivers: np.ndarray
    n_node: np.ndarray
    n_edge: np.ndarray
    edge_features: np.ndarray | None = None
    u: np.ndarray | None = None

    @classmethod
    def from_edges(
        cls, x: Any, senders: Any, receivers: Any, n_node: Any, edge_features: Any = None, u: Any = None
    ) -> GraphBatch:
        """Cast, sort the edges with their features, count them and check everything.

        Args:
            x: (n_nodes, F), node features.
            senders: integers (n_edges,), absolute node indices in any order.
            receivers: integers (n_edges,).
            n_node: integers (B,), nodes of each graph.
            edge_features: (n_edges, E), in the order of ``senders``.
            u: (B, G).

        Returns:
            A checked batch.

        Raises:
            InputError: see :meth:`check`.
        """
        x = np.asarray(x, np.float32)
        if x.ndim != 2:
            raise InputError(f"x must have shape (n_nodes, F), got {x.shape}")
        counts = as_counts(n_node)
        senders, receivers = as_edges(senders, receivers, len(x))
        order = sort_edges(senders, receivers)
        if edge_features is not None:
            edge_features = np.asarray(edge_features, np.float32)
            if edge_features.ndim != 2 or len(edge_features) != len(order):
                raise InputError(
                    f"edge_features must have one row per edge ({len(order)}), got shape "
                    f"{edge_features.shape}"
                )
            edge_features = edge_features[order]
        receivers = receivers[order]
        batch = cls(
            x=x,
            senders=senders[order],
            receivers=receivers,
            n_node=counts.astype(np.int32),
            n_edge=edges_per_graph(receivers, counts),
            edge_features=edge_features,
            u=None if u is None else np.asarray(u, np.float32),
        )
        batch.check()
        return batch

    def check(self) -> None:
        """Check that the arrays are what the class says they are.

        Raises:
            InputError: naming the field, what it must be and what it is.
        """
        fields: list[tuple[str, Any, int, type]] = [
            ("x", self.x, 2, np.float32),
            ("senders", self.senders, 1, np.int32),
            ("receivers", self.receivers, 1, np.int32),
            ("n_node", self.n_node, 1, np.int32),
            ("n_edge", self.n_edge, 1, np.int32),
            ("edge_features", self.edge_features, 2, np.float32),
            ("u", self.u, 2, np.float32),
        ]
        for name, array, rank, dtype in fields:
            if array is None and name in ("edge_features", "u"):
                continue
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != rank:
                came = (
                    f"{array.dtype} with shape {array.shape}"
                    if isinstance(array, np.ndarray)
                    else type(array).__name__
                )
                raise InputError(
                    f"{name} must be a NumPy array of {dtype.__name__} of rank {rank}, got {came}"
                )
        as_counts(self.n_node, len(self.x), "x")
        as_counts(self.n_edge, len(self.receivers), "receivers", "n_edge")
        as_edges(self.senders, self.receivers, len(self.x))
        for name, rows, expected in (
            ("n_edge", self.n_edge, self.n_graph),
            ("u", self.u, self.n_graph),
            ("edge_features", self.edge_features, len(self.senders)),
        ):
            if rows is not None and len(rows) != expected:
                each = "edge" if name == "edge_features" else "graph"
                raise InputError(f"{name} must have one row per {each} ({expected}), got {len(rows)} rows")
        owner = np.repeat(np.arange(self.n_graph, dtype=np.int32), self.n_edge)
        ends = self.graph_id[self.senders], self.graph_id[self.receivers]
        if np.any(ends[0] != ends[1]):
            edge = int(np.argmax(ends[0] != ends[1]))
            raise InputError(
                f"senders and receivers must be nodes of one graph; edge {edge} goes from node "
                f"{self.senders[edge]} of graph {ends[0][edge]} to node {self.receivers[edge]} of graph "
                f"{ends[1][edge]}"
            )
        if np.any(ends[1] != owner):
            edge = int(np.argmax(ends[1] != owner))
            raise InputError(
                f"n_edge must count the edges of each graph in order; by n_edge edge {edge} is of graph "
                f"{owner[edge]}, its receiver is of graph {ends[1][edge]}"
            )
        step = np.diff(self.receivers.astype(np.int64) * max(len(self.x), 1) + self.senders)
        if np.any(step < 0):
            edge = int(np.argmax(step < 0)) + 1
            raise InputError(
                f"receivers must be sorted, and senders within a receiver; edge {edge} is out of order"
            )

    def __len__(self) -> int:
        return len(self.n_node)

    @property
    def n_graph(self) -> int:
        """Number of graphs, those without nodes included."""
        return len(self.n_node)

    @cached_property
    def node_offsets(self) -> np.ndarray:
        """int64 (B + 1,): nodes ``node_offsets[g]:node_offsets[g + 1]`` belong to graph ``g``."""
        return as_offsets(self.n_node)

    @cached_property
    def edge_offsets(self) -> np.ndarray:
        """int64 (B + 1,): edges ``edge_offsets[g]:edge_offsets[g + 1]`` belong to graph ``g``."""
        return as_offsets(self.n_edge)

    @cached_property
    def graph_id(self) -> np.ndarray:
        """int32 (n_nodes,): the graph of each node, Spektral's ``i``."""
        return np.repeat(np.arange(self.n_graph, dtype=np.int32), self.n_node)

    @cached_property
    def slot(self) -> np.ndarray:
        """int32 (n_nodes,): the position of each node in its graph."""
        starts = np.repeat(self.node_offsets[:-1], self.n_node)
        return (np.arange(len(self.x)) - starts).astype(np.int32)

    def take(self, index: Any) -> GraphBatch:
        """The given graphs in the given order, repetitions allowed.

        Args:
            index: integers (any of them from -B to B - 1), a boolean mask (B,), or a slice.

        Returns:
            A new batch.

        Raises:
            InputError: an index is out of range or not an integer.
        """
        from e2e_tf.graph._kernels import edges as kernel

        index = self._graphs(index)
        n_node = self.n_node[index]
        n_edge = self.n_edge[index]
        nodes = as_offsets(n_node)
        edges = as_offsets(n_edge)

        x, new_x = _rows(self.x, nodes[-1])
        features, new_features = (
            (_NOTHING, None) if self.edge_features is None else _rows(self.edge_features, edges[-1])
        )
        senders, receivers = (np.ascontiguousarray(ends, np.int32) for ends in (self.senders, self.receivers))
        new_senders, new_receivers = (_aligned((edges[-1],), np.int32) for _ in range(2))
        kernel.take(
            *(
                x,
                x.shape[1] * x.itemsize,
                senders,
                receivers,
                features,
                features.shape[1] * features.itemsize,
            ),
            *(self.node_offsets, nodes, self.edge_offsets, edges, index, len(index)),
            *(new_x, new_senders, new_receivers, features if new_features is None else new_features),
        )
        return GraphBatch(
            x=new_x,
            senders=new_senders,
            receivers=new_receivers,
            n_node=n_node,
            n_edge=n_edge,
            edge_features=new_features,
            u=None if self.u is None else self.u[index],
        )

    def _graphs(self, index: Any) -> np.ndarray:
        """``index`` as non-negative int64 of rank 1."""
        if isinstance(index, slice):
            return np.arange(*index.indices(self.n_graph))
        array = np.atleast_1d(np.asarray(index))
        if array.dtype == bool and array.shape == (self.n_graph,):
            return np.flatnonzero(array)
        if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
            raise InputError(
                f"index must be integers of rank 1, a slice or a boolean mask of length {self.n_graph}, got "
                f"{array.dtype} with shape {array.shape}"
            )
        array = array.astype(np.int64)
        wrong = (array < -self.n_graph) | (array >= self.n_graph)
        if wrong.any():
            raise InputError(
                f"index must be within the {self.n_graph} graphs of the batch, got {array[wrong][0]}"
            )
        return np.where(array < 0, array + self.n_graph, array)

    def __getitem__(self, index: Any) -> GraphBatch:
        """Like :meth:`take`; an integer gives a batch of one graph.

        Args:
            index: see :meth:`take`.

        Returns:
            A new batch.
        """
        return self.take(index)

    def __iter__(self) -> Iterator[GraphBatch]:
        return (self.take(graph) for graph in range(self.n_graph))

    def to_spektral(self, sparse: str = "scipy") -> tuple[Any, ...]:
        """Spektral's disjoint mode: ``(x, a, i)``; ``e`` before ``i`` and ``u`` at the end, where there are.

        ``a[sender, receiver] = 1``: Spektral's message passing and sparse ``GATConv`` read rows as
        sources and columns as targets. Layers that multiply, ``a @ x`` (``GCNConv``, ``ChebConv``), send the
        other way round, which differs only where edges are not symmetric. Entries are in row-major order, as
        TensorFlow's sparse operations need; edge features come in the same order.

        Args:
            sparse: ``"scipy"`` for a ``scipy.sparse.coo_array``, ``"tensorflow"`` for a ``tf.SparseTensor``,
                both float32 (n_nodes, n_nodes).

        Returns:
            ``x`` float32 (n_nodes, F); ``a``; ``e`` float32 (n_edges, E) only with edge features; ``i`` int64
            (n_nodes,); ``u`` float32 (B, G) only with graph features.

        Raises:
            InputError: ``sparse`` is neither of the two.
        """
        if sparse not in ("scipy", "tensorflow"):
            raise InputError(f"sparse must be 'scipy' or 'tensorflow', got {sparse!r}")
        order = sort_edges(self.receivers, self.senders)
        rows, columns = self.senders[order], self.receivers[order]
        values = np.ones(len(order), np.float32)
        shape = (len(self.x), len(self.x))
        a: Any
        if sparse == "scipy":
            import scipy.sparse

            a = scipy.sparse.coo_array((values, (rows, columns)), shape)
        else:
            import tensorflow as tf

            a = tf.SparseTensor(np.stack([rows, columns], axis=1).astype(np.int64), values, shape)
        result = [self.x, a]
        if self.edge_features is not None:
            result.append(self.edge_features[order])
        result.append(self.graph_id.astype(np.int64))
        if self.u is not None:
            result.append(self.u)
        return tuple(result)

    def to_spektral_graphs(self) -> list[Any]:
        """One ``spektral.data.Graph`` per graph.

        Returns:
            B graphs with ``x``, ``a`` (CSR, float32), ``e`` and ``u`` if there are; ``a[sender, receiver] = 1``, ``e``
            is in row-major order of ``a``.
        """
        import scipy.sparse
        from spektral.data import Graph

        graphs = []
        for graph in range(self.n_graph):
            start, stop = self.node_offsets[graph : graph + 2]
            first, last = self.edge_offsets[graph : graph + 2]
            rows, columns = self.senders[first:last] - start, self.receivers[first:last] - start
            order = sort_edges(columns, rows)
            a = scipy.sparse.csr_matrix(
                (np.ones(len(order), np.float32), (rows[order], columns[order])), (stop - start, stop - start)
            )
            e = None if self.edge_features is None else self.edge_features[first:last][order]
            extra = {} if self.u is None else {"u": self.u[graph]}
            graphs.append(Graph(x=self.x[start:stop], a=a, e=e, **extra))
        return graphs


def concatenate(batches: Sequence[GraphBatch]) -> GraphBatch:
    """All graphs of the batches, in order.

    Args:
        batches: at least one; all with the same width of ``x``, and the same kinds of features.

    Returns:
        A new batch, its nodes counted over all.

    Raises:
        InputError: there is no batch, or the batches differ in the width or presence of a kind of features.
    """
    batches = list(batches)
    if not batches:
        raise InputError("batches must hold at least one batch, got none")
    for name in ("x", "edge_features", "u"):
        widths = {None if getattr(b, name) is None else getattr(b, name).shape[1] for b in batches}
        if len(widths) > 1:
            raise InputError(
                f"{name} must have the same width in all batches, got {sorted(map(str, widths))}"
            )
    shifts = as_offsets(np.array([len(b.x) for b in batches], np.int64))

    def joined(name: str) -> np.ndarray | None:
        if getattr(batches[0], name) is None:
            return None
        return np.concatenate([getattr(b, name) for b in batches])

    def shifted(name: str) -> np.ndarray:
        return np.concatenate(
            [getattr(b, name) + np.int32(s) for b, s in zip(batches, shifts[:-1], strict=True)]
        )

    return GraphBatch(
        x=np.concatenate([b.x for b in batches]),
        senders=shifted("senders"),
        receivers=shifted("receivers"),
        n_node=np.concatenate([b.n_node for b in batches]),
        n_edge=np.concatenate([b.n_edge for b in batches]),
        edge_features=joined("edge_features"),
        u=joined("u"),
    )


def _rows(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows in C order, and room for some of them."""
    return np.ascontiguousarray(values), _aligned((count, values.shape[1]), values.dtype)


def _aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array that is not filled, at an address that TensorFlow takes over instead of copying the array."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.empty(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)
