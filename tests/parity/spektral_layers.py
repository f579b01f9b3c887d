"""Spektral's own layers on Keras 2, in an environment of their own; called by test_spektral.py.

Arguments: a file with graphs and, for each case, its weights; a file for the outputs.
"""

import json
import sys

import numpy as np
import tensorflow as tf
from spektral import layers

data = np.load(sys.argv[1])
x, senders, receivers, weights = (data[key] for key in ("x", "senders", "receivers", "weights"))
n = len(x)


def sparse(rows, columns, values):
    a = tf.SparseTensor(np.stack([rows, columns], axis=1).astype(np.int64), values.astype(np.float32), (n, n))
    return tf.sparse.reorder(a)


ones = np.ones(len(senders), np.float32)
graphs = {
    # Rows are the senders, as GATConv and message passing read a sparse matrix.
    "senders": sparse(senders, receivers, ones),
    # Rows are the receivers: a matrix that multiplies the features.
    "receivers": sparse(receivers, senders, weights),
}
dense = np.zeros((n, n), np.float32)
dense[receivers, senders] = 1
graphs["dense"] = tf.constant(dense)
graphs["dense_loops"] = tf.constant(np.maximum(dense, np.eye(n, dtype=np.float32)))

results = {}
for name, case in json.loads(str(data["cases"])).items():
    layer = getattr(layers, case["layer"])(**case["config"])
    if case["graph"] == "segments":
        inputs = [tf.constant(x), tf.constant(data["graph_id"])]
    else:
        inputs = [tf.constant(x), graphs[case["graph"]]]
    layer(inputs)
    values = [data[f"{name}/{i}"] for i in range(case["weights"])]
    trained, fixed = values[: case["trainable"]], values[case["trainable"] :]
    for group, arrays in ((layer.trainable_weights, trained), (layer.non_trainable_weights, fixed)):
        assert [tuple(w.shape) for w in group] == [a.shape for a in arrays], name
        for weight, array in zip(group, arrays, strict=True):
            weight.assign(array)
    results[name] = np.array(layer(inputs))
np.savez(sys.argv[2], **results)
