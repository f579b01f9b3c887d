"""The Particle Transformer as published; its numbers against weaver's are in tests/parity/test_models.py."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_references import pair_features

from e2e_tf.models import build_model
from e2e_tf.models.particle_attention import ParticleTransformer, particle_attention

SETTINGS = {
    "variant": "published",
    "width": 8,
    "heads": 2,
    "blocks": 2,
    "class_blocks": 2,
    "embed": [6],
    "pairs": "p4",
    "pair_embed": [5],
    "dropout": 0.3,
}


def test_size_of_the_paper() -> None:
    """2.14 million parameters for the 17 features and 10 classes of JetClass (2202.03772, table 2)."""
    model = particle_attention(17, 0, ParticleTransformer.published(), 10)
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    block = 3 * (128 * 128 + 128) + (128 * 128 + 128) + 2 * 128 + 8 + 128  # attention, its norm, factors
    block += 2 * 128 + (128 * 512 + 512) + 2 * 512 + (512 * 128 + 128) + 2 * 128
    embed = 2 * 17 + (2 * 17 + 17 * 128 + 128) + (2 * 128 + 128 * 512 + 512) + (2 * 512 + 512 * 128 + 128)
    pair = 2 * 4 + (4 * 64 + 64 + 128) + 2 * (64 * 64 + 64 + 128) + (64 * 8 + 8 + 16)
    assert trained == 10 * block + embed + pair + 128 + 2 * 128 + (128 * 10 + 10)
    assert trained == pytest.approx(2.14e6, rel=0.005)
    assert ParticleTransformer.published(blocks=2).blocks == 2


def momenta(n: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    parts = [rng.uniform(1, 50, n), rng.normal(0, 1, n), rng.uniform(-3, 3, n), np.full(n, 0.14)]
    return np.stack(parts, axis=1).astype(np.float32)


def test_padding_takes_no_part_in_the_statistics(batch: Any) -> None:
    counts = [5, 0, 1, 9]
    whole = batch(counts, 6, 0) | {"p4": momenta(15)}
    model = build_model("particle_attention", 6, 0, SETTINGS)
    model(whole, training=True)
    x, pairs = whole["x"], []
    for start, n in zip(np.cumsum(counts) - counts, counts, strict=True):
        found = pair_features(whole["p4"][start : start + n])
        found[np.arange(n), np.arange(n), 0] = np.log(1e-8)  # of a particle with itself: kT has the floor
        pairs.extend(found[np.tril_indices(n)])
    for name, rows in (("input_norm", x), ("pair_norm", np.array(pairs))):
        layer = model.get_layer(name)
        np.testing.assert_allclose(layer.moving_mean, 0.1 * rows.mean(axis=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * rows.var(axis=0), rtol=1e-4, atol=1e-5)


def test_places_of_dropout() -> None:
    """After the attention's normalisation, before and after the second dense layer; none in the class blocks."""
    model = build_model("particle_attention", 6, 0, SETTINGS | {"dense": [4]})
    rates = {layer.name: layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    expected = {f"feed_{i}_dropout_{j}": 0.3 for i in (1, 2) for j in (1, 2)}
    expected |= {f"attention_{i}_dropout": 0.3 for i in (1, 2)} | {"dropout_1": 0.3}
    expected |= {f"class_feed_{i}_dropout_{j}": 0.0 for i in (1, 2) for j in (1, 2)}
    assert rates == expected
    assert [model.get_layer(f"attention_{i}").dropout_rate for i in (1, 2)] == [0.3, 0.3]
    assert [model.get_layer(f"class_attention_{i}")._dropout for i in (1, 2)] == [0.0, 0.0]

    def before(name: str) -> str:
        (tensor,) = model.get_layer(name)._inbound_nodes[0].input_tensors
        return tensor._keras_history.operation.name

    for i in (1, 2):
        assert before(f"attention_{i}_dropout") == f"attention_{i}_after"
        assert before(f"feed_{i}_inner_norm") == f"feed_{i}_dropout_1"
        assert before(f"feed_{i}_dropout_2") == f"feed_{i}_2"


def test_dropout_works_in_training_only(batch: Any) -> None:
    whole = batch([6], 6, 0) | {"p4": momenta(6)}
    model = build_model("particle_attention", 6, 0, SETTINGS)
    still = build_model("particle_attention", 6, 0, SETTINGS | {"dropout": 0.0})
    still.set_weights(
        [w for w, v in zip(model.get_weights(), model.weights, strict=True) if "seed" not in v.path]
    )
    np.testing.assert_array_equal(model(whole), model(whole))
    np.testing.assert_allclose(model(whole), still(whole), rtol=1e-6)
    train = tf.function(lambda: model(whole, training=True)[0, 0], autograph=False)
    scores = [float(train()) for _ in range(60)]
    spread, expected = np.std(scores), float(still(whole, training=True)[0, 0])
    assert spread > 1e-4
    assert abs(np.mean(scores) - expected) < spread


def test_pairs_of_the_graph_count_in_both_directions(batch: Any) -> None:
    whole = batch([5, 3], 6, 2)
    model = build_model("particle_attention", 6, 2, SETTINGS | {"pairs": "graph", "class_blocks": 0})
    model(whole, training=True)
    share = len(whole["senders"]) / (25 + 9)
    np.testing.assert_allclose(model.get_layer("pair_norm").moving_mean, [0.1 * share], rtol=1e-4)
