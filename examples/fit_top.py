"""Boosted top quarks (https://zenodo.org/records/2603256) with the Particle Transformer and its pair features."""

import keras
import numpy as np
import samples
import tensorflow as tf

from e2e_tf import GraphRecipe, build_graphs, build_model
from e2e_tf.data.readers import open_reader

options = samples.arguments(__doc__, samples.top_tagging)
jets = open_reader(options.file, "top_tagging").read(stop=options.entries)
recipe = GraphRecipe(nodes="candidates", edges="knn:1", jet_features=("pt", "mass"))  # all pairs are seen
raw = build_graphs(jets, recipe)
graphs = raw.normalised(raw.fit_preprocess(recipe)).batch
c = jets.candidates
p4 = np.stack([c["pt"], c["deta"], c["dphi"], np.zeros(len(c["pt"]))], axis=1).astype(np.float32)


def batches(rows):
    for index in np.array_split(rows, max(1, len(rows) // 128)):
        batch = graphs.take(index)
        inputs = {name: getattr(batch, name) for name in ("x", "senders", "receivers", "n_node", "u")}
        yield (
            inputs | {"p4": np.concatenate([p4[c.offsets[i] : c.offsets[i + 1]] for i in index])},
            jets.label[index, None],
        )


def dataset(rows):
    first = next(batches(rows))
    spec = tf.nest.map_structure(lambda a: tf.TensorSpec((None, *a.shape[1:]), a.dtype), first)
    return tf.data.Dataset.from_generator(lambda: batches(rows), output_signature=spec).apply(
        tf.data.experimental.assert_cardinality(max(1, len(rows) // 128))
    )


model = build_model("particle_attention", len(raw.node_features), 2, {"pairs": "p4", "blocks": 2})
rows = np.random.default_rng(1).permutation(len(jets))
model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")], jit_compile=False)
cut = len(rows) * 4 // 5
model.fit(dataset(rows[:cut]), validation_data=dataset(rows[cut:]), epochs=options.epochs)
