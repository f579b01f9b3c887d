"""The stack of gat_cheb in Spektral on Keras 2, in a process of its own; called by record_models.py.

Arguments: a file with jets; a file for parameters and outputs. One jet at a time, its graph symmetric, the Laplacian by
Spektral's own functions with a largest eigenvalue of 2.
"""

import json
import sys

import numpy as np
import spektral
import tensorflow as tf
import tf_keras
from spektral import layers
from spektral.utils import normalized_laplacian, rescale_laplacian

given, found = sys.argv[1:3]
data = np.load(given)
x, mask, adjacency = data["x"].astype(np.float32), data["mask"], data["adjacency"].astype(np.float32)

stack = {
    "gat_1": layers.GATConv(4, 1, activation="relu", dropout_rate=0.0),
    "gat_2": layers.GATConv(3, 2, activation="relu", dropout_rate=0.0),
    "cheb_1": layers.ChebConv(5, K=3, activation="relu"),
    "cheb_2": layers.ChebConv(4, K=3, activation="relu"),
    "pool": layers.GlobalAvgPool(),
    "dense_1": tf_keras.layers.Dense(6, activation="relu"),
    "score": tf_keras.layers.Dense(3),
}


def run(jet):
    n = int(mask[jet].sum())
    a = adjacency[jet, :n, :n]
    laplacian = rescale_laplacian(normalized_laplacian(a, symmetric=True), lmax=2).astype(np.float32)
    h = tf.constant(x[jet : jet + 1, :n])
    for name, layer in stack.items():
        if name.startswith("gat"):
            h = layer([h, tf.constant(a[None])])
        elif name.startswith("cheb"):
            h = layer([h, tf.constant(laplacian[None])])
        else:
            h = layer(h)
    return h.numpy()[0]


run(0)
rng = np.random.default_rng(11)
state = {}
for name, layer in stack.items():
    for i, weight in enumerate(layer.weights):
        weight.assign((weight.numpy() + rng.normal(0, 0.2, weight.shape)).astype(np.float32))
        state[f"gat_cheb/state/{name}/{i}"] = weight.numpy()
versions = {
    "spektral": spektral.__version__,
    "tensorflow": tf.__version__,
    "tf_keras": tf_keras.__version__,
    "numpy": np.__version__,
}
outputs = np.stack([run(jet) for jet in range(len(x))])
np.savez(
    found, **state, **{"gat_cheb/inference": outputs}, versions=np.array(json.dumps(versions, sort_keys=True))
)
