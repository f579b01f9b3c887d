"""Parity vectors: tensors and the scores of Keras, with which a validation is repeated anywhere."""

from __future__ import annotations

import numpy as np

from e2e_tf.deploy.exported import Export
from e2e_tf.deploy.interface import OUTPUT
from e2e_tf.deploy.jets import adversarial_batches
from e2e_tf.deploy.reference import keras_call, keras_scores

__all__ = ["write_parity"]


def write_parity(export: Export) -> list[np.ndarray]:
    """Write ``inputs.npz`` and ``outputs.npz``: tensors of batches, ``<batch>/<tensor>``, and Keras' scores.

    Batches are the adversarial ones of the validation; of a model that takes no graphs, random ones.

    Args:
        export: whose folder gets the two files.

    Returns:
        Keras' scores of each batch.
    """
    exported, model = export.exported, export.user
    if exported.interface == "tensors":
        feeds = export.samples([range(n) for n in (1, 2, 5)], 4)
        scores = [np.asarray(keras_call(model, values)) for values in feeds]
    else:
        preprocess = export.preprocess
        batches = [batch for _, batch in adversarial_batches(preprocess, np.random.default_rng(4))]
        feeds = [exported.feeds(batch) for batch in batches]
        leading_one = exported.interface == "edges"
        scores = [score[None] if leading_one else score for score in keras_scores(model, batches)]
    inputs = {f"{i}/{name}": value for i, values in enumerate(feeds) for name, value in values.items()}
    outputs = {f"{i}/{OUTPUT}": score for i, score in enumerate(scores)}
    np.savez_compressed(export.folder / "inputs.npz", **inputs)  # type: ignore[arg-type]
    np.savez_compressed(export.folder / "outputs.npz", **outputs)  # type: ignore[arg-type]
    return scores
