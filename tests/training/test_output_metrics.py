"""Numbers of outputs that can be counted by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.jets import Jets
from e2e_tf.training.output_metrics import evaluate_outputs
from e2e_tf.training.targets import make_target

OUTPUTS = {
    "score": {},
    "mode": {"kind": "multiclass", "column": "mode", "classes": [0, 1]},
    "visible": {"kind": "regression", "column": "visible", "relative_to": "pt"},
}


@pytest.fixture(scope="module")
def found():
    jets = Jets(
        {"pt": np.array([10, 20, 40, 40], np.float32)},
        np.arange(4),
        np.ones(4, np.float32),
        np.array([1, 0, 1, 0], np.int8),
        {"mode": np.array([0, 1, 1, 5]), "visible": np.array([5, 10, 20, 40], np.float32)},
    )
    config = make_config({"outputs": OUTPUTS})
    ones = np.ones(4, np.float32)
    targets = {name: make_target(name, output, jets, ones) for name, output in config.outputs.items()}
    predictions = {
        "score": np.array([[0.9], [0.8], [0.7], [0.1]], np.float32),
        "mode": np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5]], np.float32),
        "visible": np.array([[6], [11], [22], [40]], np.float32),
    }
    return evaluate_outputs(SimpleNamespace(jets=jets, targets=targets), config, predictions, 20, 1)


def test_a_score(found):
    assert found["score"]["jets"] == 4
    assert found["score"]["auc"]["value"] == 0.75
    assert found["score"]["auc"]["error"] > 0


def test_classes(found):
    entry = found["mode"]
    assert entry["jets"] == 3  # the fourth has another mode
    assert entry["accuracy"]["value"] == pytest.approx(2 / 3)
    assert entry["auc"]["0"]["value"] == 1
    assert entry["confusion"] == [[1.0, 0.0], [0.5, 0.5]]


def test_a_regression(found):
    """Differences 1, 1, 2, 0 and ratios 1.2, 1.1, 1.1, 1 with the truth."""
    entry = found["visible"]
    assert entry["bias"]["value"] == pytest.approx(1)
    assert entry["relative_bias"]["value"] == pytest.approx(0.1)
    low, high = np.quantile([0.2, 0.1, 0.1, 0.0], [0.16, 0.84])
    assert entry["relative_resolution"]["value"] == pytest.approx((high - low) / 2, rel=1e-5)


def test_negative_weights_subtract():
    """Of mode 0 the wrong jet subtracts, of the quantity two that are far off."""
    jets = Jets(
        {"pt": np.array([10, 20, 40, 40, 40, 40, 40], np.float32)},
        np.arange(7),
        np.ones(7, np.float32),
        np.array([1, 0, 1, 0, 1, 0, 1], np.int8),
        {
            "mode": np.array([0, 0, 0, 1, 1, 1, 1]),
            "visible": np.array([5, 10, 20, 40, 40, 40, 40], np.float32),
        },
    )
    config = make_config({"outputs": {name: OUTPUTS[name] for name in ("mode", "visible")}})
    weight = np.array([2, 2, -1, 1, 1, 1, -1], np.float32)
    targets = {name: make_target(name, output, jets, weight) for name, output in config.outputs.items()}
    predictions = {
        "mode": np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [1, 0], [1, 0]], np.float32),
        "visible": np.array([[5], [10], [90], [41], [42], [90], [90]], np.float32),
    }
    found = evaluate_outputs(SimpleNamespace(jets=jets, targets=targets), config, predictions, 5, 1)
    assert found["mode"]["jets"] == 7
    assert found["mode"]["accuracy"]["value"] == pytest.approx(6 / 5)  # (2 + 2 + 1 + 1) / 5
    assert found["mode"]["confusion"] == [[1.3333, -0.3333], [0.0, 1.0]]
    assert found["visible"]["bias"]["value"] == 0  # the two exact ones have 4 of 5; unweighted it is 2
