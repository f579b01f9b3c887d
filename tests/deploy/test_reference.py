"""What Keras gives, however it is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2e_tf.deploy.bundle import read_bundle_preprocess
from e2e_tf.deploy.interface import JetBatch
from e2e_tf.deploy.jets import random_batch
from e2e_tf.deploy.reference import keras_scores, load_model


def test_what_keras_gives_a_jet_does_not_depend_on_its_company(bundles: dict[str, Path]) -> None:
    preprocess = read_bundle_preprocess(bundles["padded"])
    model = load_model(bundles["padded"])
    rng = np.random.default_rng(2)
    batches = [random_batch(preprocess, np.array(n), rng) for n in ([0], [3, 20], [1], [0, 7, 0])]
    together = keras_scores(model, batches)
    assert [len(scores) for scores in together] == [1, 2, 1, 3]
    for batch, scores in zip(batches, together, strict=True):
        graphs = batch.graphs
        singly = [keras_scores(model, [JetBatch(graphs[i], batch.points)])[0] for i in range(len(graphs))]
        np.testing.assert_allclose(scores, np.concatenate(singly), rtol=0, atol=1e-6)
