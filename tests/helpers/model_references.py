"""The models in plain NumPy, written from the papers, graph by graph and without padding.

Each takes a Keras model for its parameters (by the names of its layers), its settings and a disjoint batch, and gives
the scores in float64. A :class:`Pass` says how: with the moving statistics of the batch normalisations or with those of
the batch, without dropout or with a sample of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import references
from references import Array, neighbours, relu, sigmoid
from scipy.special import erf

Batch = dict[str, Array]


@dataclass
class Pass:
    """How a model runs, and the statistics of batch normalisations that it has seen.

    Attributes:
        model: for its parameters.
        training: normalise with the statistics of the batch.
        drop_with: a random generator samples dropout; None for no dropout.
        seen: mean and variance of the batch by the name of the layer.
    """

    model: Any
    training: bool = False
    drop_with: np.random.Generator | None = None
    seen: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    _read: dict[str, Any] = field(default_factory=dict)

    def weights(self, name: str) -> list[Array]:
        return self.once(name, lambda layer: [w.astype(float) for w in layer.get_weights()])

    def once(self, name: str, read: Callable[[Any], Any]) -> Any:
        """What is read of a layer, the same for each graph."""
        if name not in self._read:
            self._read[name] = read(self.model.get_layer(name))
        return self._read[name]

    def dense(self, name: str, h: Array) -> Array:
        kernel, *bias = self.weights(name)
        return h @ kernel + (bias[0] if bias else 0)

    def drop(self, h: Array, rate: float) -> Array:
        if self.drop_with is None or not rate:
            return h
        return h * (self.drop_with.random(h.shape) >= rate) / (1 - rate)

    def batch_norm(self, name: str, h: Array, variables: Sequence[Any] | None = None) -> Array:
        """Over all rows of ``h``; ``variables`` where the layer is a part of another one."""
        found = self.weights(name) if variables is None else [np.asarray(v).astype(float) for v in variables]
        gamma, beta, mean, variance = found
        if self.training:
            rows = h.reshape(-1, h.shape[-1])
            mean, variance = rows.mean(axis=0), rows.var(axis=0)
            self.seen[name] = mean, variance
        return gamma * (h - mean) / np.sqrt(variance + 1e-3) + beta

    def layer_norm(self, name: str, h: Array) -> Array:
        gamma, beta = self.weights(name)
        centred = h - h.mean(axis=-1, keepdims=True)
        return gamma * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-3) + beta

    def dense_stack(
        self, h: Array, n: int, rate: float, activation: Callable[[Array], Array] = relu
    ) -> Array:
        """``dense_1`` to ``dense_n``, dropout after each."""
        for i in range(1, n + 1):
            h = self.drop(activation(self.dense(f"dense_{i}", h)), rate)
        return h


def gelu(h: Array) -> Array:
    return 0.5 * h * (1 + erf(h / math.sqrt(2)))


def _places(batch: Batch) -> list[slice]:
    ends = np.cumsum(batch["n_node"])
    return [slice(end - n, end) for end, n in zip(ends, batch["n_node"], strict=True)]


def _graph(batch: Batch, x: Array) -> SimpleNamespace:
    return SimpleNamespace(x=x, senders=batch["senders"], receivers=batch["receivers"])


def _graphs(batch: Batch, x: Array) -> list[SimpleNamespace]:
    """Each graph alone: matrices of a thousand graphs together would take a minute."""
    result = []
    for place in _places(batch):
        here = (batch["receivers"] >= place.start) & (batch["receivers"] < place.stop)
        ends = {key: batch[key][here] - place.start for key in ("senders", "receivers")}
        result.append(SimpleNamespace(x=x[place], **ends))
    return result


def _received(batch: Batch, matrices: list[Array], x: Array) -> Array:
    """The matrix of each graph times its nodes."""
    return np.concatenate([m @ x[place] for m, place in zip(matrices, _places(batch), strict=True)])


def _mean(x: Array) -> Array:
    return x.sum(axis=0) / max(len(x), 1)


def _pooled(batch: Batch, x: Array, pool: Callable[[Array], Array] = _mean) -> Array:
    """One row a graph, with the graph's own features behind."""
    rows = np.array([pool(x[place]) for place in _places(batch)])
    return np.concatenate([rows, batch["u"]], axis=1) if "u" in batch else rows


POOLS: dict[str, Callable[[Array], Array]] = {
    "mean": _mean,
    "sum": lambda x: x.sum(axis=0),
    "max": lambda x: x.max(axis=0) if len(x) else np.zeros(x.shape[1]),
}


def gat_cheb(run: Pass, s: Any, batch: Batch) -> Array:
    """1710.10903, equations 3 to 6, and 1606.09375, equation 5."""
    x = batch["x"].astype(float)
    for i, heads in enumerate(s.heads, 1):
        x = relu(_attention(run, run.weights(f"gat_{i}"), _graph(batch, x), heads, s.dropout))
    laplacians = [references.laplacian(graph) for graph in _graphs(batch, x)]
    for i in range(1, len(s.cheb_channels) + 1):
        weights = run.weights(f"cheb_{i}")
        parts = zip(_places(batch), laplacians, strict=True)
        x = relu(np.concatenate([references.cheb(weights, x[place], matrix) for place, matrix in parts]))
    rows = [POOLS[pool] for pool in s.pooling.split("+")]
    h = _pooled(batch, x, lambda nodes: np.concatenate([pool(nodes) for pool in rows]))
    return sigmoid(run.dense("score", run.dense_stack(h, len(s.dense), s.dropout)))


def _attention(run: Pass, weights: list[Array], graph: Any, heads: int, rate: float) -> Array:
    kernel, own, other, bias = weights
    h = np.einsum("nf,fhc->nhc", graph.x, kernel)
    out = np.zeros_like(h)
    for i, senders in enumerate(neighbours(graph, "once")):
        for head in range(heads):
            e = h[i, head] @ own[:, head, 0] + h[senders, head] @ other[:, head, 0]
            alpha = references.softmax(np.where(e > 0, e, 0.2 * e))
            out[i, head] = run.drop(alpha, rate) @ h[senders, head]
    return out.reshape(len(h), -1) + bias


def particle_net(run: Pass, s: Any, batch: Batch) -> Array:
    """1902.08570, section III: EdgeConv blocks with a shortcut, new neighbours in each."""
    x = run.batch_norm("normalise", batch["x"].astype(float))
    for i, channels in enumerate(s.channels, 1):
        if i == 1 and s.coordinates == "graph":
            senders = neighbours(_graph(batch, x), "keep")
        else:
            where = x if i > 1 else _coordinates(s, batch)
            senders = references.nearest(where, batch["n_node"], s.k, False)
        pairs = np.array([(r, j) for r, js in enumerate(senders) for j in js]).reshape(-1, 2)
        h = np.concatenate([x[pairs[:, 0]], x[pairs[:, 1]] - x[pairs[:, 0]]], axis=1)
        mlp = run.model.get_layer(f"edge_conv_{i}").mlp
        for j, (layer, norm) in enumerate(zip(mlp.layers, mlp.norms, strict=True)):
            kernel, *bias = (np.asarray(w).astype(float) for w in layer.weights)
            h = h @ kernel + (bias[0] if bias else 0)
            statistics = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
            h = relu(run.batch_norm(f"edge_conv_{i}/{j}", h, statistics))
        y = np.array([_mean(h[pairs[:, 0] == r]) for r in range(len(x))])
        shortcut = run.batch_norm(f"shortcut_{i}_norm", run.dense(f"shortcut_{i}", x))
        assert y.shape[1] == channels[-1]
        x = relu(y + shortcut)
    h = run.dense_stack(_pooled(batch, x), len(s.dense), s.dropout)
    return sigmoid(run.dense("score", h))


def _coordinates(s: Any, batch: Batch) -> Array:
    """What the network says of neighbours in the inputs: given, not normalised."""
    return batch["points"] if s.coordinates == "points" else batch["x"][:, list(s.coordinates)]


def deep_sets(run: Pass, s: Any, batch: Batch) -> Array:
    """1810.05165, equation 5: F(sum over particles of Φ(p))."""
    x = batch["x"].astype(float)
    for i in range(1, len(s.phi) + 1):
        x = relu(run.dense(f"phi_{i}", x))
    h = run.dense_stack(_pooled(batch, x, POOLS[s.pool]), len(s.dense), s.dropout)
    return sigmoid(run.dense("score", h))


def detector_net(run: Pass, s: Any, batch: Batch) -> Array:
    """1908.05318, section 2, with kinds of nodes and edges, node by node and edge by edge."""
    x = batch["x"].astype(float)
    raw = x[:, list(s.columns)] / np.array(s.norm_factor) + np.array(s.median)  # η, φ, ln E, four flags
    kind = (raw[:, 3:7] > 0.5).astype(float)
    tracks, deposits = kind[:, 0], kind[:, 1] + kind[:, 2]

    def edge(i: int, j: int) -> list[float]:
        deta, dphi = (raw[j, :2] - raw[i, :2]) / 0.1
        ratio = tracks[i] * deposits[j] * (raw[j, 2] - raw[i, 2])
        ratio += deposits[i] * tracks[j] * (raw[i, 2] - raw[j, 2])
        return [deta, dphi, 0.5 * math.log(deta**2 + dphi**2 + 0.05**2), ratio]

    *kernels, bias = run.weights("embed_1")
    x = relu(sum(kind[:, k : k + 1] * (x @ kernel + bias[k]) for k, kernel in enumerate(kernels)))
    for i in range(2, len(s.embed) + 2):
        x = relu(run.dense(f"embed_{i}", x))
    states, senders = [x], neighbours(_graph(batch, x), "keep")
    for block in range(1, s.blocks + 1):
        of_kinds, *rest = run.weights(f"interaction_{block}")
        messages, updates = rest[: 2 * len(s.message)], rest[2 * len(s.message) :]
        new = []
        for i, js in enumerate(senders):
            rows = np.zeros((len(js), s.message[-1]))
            for row, j in enumerate(js):
                h = np.concatenate([x[i], x[j], edge(i, j)])
                for layer in range(len(s.message)):
                    h = h @ messages[2 * layer] + messages[2 * layer + 1]
                    h = relu(h + (of_kinds[kind[i].argmax(), kind[j].argmax()] if layer == 0 else 0))
                rows[row] = h
            h = np.concatenate([x[i], POOLS[s.aggregate](rows)])
            for layer in range(len(updates) // 2):
                h = h @ updates[2 * layer] + updates[2 * layer + 1]
                h = relu(h) if layer < len(s.update) else h
            new.append(x[i] + h)
        x = np.array(new)
        if s.context:
            pool, pool_bias, send, send_bias = run.weights(f"context_{block}")
            h = relu(x @ pool + pool_bias)
            sums = _pooled(
                batch,
                np.concatenate([h * kind[:, k : k + 1] for k in range(4)], axis=1),
                lambda g: 0.1 * g.sum(axis=0),
            )[:, : 4 * s.context]
            x = x + (sums @ send + send_bias)[np.repeat(np.arange(len(batch["n_node"])), batch["n_node"])]
        x = run.layer_norm(f"norm_{block}", x)
        states.append(x)
    rows = [np.concatenate(states, axis=1)]
    h = relu(run.dense("phi", rows[0]))
    h = np.concatenate([h * kind[:, k : k + 1] for k in range(4)], axis=1)
    if s.groups:
        weight = sigmoid(run.dense("groups", rows[0]))
        share = weight * np.exp(raw[:, 7:8])
        owner = np.repeat(np.arange(len(batch["n_node"])), batch["n_node"])
        masses = []
        for graph in range(len(batch["n_node"])):
            p, (eta, phi, charge) = share[owner == graph], raw[owner == graph, 8:].T
            total = p.sum(axis=0) + 1e-4
            eta_mean, phi_mean = eta @ p / total, phi @ p / total
            square = (eta[:, None] - eta_mean) ** 2 + (phi[:, None] - phi_mean) ** 2
            spread = 3 + 0.5 * np.log((p * square).sum(axis=0) / total + 1e-5)
            pt = np.log(total)
            charges = charge @ weight[owner == graph]
            masses.append(np.concatenate([pt, spread, spread + pt, 5 * eta_mean, 5 * phi_mean, charges]))
    pooled = _pooled(batch, h, lambda nodes: 0.1 * nodes.sum(axis=0))
    if s.groups:  # between the sums and the quantities of the jets
        width = 4 * s.phi
        pooled = np.concatenate([pooled[:, :width], np.array(masses), pooled[:, width:]], axis=1)
    return sigmoid(run.dense("score", run.dense_stack(pooled, len(s.dense), s.dropout)))


def graph_net(run: Pass, s: Any, batch: Batch) -> Array:
    """2107.00656, section 4: PReLU(BN(ReLU((A + 1)(X W + b))))."""

    def slope(name: str, h: Array) -> Array:
        if not s.prelu:
            return h
        (alpha,) = run.weights(f"{name}_prelu")
        return np.where(h > 0, h, alpha * h)

    def norm(name: str, h: Array) -> Array:
        return run.batch_norm(f"{name}_norm", h) if s.batch_norm else h

    x = batch["x"].astype(float)
    for i in range(1, s.node_layers + 1):
        x = slope(f"node_{i}", relu(run.dense(f"node_{i}", x)))
    adjacency = [references.matrix(graph) + np.eye(len(graph.x)) for graph in _graphs(batch, x)]
    for i in range(1, s.convolutions + 1):
        x = norm(f"conv_{i}", relu(_received(batch, adjacency, run.dense(f"conv_{i}", x))))
        x = run.drop(slope(f"conv_{i}", x), s.dropout)
    h = _pooled(batch, x)
    for i in range(1, s.dense_layers + 1):
        h = slope(f"dense_{i}", norm(f"dense_{i}", relu(run.dense(f"dense_{i}", h))))
        h = run.drop(h, s.last_dropout if i == s.dense_layers else s.dropout)
    return sigmoid(run.dense("score", h))


def graph_net_padded(run: Pass, s: Any, batch: Batch) -> Array:
    """As published, on padded arrays: padding counts in every mean, and each slot has slopes of its own."""
    x, adjacency = batch["features"].astype(float), batch["adj_matrix"].astype(float)

    def slope(name: str, h: Array) -> Array:
        (alpha,) = run.weights(f"{name}_prelu")
        return np.where(h > 0, h, alpha * h)

    for i in range(1, s.node_layers + 1):
        x = slope(f"node_{i}", relu(run.dense(f"node_{i}", x)))
    for i in range(1, s.convolutions + 1):
        x = run.batch_norm(f"conv_{i}_norm", relu(adjacency @ run.dense(f"conv_{i}", x)))
        x = slope(f"conv_{i}", x)
    h = x.mean(axis=1)
    for i in range(1, s.dense_layers + 1):
        h = run.batch_norm(f"dense_{i}_norm", relu(run.dense(f"dense_{i}", h)))
        h = slope(f"dense_{i}", h)
    return sigmoid(run.dense("score", h))


def gcn_belle(run: Pass, s: Any, batch: Batch) -> Array:
    """2107.00656, section 5, with the propagation of 1609.02907, equation 2."""
    x = batch["x"].astype(float)
    kind = x[:, s.kind_column].astype(int)
    (table,) = run.weights("embedding")
    x = np.concatenate([table[kind], np.delete(x, s.kind_column, axis=1)], axis=1)
    for i in range(1, s.node_layers + 1):
        x = relu(run.dense(f"node_{i}", x))
    propagate = references.gcn_filter(_graph(batch, x))
    for i in range(1, s.convolutions + 1):
        kernel, bias = run.weights(f"gcn_{i}")
        x = relu(propagate @ (x @ kernel) + bias)
    return sigmoid(run.dense("score", run.dense_stack(_pooled(batch, x), s.dense_layers, 0)))


def pair_features(p4: Array) -> Array:
    """2202.03772, equations 3 to 6, of pT, η, φ and mass: ln kT, ln z, ln Δ, ln m²."""
    pt, eta, phi, mass = (p4[:, i].astype(float) for i in range(4))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    rapidity = np.arctanh(pz / energy)
    result = np.zeros((len(p4), len(p4), 4))
    for i in range(len(p4)):
        for j in range(len(p4)):
            dphi = math.remainder(phi[i] - phi[j], 2 * math.pi)
            delta = max(math.hypot(rapidity[i] - rapidity[j], dphi), 1e-8)
            low = min(pt[i], pt[j])
            p = [px[i] + px[j], py[i] + py[j], pz[i] + pz[j]]
            m2 = (energy[i] + energy[j]) ** 2 - sum(c**2 for c in p)
            quantities = low * delta, low / (pt[i] + pt[j]), delta, max(m2, 1e-8)
            result[i, j] = np.log(quantities)
    return result


def particle_attention(run: Pass, s: Any, batch: Batch) -> Array:
    """2202.03772, section 3, with the departures that the model's docstring names for ``variant = "simple"``."""

    def feed_forward(name: str, h: Array) -> Array:
        y = gelu(run.dense(f"{name}_1", run.layer_norm(f"{name}_norm", h)))
        y = run.drop(run.layer_norm(f"{name}_inner_norm", y), s.dropout)
        return h + run.drop(run.dense(f"{name}_2", y), s.dropout)

    rows = []
    alone = _graphs(batch, batch["x"])
    for graph, place in enumerate(_places(batch)):
        x = batch["x"][place].astype(float)
        n = len(x)
        if s.pairs == "graph":
            pairs = references.matrix(alone[graph])[:, :, None]
        else:
            pairs = pair_features(batch["p4"][place] if s.pairs == "p4" else x[:, list(s.pairs)])
            for i in range(1, len(s.pair_embed) + 1):
                pairs = gelu(run.dense(f"pair_embed_{i}", pairs))
        if "u" in batch:
            x = np.concatenate([x, np.repeat(batch["u"][graph : graph + 1], n, axis=0)], axis=1)
        for i in range(1, len(s.embed) + 2):
            x = run.layer_norm(f"embed_{i}_norm", gelu(run.dense(f"embed_{i}", x)))
        for i in range(1, s.blocks + 1):
            y = _pair_attention(run, f"attention_{i}", run.layer_norm(f"attention_{i}_norm", x), pairs, s)
            y = run.drop(run.layer_norm(f"attention_{i}_after", y), s.dropout)
            x = feed_forward(f"feed_{i}", x + y)
        if s.class_blocks:
            token = run.weights("class_token")[0][0]
            for i in range(1, s.class_blocks + 1):
                both = run.layer_norm(f"class_{i}_norm", np.vstack([token, x]))
                y = _class_attention(run.weights(f"class_attention_{i}"), both)
                token = feed_forward(f"class_feed_{i}", token + run.layer_norm(f"class_{i}_after", y))
            rows.append(run.layer_norm("pool", token))
        else:
            rows.append(POOLS[s.pooling](x))
    h = np.array(rows)
    h = np.concatenate([h, batch["u"]], axis=1) if "u" in batch else h
    return sigmoid(run.dense("score", run.dense_stack(h, len(s.dense), s.dropout, gelu)))


def _pair_attention(run: Pass, name: str, x: Array, pairs: Array, s: Any) -> Array:
    def read(layer: Any) -> tuple[dict[str, Array], dict[str, Array], Array]:
        named = (layer.kernels, layer.biases, {"pairs": layer.pair_kernel})
        kernel, bias, pair = ({k: np.asarray(v).astype(float) for k, v in part.items()} for part in named)
        return kernel, bias, pair["pairs"]

    kernel, bias, pair_kernel = run.once(name, read)
    shift = pairs @ pair_kernel
    query, key, value = (x @ kernel[part] + bias[part] for part in ("query", "key", "value"))
    width = s.width // s.heads
    out = np.zeros_like(query)
    for head in range(s.heads):
        part = slice(head * width, (head + 1) * width)
        for i in range(len(x)):
            logits = key[:, part] @ query[i, part] / math.sqrt(width) + shift[i, :, head]
            out[i, part] = run.drop(references.softmax(logits), s.dropout) @ value[:, part]
    return out @ kernel["output"] + bias["output"]


def _class_attention(weights: list[Array], both: Array) -> Array:
    """Of the first row to all."""
    qk, qb, kk, kb, vk, vb, ok, ob = weights
    query = np.einsum("f,fhd->hd", both[0], qk) + qb
    key, value = (np.einsum("nf,fhd->nhd", both, k) + b for k, b in ((kk, kb), (vk, vb)))
    out = np.zeros_like(query)
    for head in range(len(query)):
        alpha = references.softmax(key[:, head] @ query[head] / math.sqrt(query.shape[1]))
        out[head] = alpha @ value[:, head]
    return np.einsum("hd,hdf->f", out, ok) + ob


def fcn(run: Pass, s: Any, batch: Batch) -> Array:
    """2107.00656, section 4."""
    h = np.concatenate([batch["x"], batch["u"]], axis=1) if "u" in batch else batch["x"]
    return sigmoid(run.dense("score", run.dense_stack(h.astype(float), s.layers, s.dropout)))


def convolve(x: Array, kernel: Array, stride: int = 1, same: bool = False) -> Array:
    """Of images (B, H, W, C) with (k, k, C, O)."""
    k = len(kernel)
    if same:
        x = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("bhwcij,ijco->bhwo", windows, kernel)


def depthwise(x: Array, kernel: Array) -> Array:
    """Of each channel with its own (k, k, C, 1), as large as before."""
    channels = [convolve(x[..., c : c + 1], kernel[:, :, c : c + 1], same=True) for c in range(x.shape[-1])]
    return np.concatenate(channels, axis=-1)


def quark_gluon_cnn(run: Pass, s: Any, batch: Batch) -> Array:
    """2201.03545, figure 4, with batch normalisation and twice the channels in the middle."""
    kernel, bias = run.weights("stem")
    x = run.batch_norm("stem_norm", convolve(batch["image"].astype(float), kernel, 4) + bias)
    for i in range(1, len(s.filters) + 1):
        if i > 1:
            kernel, bias = run.weights(f"down_{i}")
            x = convolve(x, kernel, 2) + bias
        for j in range(1, s.depth + 1):
            name = f"stage_{i}_{j}"
            kernel, bias = run.weights(f"{name}_depthwise")
            y = run.batch_norm(f"{name}_norm", depthwise(x, kernel) + bias)
            for part in ("wide", "narrow"):
                kernel, bias = run.weights(f"{name}_{part}")
                y = y @ kernel[0, 0] + bias
                y = gelu(y) if part == "wide" else y
            x = x + y
    h = run.layer_norm("pool_norm", x.mean(axis=(1, 2)))
    if "u" in batch:
        h = np.concatenate([h, gelu(run.dense("globals", batch["u"].astype(float)))], axis=1)
    return sigmoid(run.dense("score", run.dense_stack(h, len(s.dense), s.dropout, gelu)))


def cell_summaries(p: Array, cells: int, radius: float) -> Array:
    """The quantities of each cell, node by node, from the columns that e2e_tf.layers.CellSummaries lists."""
    found = np.zeros((cells, cells, 21))
    inside = p[np.hypot(p[:, 0], p[:, 1]) < radius]
    places = np.floor((inside[:, :2] + radius) / (2 * radius / cells)).astype(int)
    for row in range(cells):
        for column in range(cells):
            here = inside[(places == (row, column)).all(axis=1)]
            for first, flag in ((0, 11), (5, 12)):
                some = here[here[:, flag] == 1]
                energy, n = some[:, 2], len(some)
                if n:
                    where = (energy @ some[:, :2]) / energy.sum()
                    spread = energy.var(ddof=1) if n > 1 else 0
                    found[row, column, first : first + 5] = energy.sum(), n, spread, *where
            tracks = here[here[:, 10] == 1]
            pt, chosen = tracks[:, 3], tracks[:, 9]
            if len(tracks):
                ndof = 2 * np.minimum(tracks[:, 6], 6) - 5
                means = np.stack([*tracks[:, :2].T, tracks[:, 5], ndof, *tracks[:, 7:9].T])
                sums = (pt.sum(), len(tracks), chosen.sum(), chosen @ pt, tracks[:, 4].sum())
                found[row, column, 10:] = *sums, *(means @ pt / pt.sum())
    return found


def level2_cnn(run: Pass, s: Any, batch: Batch) -> Array:
    """2602.11359, section on the level-2 tagger: standardised cells, convolutions of 1 and of 2, dense layers."""
    raw = batch["x"][:, list(s.columns)].astype(float) / np.array(s.norm_factor) + np.array(s.median)
    plain = np.concatenate(
        [
            raw[:, :2],
            np.exp(raw[:, 2:4]),
            raw[:, 4:5],
            np.expm1(raw[:, 5:6]),
            raw[:, 6:10],
            raw[:, 10:] > 0.5,
        ],
        axis=1,
    )
    h = np.array([cell_summaries(plain[place], 5, 0.5) for place in _places(batch)])
    mean, variance = run.weights("standardise")
    if run.training:
        rows = h.reshape(-1, h.shape[-1])
        mean, variance = rows.mean(axis=0), rows.var(axis=0)
        run.seen["standardise"] = mean, variance
    h = np.clip((h - mean) / np.sqrt(variance + 1e-8), -s.clip, s.clip)
    if "u" in batch:
        h = np.concatenate([h, np.tile(batch["u"][:, None, None].astype(float), (1, 5, 5, 1))], axis=-1)
    for size, widths in ((1, s.pointwise), (2, s.filters)):
        for i in range(1, len(widths) + 1):
            kernel, bias = run.weights(f"conv{size}_{i}")
            h = run.batch_norm(f"conv{size}_{i}_norm", convolve(h, kernel) + bias)
            h = run.drop(relu(h), s.dropout)
    h = h.reshape(len(h), -1)
    for i in range(1, len(s.dense) + 1):
        h = run.drop(run.batch_norm(f"dense_{i}_norm", relu(run.dense(f"dense_{i}", h))), s.dropout)
    return sigmoid(run.dense("score", h))


def egamma_front(run: Pass, image: Array) -> Array:
    """1512.03385, figure 2, then three channels in [0, 255]."""
    image = image.astype(float)
    x = run.batch_norm("residual_norm_1", convolve(image, run.weights("residual_conv_1")[0], same=True))
    x = run.batch_norm("residual_norm_2", convolve(relu(x), run.weights("residual_conv_2")[0], same=True))
    x = relu(x + run.batch_norm("shortcut_norm", convolve(image, run.weights("shortcut")[0])))
    kernel, bias = run.weights("reduce")
    return 255 * sigmoid(convolve(x, kernel) + bias)


MODELS: dict[str, Callable[[Pass, Any, Batch], Array]] = {
    "gat_cheb": gat_cheb,
    "particle_net": particle_net,
    "particle_net_lite": particle_net,
    "particle_attention": particle_attention,
    "deep_sets": deep_sets,
    "detector_net": detector_net,
    "level2_cnn": level2_cnn,
    "graph_net": graph_net,
    "gcn_belle": gcn_belle,
    "fcn": fcn,
    "quark_gluon_cnn": quark_gluon_cnn,
}
