"""Electrons against photons of ML4SCI with the EfficientNet hybrid, on max-normalised images stored as bytes."""

import keras
import numpy as np
import samples
import tensorflow as tf

from e2e_tf import build_model
from e2e_tf.data.readers import open_reader
from e2e_tf.images import quantised
from e2e_tf.training.augment import Augmentation, augmented

options = samples.arguments(__doc__, samples.electron_photon)
# The electrons and the photons are two files: give the first, read the second in the same way and join them.
images = open_reader(options.file, "ml4sci_eg").read(stop=options.entries, drop_empty=True)
pixels, label = quantised(images.images), images.label[:, None].astype(np.float32)


def dataset(rows):
    data = tf.data.Dataset.from_tensor_slices(({"image": pixels[rows]}, label[rows])).shuffle(4096).batch(64)
    return data.map(lambda inputs, y: ({"image": tf.cast(inputs["image"], tf.float32) / 255}, y))


rows = np.random.default_rng(1).permutation(len(pixels))
cut = len(rows) * 4 // 5
train = augmented(dataset(rows[:cut]), Augmentation(flip_eta=True, flip_phi=True, shift=1))
model = build_model("egamma_hybrid", 2, 0)
model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")], jit_compile=False)
model.fit(train, validation_data=dataset(rows[cut:]), epochs=options.epochs)
