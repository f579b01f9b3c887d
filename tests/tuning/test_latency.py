from __future__ import annotations

import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from e2e_tf.config import make_config
from e2e_tf.data.content import CONTENT_INPUT
from e2e_tf.training.loop import new_model
from e2e_tf.tuning.cache import trial_data
from e2e_tf.tuning.latency import latency_ms, time_onnx


def test_the_median_of_many_runs(tmp_path, monkeypatch):
    """With a clock whose steps are known; inputs that the model does not have are left out."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "negative", [x], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
        tmp_path / "m.onnx",
    )
    feeds = {"x": np.ones(2, np.float32), "other": np.ones(3, np.float32)}
    assert time_onnx(tmp_path / "m.onnx", feeds, repeats=5, warm=1) > 0
    # Of six runs the first is not counted; the others take 1, 2, 30, 4 and 5 ms.
    clock = iter(np.cumsum([9, 0, 0.001, 0, 0.002, 0, 0.03, 0, 0.004, 0, 0.005]))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert time_onnx(tmp_path / "m.onnx", feeds, repeats=5, warm=1) == pytest.approx(4)


def test_the_exported_model_is_measured_without_its_auxiliary_task(tau_folder, tmp_path):
    config = make_config(
        {
            "data": {"sample": "tau.h5", "split": [0.6, 0.2, 0.2], "pt_bins": [10, 20, 50]},
            "graph": {"nodes": "candidates", "edges": "knn:2"},
            "model": {
                "name": "particle_net",
                "k": 2,
                "channels": [[4]],
                "dense": [4],
                "coordinates": "points",
            },
            "training": {"auxiliary_loss": 0.5},
        }
    )
    data = trial_data(config, tau_folder, tmp_path / "cache")
    model = new_model(config, data.train, data.preprocess)
    assert CONTENT_INPUT in {tensor.name for tensor in model.inputs}
    assert 0 < latency_ms(model, config, data) < 1000
