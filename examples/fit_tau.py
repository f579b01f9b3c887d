"""The tau tagger in plain Keras: graphs from the shipped sample, model.compile, model.fit."""

import keras

from e2e_tf import DisjointLoader, build_model, prepare, read_config

data = prepare(read_config("examples/tau.toml"))
train = DisjointLoader(
    data.train.graphs.batch, data.train.label, data.train.weight, batch_size=64, shuffle=True
)
check = DisjointLoader(data.validation.graphs.batch, data.validation.label, data.validation.weight)
model = build_model("gat_cheb", n_features=17, n_globals=2)
model.compile("rmsprop", "binary_crossentropy", weighted_metrics=[keras.metrics.AUC(name="auc")])
model.fit(train.dataset(), validation_data=check.dataset(), epochs=2)
model.save("tau.keras")
