"""Training on several devices."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from graph_batches import disjoint_batch

from e2e_tf.errors import InputError
from e2e_tf.models import build_model
from e2e_tf.training.distribute import choose_strategy, distributed_fit

SETS = {"phi": [8], "dense": [8]}


TRAIN = """
import json, os, sys
import tensorflow as tf
kind, out = sys.argv[1:]
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # few steps, as in conftest.py
if kind == "mirrored":
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
else:
    from e2e_tf.training.distribute import choose_strategy
    strategy = choose_strategy(kind)
import keras, numpy as np
from e2e_tf.data.loader import DisjointLoader
from e2e_tf.graph import GraphBatch
from e2e_tf.models import build_model
from e2e_tf.training.distribute import distributed_fit
rng = np.random.default_rng(0)
counts = rng.integers(0, 8, 37)
x = rng.normal(size=(counts.sum(), 4))
graphs = GraphBatch.from_edges(x, [], [], counts, u=rng.normal(size=(37, 2)))
loader = DisjointLoader(graphs, rng.integers(0, 2, 37), rng.uniform(0.5, 2, 37), batch_size=16, shuffle=True)
with strategy.scope():
    keras.utils.set_random_seed(1)
    model = build_model("deep_sets", 4, 2, {"phi": [8], "dense": [8]})
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", jit_compile=False)
losses = distributed_fit(model, loader, strategy, epochs=2)
weight = float(sum(np.abs(w).sum() for w in model.get_weights()))
json.dump([strategy.num_replicas_in_sync, losses, weight], open(out, "w"))
"""


def test_two_workers_and_two_replicas_train_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(kind: str, name: str, extra: dict[str, str] | None = None) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"} | (extra or {})
        command = [sys.executable, "-c", TRAIN, kind, str(tmp_path / name)]
        return subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )

    ports = []
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("localhost", 0))
        ports.append(one.getsockname()[1])
    for one in sockets:
        one.close()
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    runs = [start("mirrored", "mirrored.json")]
    for index in range(2):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        runs.append(start("multi_worker", f"worker{index}.json", {"TF_CONFIG": config}))
    with monkeypatch.context() as patch:  # one process alone: this one
        patch.delenv("TF_CONFIG", raising=False)
        patch.setattr(sys, "argv", ["train", "none", str(tmp_path / "alone.json")])
        exec(compile(TRAIN, "train", "exec"), {"__name__": "train"})
    for run in runs:
        try:
            _, errors = run.communicate(timeout=240)
        finally:
            run.kill()
        assert run.returncode == 0, errors[-2000:]
    alone, *others = (
        json.loads((tmp_path / f"{name}.json").read_text())
        for name in ("alone", "mirrored", "worker0", "worker1")
    )
    assert alone[0] == 1
    assert alone[1][-1] < alone[1][0]
    for replicas, losses, weight in others:
        assert replicas == 2
        np.testing.assert_allclose(losses, alone[1], atol=1e-4)
        assert weight == pytest.approx(alone[2], rel=1e-5)


def test_distribution_refuses_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from e2e_tf.data.loader import DisjointLoader
    from e2e_tf.graph import GraphBatch

    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="kind must be one of auto, none, mirrored, multi_worker, not 'tpu'"):
        choose_strategy("tpu")
    with pytest.raises(InputError, match="multi_worker needs the environment variable TF_CONFIG"):
        choose_strategy("multi_worker")
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(InputError, match="TF_CONFIG must be JSON"):
        choose_strategy("auto")
    monkeypatch.delenv("TF_CONFIG")
    strategy = choose_strategy("auto")
    assert strategy.num_replicas_in_sync == 1
    whole = disjoint_batch([3, 4])
    graphs = GraphBatch.from_edges(
        whole["x"], whole["senders"], whole["receivers"], whole["n_node"], u=whole["u"]
    )
    model = build_model("deep_sets", 6, 2, SETS)
    with pytest.raises(InputError, match="compiled with one loss by name"):
        distributed_fit(model, DisjointLoader(graphs, np.ones(2)), strategy)
    model.compile("adam", "binary_crossentropy", jit_compile=False)
    with pytest.raises(InputError, match="loader must have labels"):
        distributed_fit(model, DisjointLoader(graphs), strategy)
    strategy_of_three = type("Three", (), {"num_replicas_in_sync": 3})()
    with pytest.raises(InputError, match=r"at least one graph per replica \(3\)"):
        distributed_fit(model, DisjointLoader(graphs, np.ones(2)), strategy_of_three)
