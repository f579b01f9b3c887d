"""A loader as what Keras trains on: a ``tf.data.Dataset`` or a ``keras.utils.PyDataset``."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from e2e_tf.data.read_ahead import read_ahead

__all__ = ["py_dataset", "tf_dataset"]


class Batches(Protocol):
    """What is used of :class:`e2e_tf.data.loader.DisjointLoader`."""

    graphs: Any
    index: np.ndarray
    shard: tuple[int, int]
    batch_size: int
    node_budget: int
    epoch: int

    def __len__(self) -> int:
        """Batches in an epoch."""

    def plan(self, epoch: int) -> list[np.ndarray]:
        """The graphs of each batch.

        Args:
            epoch: counted from 0.
        """

    def arrays(self, index: np.ndarray, epoch: int = 0) -> tuple[Any, ...]:
        """A batch.

        Args:
            index: its graphs.
            epoch: counted from 0.
        """


def tf_dataset(loader: Batches) -> Any:
    """The batches of one epoch with prefetch; each new iteration is the next epoch.

    Args:
        loader: of the batches, whose ``epoch`` counts on.

    Returns:
        A ``tf.data.Dataset``.
    """
    import tensorflow as tf

    structure = loader.arrays(loader.index[:0])
    ahead = read_ahead(loader.graphs, loader.index[:: loader.shard[1]], loader.batch_size)
    flat = tf.nest.flatten(structure)
    dtypes = [array.dtype for array in flat]

    def begin() -> tuple[np.int64, np.int64]:
        epoch, loader.epoch = loader.epoch, loader.epoch + 1
        return np.int64(epoch), np.int64(len(loader.plan(epoch)))

    def fetch(epoch: np.int64, number: np.int64) -> list[np.ndarray]:
        plan = loader.plan(int(epoch))
        made = tf.nest.flatten(loader.arrays(plan[int(number)], int(epoch)))
        ahead(plan, int(number))
        return made

    def load(epoch: Any, number: Any) -> Any:
        tensors = tf.numpy_function(fetch, [epoch, number], dtypes)
        for tensor, array in zip(tensors, flat, strict=True):
            tensor.set_shape((None, *array.shape[1:]))
        return tf.nest.pack_sequence_as(structure, tensors)

    def epoch_of(_: Any) -> Any:
        epoch, count = tf.numpy_function(begin, [], (tf.int64, tf.int64))
        # One call per batch, two at a time: gathering runs without the interpreter's lock, and this
        # costs a third of what tf.data's generators cost.
        numbers = tf.data.Dataset.range(count)
        return numbers.map(lambda i: load(epoch, i), num_parallel_calls=2, deterministic=True)

    dataset = tf.data.Dataset.from_tensors(0).flat_map(epoch_of)
    if not loader.node_budget:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(loader)))
    return dataset.prefetch(4)


def py_dataset(loader: Batches, **options: Any) -> Any:
    """The same batches as a sequence that Keras asks one by one; each epoch of ``fit`` is the next one.

    Args:
        loader: of the batches, whose ``epoch`` counts on.
        options: of ``keras.utils.PyDataset``, such as ``workers``.

    Returns:
        A ``keras.utils.PyDataset``.
    """
    import keras

    class LoaderDataset(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(loader)

        def __getitem__(self, number: int) -> tuple[Any, ...]:
            return loader.arrays(loader.plan(loader.epoch)[number], loader.epoch)

        def on_epoch_end(self) -> None:
            loader.epoch += 1

    return LoaderDataset(**options)
