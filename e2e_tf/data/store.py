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
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.compat import hdf5_lock
from e2e_tf.data.features import Feature
from e2e_tf.data.graphs import GraphData, GraphRecipe
from e2e_tf.data.hdf5 import DAMAGE, attributes_of, check_room, format_of, new_group, new_hdf5, set_attributes
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch, concatenate

__all__ = ["GRAPHS_FORMAT", "GraphStore", "StoreWriter", "concatenate_graphs", "new_store", "write_store"]

GRAPHS_FORMAT = "e2e-tf graphs"
GRAPHS_FORMAT_VERSION = 1
CHUNK = 1024  # graphs that are read together
_CHUNK_BYTES = 1 << 18
_LEVEL = 1  # higher levels cost twice the time for a tenth of the size
_IN_FLIGHT = 8  # compressed chunks per thread that may wait for their turn


class _Column:
    """One growing dataset, compressed chunk by chunk in threads and written in order."""

    def __init__(
        self,
        file: Any,
        name: str,
        dtype: np.dtype,
        width: int | None,
        pool: ThreadPoolExecutor | None,
        compressed: bool,
    ) -> None:
        shape = () if width is None else (width,)
        row = dtype.itemsize * max(1, width or 1)
        self.rows = 1 << max(10, (max(1, _CHUNK_BYTES // row)).bit_length() - 1)
        self.dataset = file.create_dataset(
            name,
            (0, *shape),
            dtype,
            chunks=(self.rows, *(max(1, s) for s in shape)),
            maxshape=(None, *shape),
            **({"compression": "gzip", "compression_opts": _LEVEL} if compressed else {}),
        )
        self.pool, self.compressed = pool, compressed
        self.dtype, self.shape = dtype, shape
        self.waiting: list[np.ndarray] = []
        self.buffered = 0
        self.length = self.room = 0
        self.jobs: list[tuple[int, Future[bytes] | bytes]] = []

    def append(self, values: np.ndarray) -> None:
        if values.shape[1:] != self.shape:
            raise InputError(
                f"{self.dataset.name} must have rows of shape {self.shape}, got {values.shape[1:]}"
            )
        self.waiting.append(np.ascontiguousarray(values, self.dtype))
        self.buffered += len(values)
        if self.buffered >= self.rows:
            joined = np.concatenate(self.waiting)
            whole = len(joined) // self.rows * self.rows
            for start in range(0, whole, self.rows):
                self._submit(joined[start : start + self.rows])
            self.waiting, self.buffered = [joined[whole:].copy()], len(joined) - whole

    def _submit(self, block: np.ndarray) -> None:
        content = block.tobytes()
        job: Future[bytes] | bytes
        if self.compressed and self.pool is not None:
            job = self.pool.submit(zlib.compress, content, _LEVEL)
        else:
            job = zlib.compress(content, _LEVEL) if self.compressed else content
        self.jobs.append((self.length, job))
        self.length += len(block)
        while len(self.jobs) > (0 if self.pool is None else _IN_FLIGHT):
            self._write()

    def _write(self) -> None:
        start, job = self.jobs.pop(0)
        if self.room < start + self.rows:
            # In large steps: a resize costs as much as a chunk. finish() cuts off what was not needed.
            self.room = max(8 * self.rows, 2 * self.room)
            self.dataset.resize(self.room, axis=0)
        content = job if isinstance(job, bytes) else job.result()
        # h5py before 3.16 writes chunks without its global lock (h5py pull request 2764), and HDF5 is not
        # thread-safe: stores that several threads of a process write would break each other.
        with hdf5_lock():
            self.dataset.id.write_direct_chunk((start, *(0 for _ in self.shape)), content)

    def finish(self) -> None:
        rest = np.concatenate(self.waiting) if self.waiting else np.empty((0, *self.shape), self.dtype)
        length = self.length + len(rest)
        if len(rest) and 0 not in self.shape:
            block = np.zeros((self.rows, *self.shape), self.dtype)
            block[: len(rest)] = rest
            self._submit(block)
        while self.jobs:
            self._write()
        self.dataset.resize(length, axis=0)


class StoreWriter:
    """Appends graphs to a new store; made by :func:`new_store`."""

    def __init__(
        self, file: Any, pool: ThreadPoolExecutor | None, like: GraphData, max_nodes: int, compressed: bool
    ) -> None:
        self.file, self.like, self.max_nodes = file, like, max_nodes
        graphs = like.batch
        index = np.min_scalar_type(max(0, max_nodes - 1))

        def column(name: str, dtype: Any, width: int | None = None) -> None:
            self._columns[name] = _Column(file, name, np.dtype(dtype), width, pool, compressed)

        self._columns: dict[str, _Column] = {}
        column("x", np.float32, graphs.x.shape[1])
        column("positions", np.float32, 2)
        column("senders", index)
        column("receivers", index)
        column("event", np.int64)
        column("weight", np.float32)
        column("node_offset", np.int64)
        column("edge_offset", np.int64)
        if graphs.edge_features is not None:
            column("edge_features", np.float32, graphs.edge_features.shape[1])
        if graphs.u is not None:
            column("u", np.float32, graphs.u.shape[1])
        if like.label is not None:
            column("label", np.int8)
        for name in sorted(like.jets):
            column(f"jets/{name}", like.jets[name].dtype)
        self._ends = np.zeros(2, np.int64)
        for name in ("node_offset", "edge_offset"):
            self._columns[name].append(np.zeros(1, np.int64))

    def append(self, data: GraphData) -> None:
        """Add graphs at the end.

        Raises:
            InputError: they differ from the first ones in features or columns, or a graph has more than
                ``max_nodes`` nodes.
        """
        for name in ("node_features", "jet_features"):
            if getattr(data, name) != getattr(self.like, name):
                raise InputError(
                    f"all graphs of a store need the same {name.replace('_', ' ')}; these have "
                    f"{[f.name for f in getattr(data, name)]}, the first had "
                    f"{[f.name for f in getattr(self.like, name)]}"
                )
        if sorted(data.jets) != sorted(self.like.jets) or (data.label is None) != (self.like.label is None):
            raise InputError("all graphs of a store need the same columns of jets, and all or none labels")
        graphs = data.batch
        if graphs.n_node.max(initial=0) > self.max_nodes:
            raise InputError(f"max_nodes is {self.max_nodes}, a graph has {graphs.n_node.max()} nodes")
        starts = np.repeat(graphs.node_offsets[:-1], graphs.n_edge)
        columns: dict[str, np.ndarray | None] = {
            "x": graphs.x,
            "positions": data.positions,
            "senders": graphs.senders - starts,
            "receivers": graphs.receivers - starts,
            "edge_features": graphs.edge_features,
            "u": graphs.u,
            "event": data.event,
            "weight": data.weight,
            "label": data.label,
            "node_offset": graphs.node_offsets[1:] + self._ends[0],
            "edge_offset": graphs.edge_offsets[1:] + self._ends[1],
            **{f"jets/{name}": values for name, values in data.jets.items()},
        }
        for name, target in self._columns.items():
            values = columns[name]
            if values is None:
                raise InputError(f"all graphs of a store need {name}, these have none")
            target.append(values)
        check_room(self.file)
        self._ends += [len(graphs.x), len(graphs.senders)]

    def finish(self) -> None:
        """Write what is still in memory."""
        for column in self._columns.values():
            column.finish()


@contextmanager
def new_store(
    path: str | os.PathLike[str],
    like: GraphData,
    recipe: GraphRecipe,
    max_nodes: int,
    *,
    attributes: Mapping[str, Any] | None = None,
    chunk: int = CHUNK,
    threads: int = 1,
    compressed: bool = True,
    force: bool = False,
    folder: Path | None = None,
) -> Iterator[StoreWriter]:
    """A writer whose file appears under its name when the block ends without an error.

    Args:
        path: the new store.
        like: graphs whose features, presence of labels and jet columns all others share.
        recipe: how the graphs were built.
        max_nodes: upper limit of the nodes of any graph; it decides the integer type of edges.
        attributes: settings and provenance (JSON values); entries that the block adds are written too.
        chunk: graphs that are read together.
        threads: threads that compress, 0 to compress in the calling one; the file does not depend on it.
        compressed: false for a file that is read once and soon gone.
        force: replace what exists.
        folder: where the file is until it is complete, on the same disk; None takes that of ``path``.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist, or it cannot be
            written (a full disk).
    """
    attributes = {} if attributes is None else attributes
    schema = {
        "node_features": [asdict(f) for f in like.node_features],
        "jet_features": [asdict(f) for f in like.jet_features],
        "recipe": asdict(recipe),
    }
    with new_hdf5(path, force, folder) as file:
        new_group(file, "jets")
        with ThreadPoolExecutor(threads) if threads else nullcontext() as pool:
            writer = StoreWriter(file, pool, like, max_nodes, compressed)
            yield writer
            writer.finish()
        set_attributes(
            file,
            {
                "format": GRAPHS_FORMAT,
                "format_version": GRAPHS_FORMAT_VERSION,
                "chunk": chunk,
                "schema": json.dumps(schema, sort_keys=True),
                "attributes": json.dumps(attributes, sort_keys=True),
            },
        )


def write_store(
    path: str | os.PathLike[str],
    data: GraphData,
    recipe: GraphRecipe,
    *,
    attributes: Mapping[str, Any] | None = None,
    chunk: int = CHUNK,
    force: bool = False,
) -> None:
    """Write graphs to a new store; the same graphs give the same bytes. Arguments as :func:`new_store`."""
    most = int(data.batch.n_node.max(initial=0))
    with new_store(path, data, recipe, most, attributes=attributes, chunk=chunk, force=force) as store:
        store.append(data)


def concatenate_graphs(parts: Iterable[GraphData]) -> GraphData:
    """All graphs of the parts in order; the parts have the same features and columns."""
    parts = list(parts)
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        batch=concatenate([p.batch for p in parts]),
        event=np.concatenate([p.event for p in parts]),
        weight=np.concatenate([p.weight for p in parts]),
        label=None if first.label is None else np.concatenate([p.label for p in parts]),
        jets={name: np.concatenate([p.jets[name] for p in parts]) for name in first.jets},
        positions=np.concatenate([p.positions for p in parts]),
        p4=None if any(p.p4 is None for p in parts) else np.concatenate([p.p4 for p in parts]),
    )


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
        found = format_of(file) or "no format attribute"
        if found != GRAPHS_FORMAT:
            raise InputError(
                f"{self.path} is not a graph store: its format must be {GRAPHS_FORMAT!r}, it has {found!r}"
            )
        version = int(file.attrs["format_version"])
        if version != GRAPHS_FORMAT_VERSION:
            raise InputError(
                f"{self.path} has format version {version}, this release reads version {GRAPHS_FORMAT_VERSION}"
            )
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

    def slice(self, start: int, stop: int) -> GraphBatch:
        """The graphs ``start`` to ``stop`` straight from the file."""
        nodes, edges = self._node_offset[[start, stop]], self._edge_offset[[start, stop]]
        try:
            with self._lock:
                x = self._file["x"][nodes[0] : nodes[1]]
                senders = self._file["senders"][edges[0] : edges[1]]
                receivers = self._file["receivers"][edges[0] : edges[1]]
                features = None
                if "edge_features" in self._file:
                    features = self._file["edge_features"][edges[0] : edges[1]]
        except DAMAGE as error:
            raise InputError(f"{self.path} cannot be read, it is truncated or damaged ({error})") from error
        n_node, n_edge = self.n_node[start:stop], self.n_edge[start:stop]
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

    def batch(self, index: Any) -> GraphBatch:
        """The given graphs in the given order.

        Args:
            index: integers (k,).

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
        """The given graphs in the given order with everything that is known of them."""
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

    def read(self, start: int = 0, stop: int | None = None) -> GraphData:
        """The graphs from ``start`` to ``stop``, or all, in memory."""
        start, stop, _ = slice(start, stop).indices(self.n_graph)
        stop = max(start, stop)
        nodes = self._node_offset[[start, stop]]
        return self._data(
            slice(start, stop), self.slice(start, stop), np.arange(nodes[0], nodes[1], dtype=np.int64)
        )

    def chunks(self) -> Iterator[GraphData]:
        """The graphs in order, ``chunk`` at a time."""
        for start in range(0, self.n_graph, self.chunk):
            yield self.read(start, start + self.chunk)

    def fit_preprocess(
        self, index: np.ndarray | None = None, sample: int = 20000, seed: int = 0
    ) -> Preprocess:
        """Normalisation fitted on the given graphs, which must be the training split only.

        Args:
            index: integers, None for all.
            sample: fit on this many of them, drawn with ``seed``: medians need no more.
        """
        index = np.arange(self.n_graph) if index is None else np.asarray(index)
        if len(index) > sample:
            index = np.sort(np.random.default_rng(seed).choice(index, sample, replace=False))
        return self.take(index).fit_preprocess(self.recipe)
