"""Every form of a model in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
from e2e_tf.deploy.jets import random_batch
from e2e_tf.deploy.reference import keras_scores, load_model
from e2e_tf.deploy.runners import onnx_runner, runners
from e2e_tf.deploy.samples import feeds_of
from e2e_tf.deploy.tolerance import TOLERANCE
from e2e_tf.errors import InputError


@pytest.fixture(scope="module")
def scorers(bundles: dict[str, Path]) -> dict[str, tuple[Any, ...]]:
    """Keras and ONNX Runtime of each bundle."""
    made = {}
    for kind, folder in bundles.items():
        manifest = open_bundle(folder)
        run = onnx_runner(folder, manifest["formats"]["onnx"])
        made[kind] = (read_bundle_preprocess(folder), manifest, load_model(folder), run)
    return made


@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_any_graphs_score_alike(scorers: dict[str, tuple[Any, ...]], kind: str) -> None:
    preprocess, manifest, model, onnx_runtime = scorers[kind]
    graphs = 0

    @settings(max_examples=21, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        n_node=st.lists(st.integers(0, 21), min_size=50, max_size=60),
        seed=st.integers(0, 2**32 - 1),
        points=st.sampled_from(["random", "coincident", "grid"]),
        features=st.sampled_from(["random", "bounds", "raw"]),
        extra=st.integers(0, 3),
    )
    def agree(n_node: list[int], seed: int, points: str, features: str, extra: int) -> None:
        nonlocal graphs
        rng = np.random.default_rng(seed)
        batch = random_batch(preprocess, np.array(n_node), rng, points=points, features=features)
        (expected,) = keras_scores(model, [batch])
        found = onnx_runtime(feeds_of(batch, manifest, extra)).reshape(expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
        graphs += len(n_node)

    agree()
    assert graphs >= 1000  # of each kind, 2,000 in all


def test_what_onnx_runtime_does_not_run_is_one_sentence(tmp_path: Path, bundles: dict[str, Path]) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    info = {"file": "model.onnx", "inputs": {}, "outputs": {"score": "score"}}
    with pytest.raises(InputError, match=r"^ONNX Runtime \S+ cannot run model\.onnx: .*$"):
        onnx_runner(tmp_path, info)
    info = open_bundle(bundles["padded"])["formats"]["onnx"]
    run = onnx_runner(bundles["padded"], info)
    with pytest.raises(InputError, match=r"^ONNX Runtime \S+ cannot run model\.onnx: .*$"):
        run({name: np.zeros((1, 2), np.float32) for name in info["inputs"]})


def test_a_folder_without_a_model_is_refused(bundles: dict[str, Path]) -> None:
    manifest = open_bundle(bundles["padded"])
    assert list(runners(bundles["padded"], manifest)) == ["frozen_graph", "saved_model", "onnx"]
    with pytest.raises(InputError, match="padded must hold one of .*; it holds "):
        runners(bundles["padded"], manifest | {"formats": {}})
