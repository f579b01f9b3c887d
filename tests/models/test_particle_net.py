"""ParticleNet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from model_checks import check_dropout, check_paper
from small_models import SMALL, F

from e2e_tf.models import build_model


def test_particle_net_finds_the_neighbours_of_the_points(batch: Any) -> None:
    from e2e_tf.graph import knn

    whole = batch([6, 1, 9], F, 0)
    points = np.random.default_rng(5).normal(size=(16, 2)).astype(np.float32)
    whole["senders"], whole["receivers"] = (e.astype(np.int32) for e in knn(points, whole["n_node"], 3))
    settings = SMALL["particle_net"]
    graph = build_model("particle_net", F, 0, settings)
    found = build_model("particle_net", F, 0, settings | {"coordinates": "points"})
    found.set_weights(graph.get_weights())
    np.testing.assert_allclose(found(whole | {"points": points}), graph(whole), rtol=1e-5, atol=1e-6)
    other = found(whole | {"points": points[::-1].copy()})
    assert np.abs(np.asarray(other) - np.asarray(graph(whole))).max() > 1e-4


def test_weights_counted_by_hand() -> None:
    # ParticleNet with 7 features and 2 classes has 366,160 weights that are trained (1902.08570 says 366k), if
    # dense layers under a normalisation have no bias; ours in the middle of an edge convolution may have one.
    def trained(model: Any) -> int:
        weights = [w for w in model.trainable_weights if not ("edge_conv" in w.path and "bias" in w.path)]
        return sum(int(np.prod(w.shape)) for w in weights)

    blocks, dense = (64, 128, 256), 256 * 256 + 256 + 2 * 256 + 2
    by_hand, before = 2 * 7 + dense, 7
    for width in blocks:
        by_hand += 2 * before * width + 2 * width * width + 3 * 2 * width + before * width + 2 * width
        before = width
    assert by_hand == 366_160
    assert trained(build_model("particle_net", 7, 0, None, 2)) == 366_160
    lite = 2 * 7 + 64 * 128 + 128 + 2 * 128 + 2
    lite += 2 * 7 * 32 + 2 * 32 * 32 + 3 * 64 + 7 * 32 + 64
    lite += 2 * 32 * 64 + 2 * 64 * 64 + 3 * 128 + 32 * 64 + 128
    assert trained(build_model("particle_net_lite", 7, 0, None, 2)) == lite


SETTINGS = {"k": 3, "channels": [[8, 7], [6], [5, 4]], "dense": [8, 6]}


@pytest.mark.parametrize("name", ["particle_net", "particle_net_lite"])
@pytest.mark.parametrize("coordinates", ["graph", "points", [0, 1]], ids=str)
def test_is_that_of_the_paper(name: str, coordinates: Any, batch: Any) -> None:
    whole = batch([5, 0, 1, 9, 2, 7])
    if coordinates == "points":
        whole["points"] = np.random.default_rng(5).normal(size=(24, 2)).astype(np.float32)
    check_paper(name, SETTINGS | {"coordinates": coordinates}, whole)


def test_dropout(batch: Any) -> None:
    check_dropout("particle_net", SETTINGS | {"channels": [[8], [8]], "dropout": 0.3}, batch([5]))
