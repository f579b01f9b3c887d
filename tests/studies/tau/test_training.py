"""Images of a jet, and trainings with another loss, start or input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest


def test_images_hold_the_energy_where_it_was(one_jet):
    from studies.tau.training import images

    image = np.expm1(images(one_jet, 64))[0]  # crystals 30 to 93 of the window
    assert image.shape == (64, 64, 3)
    assert image[30, 30, 0] == pytest.approx(8, rel=1e-6)
    assert image[30, 31, 1] == pytest.approx(8, rel=1e-6)
    assert image[30:35, 30:35, 2] == pytest.approx(np.full((5, 5), 4 / 25), rel=1e-6)
    assert image.sum(axis=(0, 1)) == pytest.approx([8, 8, 4], rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"start": "first.h5"}, {"flat": "pt", "strength": 1.0}, {"strength": 0.05}, {"image": 16}],
    ids=["start", "flat", "reversal", "image"],
)
def test_trainings_with_another_loss_start_or_input_learn(jets, tmp_path, options):
    """400 jets tell taus from QCD well above chance, and the run that is left scores as the training did."""
    from e2e_tf.data.jets import write_jets
    from e2e_tf.training.metrics import roc_auc
    from studies.tau.rows import ALL, Row
    from studies.tau.samples import _EVENTS, PILEUP
    from studies.tau.training import train

    sample = replace(jets, event=jets.event + (np.arange(len(jets)) % len(PILEUP) + 1) * _EVENTS)
    write_jets(tmp_path / ALL, sample)
    write_jets(tmp_path / "first.h5", sample.take(np.arange(300)))
    image = options.get("image", 0)
    graph = {"nodes": "candidates", "edges": "knn:2", "node_features": ("pt", "deta", "dphi", "charge")}
    model = {"name": "deep_sets", "phi": (32, 32), "dense": (32,)}
    if image:
        model = {"name": "quark_gluon_cnn", "size": (image, image), "filters": (8,), "depth": 1}
    row = Row(graph, model, {"epochs": 3, "batch_size": 16, "learning_rate": 3e-3}, **options)
    trained = train(row, 1, tmp_path, tmp_path / "run")
    score = np.asarray(trained(sample))
    assert roc_auc(sample.label, score) > 0.8
    assert (tmp_path / "run-first").is_dir() == ("start" in options)
    if "start" in options:
        # The weights mean what they meant; stopped between the two, it goes on from the first.
        first, second = (tmp_path / name / "preprocess.json" for name in ("run-first", "run"))
        assert first.read_text() == second.read_text()
        (tmp_path / "run" / "model.keras").unlink()
    np.testing.assert_array_equal(train(row, 1, tmp_path, tmp_path / "run")(sample), score)
