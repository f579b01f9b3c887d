"""What attends to what: the coefficients of a model's attention layers on the edges of a graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from e2e_tf.training.display.nodes import DrawnJet
from e2e_tf.training.examples import Examples

__all__ = ["with_attention"]


def with_attention(model: Any, examples: Examples, jets: list[DrawnJet]) -> list[DrawnJet]:
    """Jets with the attention of every layer of ``GATConv`` and ``GATv2Conv``, of each head and their mean.

    Args:
        model: a Keras model with named inputs; others than those layers give nothing.
        examples: its inputs of the jets.
        jets: the same jets, in the same order.

    Returns:
        The jets; ``attention`` has float (e,) of the edges, what a node gives to itself is left out.
    """
    from e2e_tf.layers import GATConv, GATv2Conv
    from e2e_tf.layers.plain import plain

    layers = [
        layer
        for layer in model._flatten_layers(include_self=False, recursive=True)
        if isinstance(layer, (GATConv, GATv2Conv))
    ]
    if not layers:
        return jets
    batches = (
        replace(examples, label=None, weight=None).loader(model, 1, index=np.arange(len(jets))).batches()
    )
    found = []
    for jet, (inputs,) in zip(jets, batches, strict=True):
        kept: dict[str, Any] = {}
        with plain(model), ExitStack() as stack:
            for layer in layers:
                stack.enter_context(_kept(layer, kept))
            if len(jet.places):
                model(dict(inputs), training=False)
        attention: dict[str, np.ndarray] = {}
        for name, alpha in kept.items():
            heads = _on_edges(np.asarray(alpha), jet)
            attention[name] = heads.mean(axis=0)
            if len(heads) > 1:
                attention |= {f"{name}, head {i + 1}": one for i, one in enumerate(heads)}
        found.append(replace(jet, attention=attention))
    return found


@contextmanager
def _kept(layer: Any, into: dict[str, Any]) -> Iterator[None]:
    """Keep the coefficients of a layer, all of which pass its dropout."""
    dropout = layer.dropout

    def keep(alpha: Any, training: Any = None) -> Any:
        into[layer.name] = alpha
        return dropout(alpha, training=training)

    # Not by Keras, which would track what it is given.
    object.__setattr__(layer, "dropout", keep)
    try:
        yield
    finally:
        object.__setattr__(layer, "dropout", dropout)


def _on_edges(alpha: np.ndarray, jet: DrawnJet) -> np.ndarray:
    """float (heads, e) from coefficients on blocks (1, heads, N, N) or on edges (e and self loops, heads)."""
    if alpha.ndim == 4:
        return alpha[0][:, jet.receivers, jet.senders]
    return alpha[: len(jet.senders)].reshape(len(jet.senders), -1).T
