"""Our layers against Spektral's, which run on Keras 2 in an environment of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import parity
import pytest
import tensorflow as tf
from layer_checks import make_graphs, set_weights

from e2e_tf import layers

CASES = {
    "gat": ("GATConv", {"channels": 4, "attn_heads": 3, "dropout_rate": 0.0, "activation": "elu"}, "senders"),
    "gat_mean": ("GATConv", {"channels": 4, "attn_heads": 2, "concat_heads": False}, "senders"),
    "gat_dense": ("GATConv", {"channels": 4, "attn_heads": 2}, "dense"),
    "gat_no_loops": ("GATConv", {"channels": 4, "attn_heads": 2, "add_self_loops": False}, "dense_loops"),
    "cheb": ("ChebConv", {"channels": 3, "K": 3, "activation": "relu"}, "receivers"),
    "cheb_wide": ("ChebConv", {"channels": 9, "K": 4}, "receivers"),
    "cheb_one": ("ChebConv", {"channels": 3, "K": 1}, "receivers"),
    "gcn": ("GCNConv", {"channels": 4, "activation": "tanh"}, "receivers"),
    "sage": ("GraphSageConv", {"channels": 4}, "senders"),
    "sage_max": ("GraphSageConv", {"channels": 4, "aggregate": "max", "activation": "relu"}, "senders"),
    "sage_prod": ("GraphSageConv", {"channels": 4, "aggregate": "prod"}, "senders"),
    "gin": ("GINConv", {"channels": 4, "mlp_hidden": [6, 7]}, "senders"),
    "gin_epsilon": ("GINConv", {"channels": 4, "epsilon": 0.5, "aggregate": "mean"}, "senders"),
    "edge": ("EdgeConv", {"channels": 4, "mlp_hidden": [6]}, "senders"),
    "pool_attention": ("GlobalAttentionPool", {"channels": 4}, "segments"),
    "pool_attn_sum": ("GlobalAttnSumPool", {}, "segments"),
    "pool_avg": ("GlobalAvgPool", {}, "segments"),
    "pool_max": ("GlobalMaxPool", {}, "segments"),
    "pool_sum": ("GlobalSumPool", {}, "segments"),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    executable = parity.python("legacy", "E2E_TF_LEGACY_PYTHON")
    # Spektral adds to the sum under a softmax, and has no row for empty graphs: neither occurs here.
    graphs = make_graphs([12, 9, 14], [40, 25, 50], seed=11, features=6)
    pairs = np.unique(np.stack([graphs.senders, graphs.receivers], axis=1), axis=0)
    weights = np.random.default_rng(0).normal(size=len(pairs)).astype(np.float32) / 4
    senders, receivers = pairs.T.astype(np.int32)
    edges = (senders, receivers)
    dense = np.zeros((len(graphs.x),) * 2, np.float32)
    dense[receivers, senders] = 1
    arrays = {
        "x": graphs.x,
        "senders": senders,
        "receivers": receivers,
        "weights": weights,
        "graph_id": graphs.graph_id.astype(np.int64),
    }
    ours, cases = {}, {}
    for name, (cls, config, kind) in CASES.items():
        layer = getattr(layers, cls)(**config)
        graph = {
            "senders": edges,
            "receivers": (*edges, weights),
            "dense": dense,
            "dense_loops": np.maximum(dense, np.eye(len(dense), dtype=np.float32)),
            "segments": graphs.n_node,
        }[kind]
        inputs = tf.nest.map_structure(tf.constant, [graphs.x, graph])
        layer(inputs)
        set_weights(layer, seed=len(name))
        ours[name] = layer(inputs).numpy()
        values = [*layer.trainable_weights, *layer.non_trainable_weights]
        values = [np.array(w) for w in values if "seed" not in w.name]
        arrays.update({f"{name}/{i}": value for i, value in enumerate(values)})
        cases[name] = {
            "layer": cls,
            "config": config,
            "graph": kind,
            "weights": len(values),
            "trainable": len(layer.trainable_weights),
        }
    arrays["cases"] = np.array(json.dumps(cases))
    script = Path(__file__).with_name("spektral_layers.py")
    theirs = parity.run(executable, script, arrays, tmp_path_factory.mktemp("spektral"))
    return ours, theirs


@pytest.mark.parametrize("name", CASES)
def test_same_numbers(outputs, name, record_property):
    ours, theirs = (part[name] for part in outputs)
    difference = float(np.abs(ours - theirs).max())
    record_property("difference", difference)
    scale = max(1.0, float(np.abs(theirs).max()))
    print(f"{name}: {difference:.1e} of {scale:.1f}")
    assert difference <= 1e-6 * scale
