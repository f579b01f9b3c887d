from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import types
import urllib.request
import zipfile

import keras
import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.errors import InputError, TrainingDiverged
from e2e_tf.training.fit import fit
from e2e_tf.training.loggers import EpochLogger, reporting, settings_of


def config(**logging):
    return make_config({"seed": 3, "model": {"name": "deep_sets"}, "logging": logging})


class Recorder:
    """A stand-in for a service's library: keeps what is called."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        def call(*args, **options):
            self.calls.append((name, args, options))
            return self

        return call

    def names(self):
        return [name for name, _, _ in self.calls]


def log_two_epochs(callbacks):
    for callback in callbacks:
        callback.on_epoch_end(0, {"loss": np.float32(0.5), "val_auc": 0.75})
        callback.on_epoch_end(1, {"loss": float("nan"), "val_auc": 0.875})


def test_nothing_is_imported_or_written_by_default(tmp_path):
    before = set(sys.modules)
    with reporting(config(), tmp_path, tmp_path) as callbacks:
        assert callbacks == []
    assert not {"wandb", "mlflow", "comet_ml"} & (set(sys.modules) - before)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("service", "module", "begins", "logs", "ends", "failed"),
    [
        ("wandb", "wandb", ["init"], "log", ("finish", {"exit_code": 0}), ("finish", {"exit_code": 1})),
        (
            "mlflow", "mlflow", ["set_experiment", "start_run", "log_params"], "log_metrics", ("end_run", {}),
            ("end_run", {}),
        ),
        ("comet", "comet_ml", ["start", "set_name", "log_parameters"], "log_metrics", ("end", {}), ("end", {})),
    ],
)  # fmt: skip
def test_services(service, module, begins, logs, ends, failed, tmp_path, monkeypatch):
    library = Recorder()
    monkeypatch.setitem(sys.modules, module, library)
    with reporting(config(services=[service], project="taus"), tmp_path / "run7", tmp_path) as callbacks:
        log_two_epochs(callbacks)
    assert library.names() == [*begins, logs, logs, ends[0]]
    text = str(library.calls)
    assert "taus" in text
    assert "run7" in text
    assert "'training.epochs': 20" in text
    values = [args[0] for name, args, _ in library.calls if name == logs]
    assert values == [{"loss": 0.5, "val_auc": 0.75}, {"val_auc": 0.875}]  # no NaN
    assert [options["step"] for name, _, options in library.calls if name == logs] == [0, 1]
    assert library.calls[-1][2] == ends[1]
    library.calls.clear()
    with (
        pytest.raises(TrainingDiverged),
        reporting(config(services=[service]), tmp_path / "run7", tmp_path),
    ):
        raise TrainingDiverged("so", 0)
    assert (library.calls[-1][0], library.calls[-1][2]) == failed
    assert (
        "FAILED" in str(library.calls)
        or "failed" in str(library.calls)
        or "'exit_code': 1" in str(library.calls)
    )


def test_wandb_keeps_the_numbers_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="Weights & Biases is not installed (extra 'wandb')")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    (tmp_path / "run7").mkdir()
    with reporting(config(services=["wandb"]), tmp_path / "run7", tmp_path) as callbacks:
        log_two_epochs(callbacks)
    wandb.teardown()  # its process writes the file, and ends with this one otherwise
    (kept,) = (tmp_path / "run7" / "wandb").glob("offline-run-*/run-*.wandb")
    found = kept.read_bytes()
    for text in (b"val_auc", b"0.75", b"0.875", b"training.epochs", b"deep_sets"):
        assert text in found, text


def test_comet_keeps_the_numbers_offline(tmp_path, monkeypatch):
    pytest.importorskip("comet_ml", reason="Comet is not installed (extra 'comet')")
    monkeypatch.setenv("COMET_START_ONLINE", "0")
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(tmp_path / "comet"))
    (tmp_path / "comet").mkdir()
    with reporting(config(services=["comet"]), tmp_path / "run7", tmp_path) as callbacks:
        log_two_epochs(callbacks)
    (archive,) = (tmp_path / "comet").glob("*.zip")
    with zipfile.ZipFile(archive) as file:
        found = b"".join(file.read(name) for name in file.namelist())
    for text in (b"val_auc", b"0.75", b"0.875", b"training.epochs", b"deep_sets", b"run7"):
        assert text in found, text


def test_mlflow_keeps_the_numbers_in_files(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed (extra 'mlflow')")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    mlflow.set_tracking_uri((tmp_path / "store").as_uri())
    with reporting(config(services=["mlflow"]), tmp_path / "run7", tmp_path) as callbacks:
        log_two_epochs(callbacks)
    (kept,) = (tmp_path / "store").glob("*/*/metrics/val_auc")
    assert [line.split()[1:] for line in kept.read_text().splitlines()] == [["0.75", "0"], ["0.875", "1"]]
    assert (kept.parents[1] / "params" / "model.name").read_text() == "deep_sets"


@pytest.fixture
def mlflow_server(tmp_path):
    """The address of an MLflow server of this machine, which keeps its runs in a file."""
    pytest.importorskip("mlflow", reason="MLflow is not installed (extra 'mlflow')")
    pytest.importorskip("flask", reason="this MLflow has no server: it is mlflow-skinny, not mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    said = tmp_path / "server.log"
    with said.open("w") as log:
        server = subprocess.Popen(
            [*command, "--workers", "1", "--backend-store-uri", store],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 120
        while True:
            assert server.poll() is None, said.read_text()
            assert time.monotonic() < until, said.read_text()
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{address}/health", timeout=5) as answer,
            ):
                if answer.status == 200:
                    break
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def test_mlflow_keeps_the_numbers_on_a_server(mlflow_server, tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    mlflow.set_tracking_uri(mlflow_server)
    chosen = config(services=["mlflow"], project="taus")
    with reporting(chosen, tmp_path / "run7", tmp_path) as callbacks:
        log_two_epochs(callbacks)
    with pytest.raises(TrainingDiverged), reporting(chosen, tmp_path / "run8", tmp_path):
        raise TrainingDiverged("so", 0)
    client = mlflow.MlflowClient(mlflow_server)
    experiment = client.get_experiment_by_name("taus").experiment_id
    second, first = client.search_runs([experiment], order_by=["attributes.start_time DESC"])
    history = client.get_metric_history(first.info.run_id, "val_auc")
    assert [(entry.step, entry.value) for entry in history] == [(0, 0.75), (1, 0.875)]
    loss = client.get_metric_history(first.info.run_id, "loss")
    assert [(entry.step, entry.value) for entry in loss] == [(0, 0.5)]  # no NaN
    assert first.data.params["model.name"] == "deep_sets"
    assert first.data.params["training.epochs"] == "20"
    assert [(run.info.run_name, run.info.status) for run in (first, second)] == [
        ("run7", "FINISHED"),
        ("run8", "FAILED"),
    ]


def test_fit_reports_to_all_that_its_configuration_names(tau_folder, tmp_path, monkeypatch):
    """TensorBoard, a service and a callback from beside the configuration, in one training of two epochs."""
    library = Recorder()
    monkeypatch.setitem(sys.modules, "wandb", library)
    (tmp_path / "watch_this_fit.py").write_text(
        "import keras\nseen = []\n"
        "class Watch(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n        seen.append((epoch, sorted(logs)))\n"
    )
    text = (tau_folder / "tiny.toml").read_text().replace('"tau.h5"', f'"{tau_folder / "tau.h5"}"')
    (tmp_path / "run.toml").write_text(
        text + '[logging]\ntensorboard = true\nservices = ["wandb"]\ncallbacks = ["watch_this_fit:Watch"]\n'
    )
    run = fit(tmp_path / "run.toml", tmp_path / "run")
    history = json.loads((run.folder / "history.json").read_text())
    # The service has what the run folder has.
    logged = [(args[0], options["step"]) for name, args, options in library.calls if name == "log"]
    assert [step for _, step in logged] == [0, 1]
    for key in ("loss", "val_loss", "auc", "val_auc"):
        assert [values[key] for values, _ in logged] == pytest.approx(history[key])
    assert library.names()[-1] == "finish"
    assert [epoch for epoch, _ in sys.modules["watch_this_fit"].seen] == [0, 1]
    assert {"loss", "val_auc"} <= set(sys.modules["watch_this_fit"].seen[0][1])
    for part in ("train", "validation"):
        (events,) = (run.folder / "tensorboard" / part).glob("events.out.tfevents*")
        losses = [value for step, value in scalars(events, "epoch_loss")]
        assert losses == pytest.approx(history["val_loss" if part == "validation" else "loss"])


def scalars(path, tag):
    """Steps and values of one curve in a file of TensorBoard."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    return [
        (event.step, float(make_ndarray(value.tensor)))
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == tag
    ]


@pytest.mark.parametrize(
    ("service", "module"), [("wandb", "wandb"), ("mlflow", "mlflow"), ("comet", "comet_ml")]
)
def test_a_missing_library_is_named_with_its_extra(service, module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(
            InputError,
            match=rf"needs {module}, .*; run 'pip install e2e-tf\[{service}\]'",
        ),
        reporting(config(services=[service]), tmp_path, tmp_path),
    ):
        pass


def test_tensorboard_by_a_key(tmp_path):
    with reporting(config(tensorboard=True), tmp_path, tmp_path) as callbacks:
        model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
        model.compile(loss="mse")
        model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=1, verbose=0, callbacks=callbacks)
    assert [*(tmp_path / "tensorboard" / "train").glob("events.out.tfevents*")]


def test_callbacks_of_ones_own(tmp_path):
    (tmp_path / "watchers_of_this_test.py").write_text(
        "import keras\nclass Watch(keras.callbacks.Callback):\n    pass\nclass Other:\n    pass\n"
    )
    with reporting(config(callbacks=["watchers_of_this_test:Watch"]), tmp_path, tmp_path) as (callback,):
        assert type(callback).__name__ == "Watch"
    for name, message in (
        ("watchers_of_this_test:Other", "must be a keras.callbacks.Callback, not Other"),
        ("watchers_of_this_test:None_", "cannot be made"),
        ("nowhere_at_all:Watch", "cannot be made: No module named"),
        ("Watch", "must be 'module:Class', not 'Watch'"),
    ):
        with (
            pytest.raises(InputError, match=message),
            reporting(config(callbacks=[name]), tmp_path, tmp_path),
        ):
            pass


def test_settings_have_one_level():
    found = settings_of(config(tensorboard=True))
    assert found["seed"] == 3
    assert found["training.optimizer"] == "rmsprop"
    assert json.loads(json.dumps(found)) == found
    assert not any(name.startswith("logging") for name in found)
    assert isinstance(EpochLogger(types.SimpleNamespace()), keras.callbacks.Callback)


def test_unknown_services_are_refused():
    with pytest.raises(InputError, match=r"logging\.services"):
        config(services=["neptune"])
