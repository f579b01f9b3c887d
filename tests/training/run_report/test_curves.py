from __future__ import annotations

import json

import numpy as np
import pytest

from e2e_tf.page import to_json
from e2e_tf.training.metrics import background_efficiency
from e2e_tf.training.run_report.curves import calibration, confusion, histories, importances, rejection
from e2e_tf.training.run_report.style import COLOURS


def valid(*drawn):
    """Plotly knows every property, and every number can be written."""
    from plotly.graph_objects import Figure

    for plot in drawn:
        Figure(json.loads(to_json({"data": list(plot.data), "layout": dict(plot.layout)})))


def sample(n=600):
    rng = np.random.default_rng(2)
    label = rng.integers(0, 2, n)
    return label, 1 / (1 + np.exp(-rng.normal(size=n) - 1.5 * (2 * label - 1)))


def test_histories_pair_training_and_validation():
    found = histories({"loss": [1.0, 0.5], "auc": [0.6, 0.7], "val_loss": [1.1, 0.7]}, best_epoch=1)
    valid(*found)
    assert [[trace["name"] for trace in plot.data] for plot in found] == [
        ["training", "validation"],
        ["training"],
    ]
    assert found[0].data[1]["y"] == [1.1, 0.7]
    assert found[0].layout["shapes"][0]["x0"] == 2
    assert "shapes" not in histories({"loss": [1.0]}, None)[0].layout


def test_rejection_is_that_of_the_metrics_with_bands():
    label, score = sample()
    curves = {"a": (label, score, None), "b": (label, 1 - score, np.full(600, 2.0))}
    inverse, roc = rejection(curves, bootstraps=10)
    valid(inverse, roc)
    band, line, _, other = roc.data
    expected = background_efficiency(label, score, line["x"])
    np.testing.assert_allclose(line["y"], expected)
    np.testing.assert_allclose(inverse.data[1]["y"], 1 / expected)
    assert line["name"] == "a"
    assert line["line"]["dash"] != other["line"]["dash"]  # told apart without colours
    n = len(line["x"])
    low, high = np.array(band["y"])[:n], np.array(band["y"])[: n - 1 : -1]
    assert np.all((low <= line["y"]) & (line["y"] <= high))
    assert np.all(line["y"] > 0)  # no point where nothing passes


def test_calibration():
    rng = np.random.default_rng(5)
    score = rng.uniform(size=20000)
    label = (rng.uniform(size=20000) < score).astype(int)
    weight = rng.uniform(0.5, 1.5, 20000)
    plot, error = calibration(label, score, weight)
    valid(plot)
    line = plot.data[1]
    assert error < 0.02
    assert len(line["x"]) == 10
    pulls = (line["y"] - line["x"]) / line["error_y"]["array"]
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1, abs=0.6)
    _, off = calibration(label, score**2, weight)
    assert off > 0.1


def test_confusion_and_importances():
    plot = confusion("mode", [[0.75, 0.25], [0.0, 1.0]], [0, 10])
    bars = importances({"a": (0.1, 0.01), "b": (0.3, 0.02)}, "AUC")
    valid(plot, bars)
    assert plot.data[0]["z"] == [[0.75, 0.25], [0.0, 1.0]]
    assert plot.data[0]["x"] == ["0", "10"]
    assert [colour for _, colour in plot.data[0]["colorscale"]] == ["#ffffff", COLOURS[0]]  # darker is more
    assert plot.layout["yaxis"]["autorange"] == "reversed"  # the first class is above
    assert bars.data[0]["y"] == ["a", "b"]  # Plotly draws the last one above
    assert bars.data[0]["error_x"]["array"] == [0.01, 0.02]
