"""Spektral's own layers on Keras 2, in a process of its own; called by the parity tests and by record.py.

Arguments: a file with graphs and, for each case, its weights; a file for the outputs.
"""

import json
import sys

import numpy as np
import spektral
import tensorflow as tf
import tf_keras
from spektral import layers

data = np.load(sys.argv[1])
x, senders, receivers, weights = (data[key] for key in ("x", "senders", "receivers", "weights"))
n = len(x)


def sparse(rows, columns, values):
    a = tf.SparseTensor(np.stack([rows, columns], axis=1).astype(np.int64), values.astype(np.float32), (n, n))
    return tf.sparse.reorder(a)


ones = np.ones(len(senders), np.float32)
dense = np.zeros((n, n), np.float32)
dense[receivers, senders] = 1
graphs = {
    # Rows are the senders, as GATConv and message passing read a sparse matrix.
    "edges": sparse(senders, receivers, ones),
    # Rows are the receivers: a matrix that multiplies the features.
    "weighted": sparse(receivers, senders, weights),
    "dense": tf.constant(dense),
    "dense_loops": tf.constant(np.maximum(dense, np.eye(n, dtype=np.float32))),
    "segments": tf.constant(np.repeat(np.arange(len(data["n_node"])), data["n_node"])),
}

results = {}
for name, case in json.loads(str(data["cases"])).items():
    layer = getattr(layers, case["layer"])(**case["config"])
    inputs = [tf.constant(x), graphs[case["graph"]]]
    layer(inputs)
    own = [*layer.trainable_weights, *layer.non_trainable_weights]
    values = [data[f"{name}/{i}"] for i in range(len(case["weights"]))]
    assert [tuple(w.shape) for w in own] == [a.shape for a in values], name
    for weight, array in zip(own, values, strict=True):
        weight.assign(array)
    results[name] = np.array(layer(inputs))
versions = {
    "spektral": spektral.__version__,
    "tensorflow": tf.__version__,
    "tf_keras": tf_keras.__version__,
    "numpy": np.__version__,
}
np.savez(sys.argv[2], **results, versions=np.array(json.dumps(versions)))
