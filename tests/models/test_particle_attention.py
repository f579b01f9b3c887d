"""The Particle Transformer."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from model_checks import check_dropout, check_paper
from small_models import FEATURES, SMALL, F

from e2e_tf.errors import InputError
from e2e_tf.models import build_model, fill_settings


def test_attention_sees_momenta_up_to_rotations_and_boosts(batch: Any) -> None:
    whole = batch([6, 1, 9], F, 0)
    rng = np.random.default_rng(5)
    p4 = np.stack(
        [rng.uniform(1, 50, 16), rng.normal(0, 1, 16), rng.uniform(-3, 3, 16), np.full(16, 0.14)], axis=1
    ).astype(np.float32)
    model = build_model("particle_attention", F, 0, SMALL["particle_attention"] | {"pairs": "p4"})
    score = np.asarray(model(whole | {"p4": p4}))
    moved = p4.copy()
    moved[:, 1] += 0.5 * (p4[:, 3] == 0)  # η of massive particles is no rapidity: only φ is moved
    moved[:, 2] += 1.0
    np.testing.assert_allclose(model(whole | {"p4": moved}), score, rtol=1e-3, atol=1e-5)
    moved[:, 0] *= rng.uniform(0.2, 5, 16)
    assert np.abs(np.asarray(model(whole | {"p4": moved})) - score).max() > 1e-4


def test_relative_attention_sees_distances_only(batch: Any) -> None:
    whole = batch([6, 1, 9], F, 0)
    settings = SMALL["particle_attention"] | FEATURES | {"relative": True}
    model = build_model("particle_attention", F, 0, settings)
    score = np.asarray(model(whole))
    eta, phi = (FEATURES["pair_columns"][i] for i in (1, 2))
    # Mirrored in both, and shifted; a turn would change m², which is cosh Δη - cos Δφ, a little.
    turned = {**whole, "x": whole["x"].copy()}
    turned["x"][:, eta] = 1.0 - whole["x"][:, eta]
    turned["x"][:, phi] = -0.5 - whole["x"][:, phi]
    np.testing.assert_allclose(model(turned), score, rtol=1e-4, atol=1e-5)
    moved = {**whole, "x": whole["x"].copy()}
    moved["x"][:, eta] *= 3.0
    assert np.abs(np.asarray(model(moved)) - score).max() > 1e-4


def test_momenta_from_features_are_those_of_an_input(batch: Any) -> None:
    """``pairs = "features"`` undoes the normalisation, and is then the same model as with ``p4``."""
    from e2e_tf.data.features import Feature
    from e2e_tf.data.preprocess import Normalisation, Preprocess

    whole = batch([6, 1, 9], F, 0)
    rng = np.random.default_rng(5)
    names = ("charge", "deta", "pt", "energy", "dphi", "d0")
    raw = rng.normal(0, 0.1, (16, F)).astype(np.float32)
    features = [Feature(name, "", "", "log" if name == "pt" else "identity") for name in names]
    norm = Normalisation.fit(features, raw)
    preprocess = Preprocess("candidates", "knn:2", norm, None)
    settings = fill_settings(
        "particle_attention", SMALL["particle_attention"] | {"pairs": "features"}, preprocess
    )
    assert settings["pair_columns"] == [2, 1, 4]
    found = build_model("particle_attention", F, 0, settings)
    given = build_model("particle_attention", F, 0, SMALL["particle_attention"] | {"pairs": "p4"})
    given.set_weights(found.get_weights())
    p4 = np.stack([np.exp(raw[:, 2]), raw[:, 1], raw[:, 4], np.zeros(16)], axis=1).astype(np.float32)
    whole["x"] = norm(raw)
    np.testing.assert_allclose(found(whole), given(whole | {"p4": p4}), rtol=1e-5, atol=1e-6)
    assert fill_settings("particle_attention", {"pairs": "graph"}, preprocess) == {"pairs": "graph"}
    assert fill_settings("deep_sets", {"phi": [4]}, preprocess) == {"phi": [4]}
    other = Preprocess("candidates", "knn:2", Normalisation.fit(features[1:3], raw[:, 1:3]), None)
    with pytest.raises(
        InputError, match="needs the node features dphi:identity; there are deta:identity, pt:log"
    ):
        fill_settings("particle_attention", {"pairs": "features"}, other)


SETTINGS = {"width": 8, "heads": 2, "blocks": 2, "class_blocks": 2, "embed": [8, 6], "dense": [8]}


@pytest.mark.parametrize(
    "changes", [{}, {"pairs": "p4"}, {"class_blocks": 0, "pooling": "sum"}, {"class_blocks": 0}], ids=str
)
def test_is_that_of_the_paper_but_for_what_it_says(changes: dict[str, Any], batch: Any) -> None:
    whole = batch([5, 0, 1, 9, 2, 7])
    if "pairs" in changes:
        rng = np.random.default_rng(5)
        momenta = [rng.uniform(1, 50, 24), rng.normal(0, 1, 24), rng.uniform(-3, 3, 24), np.full(24, 0.14)]
        whole["p4"] = np.stack(momenta, axis=1).astype(np.float32)
    check_paper("particle_attention", SETTINGS | changes, whole)


@pytest.mark.parametrize("class_blocks", [0, 1])
def test_dropout(class_blocks: int, batch: Any) -> None:
    settings = SETTINGS | {"blocks": 1, "class_blocks": class_blocks, "dropout": 0.3}
    check_dropout("particle_attention", settings, batch([4]))


def test_places_of_dropout() -> None:
    """After the attention and its normalisation, before and after the second dense layer, after dense layers."""
    model = build_model("particle_attention", 6, 0, SETTINGS | {"dropout": 0.3})
    rates = {layer.name: layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    feeds = [f"{name}_{i}_dropout_{j}" for name in ("feed", "class_feed") for i in (1, 2) for j in (1, 2)]
    assert rates == dict.fromkeys([*feeds, "attention_1_dropout", "attention_2_dropout", "dropout_1"], 0.3)
    assert [model.get_layer(f"attention_{i}").dropout_rate for i in (1, 2)] == [0.3, 0.3]
    for i in (1, 2):
        assert before(model, f"attention_{i}_dropout") == f"attention_{i}_after"
        for name in ("feed", "class_feed"):
            assert before(model, f"{name}_{i}_dropout_1") == f"{name}_{i}_inner_norm"
            assert before(model, f"{name}_{i}_dropout_2") == f"{name}_{i}_2"


def before(model: Any, name: str) -> str:
    """The layer whose output a layer takes."""
    (tensor,) = model.get_layer(name)._inbound_nodes[0].input_tensors
    return tensor._keras_history.operation.name
