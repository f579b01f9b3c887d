"""Quark against gluon jets of EnergyFlow (https://zenodo.org/records/3164691) with ParticleNet-Lite."""

import keras
import samples

from e2e_tf import DisjointLoader, GraphRecipe, build_graphs, build_model
from e2e_tf.data.readers import open_reader
from e2e_tf.training.splits import split_by_event

options = samples.arguments(__doc__, samples.energyflow)
jets = open_reader(options.file, "energyflow").read(stop=options.entries)
recipe = GraphRecipe(nodes="candidates", edges="knn:7", jet_features=("pt", "mass"))
graphs = build_graphs(jets, recipe)
parts = split_by_event(jets.event, (0.7, 0.1, 0.2), seed=1)
preprocess = graphs.take(parts[0]).fit_preprocess(recipe)
train, check, test = (
    DisjointLoader(part.batch, part.label, batch_size=128, shuffle=True)
    for part in (graphs.take(rows).normalised(preprocess) for rows in parts)
)
model = build_model("particle_net_lite", len(graphs.node_features), len(graphs.jet_features))
model.compile(
    "adam", "binary_crossentropy", weighted_metrics=[keras.metrics.AUC(name="auc")], jit_compile=False
)
model.fit(train.dataset(), validation_data=check.dataset(), epochs=options.epochs, shuffle=False)
print(model.evaluate(test.dataset(), return_dict=True))
