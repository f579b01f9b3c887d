"""The loader of weaver's parameters; the numbers that follow are compared in tests/parity/test_models.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.models import build_model
from e2e_tf.models.weaver import load_weaver

NET = {"k": 2, "channels": [[4, 3]], "dense": [5], "coordinates": "points"}
PART = {
    "variant": "published",
    "width": 4,
    "heads": 2,
    "blocks": 1,
    "class_blocks": 1,
    "feed_forward": 2,
    "embed": [],
    "pairs": "p4",
    "pair_embed": [],
}


def linear(
    name: str, outputs: int, inputs: int, kernel: tuple[int, ...] = (), bias: bool = True
) -> dict[str, Any]:
    rng = np.random.default_rng(len(name))
    found = {f"{name}.weight": rng.normal(size=(outputs, inputs, *kernel))}
    return found | ({f"{name}.bias": rng.normal(size=outputs)} if bias else {})


def norm(name: str, width: int, batch: bool = False) -> dict[str, Any]:
    found = {f"{name}.weight": np.full(width, 2.0), f"{name}.bias": np.full(width, 0.5)}
    if batch:
        found |= {f"{name}.running_mean": np.full(width, 0.1), f"{name}.running_var": np.full(width, 0.7)}
        found |= {f"{name}.num_batches_tracked": np.array(3)}
    return found


def net() -> dict[str, Any]:
    state = norm("bn_fts", 6, True) | linear("fc.0.0", 5, 3) | linear("fc.1", 1, 5)
    for j, (outputs, inputs) in enumerate(((4, 12), (3, 4))):
        state |= linear(f"edge_convs.0.convs.{j}", outputs, inputs, (1, 1), bias=False)
        state |= norm(f"edge_convs.0.bns.{j}", outputs, True)
    state |= linear("edge_convs.0.sc", 3, 6, (1,), bias=False) | norm("edge_convs.0.sc_bn", 3, True)
    return state


def part(joined: str = "attn.in_proj_") -> dict[str, Any]:
    state = norm("embed.input_bn", 6, True) | norm("embed.embed.0", 6) | linear("embed.embed.1", 4, 6)
    state |= norm("pair_embed.embed.0", 4, True) | linear("pair_embed.embed.1", 2, 4, (1,))
    state |= norm("pair_embed.embed.2", 2, True) | norm("norm", 4) | linear("fc.0", 1, 4)
    state["cls_token"] = np.arange(4.0).reshape(1, 1, 4)
    for block in ("blocks.0", "cls_blocks.0"):
        for name in ("pre_attn_norm", "post_attn_norm", "pre_fc_norm"):
            state |= norm(f"{block}.{name}", 4)
        state |= (
            norm(f"{block}.post_fc_norm", 8) | linear(f"{block}.fc1", 8, 4) | linear(f"{block}.fc2", 4, 8)
        )
        rng = np.random.default_rng(1)
        state[f"{block}.{joined}weight"] = rng.normal(size=(12, 4))
        state[f"{block}.{joined}bias"] = rng.normal(size=12)
        state |= linear(f"{block}.attn.out_proj", 4, 4)
        state |= {f"{block}.c_attn": np.array([2.0, 3.0]), f"{block}.w_resid": np.arange(4.0)}
    return state


def test_names_of_weaver(tmp_path: Path) -> None:
    model, state = build_model("particle_attention", 6, 0, PART), part()
    load_weaver(model, {f"mod.{name}": value for name, value in state.items()}, interleaved=False)
    layer = model.get_layer
    np.testing.assert_allclose(layer("embed_1").kernel, state["embed.embed.1.weight"].T, rtol=1e-6)
    np.testing.assert_allclose(
        layer("attention_1").kernels["key"], state["blocks.0.attn.in_proj_weight"][4:8].T
    )
    value = state["cls_blocks.0.attn.in_proj_weight"][8:].reshape(2, 2, 4)  # (head, channel, feature)
    np.testing.assert_allclose(
        layer("class_attention_1").value_dense.kernel, value.transpose(2, 0, 1), rtol=1e-6
    )
    np.testing.assert_array_equal(layer("attention_1_heads").factors, [2, 3])
    np.testing.assert_array_equal(layer("class_feed_1_residual").factors, [0, 1, 2, 3])
    np.testing.assert_array_equal(layer("class_token").get_weights()[0], [[0, 1, 2, 3]])
    before = model.get_weights()
    # The names of later releases, from a file, give the same.
    np.savez(tmp_path / "state.npz", **part("attn.in_proj."))
    load_weaver(model, tmp_path / "state.npz", interleaved=False)
    for new, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)


def test_interleaved_heads_are_put_in_their_places() -> None:
    """Channel c of head h, times the head's factor, comes out at 2 c + h: the order (0, 2, 1, 3)."""
    model, state = build_model("particle_attention", 6, 0, PART), part()
    load_weaver(model, state, interleaved=True)
    weight, bias = (state[f"blocks.0.attn.out_proj.{name}"] for name in ("weight", "bias"))
    scale, order = np.array([2.0, 2.0, 3.0, 3.0]), [0, 2, 1, 3]
    ours = model.get_layer("attention_1")
    np.testing.assert_allclose(ours.kernels["output"], (weight * scale[:, None])[order].T, rtol=1e-6)
    np.testing.assert_allclose(ours.biases["output"], (bias * scale)[order], rtol=1e-6)
    np.testing.assert_array_equal(model.get_layer("attention_1_heads").factors, [1, 1])


def test_epsilon_of_particle_net() -> None:
    model, state = build_model("particle_net", 6, 0, NET), net()
    load_weaver(model, state)
    layer = model.get_layer("normalise")
    gamma, beta, mean, variance = layer.get_weights()
    x = np.linspace(-1, 1, 6)
    np.testing.assert_allclose(
        gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta,
        2 * (x - 0.1) / np.sqrt(0.7 + 1e-5) + 0.5,
        rtol=1e-5,
    )
    kernel = np.asarray(model.get_layer("edge_conv_1").mlp.layers[0].kernel)
    np.testing.assert_allclose(kernel, state["edge_convs.0.convs.0.weight"][:, :, 0, 0].T, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"fc.1.bias": None}, "state must have fc.1.bias; it has "),
        ({"more.weight": np.ones(2)}, r"left over are more.weight \(1 in all\)"),
        ({"fc.1.bias": np.ones(2)}, r"fc.1.bias must have the shape \(1,\) of the model, got \(2,\)"),
        ({"fusion_block.0.weight": np.ones(2)}, "must be of a ParticleNet without the fusion block"),
    ],
)
def test_what_does_not_fit_changes_nothing(change: dict[str, Any], sentence: str) -> None:
    model = build_model("particle_net", 6, 0, NET)
    before = model.get_weights()
    state = {name: value for name, value in (net() | change).items() if value is not None}
    with pytest.raises(InputError, match=sentence):
        load_weaver(model, state)
    for new, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)


def test_what_is_refused(tmp_path: Path) -> None:
    model = build_model("particle_attention", 6, 0, PART)
    with pytest.raises(InputError, match="interleaved must be true .* it is not given"):
        load_weaver(model, part())
    with pytest.raises(InputError, match='it is particle_attention with variant = "simple"'):
        load_weaver(build_model("particle_attention", 6, 0, {"blocks": 1}), part(), interleaved=True)
    with pytest.raises(InputError, match="it is deep_sets"):
        load_weaver(build_model("deep_sets", 6, 0, {"phi": [2]}), net())
    with pytest.raises(InputError, match="pair features from momenta, not pairs = 'graph'"):
        load_weaver(
            build_model("particle_attention", 6, 0, PART | {"pairs": "graph"}), part(), interleaved=True
        )
    (tmp_path / "no.npz").write_bytes(b"no zip")
    objects = tmp_path / "objects.npz"
    np.savez(objects, a=np.array([{}], dtype=object))
    for path in (tmp_path / "no.npz", tmp_path / "none.npz", objects):
        with pytest.raises(InputError, match="state must be arrays by name or an .npz file of arrays"):
            load_weaver(model, path, interleaved=True)
