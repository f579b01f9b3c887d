"""ErUm-Data: which Belle II events pass the selection, with graph convolutions on their decay trees."""

import keras
import numpy as np
import samples

from e2e_tf import DisjointLoader, GraphBatch
from e2e_tf.data.readers import open_reader
from e2e_tf.graph import parent_daughter
from e2e_tf.models import build_model, training_preset

options = samples.arguments(__doc__, lambda folder, n: samples.erum(folder, n, "belle"))
events = open_reader(options.file, "erum_belle").read(stop=options.entries)
particles = events.candidates
names = ("prodTime", "energy", "x", "y", "z", "px", "py", "pz", "PID")
x = np.stack([particles[name].astype(np.float32) for name in names], axis=1)
counts = particles.counts.astype(np.int32)
graphs = GraphBatch.from_edges(x, *parent_daughter(particles["mother"], counts), counts)

preset = training_preset("gcn_belle")
cut = int(len(events) * (1 - preset.validation))
rows = np.arange(cut), np.arange(cut, len(events))
train, check = (
    DisjointLoader(graphs.take(part), events.label[part], batch_size=128, shuffle=True) for part in rows
)
model = preset.compile(build_model("gcn_belle", len(names), 0), metrics=[keras.metrics.AUC(name="auc")])
model.fit(
    train.dataset(),
    validation_data=check.dataset(),
    epochs=options.epochs or preset.epochs,
    callbacks=preset.callbacks(),
    shuffle=False,
)
