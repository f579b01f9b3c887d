"""Batches of graphs for Keras, in disjoint mode, through tf.data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph import GraphBatch

__all__ = ["DisjointLoader", "model_inputs"]


def model_inputs(batch: GraphBatch) -> dict[str, np.ndarray]:
    """The dictionary that the library's models take: ``x``, ``senders``, ``receivers``, ``n_node`` and ``u``."""
    inputs = {"x": batch.x, "senders": batch.senders, "receivers": batch.receivers, "n_node": batch.n_node}
    if batch.u is not None:
        inputs["u"] = batch.u
    return inputs


class DisjointLoader:
    """Batches ``(inputs, label, weight)`` of graphs in disjoint mode.

    The caller's graphs are never reordered: an index is shuffled, from ``seed`` and the number of the epoch,
    so that the same seed gives the same order and a run that continues at epoch 7 sees epoch 7's order.

    Args:
        graphs: all graphs.
        label: (B,) or (B, outputs), or None to predict.
        weight: float32 (B,) sample weights, or None.
        batch_size: graphs in a batch; the last one may be smaller.
        shuffle: shuffle in every epoch.
        bucket: batch graphs of similar size together (the shuffled index is sorted by size within runs of 16
            batches and the batches shuffled again), which saves padding in dense blocks.
        seed: of the order.

    Raises:
        InputError: lengths disagree or ``batch_size`` is not positive.
    """

    RUN = 16  # batches sorted by size together

    def __init__(
        self,
        graphs: GraphBatch,
        label: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        *,
        batch_size: int = 128,
        shuffle: bool = False,
        bucket: bool = False,
        seed: int = 0,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size must be positive, it is {batch_size}")
        for name, values in (("label", label), ("weight", weight)):
            if values is not None and len(values) != graphs.n_graph:
                raise InputError(
                    f"{name} must have one entry per graph ({graphs.n_graph}), it has {len(values)}"
                )
        self.graphs = graphs
        self.label = None if label is None else np.asarray(label, np.float32).reshape(graphs.n_graph, -1)
        self.weight = None if weight is None else np.asarray(weight, np.float32)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.bucket = bucket
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.graphs.n_graph // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """int64 (B,): the graphs of an epoch in order, batch after batch."""
        index = np.arange(self.graphs.n_graph)
        if not self.shuffle:
            return index
        rng = np.random.default_rng([self.seed, epoch])
        rng.shuffle(index)
        if not self.bucket:
            return index
        size, run = self.batch_size, self.batch_size * self.RUN
        for start in range(0, len(index), run):
            part = index[start : start + run]
            index[start : start + run] = part[np.argsort(self.graphs.n_node[part], kind="stable")]
        whole = len(index) // size * size
        batches = index[:whole].reshape(-1, size)
        return np.concatenate([batches[rng.permutation(len(batches))].reshape(-1), index[whole:]])

    def batches(self, epoch: int = 0) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch as NumPy arrays: ``(inputs,)``, ``(inputs, label)`` or with the weight."""
        order = self.order(epoch)
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            item: tuple[Any, ...] = (model_inputs(self.graphs.take(index)),)
            if self.label is not None:
                item += (self.label[index],)
                if self.weight is not None:
                    item += (self.weight[index],)
            yield item

    def dataset(self) -> Any:
        """A ``tf.data.Dataset`` of one epoch with prefetch; each new iteration is the next epoch."""
        import tensorflow as tf

        def generate() -> Iterator[tuple[Any, ...]]:
            epoch, self.epoch = self.epoch, self.epoch + 1
            yield from self.batches(epoch)

        signature = tf.nest.map_structure(
            lambda a: tf.TensorSpec((None, *a.shape[1:]), a.dtype), next(self.batches(0))
        )
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(tf.data.AUTOTUNE)
