"""ParticleNet as its authors published it in Keras 2, in a process of its own; called by record_models.py.

Arguments: a file with jets; a file for parameters and outputs; the folder of a checkout of hqucms/ParticleNet. Jets are
of one size, since the published code counts padding in its means.
"""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
import tf_keras

given, found, checkout = sys.argv[1:]
sys.path.insert(0, f"{checkout}/tf-keras")
import tf_keras_model as published  # noqa: E402

data = np.load(given)
rows = data["mask"].all(axis=1)
x, points = (data[key][rows].astype(np.float32) for key in ("x", "points"))
ones = np.ones((*x.shape[:2], 1), np.float32)

setting = SimpleNamespace(
    num_class=3,
    conv_params=[(3, (8, 7, 6)), (3, (6, 5)), (3, (4,))],
    conv_pooling="average",
    fc_params=[(5, 0.0)],
    num_points=x.shape[1],
)
inputs = [tf_keras.Input(value.shape[1:]) for value in (points, x, ones)]
outputs = published._particle_net_base(*inputs, setting, name="ParticleNet")
model = tf_keras.Model(inputs, outputs)
rng = np.random.default_rng(11)
state = {}
for weight in model.weights:
    value = weight.numpy() + rng.normal(0, 0.3, weight.shape)
    value = 0.3 + np.abs(value) if "variance" in weight.name else value
    weight.assign(value.astype(np.float32))
    state[f"particle_net/state/{weight.name}"] = weight.numpy()
arrays = [tf.constant(value) for value in (points, x, ones)]
results = state | {
    "particle_net/inference": model(arrays, training=False).numpy(),
    "particle_net/training": model(arrays, training=True).numpy(),
}
results |= {f"particle_net/learned/{w.name}": w.numpy() for w in model.weights if "moving_" in w.name}
commit = subprocess.run(
    ["git", "-C", checkout, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
)
versions = {
    "ParticleNet": commit.stdout.strip(),
    "tensorflow": tf.__version__,
    "tf_keras": tf_keras.__version__,
    "numpy": np.__version__,
}
np.savez(found, **results, versions=np.array(json.dumps(versions, sort_keys=True)))
