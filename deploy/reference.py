"""The reference of every validation: what the Keras model of a bundle gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.deploy.interface import JetBatch
from e2e_tf.deploy.model_inputs import call_model, graph_inputs, joined, tensor_names
from e2e_tf.deploy.sources import read_model
from e2e_tf.graph import GraphBatch
from e2e_tf.graph.batch import concatenate

__all__ = ["keras_call", "keras_scores", "load_model", "traced_call", "traced_scores"]

_PAIRS = 1 << 19  # pairs of nodes in one call of Keras, which keeps what every layer gave until its end


def load_model(folder: Path) -> Any:
    """The Keras model of a bundle, loaded in safe mode.

    Args:
        folder: the bundle.

    Returns:
        The Keras model.

    Raises:
        InputError: layers of its own are not registered.
    """
    return read_model(folder / "model.keras")


def keras_scores(model: Any, batches: Sequence[JetBatch]) -> list[np.ndarray]:
    """What Keras gives for the jets of each batch, called eagerly as users call it, float32 (B, C) each.

    Several batches are scored in one call: calls are slow, and what a jet gets must not depend on its company.

    Args:
        model: on disjoint batches.
        batches: graphs of some jets.

    Returns:
        One array for each batch.
    """
    from e2e_tf.data.loader import model_inputs

    scores: list[np.ndarray] = []
    together: list[GraphBatch] = []

    def flush() -> None:
        inputs = model_inputs(concatenate(together) if len(together) > 1 else together[0])
        found = np.asarray(joined(model(graph_inputs(model, inputs), training=False)))
        scores.extend(np.split(found, np.cumsum([graphs.n_graph for graphs in together])[:-1]))
        together.clear()

    for batch in batches:
        counts = np.concatenate([graphs.n_node for graphs in [*together, batch.graphs]])
        if together and len(counts) * int(counts.max(initial=1)) ** 2 > _PAIRS:
            flush()
        together.append(batch.graphs)
    if together:
        flush()
    return scores


def traced_scores(model: Any) -> Callable[[GraphBatch], np.ndarray]:
    """The model in a ``tf.function`` that is traced once for all sizes.

    Args:
        model: on disjoint batches.

    Returns:
        A function from graphs to scores, float32 (B, C).
    """
    import tensorflow as tf

    from e2e_tf.data.loader import model_inputs

    signature = {t.name: tf.TensorSpec((None, *t.shape[1:]), t.dtype) for t in model.inputs}
    call = tf.function(lambda inputs: joined(model(inputs, training=False)), input_signature=[signature])

    def score(graphs: GraphBatch) -> np.ndarray:
        inputs = graph_inputs(model, model_inputs(graphs))
        return np.asarray(call({name: tf.constant(inputs[name]) for name in signature}))

    return score


def keras_call(model: Any, feeds: Mapping[str, Any]) -> Any:
    """What Keras gives for tensors that are no graphs, float32 (B, C).

    Args:
        model: on images and other tensors.
        feeds: float32 tensors (B, ...) by name, which are cast to the types of the model's inputs.

    Returns:
        float32 (B, C).
    """
    return call_model(model, feeds)


def traced_call(model: Any) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """:func:`keras_call` in a ``tf.function`` that is traced once for all sizes.

    Args:
        model: on images and other tensors.

    Returns:
        A function from float32 tensors (B, ...) by name to scores, float32 (B, C).
    """
    import tensorflow as tf

    known = tensor_names(model)
    signature = {name: tf.TensorSpec((None, *t.shape[1:]), tf.float32) for name, t in known.items()}
    call = tf.function(lambda feeds: keras_call(model, feeds), input_signature=[signature])
    return lambda feeds: np.asarray(call(dict(feeds)))
