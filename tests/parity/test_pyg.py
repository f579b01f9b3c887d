"""Our layers against PyTorch Geometric's, which run in an environment of their own, with our weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import parity
import pytest
import tensorflow as tf
from layer_checks import make_graphs, set_weights

from e2e_tf import layers

FEATURES = 6


def gat(w: list[np.ndarray]) -> dict[str, np.ndarray]:
    kernel, own, other, bias = w
    return {
        "lin.weight": kernel.reshape(len(kernel), -1).T,
        # (channels, heads, 1) there, (1, heads, channels) here; theirs names the sender the source.
        "att_dst": own.transpose(2, 1, 0),
        "att_src": other.transpose(2, 1, 0),
        "bias": bias,
    }


def cheb(w: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {**{f"lins.{k}.weight": kernel.T for k, kernel in enumerate(w[0])}, "bias": w[1]}


def gcn(w: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {"lin.weight": w[0].T, "bias": w[1]}


def sage(w: list[np.ndarray]) -> dict[str, np.ndarray]:
    own, other = w[0][:FEATURES], w[0][FEATURES:]
    return {"lin_r.weight": own.T, "lin_l.weight": other.T, "lin_l.bias": w[1]}


def network(w: list[np.ndarray]) -> dict[str, np.ndarray]:
    result = {}
    for i, (kernel, bias) in enumerate(zip(w[::2], w[1::2], strict=True)):
        result[f"nn.{2 * i}.weight"], result[f"nn.{2 * i}.bias"] = kernel.T, bias
    return result


def gin(w: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {"eps": w[0], **network(w[1:])}


# ours, its configuration, the graph it takes, theirs, its configuration, the weights from ours to theirs
CASES: dict[str, tuple[Any, ...]] = {
    "gat": (
        "GATConv",
        {"channels": 4, "attn_heads": 3},
        "edges",
        "GATConv",
        {"in_channels": FEATURES, "out_channels": 4, "heads": 3},
        gat,
    ),
    "gat_mean_no_loops": (
        "GATConv",
        {"channels": 4, "attn_heads": 2, "concat_heads": False, "add_self_loops": False},
        "edges",
        "GATConv",
        {"in_channels": FEATURES, "out_channels": 4, "heads": 2, "concat": False, "add_self_loops": False},
        gat,
    ),
    # Theirs takes the largest eigenvalue to be 2 and the graph to be undirected.
    "cheb": (
        "ChebConv",
        {"channels": 4, "K": 3},
        "laplacian",
        "ChebConv",
        {"in_channels": FEATURES, "out_channels": 4, "K": 3},
        cheb,
    ),
    "cheb_wide": (
        "ChebConv",
        {"channels": 9, "K": 4},
        "laplacian",
        "ChebConv",
        {"in_channels": FEATURES, "out_channels": 9, "K": 4},
        cheb,
    ),
    "gcn": (
        "GCNConv",
        {"channels": 4},
        "normalized",
        "GCNConv",
        {"in_channels": FEATURES, "out_channels": 4},
        gcn,
    ),
    # Spektral's GraphSAGE has the node among its own neighbours: theirs gets the loops in the graph.
    "sage": (
        "GraphSageConv",
        {"channels": 4},
        "loops",
        "SAGEConv",
        {"in_channels": FEATURES, "out_channels": 4, "normalize": True},
        sage,
    ),
    "gin": (
        "GINConv",
        {"channels": 4, "mlp_hidden": [7], "mlp_batchnorm": False},
        "edges",
        "GINConv",
        {"mlp": [FEATURES, 7, 4], "train_eps": True},
        gin,
    ),
    "edge": (
        "EdgeConv",
        {"channels": 4, "mlp_hidden": [7], "aggregate": "max"},
        "edges",
        "EdgeConv",
        {"mlp": [2 * FEATURES, 7, 4]},
        network,
    ),
    "edge_mean": (
        "EdgeConv",
        {"channels": 4, "aggregate": "mean"},
        "edges",
        "EdgeConv",
        {"mlp": [2 * FEATURES, 4], "aggr": "mean"},
        network,
    ),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    executable = parity.python("pyg", "E2E_TF_PYG_PYTHON")
    graphs = make_graphs([12, 9, 14], [40, 25, 50], seed=12, features=FEATURES)
    both = np.concatenate(
        [
            np.stack([graphs.senders, graphs.receivers], axis=1),
            np.stack([graphs.receivers, graphs.senders], axis=1),
        ]
    )
    pairs = np.unique(both[both[:, 0] != both[:, 1]], axis=0)
    senders, receivers = pairs.T.astype(np.int32)
    x, edges = tf.constant(graphs.x), (tf.constant(senders), tf.constant(receivers))
    forms = {
        "edges": edges,
        "loops": edges,
        "laplacian": layers.ScaledLaplacian()([x, edges]),
        "normalized": layers.NormalizedAdjacency()([x, edges]),
    }
    loop = np.arange(len(graphs.x), dtype=np.int32)
    ours, cases, arrays = {}, {}, {"x": graphs.x, "graph_id": graphs.graph_id}
    by_graph: dict[bool, dict[str, Any]] = {False: {}, True: {}}
    for name, (cls, config, form, other, their_config, carry) in CASES.items():
        layer = getattr(layers, cls)(**config)
        layer([x, forms[form]])
        set_weights(layer, seed=len(name))
        ours[name] = layer([x, forms[form]]).numpy()
        state = carry([np.array(w) for w in layer.weights if "seed" not in w.name])
        arrays.update({f"{name}/{key}": np.ascontiguousarray(value) for key, value in state.items()})
        cases[name] = {"layer": other, "config": their_config, "weights": sorted(state)}
        by_graph[form == "loops"][name] = cases[name]
    theirs = {}
    script = Path(__file__).with_name("pyg_layers.py")
    for loops, some in by_graph.items():
        extra = loop if loops else loop[:0]
        graph = {
            "senders": np.concatenate([senders, extra]),
            "receivers": np.concatenate([receivers, extra]),
        }
        given = {**arrays, **graph, "cases": np.array(json.dumps(some))}
        theirs.update(parity.run(executable, script, given, tmp_path_factory.mktemp("pyg")))
    return ours, theirs


@pytest.mark.parametrize("name", CASES)
def test_same_numbers(outputs, name, record_property):
    ours, theirs = (part[name] for part in outputs)
    difference = float(np.abs(ours - theirs).max())
    record_property("difference", difference)
    print(f"{name}: {difference:.1e} of {np.abs(theirs).max():.1f}")
    assert difference <= 1e-5
