"""ErUm-Data images with the fully connected reference network: spinodal, eos, or airshower (a regression)."""

import keras
import numpy as np
import samples

from e2e_tf.data.readers import open_reader
from e2e_tf.models import Head, build_model, training_preset

options = samples.arguments(__doc__, samples.erum, ("task",))
images = open_reader(options.file, f"erum_{options.task}").read(stop=options.entries)
x = images.images.reshape(len(images), -1)
if options.task == "airshower":
    xmax = images.truth["xmax"]
    y, head, metrics = (xmax - xmax.mean()) / xmax.std(), Head("regression"), ["mse"]
else:
    y, head, metrics = images.label.astype(np.float32), Head(), [keras.metrics.AUC(name="auc")]
preset = training_preset("fcn")
model = preset.compile(build_model("fcn", x.shape[1], 0, preset.settings, head), head, metrics)
model.fit(
    {"x": x},
    y[:, None],
    batch_size=preset.batch_size,
    epochs=options.epochs or preset.epochs,
    validation_split=preset.validation,
    callbacks=preset.callbacks(),
)
