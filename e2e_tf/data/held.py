"""Stores as samples that are read in pieces, the memory that their graphs would need, and some of these in memory."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from e2e_tf.data.graphs import GraphData
from e2e_tf.data.hdf5 import DAMAGE
from e2e_tf.data.jets import Jets
from e2e_tf.data.store import GraphStore
from e2e_tf.data.stored import StoredJets, columns_and_truth
from e2e_tf.data.streamed import StreamedGraphs, StreamedJets

__all__ = ["held_bytes", "held_graphs", "held_jets", "streamed_jets"]


def held_bytes(path: str | os.PathLike[str]) -> int:
    """Memory that the nodes and edges of a store need, from the sizes in its header.

    Args:
        path: of the store.

    Returns:
        The number of bytes; 0 for a file that cannot be opened, of which its reader will speak.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            nodes, width = file["x"].shape
            return int(nodes * (4 * width + 8) + len(file["senders"]) * 8)
    except DAMAGE:
        return 0


def held_graphs(graphs: GraphData | StreamedGraphs, limit: int | None = None) -> tuple[np.ndarray, GraphData]:
    """Graphs in memory: all of those that are, or a regular sample of those that stay on disk.

    Args:
        graphs: B graphs.
        limit: of those on disk at the most so many; None takes all.

    Returns:
        int64 (k,), which graphs they are, and the k graphs.
    """
    if isinstance(graphs, GraphData):
        return np.arange(len(graphs)), graphs
    rows = np.arange(0, len(graphs), max(1, -(-len(graphs) // (limit or len(graphs) or 1))))
    return rows, graphs.take(rows).held()


def held_jets(jets: Jets) -> Jets:
    """Jets with their graphs in memory.

    Args:
        jets: of any kind.

    Returns:
        The same jets.
    """
    if not isinstance(jets, StreamedJets):
        return jets
    own = jets.stores[0].recipe
    graphs = StreamedGraphs(jets, replace(own, node_features=(), jet_features=())).held()
    plain = Jets.take(jets, np.arange(len(jets)))
    return StoredJets(**vars(plain), graphs=replace(graphs, jets={}, label=None), recipe=own)


def streamed_jets(path: str | os.PathLike[str]) -> StreamedJets:
    """The graphs of a store as a sample whose graphs stay in the file.

    Args:
        path: of the store.

    Returns:
        Jets with columns, truth, labels and weights as they were before the conversion.

    Raises:
        InputError: the file is missing, damaged or of another format.
    """
    store = GraphStore(path, cache=0)
    columns, truth = columns_and_truth(store.jets)
    return StreamedJets(
        columns=columns,
        event=store.event,
        weight=store.weight,
        label=store.label,
        truth=truth,
        attributes=store.attributes,
        stores=(store,),
        place=np.arange(len(store)),
    )
