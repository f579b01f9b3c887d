"""Writes stores of graphs, chunk by chunk; see :mod:`e2e_tf.data.store` for what is in one."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.compat import hdf5_lock
from e2e_tf.data.features import Feature
from e2e_tf.data.graphs import GraphData, GraphRecipe
from e2e_tf.data.hdf5 import check_room, new_group, new_hdf5, set_attributes
from e2e_tf.errors import InputError

__all__ = ["GRAPHS_FORMAT", "GRAPHS_FORMAT_VERSION", "StoreWriter", "largest", "new_store", "write_store"]

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

        Args:
            data: graphs like the first ones.

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


def _as_written(feature: Feature) -> dict[str, Any]:
    """The keys that stores have always had of a feature."""
    return {key: value for key, value in asdict(feature).items() if key != "mirror"}


def largest(data: GraphData) -> int:
    """Nodes of the largest graph, 0 without graphs.

    Args:
        data: graphs.

    Returns:
        The largest number of nodes.
    """
    return int(data.batch.n_node.max(initial=0))


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

    Yields:
        The writer.

    Raises:
        InputError: ``path`` exists and ``force`` is false, its folder does not exist, or it cannot be
            written (a full disk).
    """
    attributes = {} if attributes is None else attributes
    schema = {
        "node_features": [_as_written(f) for f in like.node_features],
        "jet_features": [_as_written(f) for f in like.jet_features],
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
    """Write graphs to a new store; the same graphs give the same bytes.

    Args:
        path: the new store.
        data: the graphs.
        recipe: how they were built.
        attributes: settings and provenance (JSON values).
        chunk: graphs that are read together.
        force: replace what exists.

    Raises:
        InputError: as :func:`new_store`.
    """
    with new_store(
        path, data, recipe, largest(data), attributes=attributes, chunk=chunk, force=force
    ) as store:
        store.append(data)
