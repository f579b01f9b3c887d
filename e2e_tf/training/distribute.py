"""Training on several GPUs or machines, on disjoint batches."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from e2e_tf.data.loader import DisjointLoader, model_inputs
from e2e_tf.errors import InputError

__all__ = ["choose_strategy", "distributed_fit"]

_KINDS = ("auto", "none", "mirrored", "multi_worker")


def choose_strategy(kind: str = "auto") -> Any:
    """A ``tf.distribute`` strategy; models are built within its ``scope()``.

    Call it before anything else of TensorFlow: a worker must join its cluster first.

    Args:
        kind: ``none``; ``mirrored``, all GPUs of this machine; ``multi_worker``, all workers that the environment
            variable ``TF_CONFIG`` lists, this process being one of them; ``auto``, the latter if ``TF_CONFIG``
            lists several workers, else ``mirrored`` if there are several GPUs, else ``none``.

    Returns:
        The ``tf.distribute.Strategy``.

    Raises:
        InputError: the kind is unknown, or ``multi_worker`` without a ``TF_CONFIG`` that can be used.
    """
    if kind not in _KINDS:
        raise InputError(f"kind must be one of {', '.join(_KINDS)}, not {kind!r}")
    import tensorflow as tf

    workers = _workers(required=kind == "multi_worker")
    if kind == "multi_worker" or (kind == "auto" and workers > 1):
        return tf.distribute.MultiWorkerMirroredStrategy()
    if kind == "mirrored" or (kind == "auto" and len(tf.config.list_logical_devices("GPU")) > 1):
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def distributed_fit(
    model: Any,
    loader: DisjointLoader,
    strategy: Any,
    epochs: int = 1,
    on_epoch: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train a compiled model on every replica of a strategy; the losses are those of one process.

    Every batch of the loader is cut into one part per replica, and each part counts by its graphs, so the
    gradient of a step is that of the whole batch. ``model.fit`` of Keras 3 cannot do this: before it starts it
    averages one batch over the replicas, which fails for inputs by name and for parts of different size.

    Args:
        model: built within ``strategy.scope()`` and compiled with one loss by name; the same everywhere.
        loader: all graphs with labels; the same everywhere.
        strategy: from :func:`choose_strategy`.
        epochs: passes over the loader.
        on_epoch: called with the number of each epoch, from 0, and its loss.

    Returns:
        The loss of each epoch, the mean over its graphs.

    Raises:
        InputError: the model is not compiled with one named loss, the loader has no labels, or a batch has fewer
            graphs than there are replicas.
    """
    import keras
    import tensorflow as tf

    replicas = strategy.num_replicas_in_sync
    if not isinstance(getattr(model, "loss", None), str):
        raise InputError(
            f"model must be compiled with one loss by name, it has {getattr(model, 'loss', None)!r}"
        )
    if loader.label is None:
        raise InputError("loader must have labels to train on, it has none")
    if isinstance(loader.label, Mapping):
        raise InputError(
            f"loader must have the labels of one output, it has those of {', '.join(loader.label)}"
        )
    rest = loader.graphs.n_graph % loader.batch_size
    if min(loader.batch_size, rest or loader.batch_size, loader.graphs.n_graph) < replicas:
        raise InputError(
            f"every batch must have at least one graph per replica ({replicas}), but {loader.graphs.n_graph} "
            f"graphs in batches of {loader.batch_size} leave one of {rest or loader.batch_size}"
        )
    loss_of = keras.losses.get(model.loss)
    with strategy.scope():  # the optimizer's variables cannot be made within a step on several replicas
        model.optimizer.build(model.trainable_variables)

    def step(inputs: Any, label: Any, weight: Any, share: Any) -> Any:
        with tf.GradientTape() as tape:
            losses = loss_of(label, model(inputs, training=True))
            # The optimizer sums over the replicas.
            loss = tf.reduce_sum(tf.cast(losses, tf.float32) * weight) * share
            if model.losses:
                loss += tf.add_n(model.losses) / replicas
        model.optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)
        return loss

    data = _distributed(loader, strategy, 0)

    # One trace for batches of any size, of functions without Python's control flow.
    @tf.function(input_signature=[data.element_spec], autograph=False)
    def train(batch: Any) -> Any:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(step, args=batch), axis=None)

    history = []
    for epoch in range(epochs):
        total, graphs = 0.0, 0
        data = _distributed(loader, strategy, epoch) if epoch else data
        for batch, count in zip(data, _sizes(loader), strict=True):
            total += float(train(batch)) * count
            graphs += count
        history.append(total / graphs)
        if on_epoch is not None:
            on_epoch(epoch, history[-1])
    return history


def _sizes(loader: DisjointLoader) -> list[int]:
    n = loader.graphs.n_graph
    return [min(loader.batch_size, n - start) for start in range(0, n, loader.batch_size)]


def _distributed(loader: DisjointLoader, strategy: Any, epoch: int) -> Any:
    """The batches of an epoch, each as one part per replica."""
    import tensorflow as tf

    replicas = strategy.num_replicas_in_sync

    def parts(pipeline: int, pipelines: int) -> Iterator[tuple[Any, ...]]:
        order = loader.order(epoch)
        here = range(replicas)[pipeline * replicas // pipelines : (pipeline + 1) * replicas // pipelines]
        assert loader.label is not None  # distributed_fit refuses a loader without
        for start in range(0, len(order), loader.batch_size):
            batch = order[start : start + loader.batch_size]
            pieces = np.array_split(batch, replicas)
            for replica in here:
                index = pieces[replica]
                weight = np.ones(len(index), np.float32) if loader.weight is None else loader.weight[index]
                share = np.float32(1 / len(batch))
                yield model_inputs(*loader.graphs_and_nodes(index)), loader.label[index], weight, share

    def pipeline(context: Any) -> Any:
        first = next(parts(0, 1))
        signature = tf.nest.map_structure(
            lambda a: tf.TensorSpec((None, *np.shape(a)[1:]) if np.ndim(a) else (), np.asarray(a).dtype),
            first,
        )
        which = (context.input_pipeline_id, context.num_input_pipelines)
        return tf.data.Dataset.from_generator(lambda: parts(*which), output_signature=signature).prefetch(2)

    return strategy.distribute_datasets_from_function(pipeline)


def _workers(required: bool) -> int:
    """Number of workers that TF_CONFIG lists; 1 without one."""
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        if required:
            raise InputError(
                'multi_worker needs the environment variable TF_CONFIG, such as {"cluster": {"worker": '
                '["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}, but it is not set'
            )
        return 1
    try:
        document = json.loads(text)
        return len(document["cluster"]["worker"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"TF_CONFIG must be JSON with cluster.worker and task, it is {text!r}") from error
