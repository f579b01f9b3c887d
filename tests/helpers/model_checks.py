"""Whether a model is that of its paper: checks against :mod:`model_references`, which the models' tests call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
from graph_batches import Batch
from model_references import MODELS as REFERENCES
from model_references import Pass

from e2e_tf.models import MODELS, model_settings

SAMPLES = 1000


def sizes(batch: Batch) -> tuple[int, int]:
    """Number of features and of graph-level features of a batch."""
    return (batch["image"] if "image" in batch else batch["x"]).shape[-1], (
        batch["u"].shape[-1] if "u" in batch else 0
    )


def shaken(name: str, settings: Any, batch: Batch) -> Any:
    """The model for a batch, biases, normalisations and their statistics away from 0 and 1, where errors hide."""
    model = MODELS[name].build(*sizes(batch), settings, 1)
    rng = np.random.default_rng(7)
    for weight in model.weights:
        if "seed" not in weight.path:
            spread = np.abs if "variance" in weight.path else np.asarray
            weight.assign(
                spread(weight.numpy() + rng.normal(0, 0.2, weight.shape)) + ("variance" in weight.path) * 0.3
            )
    return model


def check_paper(name: str, settings: dict[str, Any], batch: Batch) -> None:
    """The numbers of a model are those of its reference, in inference and, without dropout, in training.

    With the batch's statistics padding, which the reference does not have, would show; so would a normalisation that
    learns others than it uses.
    """
    filled = model_settings(name, settings)
    rates = {key: 0.0 for key in ("dropout", "last_dropout") if hasattr(filled, key)}
    filled = replace(filled, **rates)
    model = shaken(name, filled, batch)
    expected = REFERENCES[name](Pass(model), filled, batch)
    assert np.std(expected) > 1e-3
    np.testing.assert_allclose(model(batch), expected, rtol=1e-5, atol=2e-6)

    run = Pass(model, training=True)
    expected = REFERENCES[name](run, filled, batch)
    before = {key: norm(model, key) for key in run.seen}
    np.testing.assert_allclose(model(batch, training=True), expected, rtol=1e-4, atol=1e-5)
    for key, statistics in run.seen.items():
        for old, new, seen in zip(before[key], norm(model, key), statistics, strict=True):
            np.testing.assert_allclose(new, 0.99 * old + 0.01 * seen, rtol=1e-4, atol=1e-5, err_msg=key)
    normalisations = [w for w in model.weights if "moving_mean" in w.path]
    assert len(run.seen) == len(normalisations)


def norm(model: Any, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Moving mean and variance of a batch normalisation, by its name in the reference."""
    name, _, part = key.partition("/")
    layer = model.get_layer(name)
    layer = layer.mlp.norms[int(part)] if part else layer
    return np.array(layer.moving_mean), np.array(layer.moving_variance)


def check_dropout(name: str, settings: dict[str, Any], graph: Batch) -> None:
    """Dropout works in training, where and as often as in the paper, and not in inference.

    One graph, a thousand times in one batch: mean and spread of the logit are those of the reference with dropout at
    the paper's places, and the mean is as near to the logit without dropout as its spread.
    """
    filled = model_settings(name, settings)
    assert filled.dropout > 0
    model = shaken(name, filled, graph)
    batch = repeated(graph, SAMPLES)
    keras.utils.set_random_seed(3)
    still = logit(model(graph))
    np.testing.assert_array_equal(logit(model(graph)), still)
    ours = logit(model(batch, training=True))
    run = Pass(model, training=True, drop_with=np.random.default_rng(4))
    theirs = logit(REFERENCES[name](run, filled, batch))
    assert theirs.std() > 1e-3
    # The spread of a spread is 1 / sqrt(2 SAMPLES); both are samples.
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=5 / np.sqrt(SAMPLES))
    assert abs(ours.mean() - theirs.mean()) < 5 * theirs.std() * np.sqrt(2 / SAMPLES)
    if not any("moving_mean" in w.path for w in model.weights):  # whose statistics are others in training
        assert abs(ours.mean() - still.mean()) < 1.5 * theirs.std()


def logit(score: Any) -> np.ndarray:
    score = np.asarray(score, float)
    return np.log(score / (1 - score))


def repeated(graph: Batch, times: int) -> Batch:
    """A batch of one graph, or of one image or entry, so many times."""
    if "n_node" not in graph:
        return {key: np.repeat(value, times, axis=0) for key, value in graph.items()}
    shift = np.repeat(np.arange(times) * len(graph["x"]), len(graph["senders"])).astype(np.int32)
    batch = {}
    for key, value in graph.items():
        batch[key] = np.tile(value, (times, 1)) if value.ndim == 2 else np.tile(value, times)
        if key in ("senders", "receivers"):
            batch[key] = batch[key] + shift
    return batch
