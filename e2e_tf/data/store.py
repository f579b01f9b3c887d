"""Graphs on disk: flat arrays with offsets in HDF5, read chunk by chunk.

A store is one HDF5 file::

    /                attributes: format "e2e-tf graphs", format_version, schema (JSON: features with units and
                     transforms, recipe), attributes (JSON: settings and provenance), chunk
    /node_offset     int64 (B + 1): nodes node_offset[g]:node_offset[g + 1] belong to graph g
    /edge_offset     int64 (B + 1)
    /x               float32 (n_nodes, F), transformed but not normalised
    /senders         unsigned (n_edges,), node index within the graph, in the smallest integer type that fits
    /receivers       unsigned (n_edges,), sorted, then by sender
    /edge_features   float32 (n_edges, E), optional
    /u               float32 (B, G), optional
    /positions       float32 (n_nodes, 2), η and φ relative to the jet axis [rad]
    /event, /weight  int64 and float32 (B,)
    /label           int8 (B,), optional
    /jets/<name>     (B,) each, truth as truth_<name>

Arrays are compressed with gzip, so any HDF5 reads them. Nothing is ever half written under the final name.
"""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.data.features import Feature
from e2e_tf.data.graphs import GraphData, GraphRecipe
from e2e_tf.data.hdf5 import DAMAGE, attributes_of, check_format
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.store_writer import GRAPHS_FORMAT, GRAPHS_FORMAT_VERSION
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch, concatenate

__all__ = ["GraphStore"]


class GraphStore:
    """An open store. Per-graph columns are in memory, nodes and edges stay on disk.

    Chunks that were read last are kept, ``cache`` graphs' worth of them. Threads may share a store.

    Args:
        path: the file.
        cache: graphs to keep in memory.

    Attributes:
        chunk: graphs that are read together.
        n_node, n_edge: int32 (B,).
        event, weight, label, jets: as in :class:`e2e_tf.data.graphs.GraphData`.
        node_features, jet_features: what the columns of ``x`` and ``u`` are.
        recipe: how the graphs were built.
        attributes: settings and provenance.

    Raises:
        InputError: the file is missing, truncated or of another format, or its offsets disagree.
    """

    def __init__(self, path: str | os.PathLike[str], cache: int = 20480) -> None:
        import h5py

        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"there is no file {path}")
        try:
            self._file = h5py.File(self.path)
        except OSError as error:
            raise InputError(f"{path} cannot be read, it is truncated or damaged ({error})") from error
        try:
            self._open()
        except InputError as error:
            self._file.close()
            raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error
        except DAMAGE as error:
            self._file.close()
            raise InputError(f"{path} cannot be read, it is truncated or damaged ({error})") from error
        self.cache = cache
        self._blocks: OrderedDict[int, GraphBatch] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def _open(self) -> None:
        file = self._file
        check_format(self.path, file, "graph store", GRAPHS_FORMAT, GRAPHS_FORMAT_VERSION)
        attributes = attributes_of(file)
        schema = json.loads(attributes["schema"])
        self.attributes: dict[str, Any] = json.loads(attributes["attributes"])
        self.node_features = tuple(Feature(**f) for f in schema["node_features"])
        self.jet_features = tuple(Feature(**f) for f in schema["jet_features"])
        recipe = {k: tuple(v) if isinstance(v, list) else v for k, v in schema["recipe"].items()}
        self.recipe = GraphRecipe(**recipe)  # type: ignore[arg-type]
        self.chunk = attributes["chunk"]
        self._node_offset = file["node_offset"][()]
        self._edge_offset = file["edge_offset"][()]
        self.event = file["event"][()]
        self.weight = file["weight"][()]
        self.label = file["label"][()] if "label" in file else None
        self.u = file["u"][()] if "u" in file else None
        self.jets = {name: column[()] for name, column in file["jets"].items()}
        count = len(self.event)
        for name, offsets, rows in (
            ("node_offset", self._node_offset, ("x", "positions")),
            ("edge_offset", self._edge_offset, ("senders", "receivers")),
        ):
            ends = {row: len(file[row]) for row in rows}
            good = len(offsets) == count + 1 and offsets[0] == 0 and np.all(np.diff(offsets) >= 0)
            if not good or any(end != offsets[-1] for end in ends.values()):
                raise InputError(
                    f"{name} must rise from 0 to the number of rows for {count} graphs, rows are {ends}"
                )
        self.n_node = np.diff(self._node_offset).astype(np.int32)
        self.n_edge = np.diff(self._edge_offset).astype(np.int32)

    def __enter__(self) -> GraphStore:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; columns that are in memory stay usable."""
        self._blocks.clear()
        self._file.close()

    def __len__(self) -> int:
        return len(self.event)

    @property
    def n_graph(self) -> int:
        """Number of graphs."""
        return len(self.event)

    def slice(self, start: int, stop: int, edges: bool = True) -> GraphBatch:
        """The graphs ``start`` to ``stop`` straight from the file.

        Args:
            start, stop: range of graphs.
            edges: false leaves their edges out.

        Returns:
            The graphs of the range.

        Raises:
            InputError: the file is damaged.
        """
        nodes, rows = self._node_offset[[start, stop]], self._edge_offset[[start, stop]]
        if not edges:
            rows = np.zeros(2, np.int64)
        try:
            with self._lock:
                x = self._file["x"][nodes[0] : nodes[1]]
                senders = self._file["senders"][rows[0] : rows[1]]
                receivers = self._file["receivers"][rows[0] : rows[1]]
                features = None
                if "edge_features" in self._file:
                    features = self._file["edge_features"][rows[0] : rows[1]]
        except DAMAGE as error:
            raise InputError(f"{self.path} cannot be read, it is truncated or damaged ({error})") from error
        n_node, n_edge = self.n_node[start:stop], self.n_edge[start:stop]
        if not edges:
            n_edge = np.zeros_like(n_edge)
        starts = np.repeat((self._node_offset[start:stop] - nodes[0]).astype(np.int32), n_edge)
        limit = np.repeat(n_node, n_edge)
        if np.any(senders >= limit) or np.any(receivers >= limit):
            raise InputError(f"{self.path} is damaged: an edge joins nodes that its graph does not have")
        return GraphBatch(
            x=x,
            senders=senders.astype(np.int32) + starts,
            receivers=receivers.astype(np.int32) + starts,
            n_node=n_node,
            n_edge=n_edge,
            edge_features=features,
            u=None if self.u is None else self.u[start:stop],
        )

    def _block(self, number: int) -> GraphBatch:
        with self._loading:  # or two threads that need the same chunk would both read it
            if number in self._blocks:
                self._blocks.move_to_end(number)
                return self._blocks[number]
            while len(self._blocks) >= max(1, self.cache // self.chunk):
                self._blocks.popitem(last=False)
            start = number * self.chunk
            block = self.slice(start, min(start + self.chunk, self.n_graph))
            self._blocks[number] = block
            return block

    @property
    def piece(self) -> np.ndarray:
        """int64 (B,), the chunk that a graph is read with."""
        return np.arange(self.n_graph) // self.chunk

    def batch(self, index: Any) -> GraphBatch:
        """The given graphs in the given order.

        Args:
            index: integers (k,).

        Returns:
            The k graphs.

        Raises:
            InputError: an index is out of range, or the file is damaged.
        """
        index = np.asarray(index)
        if index.size and not (index.min() >= 0 and index.max() < self.n_graph):
            wrong = index.min() if index.min() < 0 else index.max()
            raise InputError(f"index must be within the {self.n_graph} graphs of the store, got {wrong}")
        if not index.size:
            return self.slice(0, 0)
        number = index // self.chunk
        order = np.argsort(number, kind="stable")
        cuts = np.flatnonzero(np.diff(number[order])) + 1
        parts = []
        for rows in np.split(order, cuts):
            block = self._block(int(number[rows[0]]))
            parts.append(block.take(index[rows] - number[rows[0]] * self.chunk))
        if len(parts) == 1 and np.all(np.diff(order) > 0):
            return parts[0]
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return concatenate(parts).take(back)

    def take(self, index: Any) -> GraphData:
        """The given graphs in the given order with everything that is known of them.

        Args:
            index: int (k,), or a mask.

        Returns:
            The k graphs with labels, weights and columns of jets.
        """
        index = np.asarray(index)
        graphs = self.batch(index)
        counts = self.n_node[index].astype(np.int64)
        starts = np.repeat(self._node_offset[:-1][index], counts)
        ends = np.cumsum(counts)
        rows = starts + np.arange(counts.sum()) - np.repeat(ends - counts, counts)
        return self._data(index, graphs, rows)

    def _data(self, index: Any, graphs: GraphBatch, rows: np.ndarray) -> GraphData:
        return GraphData(
            batch=graphs,
            event=self.event[index],
            weight=self.weight[index],
            label=None if self.label is None else self.label[index],
            jets={name: values[index] for name, values in self.jets.items()},
            node_features=self.node_features,
            jet_features=self.jet_features,
            positions=self._positions(rows),
        )

    def _positions(self, rows: np.ndarray) -> np.ndarray:
        if not len(rows):
            return np.empty((0, 2), np.float32)
        low, high = int(rows.min()), int(rows.max()) + 1
        try:
            with self._lock:
                if high - low <= 8 * len(rows):
                    return self._file["positions"][low:high][rows - low]
                unique, back = np.unique(rows, return_inverse=True)
                return self._file["positions"][unique][back]
        except DAMAGE as error:
            raise InputError(f"{self.path} cannot be read, it is truncated or damaged ({error})") from error

    def read(self, start: int = 0, stop: int | None = None, *, edges: bool = True) -> GraphData:
        """The graphs from ``start`` to ``stop``, or all, in memory.

        Args:
            start, stop: range of graphs; None means the end.
            edges: false leaves their edges out.

        Returns:
            The graphs of the range with labels, weights and columns of jets.
        """
        start, stop, _ = slice(start, stop).indices(self.n_graph)
        stop = max(start, stop)
        nodes = self._node_offset[[start, stop]]
        return self._data(
            slice(start, stop), self.slice(start, stop, edges), np.arange(nodes[0], nodes[1], dtype=np.int64)
        )

    def chunks(self) -> Iterator[GraphData]:
        """The graphs in order, ``chunk`` at a time.

        Yields:
            The next graphs, with labels, weights and columns of jets.
        """
        for start in range(0, self.n_graph, self.chunk):
            yield self.read(start, start + self.chunk)

    def fit_preprocess(
        self, index: np.ndarray | None = None, sample: int = 20000, seed: int = 0
    ) -> Preprocess:
        """Normalisation fitted on the given graphs, which must be the training split only.

        Args:
            index: integers, None for all.
            sample: fit on this many of them, drawn with ``seed``: medians need no more.
            seed: of the drawing.

        Returns:
            Inputs, normalisation and graph.
        """
        index = np.arange(self.n_graph) if index is None else np.asarray(index)
        if len(index) > sample:
            index = np.sort(np.random.default_rng(seed).choice(index, sample, replace=False))
        return self.take(index).fit_preprocess(self.recipe)
