"""The jets of tagger.toml and a network of one's own in plain Keras.

Add, take out or replace layers: all of Keras' own work, and those of e2e_tf.layers. The saved model loads with
`import e2e_tf` and keras.models.load_model, and `e2e-tf export` takes it.
"""

import keras

from e2e_tf import DisjointLoader, prepare, read_config
from e2e_tf.layers import DisjointToBlocks, EdgeConv, GlobalAvgPool, GlobalMaxPool

# Jets, split and normalised as the configuration says.
data = prepare(read_config("tagger.toml"))
train = DisjointLoader(
    data.train.graphs.batch, data.train.label, data.train.weight, batch_size=64, shuffle=True
)
check = DisjointLoader(data.validation.graphs.batch, data.validation.label, data.validation.weight)
batch = data.train.graphs.batch

# A batch has the nodes of all its jets one after the other: features x, edges, and the number of nodes of each jet.
inputs = {
    "x": keras.Input((batch.x.shape[1],), name="x"),
    "senders": keras.Input((), dtype="int32", name="senders"),
    "receivers": keras.Input((), dtype="int32", name="receivers"),
    "n_node": keras.Input((), dtype="int32", name="n_node"),
    "u": keras.Input((batch.u.shape[1],), name="u"),
}
# The same as padded blocks: x (jets, N, features), edges as a matrix a (jets, N, N), and which slots hold a node.
x, a, mask = DisjointToBlocks()([inputs[name] for name in ("x", "senders", "receivers", "n_node")])
x = EdgeConv(32, mlp_hidden=[32], activation="relu", aggregate="mean")([x, a])
x = EdgeConv(32, mlp_hidden=[32], activation="relu", aggregate="mean")([x, a])
jet = keras.layers.Concatenate()([GlobalAvgPool()([x, mask]), GlobalMaxPool()([x, mask]), inputs["u"]])
jet = keras.layers.Dense(32, activation="relu")(jet)
model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(jet))

model.compile(
    keras.optimizers.Adam(3e-3), "binary_crossentropy", weighted_metrics=[keras.metrics.AUC(name="auc")]
)
model.fit(train.dataset(), validation_data=check.dataset(), epochs=5)
model.save("keras_model.keras")
# Normalisation and graph, which 'e2e-tf export' looks for beside the model.
data.preprocess.write("preprocess.json", force=True)
