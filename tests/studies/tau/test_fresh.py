"""Scores of jets made after the choice."""

from __future__ import annotations

import numpy as np


def test_fresh_jets_are_evaluated_by_trained_models_and_the_weights_of_training(jets, tmp_path, monkeypatch):
    """A mean is that of its members, what was scored is not scored again, and pT spectra come out alike."""
    from e2e_tf.data.jets import write_jets
    from studies.tau.fresh import fresh_scores
    from studies.tau.rows import ALL, PT_BINS, ROWS, Row, run_folder
    from studies.tau.samples import FRESH
    from studies.tau.training import train

    graph = {"nodes": "candidates", "edges": "knn:2", "node_features": ("pt", "deta", "dphi", "charge")}
    model = {"name": "deep_sets", "phi": (8,), "dense": (8,)}
    small = Row(graph, model, {"epochs": 1, "batch_size": 64})
    monkeypatch.setitem(ROWS, "small", small)
    monkeypatch.setitem(ROWS, "both", Row(members=(("small", 1), ("small", 2)), seeds=1))
    for name in (ALL, FRESH):
        write_jets(tmp_path / name, jets)
    for folder in ("runs", "scores"):
        (tmp_path / folder).mkdir()
    scores, evaluated, weight = fresh_scores(tmp_path, {"small": [1], "both": [1]})
    one, two = (
        train(small, seed, tmp_path, run_folder(tmp_path, "small", seed))(jets).astype(np.float64)
        for seed in (1, 2)
    )
    np.testing.assert_array_equal(evaluated["pt"], jets["pt"])
    np.testing.assert_array_equal(scores["small"], [one])
    np.testing.assert_array_equal(scores["both"], [(one + two) / 2])
    assert np.abs(one - two).max() > 1e-3
    # Factors of the training part bring the spectra together up to the fluctuations of the other jets.
    histograms = [
        np.histogram(jets["pt"][jets.label == k], PT_BINS, weights=weight[jets.label == k])[0] for k in (0, 1)
    ]
    shares = [histogram / histogram.sum() for histogram in histograms]
    np.testing.assert_allclose(*shares, atol=0.05)
    kept = tmp_path / "scores" / "small-1-fresh.npy"
    np.save(kept, np.zeros(len(jets), np.float32))
    again, _, _ = fresh_scores(tmp_path, {"both": [1]})
    np.testing.assert_array_equal(again["both"], [two / 2])
