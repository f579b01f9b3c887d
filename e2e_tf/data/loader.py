"""Batches of graphs for Keras, in disjoint mode, through tf.data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from e2e_tf.data.given import as_batch, as_columns
from e2e_tf.data.keras_datasets import py_dataset, tf_dataset
from e2e_tf.data.levels import Levels
from e2e_tf.data.mirror import UNCHANGED, Mirror
from e2e_tf.data.padding import batch_cuts, pad_batch, padded_size
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.store import GraphStore
from e2e_tf.data.streamed import StreamedGraphs
from e2e_tf.data.weights import class_weighted
from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch

__all__ = ["DisjointLoader", "model_inputs"]


def model_inputs(batch: GraphBatch, nodes: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """What models take: ``x``, ``senders``, ``receivers``, ``n_node``, and ``edge_features`` and ``u`` if there are.

    Args:
        batch: the graphs.
        nodes: further quantities of their nodes by name, (n, width) each, such as ``points`` or ``p4``.

    Returns:
        Arrays by the names of a model's inputs.
    """
    inputs = {"x": batch.x, "senders": batch.senders, "receivers": batch.receivers, "n_node": batch.n_node}
    if batch.edge_features is not None:
        inputs["edge_features"] = batch.edge_features
    if batch.u is not None:
        inputs["u"] = batch.u
    return {**inputs, **(nodes or {})}


class DisjointLoader:
    """Batches ``(inputs, label, weight)`` of graphs in disjoint mode, from memory or from a store.

    The caller's graphs are never reordered: an index is shuffled, from ``seed`` and the number of the epoch,
    so that the same seed gives the same order and a run that continues at epoch 7 sees epoch 7's order. A
    store is shuffled in two steps: its chunks are put in random order and taken in groups, ``buffer`` graphs'
    worth of chunks each (of :class:`~e2e_tf.data.streamed.StreamedGraphs` ``together`` chunks), and the graphs of
    each group are shuffled. So no more than a group has to be in memory, and each graph comes once.

    Weights multiply: ``weight`` (event weights, or those of :class:`e2e_tf.data.weights.PtReweighting`)
    times ``class_weight``.

    Args:
        graphs: all graphs: a batch in memory, an open store, the graphs of a sample that stay in stores, or a list of
            ``(x, a)``, ``(x, a, e)`` or Spektral graphs, also a Spektral data set, see :mod:`e2e_tf.data.given`.
        label: (B,) or (B, outputs), such arrays by name of the output, or None to predict (of a store: its own
            labels). Labels of nodes (n,) and of edges, in the order of ``x`` and ``senders`` (with a list of graphs of
            the entries of each ``a``, row by row), are accepted likewise.
        weight: float32 (B,) sample weights, with labels by name also such arrays by the same names, or None for 1.
        batch_size: graphs in a batch; the last one may be smaller.
        shuffle: shuffle in every epoch.
        bucket: batch graphs of similar size together (the shuffled index is sorted by size within runs of 16
            batches and the batches shuffled again), which saves padding in dense blocks. Not for models with
            batch normalisation: jets of one size are no sample of all, and moving statistics fit none of them.
        seed: of the order.
        node_budget: end a batch before it has more than this many nodes, however few graphs that are (a graph
            that alone has more is a batch of its own); 0 for no limit.
        pad: pad batches to few shapes, see :func:`pad_batch`; padding has weight 0. Keras divides a batch's loss
            by its rows, padding included, which makes it smaller by about a ninth.
        class_weight: factor by label, for labels of one integer per graph.
        shard: ``(i, n)``: give only the i-th of n workers' share of each epoch; the shares are disjoint, all of
            them together are the whole epoch, and the order is that of the same seed everywhere.
        drop_remainder: leave out the last smaller batch, with shards also what would give one worker more
            batches than another.
        index: integers; only these graphs.
        preprocess: normalise ``x`` and ``u`` of every batch (for a store, which holds them unscaled).
        buffer: graphs of a store that are shuffled together.
        nodes: further quantities of all nodes by name, (n, width) each, in the order of the nodes of ``graphs``,
            such as ``points`` and ``p4`` of :meth:`e2e_tf.data.graphs.GraphData.node_inputs`.
        inputs: names of the inputs to give, those of a model; None gives all there are.
        rows: inputs of whole graphs by name, (B, ...) each, such as ``image``; one called ``x`` takes the place of
            the nodes' features, for models that look at no graph.
        mirror: give each graph as it is or mirrored, chosen anew in every epoch.
        level: ``graph``, ``node`` or ``edge``, what labels and their weights belong to, or by name of the output;
            None tells it from their length.

    Raises:
        InputError: lengths disagree or an argument is out of its range.
    """

    RUN = 16  # batches sorted by size together

    def __init__(
        self,
        graphs: Any,
        label: np.ndarray | Mapping[str, np.ndarray] | None = None,
        weight: np.ndarray | Mapping[str, np.ndarray] | None = None,
        *,
        batch_size: int = 128,
        shuffle: bool = False,
        bucket: bool = False,
        seed: int = 0,
        node_budget: int = 0,
        pad: bool = False,
        class_weight: Mapping[int, float] | None = None,
        shard: tuple[int, int] = (0, 1),
        drop_remainder: bool = False,
        index: np.ndarray | None = None,
        preprocess: Preprocess | None = None,
        buffer: int = 8192,
        nodes: Mapping[str, np.ndarray] | None = None,
        inputs: Iterable[str] | None = None,
        rows: Mapping[str, np.ndarray] | None = None,
        mirror: Mirror | None = None,
        level: str | Mapping[str, str] | None = None,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size must be positive, it is {batch_size}")
        if node_budget < 0:
            raise InputError(f"node_budget must not be negative, it is {node_budget}")
        if buffer < 1:
            raise InputError(f"buffer must be positive, it is {buffer}")
        if not 0 <= shard[0] < shard[1]:
            raise InputError(f"shard must be (i, n) with 0 <= i < n, it is {shard}")
        if drop_remainder and node_budget:
            raise InputError("drop_remainder needs batches of a fixed number of graphs, not a node_budget")
        graphs, label, weight = as_batch(graphs, label, level, weight)
        count = graphs.n_graph
        if label is None and isinstance(graphs, GraphStore):
            label = graphs.label
        if weight is not None and label is None:
            raise InputError("weight needs label: without labels there is nothing to weight")
        if isinstance(weight, Mapping) and not (isinstance(label, Mapping) and set(weight) == set(label)):
            names = ", ".join(label) if isinstance(label, Mapping) else "no names"
            raise InputError(
                f"weight by name must have the names of label, it has {', '.join(weight)}; label has {names}"
            )
        self.graphs, self.levels = graphs, Levels(graphs.n_node, graphs.n_edge)
        self.level = {} if label is None else self.levels.level_by_name(label, weight, level)
        self.label: Any = None
        self.weight: Any = None
        if label is not None:
            self.label = _each(label, lambda part: as_columns(np.asarray(part, np.float32)))
        if isinstance(label, Mapping):
            if class_weight is not None:
                raise InputError("class_weight needs labels of one integer per graph, not labels by name")
            if weight is not None or pad:
                given = weight if isinstance(weight, Mapping) else {name: weight for name in label}
                self.weight = {
                    name: np.asarray(np.ones(len(part)) if given[name] is None else given[name], np.float32)
                    for name, part in label.items()
                }
        else:
            assert not isinstance(weight, Mapping)  # refused above
            self.weight = class_weighted(label, weight, class_weight)
            if pad and self.label is not None and self.weight is None:
                self.weight = np.ones(len(self.label), np.float32)
        self.nodes = dict(nodes or {})
        total = self.levels.total["node"]
        for name, values in self.nodes.items():
            if np.ndim(values) != 2 or len(values) != total:
                raise InputError(
                    f"nodes must have rows of shape (n, width) for every node ({total}), {name} has "
                    f"shape {np.shape(values)}"
                )
        self.rows = dict(rows or {})
        self.mirror = mirror
        changed = [name for name in self.rows if name not in UNCHANGED]
        if mirror is not None and changed:
            raise InputError(f"mirror is for graphs, not for the inputs {', '.join(changed)} of whole jets")
        for name, values in self.rows.items():
            if len(values) != count:
                raise InputError(f"rows must have one entry per graph ({count}), {name} has {len(values)}")
        self.inputs = None if inputs is None else list(inputs)
        self.index = np.arange(count) if index is None else np.asarray(index)
        if self.index.ndim != 1 or (self.index.size and self.index.dtype.kind not in "iu"):
            raise InputError(
                f"index must be integers of rank 1, got {self.index.dtype} of shape {self.index.shape}"
            )
        if self.index.size and not (self.index.min() >= 0 and self.index.max() < count):
            wrong = self.index.min() if self.index.min() < 0 else self.index.max()
            raise InputError(f"index must be within the {count} graphs, got {wrong}")
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.bucket = bucket
        self.seed = seed
        self.node_budget = node_budget
        self.pad = pad
        self.shard = (int(shard[0]), int(shard[1]))
        self.drop_remainder = drop_remainder
        self.preprocess = preprocess
        self.buffer = buffer
        self.epoch = 0
        self._lock = threading.Lock()
        self._plans: dict[int, list[np.ndarray]] = {}

    def __len__(self) -> int:
        """Batches in an epoch (with a node budget: in the next one)."""
        if self.node_budget:
            return len(self.plan(self.epoch))
        part, parts = self.shard
        if self.drop_remainder:
            return len(self.index) // parts // self.batch_size
        return -(-len(range(part, len(self.index), parts)) // self.batch_size)

    def _pieces(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Parts of the index that are shuffled one by one: all of it, or groups of the pieces of a store."""
        if not self.shuffle or isinstance(self.graphs, GraphBatch) or not len(self.index):
            return [self.index.copy()]
        graphs, piece = self.graphs, self.graphs.piece
        together = (
            graphs.together if isinstance(graphs, StreamedGraphs) else max(1, self.buffer // graphs.chunk)
        )
        order = np.arange(piece.max() + 1)
        rng.shuffle(order)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order)) // together
        group = rank[piece[self.index]]
        by_group = self.index[np.argsort(group, kind="stable")]
        return np.split(by_group, np.cumsum(np.bincount(group))[:-1])

    def order(self, epoch: int) -> np.ndarray:
        """int64: the graphs of an epoch in order, batch after batch; (B,) unless there are shards.

        Args:
            epoch: counted from 0.

        Returns:
            int64 (k,), indices of graphs.
        """
        rng = np.random.default_rng([self.seed, epoch])
        (part, parts), size = self.shard, self.batch_size
        out: list[np.ndarray] = []
        carry = np.empty(0, np.int64)
        pieces = self._pieces(rng)
        seen = 0
        for number, piece in enumerate(pieces):
            if self.shuffle:
                rng.shuffle(piece)
            mine = np.concatenate([carry, piece[(part - seen) % parts :: parts]])
            seen += len(piece)
            # Only whole batches leave a piece, so that a batch of similar graphs is never cut in two.
            whole = len(mine) if number == len(pieces) - 1 else len(mine) // size * size
            out.append(self._bucketed(mine[:whole], rng) if self.shuffle and self.bucket else mine[:whole])
            carry = mine[whole:]
        index = np.concatenate(out)
        if self.drop_remainder:
            index = index[: len(self.index) // parts // size * size]
        return index

    def _bucketed(self, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        size, run = self.batch_size, self.batch_size * self.RUN
        for start in range(0, len(index), run):
            part = index[start : start + run]
            index[start : start + run] = part[np.argsort(self.graphs.n_node[part], kind="stable")]
        whole = len(index) // size * size
        batches = index[:whole].reshape(-1, size)
        return np.concatenate([batches[rng.permutation(len(batches))].reshape(-1), index[whole:]])

    def plan(self, epoch: int) -> list[np.ndarray]:
        """The graphs of each batch of an epoch.

        Args:
            epoch: counted from 0.

        Returns:
            int64 (k,) of each batch, indices of graphs.
        """
        with self._lock:
            if epoch not in self._plans:
                order = self.order(epoch)
                cuts = range(self.batch_size, len(order), self.batch_size)
                if self.node_budget:
                    cuts = batch_cuts(self.graphs.n_node[order], self.batch_size, self.node_budget)  # type: ignore[assignment]
                while len(self._plans) >= 2:  # two iterations may overlap by a prefetch
                    self._plans.pop(next(iter(self._plans)))
                self._plans[epoch] = np.split(order, list(cuts)) if len(order) else []
            return self._plans[epoch]

    def graphs_and_nodes(self, index: np.ndarray) -> tuple[GraphBatch, dict[str, np.ndarray]]:
        """The given graphs in the given order, and the further quantities of their nodes.

        Args:
            index: int (k,), graphs.

        Returns:
            The k graphs, and float32 (n, width) by name.
        """
        if isinstance(self.graphs, StreamedGraphs):  # which reads graphs and nodes together
            return self.graphs.with_nodes(index, self.inputs or ())
        batch = self.graphs.take(index) if isinstance(self.graphs, GraphBatch) else self.graphs.batch(index)
        if self.preprocess is not None:
            scale_u = self.preprocess.jet_features
            u = batch.u if scale_u is None or batch.u is None else scale_u(batch.u)
            batch = replace(batch, x=self.preprocess.node_features(batch.x), u=u)
        rows = self.levels.rows("node", index) if self.nodes else None
        return batch, {name: np.asarray(values[rows], np.float32) for name, values in self.nodes.items()}

    def _item(self, index: np.ndarray, epoch: int) -> tuple[GraphBatch, dict[str, np.ndarray], Any, Any]:
        batch, nodes = self.graphs_and_nodes(index)
        if self.mirror is not None and len(index):
            # A graph is in one batch of an epoch: its first one tells the batches apart, in whatever order they come.
            batch, nodes = self.mirror(batch, nodes, np.random.default_rng([self.seed, epoch, int(index[0])]))
        rows = {name: np.asarray(values[index], np.float32) for name, values in self.rows.items()}
        label = self.levels.take(self.label, self.level, index)
        weight = self.levels.take(self.weight, self.level, index)
        if self.pad:
            batch = pad_batch(batch, padded_size(len(index)) if self.node_budget else self.batch_size)
            more, slots = batch.n_graph - len(index), len(batch.x) - int(self.graphs.n_node[index].sum())
            nodes = {k: np.concatenate([v, np.zeros((slots, v.shape[1]), "f4")]) for k, v in nodes.items()}
            rows = {k: np.concatenate([v, np.zeros((more, *v.shape[1:]), "f4")]) for k, v in rows.items()}
            label = self.levels.padded(label, self.level, batch)
            weight = self.levels.padded(weight, self.level, batch)
        return batch, {**nodes, **rows}, label, weight

    def arrays(self, index: np.ndarray, epoch: int = 0) -> tuple[Any, ...]:
        """The batch of some graphs as Keras takes it.

        Args:
            index: int64 (k,), indices of graphs.
            epoch: it is of.

        Returns:
            ``(inputs,)``, ``(inputs, label)`` or with the weight.

        Raises:
            InputError: the graphs lack one of ``inputs``.
        """
        batch, nodes, label, weight = self._item(index, epoch)
        inputs = model_inputs(batch, nodes)
        if self.inputs is not None:
            missing = [name for name in self.inputs if name not in inputs]
            if missing:
                raise InputError(
                    f"the model needs the inputs {', '.join(self.inputs)}; these graphs have {', '.join(inputs)} "
                    f"and lack {', '.join(missing)}"
                )
            inputs = {name: inputs[name] for name in self.inputs}
        return tuple(part for part in (inputs, label, weight) if part is not None)

    def batches(self, epoch: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch as NumPy arrays: ``(inputs,)``, ``(inputs, label)`` or with the weight.

        Labels and weights are dictionaries where the loader was given labels by name.

        Args:
            epoch: counted from 0; it chooses the order.

        Yields:
            The parts of one batch, as ``fit`` of Keras takes them.
        """
        for index in self.plan(epoch):
            yield self.arrays(index, epoch)

    def spektral_batches(self, epoch: int = 0, sparse: str = "tensorflow") -> Iterator[tuple[Any, ...]]:
        """The same batches for models of Spektral's layers: ``(x, a, i)`` with ``e`` and ``u``, label, weight.

        See :meth:`e2e_tf.graph.GraphBatch.to_spektral`.

        Args:
            epoch: whose order they have.
            sparse: ``"tensorflow"`` or ``"scipy"``, the kind of the adjacency.

        Yields:
            The parts of one batch.
        """
        for index in self.plan(epoch):
            batch, _, label, weight = self._item(index, epoch)
            yield tuple(a for a in (batch.to_spektral(sparse), label, weight) if a is not None)

    def dataset(self) -> Any:
        """A ``tf.data.Dataset`` of one epoch with prefetch; each new iteration is the next epoch.

        Returns:
            The dataset.
        """
        return tf_dataset(self)

    def py_dataset(self, **options: Any) -> Any:
        """The batches as a ``keras.utils.PyDataset``; each epoch of ``fit`` is the next one.

        Args:
            options: of PyDataset, such as ``workers``.

        Returns:
            The dataset.
        """
        return py_dataset(self, **options)


def _each(values: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A change of one array, of each of several by name, or of None."""
    if isinstance(values, Mapping):
        return {name: change(part) for name, part in values.items()}
    return None if values is None else change(values)
