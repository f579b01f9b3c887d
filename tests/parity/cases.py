"""The layers that must agree with Spektral's and with PyTorch Geometric's, and how we run ours."""

from __future__ import annotations

from itertools import chain

import numpy as np
import tensorflow as tf
from layer_graphs import make_graphs, set_weights
from parity import FEATURES, Arrays, Case, state

from e2e_tf import layers

SPEKTRAL = {
    "gat": Case(
        "GATConv", {"channels": 4, "attn_heads": 3, "dropout_rate": 0.0, "activation": "elu"}, "edges"
    ),
    "gat_mean": Case("GATConv", {"channels": 4, "attn_heads": 2, "concat_heads": False}, "edges"),
    "gat_dense": Case("GATConv", {"channels": 4, "attn_heads": 2}, "dense"),
    "gat_no_loops": Case("GATConv", {"channels": 4, "attn_heads": 2, "add_self_loops": False}, "dense_loops"),
    "cheb": Case("ChebConv", {"channels": 3, "K": 3, "activation": "relu"}, "weighted"),
    "cheb_wide": Case("ChebConv", {"channels": 9, "K": 4}, "weighted"),
    "cheb_one": Case("ChebConv", {"channels": 3, "K": 1}, "weighted"),
    "gcn": Case("GCNConv", {"channels": 4, "activation": "tanh"}, "weighted"),
    "sage": Case("GraphSageConv", {"channels": 4}, "edges"),
    "sage_max": Case("GraphSageConv", {"channels": 4, "aggregate": "max", "activation": "relu"}, "edges"),
    "sage_prod": Case("GraphSageConv", {"channels": 4, "aggregate": "prod"}, "edges"),
    "gin": Case("GINConv", {"channels": 4, "mlp_hidden": [6, 7]}, "edges"),
    "gin_epsilon": Case("GINConv", {"channels": 4, "epsilon": 0.5, "aggregate": "mean"}, "edges"),
    "edge": Case("EdgeConv", {"channels": 4, "mlp_hidden": [6]}, "edges"),
    "pool_attention": Case("GlobalAttentionPool", {"channels": 4}, "segments"),
    "pool_attn_sum": Case("GlobalAttnSumPool", {}, "segments"),
    "pool_avg": Case("GlobalAvgPool", {}, "segments"),
    "pool_max": Case("GlobalMaxPool", {}, "segments"),
    "pool_sum": Case("GlobalSumPool", {}, "segments"),
}


def gat(w: list[np.ndarray]) -> Arrays:
    kernel, own, other, bias = w
    return {
        "lin.weight": kernel.reshape(len(kernel), -1).T,
        # (channels, heads, 1) there, (1, heads, channels) here; theirs names the sender the source.
        "att_dst": own.transpose(2, 1, 0),
        "att_src": other.transpose(2, 1, 0),
        "bias": bias,
    }


def cheb(w: list[np.ndarray]) -> Arrays:
    return {**{f"lins.{k}.weight": kernel.T for k, kernel in enumerate(w[0])}, "bias": w[1]}


def gcn(w: list[np.ndarray]) -> Arrays:
    return {"lin.weight": w[0].T, "bias": w[1]}


def sage(w: list[np.ndarray]) -> Arrays:
    own, other = w[0][:FEATURES], w[0][FEATURES:]
    return {"lin_r.weight": own.T, "lin_l.weight": other.T, "lin_l.bias": w[1]}


def network(w: list[np.ndarray]) -> Arrays:
    pairs = enumerate(zip(w[::2], w[1::2], strict=True))
    named = (((f"nn.{2 * i}.weight", k.T), (f"nn.{2 * i}.bias", b)) for i, (k, b) in pairs)
    return dict(chain.from_iterable(named))


def gin(w: list[np.ndarray]) -> Arrays:
    return {"eps": w[0], **network(w[1:])}


PYG = {
    "gat": Case(
        "GATConv",
        {"channels": 4, "attn_heads": 3},
        "edges",
        "GATConv",
        {"in_channels": FEATURES, "out_channels": 4, "heads": 3},
        gat,
    ),
    "gat_mean_no_loops": Case(
        "GATConv",
        {"channels": 4, "attn_heads": 2, "concat_heads": False, "add_self_loops": False},
        "edges",
        "GATConv",
        {"in_channels": FEATURES, "out_channels": 4, "heads": 2, "concat": False, "add_self_loops": False},
        gat,
    ),
    # Theirs takes the largest eigenvalue to be 2 and the graph to be undirected.
    "cheb": Case(
        "ChebConv",
        {"channels": 4, "K": 3},
        "laplacian",
        "ChebConv",
        {"in_channels": FEATURES, "out_channels": 4, "K": 3},
        cheb,
    ),
    "cheb_wide": Case(
        "ChebConv",
        {"channels": 9, "K": 4},
        "laplacian",
        "ChebConv",
        {"in_channels": FEATURES, "out_channels": 9, "K": 4},
        cheb,
    ),
    "gcn": Case(
        "GCNConv",
        {"channels": 4},
        "normalized",
        "GCNConv",
        {"in_channels": FEATURES, "out_channels": 4},
        gcn,
    ),
    # Spektral's GraphSAGE has the node among its own neighbours: theirs gets the loops in the graph.
    "sage": Case(
        "GraphSageConv",
        {"channels": 4},
        "loops",
        "SAGEConv",
        {"in_channels": FEATURES, "out_channels": 4, "normalize": True},
        sage,
    ),
    "gin": Case(
        "GINConv",
        {"channels": 4, "mlp_hidden": [7], "mlp_batchnorm": False},
        "edges",
        "GINConv",
        {"mlp": [FEATURES, 7, 4], "train_eps": True},
        gin,
    ),
    "edge": Case(
        "EdgeConv",
        {"channels": 4, "mlp_hidden": [7], "aggregate": "max"},
        "edges",
        "EdgeConv",
        {"mlp": [2 * FEATURES, 7, 4]},
        network,
    ),
    "edge_mean": Case(
        "EdgeConv",
        {"channels": 4, "aggregate": "mean"},
        "edges",
        "EdgeConv",
        {"mlp": [2 * FEATURES, 4], "aggr": "mean"},
        network,
    ),
}
CASES = {"spektral": SPEKTRAL, "pyg": PYG}


def make_inputs(name: str) -> Arrays:
    """Three graphs, no edge twice. Spektral adds to the sum under a softmax and has no row for empty graphs:
    neither occurs. PyTorch Geometric's Laplacian is that of undirected graphs without loops.
    """
    graphs = make_graphs([12, 9, 14], [40, 25, 50], seed=11, features=FEATURES)
    pairs = np.stack([graphs.senders, graphs.receivers], axis=1)
    if name == "pyg":
        pairs = np.concatenate([pairs, pairs[:, ::-1]])
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    senders, receivers = np.unique(pairs, axis=0).T.astype(np.int32)
    weights = np.random.default_rng(0).normal(size=len(senders)).astype(np.float32) / 4
    return {
        "x": graphs.x,
        "senders": senders,
        "receivers": receivers,
        "weights": weights,
        "n_node": graphs.n_node,
    }


def ours(case: Case, graphs: Arrays, weights: list[np.ndarray] | None) -> tuple[np.ndarray, list[np.ndarray]]:
    """Output and weights of our layer, with given weights or with random ones."""
    x, edges = graphs["x"], (graphs["senders"], graphs["receivers"])
    dense = np.zeros((len(x), len(x)), np.float32)
    dense[edges[1], edges[0]] = 1
    form: object = {
        "edges": edges,
        "loops": edges,
        "weighted": (*edges, graphs["weights"]),
        "dense": dense,
        "dense_loops": np.maximum(dense, np.eye(len(x), dtype=np.float32)),
        "segments": graphs["n_node"],
    }.get(case.form)
    x, form = tf.nest.map_structure(tf.constant, (x, edges if form is None else form))
    if case.form == "laplacian":
        form = layers.ScaledLaplacian()([x, form])
    elif case.form == "normalized":
        form = layers.NormalizedAdjacency()([x, form])
    layer = getattr(layers, case.layer)(**case.config)
    layer([x, form])
    if weights is None:
        set_weights(layer)
        for variable in state(layer):  # outputs of a few units, in which 1e-6 can be asked for
            variable.assign(0.5 * variable)
    else:
        for variable, value in zip(state(layer), weights, strict=True):
            variable.assign(value)
    return np.array(layer([x, form])), [np.array(w) for w in state(layer)]
