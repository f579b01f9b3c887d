"""What Keras trains on: both kinds of data set give the loader's batches, epoch after epoch."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from e2e_tf.data.keras_datasets import py_dataset, tf_dataset
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.models import build_model


@pytest.fixture(scope="module")
def graphs():
    """(x, a) of 20 graphs, and the sign of the first feature of their nodes."""
    rng = np.random.default_rng(0)
    found = [
        (rng.normal(size=(n, 3)).astype(np.float32), np.ones((n, n)) - np.eye(n))
        for n in rng.integers(1, 6, 20)
    ]
    return found, np.concatenate([x[:, 0] > 0 for x, _ in found])


@pytest.mark.parametrize("options", [{}, {"workers": 2, "use_multiprocessing": False}])
def test_each_epoch_of_a_sequence_is_the_next_one(graphs, options):
    found, above = graphs
    loader = DisjointLoader(found, above, batch_size=6, shuffle=True, seed=2)
    sequence = loader.py_dataset(**options)
    assert isinstance(sequence, keras.utils.PyDataset)
    assert len(sequence) == len(loader) == 4
    for epoch in range(2):
        for number, (inputs, label) in enumerate(loader.batches(epoch)):
            mine = sequence[number]
            for name, values in inputs.items():
                np.testing.assert_array_equal(mine[0][name], values, name)
            np.testing.assert_array_equal(mine[1], label)
        sequence.on_epoch_end()
    assert loader.epoch == 2


def test_keras_trains_evaluates_and_predicts_with_a_sequence(graphs):
    """A head of nodes: the target of a node is the sign of its first feature."""
    from e2e_tf.models import Head

    found, above = graphs
    model = build_model("deep_sets", 3, 0, {"phi": [8], "dense": [4]}, {"above": Head("binary", 1, "node")})
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    given = [tensor.name for tensor in model.inputs]
    train = DisjointLoader(found, {"above": above}, batch_size=6, shuffle=True, inputs=given)
    history = model.fit(train.py_dataset(), epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert train.epoch >= 4  # Keras may say once more that an epoch has ended
    plain = DisjointLoader(found, {"above": above}, batch_size=6, inputs=given)
    of_both = [model.evaluate(data, verbose=0) for data in (py_dataset(plain), tf_dataset(plain))]
    assert of_both[0] == pytest.approx(of_both[1], rel=1e-5)
    scores = model.predict(DisjointLoader(found, batch_size=6, inputs=given).py_dataset(), verbose=0)
    assert scores["above"].shape == (len(above), 1)
