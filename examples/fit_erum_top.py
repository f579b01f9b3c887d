"""ErUm-Data top tagging with the graph network, in the settings of the published code or of the slides."""

import keras
import numpy as np
import samples

from e2e_tf import DisjointLoader, GraphRecipe, build_graphs
from e2e_tf.data.readers import open_reader
from e2e_tf.models import build_model, training_preset

options = samples.arguments(__doc__, lambda folder, n: samples.erum(folder, n, "top_tagging"))
jets = open_reader(options.file, "erum_top_tagging").read(stop=options.entries)
features = ("pt:log", "energy:log", "deta", "dphi", "pt_fraction:log", "delta_r")
recipe = GraphRecipe("candidates", "knn:7", features, jet_features=(), max_nodes=100)
graphs = build_graphs(jets, recipe)

preset = training_preset(
    "graph_net/slides"
)  # or "graph_net/code": a lower rate, smaller batches, more epochs
rows = np.random.default_rng(1).permutation(len(jets))
cut = int(len(jets) * (1 - preset.validation))
preprocess = graphs.take(rows[:cut]).fit_preprocess(recipe)
train, check = (
    DisjointLoader(part.batch, part.label, batch_size=preset.batch_size, shuffle=True)
    for part in (graphs.take(r).normalised(preprocess) for r in (rows[:cut], rows[cut:]))
)
model = build_model("graph_net", len(features), 0, preset.settings)
model = preset.compile(model, metrics=[keras.metrics.AUC(name="auc")])
model.fit(
    train.dataset(),
    validation_data=check.dataset(),
    epochs=options.epochs or preset.epochs,
    callbacks=preset.callbacks(),
    shuffle=False,
)
