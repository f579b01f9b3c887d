"""The layers' formulas in plain NumPy, edge by edge, written from the papers and Spektral's documentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def softmax(values: Array) -> Array:
    e = np.exp(values - values.max())
    return e / e.sum()


def relu(values: Array) -> Array:
    return np.maximum(values, 0)


def neighbours(graphs: Any, loops: str) -> list[list[int]]:
    """Senders of each node, as often as they are listed.

    Args:
        graphs: senders and receivers.
        loops: ``keep`` those there are, or ``once``: exactly one at every node.
    """
    result: list[list[int]] = [[] for _ in graphs.x]
    for s, r in zip(graphs.senders, graphs.receivers, strict=True):
        if loops == "keep" or s != r:
            result[r].append(int(s))
    if loops == "once":
        for i, senders in enumerate(result):
            senders.append(i)
    return result


def gat(weights: list[Array], graphs: Any, heads: int, concat: bool = True, loops: bool = True) -> Array:
    kernel, own, other, bias = (w.astype(float) for w in weights)
    h = np.einsum("nf,fhc->nhc", graphs.x.astype(float), kernel)
    out = np.zeros_like(h)
    for i, senders in enumerate(neighbours(graphs, "once" if loops else "keep")):
        for head in range(heads):
            if not senders:
                continue
            logits = np.array(
                [h[i, head] @ own[:, head, 0] + h[j, head] @ other[:, head, 0] for j in senders]
            )
            alpha = softmax(np.where(logits > 0, logits, 0.2 * logits))
            out[i, head] = sum(a * h[j, head] for a, j in zip(alpha, senders, strict=True))
    return (out.reshape(len(h), -1) if concat else out.mean(axis=1)) + bias


def matrix(graphs: Any, weights: Array | None = None) -> Array:
    """(n, n), ``m[receiver, sender]`` the sum of weights, or the number of such edges."""
    m = np.zeros((len(graphs.x), len(graphs.x)))
    np.add.at(m, (graphs.receivers, graphs.senders), 1.0 if weights is None else weights)
    return m


def laplacian(graphs: Any, lambda_max: float = 2.0) -> Array:
    a = matrix(graphs)
    s = 0.5 * (a + a.T)
    np.fill_diagonal(s, 0)
    degree = s.sum(axis=1)
    root = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    eye = np.eye(len(a))
    return 2 / lambda_max * (eye - root[:, None] * s * root[None, :]) - eye


def cheb(weights: list[Array], x: Array, m: Array) -> Array:
    kernel, bias = (w.astype(float) for w in weights)
    terms = [x, m @ x]  # T_k(m) x; powers of the matrix alone would take a minute for thousands of nodes
    while len(terms) < len(kernel):
        terms.append(2 * m @ terms[-1] - terms[-2])
    return sum(t @ w for t, w in zip(terms, kernel, strict=False)) + bias


def gcn_filter(graphs: Any) -> Array:
    a = matrix(graphs) + np.eye(len(graphs.x))
    root = 1 / np.sqrt(a.sum(axis=1))
    return root[:, None] * a * root[None, :]


COMBINE = {
    "sum": lambda v: v.sum(axis=0),
    "mean": lambda v: v.mean(axis=0),
    "max": lambda v: v.max(axis=0),
    "min": lambda v: v.min(axis=0),
    "prod": lambda v: v.prod(axis=0),
}


def combine(rows: Array, how: str, width: int) -> Array:
    return COMBINE[how](rows) if len(rows) else np.zeros(width)


def sage(weights: list[Array], graphs: Any, how: str) -> Array:
    kernel, bias = (w.astype(float) for w in weights)
    x = graphs.x.astype(float)
    received = [combine(x[senders], how, x.shape[1]) for senders in neighbours(graphs, "once")]
    h = np.concatenate([x, np.array(received)], axis=1) @ kernel + bias
    return h / np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-6)


def mlp(layers: list[Array], h: Array, last: Any = None) -> Array:
    """Dense layers with relu between them; ``layers`` lists kernel, bias, kernel, bias, ..."""
    pairs = list(zip(layers[::2], layers[1::2], strict=True))
    for i, (kernel, bias) in enumerate(pairs):
        h = h @ kernel.astype(float) + bias.astype(float)
        h = relu(h) if i < len(pairs) - 1 else h
    return h if last is None else last(h)


def normalise(h: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
    """Batch normalisation with its moving statistics."""
    gamma, beta, mean, variance = (w.astype(float) for w in (gamma, beta, mean, variance))
    return gamma * (h - mean) / np.sqrt(variance + 1e-3) + beta


def normalised_mlp(weights: list[Array], h: Array) -> Array:
    """Dense layers, each normalised before its relu: kernel and bias of each, then the four of each normalisation."""
    n = len(weights) // 6
    for i in range(n):
        h = h @ weights[2 * i].astype(float) + weights[2 * i + 1].astype(float)
        h = relu(normalise(h, *weights[2 * n + 4 * i : 2 * n + 4 * i + 4]))
    return h


def edge_conv(
    weights: list[Array], x: Array, senders: list[list[int]], how: str, network: Callable[..., Array] = mlp
) -> Array:
    x = x.astype(float)
    width = len(network(weights, np.zeros(2 * x.shape[1])))
    rows = []
    for i, js in enumerate(senders):
        messages = np.array([network(weights, np.concatenate([x[i], x[j] - x[i]])) for j in js])
        rows.append(combine(messages, how, width))
    return np.array(rows)


def nearest(points: Array, n_node: Array, k: int, loops: bool) -> list[list[int]]:
    result: list[list[int]] = []
    start = 0
    for n in n_node:
        for i in range(start, start + n):
            others = [j for j in range(start, start + n) if loops or j != i]
            distance = {j: float(((points[i] - points[j]) ** 2).sum()) for j in others}
            # The node itself first, then by distance, then by index.
            result.append(sorted(others, key=lambda j: (j != i, distance[j], j))[:k])
        start += n
    return result


def groups(graphs: Any) -> list[Array]:
    return [graphs.x[graphs.graph_id == i].astype(float) for i in range(len(graphs.n_node))]


def sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))
