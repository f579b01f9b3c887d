"""The tau tagger of attention and Chebyshev layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fresh_process import fresh_process
from model_checks import check_dropout, check_paper

from e2e_tf.models import build_model

SETTINGS = {"channels": [4, 8], "heads": [1, 2], "cheb_channels": [8, 4, 4], "dense": [8, 6]}


@pytest.mark.parametrize(
    "changes", [{}, {"pooling": "max+mean+sum", "cheb_order": 5}, {"layout": "edges"}], ids=str
)
def test_is_that_of_the_papers(changes: dict[str, Any], batch: Any) -> None:
    check_paper("gat_cheb", SETTINGS | changes, batch([5, 0, 1, 9, 2, 7]))


@pytest.mark.parametrize("layout", ["blocks", "edges"])
def test_dropout(layout: str, batch: Any) -> None:
    check_dropout("gat_cheb", SETTINGS | {"dropout": 0.3, "layout": layout}, batch([4]))


@pytest.mark.parametrize("layout", ["blocks", "edges"])
def test_dropout_of_attention(layout: str, batch: Any) -> None:
    """Without dense layers it is the only one, of which little is left after them."""
    settings = SETTINGS | {"channels": [8], "heads": [2], "dense": [], "dropout": 0.3, "layout": layout}
    check_dropout("gat_cheb", settings, batch([4]))


def test_blocks_are_edges(batch: Any) -> None:
    whole = batch([5, 0, 1, 9, 2, 7])
    settings = SETTINGS | {"pooling": "attention+max+mean+sum"}
    blocks = build_model("gat_cheb", 6, 2, settings)
    edges = build_model("gat_cheb", 6, 2, settings | {"layout": "edges"})
    rng = np.random.default_rng(1)
    for weight in blocks.weights:
        weight.assign(weight.numpy() + rng.normal(0, 0.2, weight.shape))
    edges.set_weights(blocks.get_weights())
    for training in (False, True):
        np.testing.assert_allclose(
            edges(whole, training=training), blocks(whole, training=training), rtol=1e-5
        )


@pytest.mark.parametrize(("layout", "way"), [("edges", "export"), ("edges", "save"), ("blocks", "export")])
def test_saved_models_serve_graphs_of_any_size(layout: str, way: str, batch: Any, tmp_path: Path) -> None:
    """With the kernels that inference takes, none of which a SavedModel may lose; a process of its own loads it."""
    model = build_model("gat_cheb", 6, 2, SETTINGS | {"layout": layout})
    path = tmp_path / "saved"
    if way == "export":
        model.export(path, format="tf_saved_model", verbose=False)
    else:
        specs = [tf.TensorSpec(part.shape, part.dtype, name) for name, part in model.input.items()]

        @tf.function(input_signature=specs, autograph=False)
        def score(*parts: Any) -> Any:
            return {"score": model(dict(zip(model.input, parts, strict=True)), training=False)}

        tf.saved_model.save(model, str(path), signatures=score)
    for counts in ([5, 0, 1, 9], [31, 2], [1], [0, 0]):
        given = batch(counts, seed=sum(counts))
        (found,) = fresh_process().serve(path, given)
        assert found.shape == (len(counts), 1)
        np.testing.assert_allclose(found, model(given), rtol=1e-5, atol=1e-6)
