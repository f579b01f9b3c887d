from __future__ import annotations

import os
import sys
import types

import pytest

from e2e_tf.errors import InputError
from e2e_tf.tuning.devices import grow_memory, pin, visible_devices


@pytest.mark.parametrize(
    ("value", "devices"),
    [
        ("0,1", ("0", "1")),
        (" 3 , 5 ", ("3", "5")),
        ("GPU-8f3a,GPU-11c2", ("GPU-8f3a", "GPU-11c2")),
        ("", ()),
        ("-1", ()),
        ("0,-1,1", ("0",)),
    ],
)
def test_what_a_batch_system_has_set_counts(value, devices):
    assert visible_devices({"CUDA_VISIBLE_DEVICES": value}) == devices


def test_else_what_nvidia_smi_lists(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n2\\n'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    assert visible_devices({}) == ("0", "1", "2")
    program.write_text("#!/bin/sh\necho 'Failed to initialize NVML'; exit 9\n")
    assert visible_devices({}) == ()


def test_one_gpu_each():
    environments = [pin(i, 2, ("4", "7", "9")) for i in range(2)]
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments] == ["4", "7"]
    assert all(e["TF_FORCE_GPU_ALLOW_GROWTH"] == "true" for e in environments)
    assert pin(1, 2, ()) == {}


def test_more_workers_than_gpus():
    with pytest.raises(InputError, match=r"3 workers, but CUDA shows 2 \(0, 1\); give --workers 2"):
        pin(0, 3, ("0", "1"))


def test_memory_grows_on_every_gpu(monkeypatch):
    grown = []
    gpus = ["GPU:0", "GPU:1"]
    config = types.SimpleNamespace(
        list_physical_devices=lambda kind: gpus if kind == "GPU" else [],
        experimental=types.SimpleNamespace(set_memory_growth=lambda gpu, on: grown.append((gpu, on))),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(config=config))
    assert grow_memory() == 2
    assert grown == [("GPU:0", True), ("GPU:1", True)]


def test_a_trial_sees_the_gpu_of_its_worker_only(harness, tmp_path, toy):
    """Two workers on two GPUs that only the list of devices knows: each trial has one in its environment."""
    from e2e_tf.tuning.sweep import open_sweep

    model = tmp_path / "toy.py"
    path = toy("Seen", trials=6)
    model.write_text(
        model.read_text()
        + "\n\nclass Seen(Toy):\n    def fit(self, hp, model, callbacks=(), **kwargs):\n        meet()\n"
        "        out = super().fit(hp, model, callbacks, **kwargs)\n"
        "        return {**out, 'device': float(os.environ['CUDA_VISIBLE_DEVICES'])}\n"
    )
    argv = ("tune", path, "-o", "sweep", "--workers", 2)
    code, output = harness.run(tmp_path, *argv, CUDA_VISIBLE_DEVICES="4,7")
    assert code == 0, output
    seen = {(r.worker, r.metrics["device"]) for r in open_sweep(tmp_path / "sweep").records()}
    assert seen == {("worker-0", 4.0), ("worker-1", 7.0)}
    code, output = harness.run(tmp_path, *argv[:-1], 3, CUDA_VISIBLE_DEVICES="4,7")
    assert code == 2
    assert "each worker needs a GPU of its own: 3 workers, but CUDA shows 2 (4, 7)" in output
