"""Whole models against recorded numbers of other implementations, see record_models.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.models import Head, build_model
from e2e_tf.models.weaver import load_weaver

Arrays = dict[str, np.ndarray]
LIMIT = 1e-5  # of outputs of the order of 1
PART = {
    "variant": "published",
    "width": 8,
    "heads": 2,
    "blocks": 2,
    "class_blocks": 2,
    "feed_forward": 4,
    "embed": [6, 9],
    "pairs": "p4",
    "pair_embed": [5, 7],
    "dense": [7],
    "dropout": 0.0,
}
NET = {"k": 3, "coordinates": "points", "dense": [5], "dropout": 0.0}


def read(name: str) -> Arrays:
    with np.load(Path(__file__).parent / "reference" / f"models_{name}.npz") as data:
        assert json.loads(str(data["versions"]))["numpy"]
        return {key: data[key] for key in data.files}


def part(arrays: Arrays, prefix: str) -> Arrays:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def batch(arrays: Arrays, full: bool = False) -> Arrays:
    """The jets as a disjoint batch; only those without padding, if ``full``."""
    jets = part(arrays, "jets/")
    if full:
        rows = jets["mask"].all(axis=1)
        jets = {key: value[rows] for key, value in jets.items()}
    mask, linked = jets["mask"], []
    number = np.cumsum(mask.ravel()).reshape(mask.shape) - 1
    for jet, receiver, sender in np.argwhere(jets["adjacency"]):
        linked.append((number[jet, sender], number[jet, receiver]))
    senders, receivers = np.array(linked, np.int32).T
    return {
        **{key: jets[key][mask] for key in ("x", "p4", "points")},
        "senders": senders,
        "receivers": receivers,
        "n_node": mask.sum(axis=1).astype(np.int32),
    }


def inputs(model: Any, arrays: Arrays, full: bool = False) -> Arrays:
    """What the model takes of the jets."""
    names = [tensor.name for tensor in model.inputs]
    return {name: value for name, value in batch(arrays, full).items() if name in names}


def check(ours: Any, theirs: np.ndarray) -> None:
    assert np.abs(theirs).max() > 0.1
    assert np.std(theirs, axis=0).min() > 1e-3
    difference = np.abs(np.asarray(ours) - theirs).max() / max(1.0, np.abs(theirs).max())
    print(f"{difference:.1e}")
    assert difference <= LIMIT


@pytest.mark.parametrize(("release", "interleaved"), [("2022", True), ("2026", False)])
def test_particle_transformer_of_weaver(release: str, interleaved: bool) -> None:
    arrays = read(f"weaver_{release}")
    model = build_model("particle_attention", 6, 0, PART, Head("regression", 3))
    load_weaver(model, part(arrays, "part/state/"), interleaved=interleaved)
    check(model(inputs(model, arrays)), arrays["part/inference"])
    # In training: the statistics of the batch, each pair of particles once.
    check(model(inputs(model, arrays, full=True), training=True), arrays["part/training"])
    learned = part(arrays, "part/learned/")
    mean = model.get_layer("input_norm").moving_mean
    np.testing.assert_allclose(mean, learned["embed.input_bn.running_mean"], rtol=1e-5, atol=1e-6)
    for i, name in enumerate(("pair_norm", "pair_embed_1_norm", "pair_embed_2_norm", "pair_embed_3_norm")):
        theirs = learned[f"pair_embed.embed.{3 * i - 1 if i else 0}.running_mean"]
        np.testing.assert_allclose(model.get_layer(name).moving_mean, theirs, rtol=1e-5, atol=1e-5)
    # The other reading of the heads is another function.
    load_weaver(model, part(arrays, "part/state/"), interleaved=not interleaved)
    assert np.abs(np.asarray(model(inputs(model, arrays))) - arrays["part/inference"]).max() > 1e-2


def test_particle_net_of_weaver() -> None:
    arrays = read("weaver_2026")
    settings = NET | {"channels": [[8, 7], [6, 6, 6], [6]]}
    model = build_model("particle_net", 6, 0, settings, Head("regression", 3))
    load_weaver(model, part(arrays, "particle_net/state/"))
    check(model(inputs(model, arrays)), arrays["particle_net/inference"])


def test_particle_net_of_its_authors() -> None:
    arrays = read("particle_net")
    settings = NET | {"channels": [[8, 7, 6], [6, 5], [4]]}
    model = build_model("particle_net", 6, 0, settings, 3)
    state = part(arrays, "particle_net/state/")
    learned = part(arrays, "particle_net/learned/")
    statistics: list[tuple[Any, str]] = []

    def dense(layer: Any, name: str) -> None:
        kernel = state.pop(f"{name}/kernel:0")
        layer.kernel.assign(kernel.reshape(kernel.shape[-2:]))
        if layer.use_bias:
            layer.bias.assign(state.pop(f"{name}/bias:0", np.zeros(layer.bias.shape)))

    def norm(layer: Any, name: str) -> None:
        for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
            getattr(layer, variable).assign(state.pop(f"{name}/{variable}:0"))
        statistics.append((layer, name))

    norm(model.get_layer("normalise"), "ParticleNet_fts_bn")
    for i in range(3):
        theirs = f"ParticleNet_EdgeConv{i}"
        mlp = model.get_layer(f"edge_conv_{i + 1}").mlp
        for j, (layer, after) in enumerate(zip(mlp.layers, mlp.norms, strict=True)):
            dense(layer, f"{theirs}_conv{j}")
            norm(after, f"{theirs}_bn{j}")
        dense(model.get_layer(f"shortcut_{i + 1}"), f"{theirs}_sc_conv")
        norm(model.get_layer(f"shortcut_{i + 1}_norm"), f"{theirs}_sc_bn")
    dense(model.get_layer("dense_1"), "dense")
    dense(model.get_layer("score"), "dense_1")
    assert not state
    check(model(inputs(model, arrays, full=True)), arrays["particle_net/inference"])
    check(model(inputs(model, arrays, full=True), training=True), arrays["particle_net/training"])
    for layer, name in statistics:
        # Their variances are those of the fused kernel, n / (n - 1) of the batch's.
        np.testing.assert_allclose(layer.moving_mean, learned[f"{name}/moving_mean:0"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layout", ["blocks", "edges"])
def test_gat_cheb_of_spektral(layout: str) -> None:
    arrays = read("spektral")
    settings = {"channels": [4, 6], "heads": [1, 2], "cheb_channels": [5, 4], "dense": [6], "layout": layout}
    model = build_model("gat_cheb", 6, 0, settings, Head("regression", 3))
    state = part(arrays, "gat_cheb/state/")
    for name in sorted({key.split("/")[0] for key in state}):
        layer = model.get_layer(name)
        layer.set_weights([state[f"{name}/{i}"] for i in range(len(layer.weights))])
    check(model(inputs(model, arrays)), arrays["gat_cheb/inference"])
