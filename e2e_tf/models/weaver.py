"""Trained parameters of weaver's ParticleNet and Particle Transformer for the models here.

weaver is the training framework of both papers, https://github.com/hqucms/weaver-core; names are those of the state
dictionaries that it saves. Arrays come by name, from a dictionary or an ``.npz`` file: nothing here reads a pickle.
In an environment with PyTorch::

    state = torch.load("part.pt", map_location="cpu", weights_only=True)
    numpy.savez("part.npz", **{name: value.numpy() for name, value in state.items()})
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["load_weaver"]

Array = np.ndarray
Values = Mapping[str, Any] | str | os.PathLike[str]

_PREFIXES = ("module.mod.", "module.", "mod.")  # of torch's parallel training, of weaver's wrappers
_EPSILON = 1e-5  # of PyTorch's normalisations


def load_weaver(model: Any, state: Values, interleaved: bool | None = None) -> Any:
    r"""Fill a model with the parameters of the same network in weaver.

    ``particle_attention`` must have ``variant = "published"`` and pair features from momenta, and the network in weaver
    ``use_pre_activation_pair = False``, as the paper's has. ``particle_net`` takes networks without the fusion block;
    the difference in ε of the batch normalisations (1e-3 here and in the paper, 1e-5 in weaver) goes into γ,
    :math:`\gamma \sqrt{(\sigma^2 + 10^{-3}) / (\sigma^2 + 10^{-5})}`, which is exact in inference.

    Args:
        model: from :func:`e2e_tf.models.build_model`, of the same sizes, with one output ``score``.
        state: arrays by weaver's names, or the path of an ``.npz`` with them.
        interleaved: for the Particle Transformer: how weaver scales attention heads. Until February 2026, and in the
            published networks, its code leaves channels in the order (channel of the head, head): True. Later code
            does not: False. The names do not tell, so it must be said.

    Returns:
        The model.

    Raises:
        InputError: the model is another one, an array is missing, left over or of another shape, ``interleaved`` is not
            said for a network with factors of heads, or the file is no ``.npz`` of arrays. The model is then as before.
    """
    values = _State(_arrays(state))
    if model.name == "particle_attention" and _has(model, "input_norm"):
        _particle_transformer(model, values, interleaved)
    elif model.name == "particle_net":
        _particle_net(model, values)
    else:
        variant = ' with variant = "simple"' if model.name == "particle_attention" else ""
        raise InputError(
            'model must be particle_net, or particle_attention with variant = "published"; it is '
            f"{model.name}{variant}"
        )
    values.finish()
    return model


def _arrays(state: Values) -> dict[str, Array]:
    if isinstance(state, Mapping):
        return {name: np.asarray(value) for name, value in state.items()}
    path = Path(state)
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"state must be arrays by name or an .npz file of arrays; {path}: {error}"
        ) from error


class _State:
    """Arrays by name that are taken one by one, and what is to be done with them once all are found right."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        prefix = next((p for p in _PREFIXES if arrays and all(name.startswith(p) for name in arrays)), "")
        self.left = {name.removeprefix(prefix): value for name, value in arrays.items()}
        self.left = {name: v for name, v in self.left.items() if not name.endswith("num_batches_tracked")}
        self.names = ", ".join(sorted(self.left)[:8])
        self.steps: list[tuple[Any, Array]] = []

    def take(self, *names: str) -> Array:
        """The array of the first of the names that there is."""
        for name in names:
            if name in self.left:
                return self.left.pop(name).astype(np.float64)
        raise InputError(f"state must have {' or '.join(names)}; it has {self.names}, ...")

    def set(self, variable: Any, value: Array, name: str) -> None:
        if tuple(variable.shape) != value.shape:
            raise InputError(
                f"{name} must have the shape {tuple(variable.shape)} of the model, got {value.shape}"
            )
        self.steps.append((variable, value))

    def finish(self) -> None:
        if self.left:
            raise InputError(
                f"state must hold the model's parameters only; left over are {', '.join(sorted(self.left)[:5])} "
                f"({len(self.left)} in all)"
            )
        for variable, value in self.steps:
            variable.assign(value.astype(np.float32))

    def dense(self, layer: Any, name: str, bias: bool = True) -> None:
        """A Linear, or a convolution with kernels of 1."""
        kernel = self.take(f"{name}.weight")
        self.set(layer.kernel, kernel.reshape(kernel.shape[:2]).T, f"{name}.weight")
        if bias:
            self.set(layer.bias, self.take(f"{name}.bias"), f"{name}.bias")

    def layer_norm(self, layer: Any, name: str) -> None:
        self.set(layer.gamma, self.take(f"{name}.weight"), f"{name}.weight")
        self.set(layer.beta, self.take(f"{name}.bias"), f"{name}.bias")

    def batch_norm(self, layer: Any, name: str, epsilon: float) -> None:
        variance = self.take(f"{name}.running_var")
        gamma = self.take(f"{name}.weight") * np.sqrt((variance + epsilon) / (variance + _EPSILON))
        self.set(layer.gamma, gamma, f"{name}.weight")
        self.set(layer.beta, self.take(f"{name}.bias"), f"{name}.bias")
        self.set(layer.moving_mean, self.take(f"{name}.running_mean"), f"{name}.running_mean")
        self.set(layer.moving_variance, variance, f"{name}.running_var")


def _has(model: Any, name: str) -> bool:
    return any(layer.name == name for layer in model.layers)


def _count(model: Any, pattern: str) -> int:
    """How many layers ``pattern`` with 1, 2, ... there are."""
    count = 0
    while _has(model, pattern.format(count + 1)):
        count += 1
    return count


def _top(model: Any, values: _State, layer: Callable[[str], Any]) -> None:
    """Dense layers after the pooling; the last one is no sequence of its own in weaver."""
    hidden = _count(model, "dense_{}")
    for i in range(hidden):
        values.dense(layer(f"dense_{i + 1}"), f"fc.{i}.0")
    values.dense(layer("score"), f"fc.{hidden}")


def _particle_transformer(model: Any, values: _State, interleaved: bool | None) -> None:
    layer = model.get_layer
    if not _has(model, "pairs"):
        raise InputError(
            "model must have pair features from momenta, not pairs = 'graph', as weaver's network has"
        )
    if interleaved is None and any(name.endswith("c_attn") for name in values.left):
        raise InputError(
            "interleaved must be true (weaver before February 2026, the published networks) or false (later); it is "
            "not given"
        )
    values.batch_norm(layer("input_norm"), "embed.input_bn", layer("input_norm").epsilon)
    for i in range(_count(model, "embed_{}")):
        values.layer_norm(layer(f"embed_{i + 1}_norm"), f"embed.embed.{3 * i}")
        values.dense(layer(f"embed_{i + 1}"), f"embed.embed.{3 * i + 1}")
    values.batch_norm(layer("pair_norm"), "pair_embed.embed.0", layer("pair_norm").epsilon)
    for i in range(_count(model, "pair_embed_{}")):
        values.dense(layer(f"pair_embed_{i + 1}"), f"pair_embed.embed.{3 * i + 1}")
        norm = layer(f"pair_embed_{i + 1}_norm")
        values.batch_norm(norm, f"pair_embed.embed.{3 * i + 2}", norm.epsilon)
    for i in range(_count(model, "attention_{}")):
        _block(
            layer,
            values,
            f"blocks.{i}",
            f"attention_{i + 1}",
            f"attention_{i + 1}",
            f"feed_{i + 1}",
            interleaved,
        )
    for i in range(_count(model, "class_attention_{}")):
        names = f"class_{i + 1}", f"class_attention_{i + 1}", f"class_feed_{i + 1}"
        _block(layer, values, f"cls_blocks.{i}", *names, interleaved)
    if _has(model, "class_token"):
        values.set(layer("class_token").embeddings, values.take("cls_token")[0], "cls_token")
        values.layer_norm(layer("pool"), "norm")
    else:
        values.layer_norm(layer("pool_norm"), "norm")
    _top(model, values, layer)


def _block(
    layer: Callable[[str], Any],
    values: _State,
    theirs: str,
    around: str,
    attention: str,
    feed: str,
    interleaved: bool | None,
) -> None:
    """One block; ``around`` names its normalisations, ``attention`` the attention, ``feed`` the rest."""
    values.layer_norm(layer(f"{around}_norm"), f"{theirs}.pre_attn_norm")
    heads = layer(f"{around}_heads")
    factors = values.take(f"{theirs}.c_attn")
    kernel, bias = (values.take(f"{theirs}.attn.out_proj.{part}") for part in ("weight", "bias"))
    if interleaved:
        # Channel (head, c) times the head's factor goes to the place (c, head); the factors move into the projection.
        if factors.size != heads.groups or len(bias) % heads.groups:
            raise InputError(f"{theirs}.c_attn must have the shape ({heads.groups},), got {factors.shape}")
        width = len(bias) // heads.groups
        order = np.arange(len(bias)).reshape(heads.groups, width).T.ravel()
        scale = np.repeat(factors, width)
        kernel, bias = (kernel * scale[:, None])[order], (bias * scale)[order]
        factors = np.ones_like(factors)
    values.set(heads.factors, factors, f"{theirs}.c_attn")
    joined = values.take(f"{theirs}.attn.in_proj_weight", f"{theirs}.attn.in_proj.weight")
    offsets = values.take(f"{theirs}.attn.in_proj_bias", f"{theirs}.attn.in_proj.bias")
    _attention(layer(attention), values, theirs, joined, offsets, kernel, bias)
    values.layer_norm(layer(f"{around}_after"), f"{theirs}.post_attn_norm")
    values.layer_norm(layer(f"{feed}_norm"), f"{theirs}.pre_fc_norm")
    values.dense(layer(f"{feed}_1"), f"{theirs}.fc1")
    values.layer_norm(layer(f"{feed}_inner_norm"), f"{theirs}.post_fc_norm")
    values.dense(layer(f"{feed}_2"), f"{theirs}.fc2")
    values.set(layer(f"{feed}_residual").factors, values.take(f"{theirs}.w_resid"), f"{theirs}.w_resid")


def _attention(
    layer: Any, values: _State, theirs: str, joined: Array, offsets: Array, kernel: Array, bias: Array
) -> None:
    """Query, key and value stand below each other in weaver; here they are apart, in Keras' attention by head."""
    if len(joined) % 3 or len(offsets) != len(joined):
        raise InputError(f"{theirs}.attn.in_proj_weight must have three equal parts, got {joined.shape}")
    third = len(joined) // 3
    parts = {
        name: (joined[i * third : (i + 1) * third].T, offsets[i * third : (i + 1) * third])
        for i, name in enumerate(("query", "key", "value"))
    }
    for name, arrays in (parts | {"output": (kernel.T, bias)}).items():
        if hasattr(layer, "kernels"):
            ours = layer.kernels[name], layer.biases[name]
        else:
            dense = getattr(layer, f"{name}_dense")
            ours = dense.kernel, dense.bias
        for variable, value in zip(ours, arrays, strict=True):
            shape = tuple(variable.shape)
            if value.size != np.prod(shape):
                raise InputError(
                    f"the {name} of {theirs}.attn must fit {shape} of the model, got {value.shape}"
                )
            values.set(variable, value.reshape(shape), f"{theirs}.attn")


def _particle_net(model: Any, values: _State) -> None:
    layer = model.get_layer
    if any(name.startswith("fusion_block") for name in values.left):
        raise InputError("state must be of a ParticleNet without the fusion block (use_fusion = False)")
    values.batch_norm(layer("normalise"), "bn_fts", layer("normalise").epsilon)
    for i in range(_count(model, "edge_conv_{}")):
        mlp = layer(f"edge_conv_{i + 1}").mlp
        for j, (dense, norm) in enumerate(zip(mlp.layers, mlp.norms, strict=True)):
            values.dense(dense, f"edge_convs.{i}.convs.{j}", bias=False)
            if dense.use_bias:
                values.set(dense.bias, np.zeros(dense.bias.shape), "bias")
            values.batch_norm(norm, f"edge_convs.{i}.bns.{j}", 1e-3)
        shortcut, norm = layer(f"shortcut_{i + 1}"), layer(f"shortcut_{i + 1}_norm")
        if f"edge_convs.{i}.sc.weight" in values.left:
            values.dense(shortcut, f"edge_convs.{i}.sc", bias=False)
            values.batch_norm(norm, f"edge_convs.{i}.sc_bn", norm.epsilon)
        else:  # weaver adds the features themselves where the width stays
            width = shortcut.units
            ones, zeros = np.ones(width), np.zeros(width)
            values.set(shortcut.kernel, np.eye(width), f"the shortcut of edge_convs.{i}")
            values.set(norm.gamma, ones * np.sqrt(1 + norm.epsilon), "gamma")
            for variable, value in (
                (norm.beta, zeros),
                (norm.moving_mean, zeros),
                (norm.moving_variance, ones),
            ):
                values.set(variable, value, "norm")
    _top(model, values, layer)
