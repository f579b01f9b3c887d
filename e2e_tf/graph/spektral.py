"""Graphs of Spektral as one batch; the other way go methods of :class:`e2e_tf.graph.GraphBatch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph.batch import GraphBatch

__all__ = ["from_spektral_graphs"]


def from_spektral_graphs(graphs: Sequence[Any], adjacency: Any = None) -> GraphBatch:
    """A batch of ``spektral.data.Graph`` objects, or of a data set.

    Entries of ``a`` that are not zero become edges from row to column; ``a`` may be dense, sparse (of SciPy or
    TensorFlow) or missing (no edges). ``e`` may be (n, n, E) or (n_edges, E) in row-major order of ``a``, as Spektral
    reads it, with or without rows for zeros that a sparse ``a`` stores. In mixed mode the graphs have no ``a`` and the
    data set has one for all. A graph's attribute ``u`` becomes graph features. Labels are left to the caller.

    Args:
        graphs: at least one graph with ``x``.
        adjacency: of all graphs, in mixed mode; None takes the attribute ``a`` of ``graphs``, if there is one.

    Returns:
        A checked batch.

    Raises:
        InputError: a graph has no ``x``, ``a`` is not square or holds weights other than 1 (a normalisation
            belongs to the layer), is COO in another order than ``e``, or is there for all and for one of them; or the
            graphs disagree about which features they have.
    """
    shared = getattr(graphs, "a", None) if adjacency is None else adjacency
    graphs = list(graphs)
    if not graphs:
        raise InputError("graphs must hold at least one graph, got none")
    senders, receivers, features = [], [], []
    shift = 0
    for position, graph in enumerate(graphs):
        if graph.x is None:
            raise InputError(f"graphs must have node features x, graph {position} has none")
        n = len(graph.x)
        if graph.a is not None and shared is not None:
            raise InputError(f"a must be of the data set or of the graphs, graph {position} has one too")
        a = _row_major(shared if graph.a is None else graph.a, n, position, graph.e)
        if a.shape != (n, n):
            raise InputError(
                f"a must have shape ({n}, {n}) as x has {n} rows, graph {position} has {a.shape}"
            )
        weights = a.data[a.data != 0]
        if np.any(weights != 1):
            raise InputError(
                f"a must hold zeros and ones, graph {position} holds {weights[weights != 1][0]:.6g}; convert "
                f"first, normalise afterwards"
            )
        kept = a.data != 0
        rows, columns = a.coords[0][kept], a.coords[1][kept]
        senders.append(rows.astype(np.int64) + shift)
        receivers.append(columns.astype(np.int64) + shift)
        if graph.e is not None:
            e = np.asarray(graph.e)
            if e.ndim == 3 and e.shape[:2] == (n, n):
                features.append(e[rows, columns])
            elif e.ndim == 2 and len(e) == len(kept):
                features.append(e[kept])
            elif e.ndim == 2 and len(e) == len(rows):
                features.append(e)
            else:
                raise InputError(
                    f"e must have shape ({n}, {n}, E) or ({len(rows)}, E), graph {position} has {e.shape}"
                )
        shift += n
    u = [getattr(graph, "u", None) for graph in graphs]
    for name, present in (("e", len(features)), ("u", sum(value is not None for value in u))):
        if present not in (0, len(graphs)):
            raise InputError(
                f"{name} must be there for all graphs or none, {present} of {len(graphs)} have it"
            )
    return GraphBatch.from_edges(
        x=np.concatenate([np.asarray(graph.x, np.float32) for graph in graphs]),
        senders=np.concatenate(senders),
        receivers=np.concatenate(receivers),
        n_node=np.array([len(graph.x) for graph in graphs], np.int32),
        edge_features=np.concatenate(features) if features else None,
        u=None if u[0] is None else np.stack([np.atleast_1d(np.asarray(value, np.float32)) for value in u]),
    )


def _row_major(a: Any, n: int, position: int, e: Any) -> Any:
    """An adjacency as COO in row-major order, the order of edge features."""
    import scipy.sparse

    if a is None:
        return scipy.sparse.coo_array((n, n))
    if hasattr(a, "dense_shape"):  # a tf.SparseTensor
        entries = np.asarray(a.indices)
        a = scipy.sparse.coo_array(
            (np.asarray(a.values), (entries[:, 0], entries[:, 1])), tuple(a.dense_shape)
        )
    if not scipy.sparse.issparse(a) or a.format not in ("coo", "csr"):
        a = scipy.sparse.csr_array(a)  # of CSC the entries stand column by column
    a = scipy.sparse.coo_array(a)
    order = np.lexsort((a.coords[1], a.coords[0]))
    if e is not None and np.ndim(e) == 2 and np.any(np.diff(order) < 0):
        raise InputError(
            f"a of graph {position} is not in row-major order, in which Spektral reads the rows of e: sort both, for "
            f"example with spektral.utils.reorder"
        )
    return scipy.sparse.coo_array((a.data[order], (a.coords[0][order], a.coords[1][order])), a.shape)
