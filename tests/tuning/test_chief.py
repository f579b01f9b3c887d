from __future__ import annotations

import json
import socket
import time

import numpy as np

from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.files import sha256
from e2e_tf.tuning.sweep import COMPLETED, FAILED, open_sweep


def running(sweep):
    """Worker of each running trial, as the chief last wrote it."""
    path = sweep / "oracle.json"
    return json.loads(path.read_text())["state"]["ongoing_trials"] if path.exists() else {}


def test_a_killed_worker_loses_no_trial(harness, tmp_path, toy, address):
    path = toy("Slow", trials=14, worker_timeout=2)
    chief = harness.start(tmp_path, "tune", path, "-o", "sweep", "--chief", address)
    workers = [
        harness.start(tmp_path, "tune", "-o", "sweep", "--chief", address, "--worker") for _ in range(2)
    ]
    sweep = tmp_path / "sweep"
    end = time.monotonic() + 60
    while True:  # until the second worker is in the middle of a trial
        assert time.monotonic() < end, chief.output + workers[0].output + workers[1].output
        lost, name = next(
            ((t, n) for n, t in running(sweep).items() if n.endswith(f"-{workers[1].pid}")), ("none", "")
        )
        early = len(list(sweep.glob("trials/[0-9]*"))) < 4
        if not early and list(sweep.glob(f"trials/.{lost}.*.part/progress.json")):
            break
        time.sleep(0.01)
    workers[1].kill()
    assert workers[1].wait() == -9
    assert workers[0].wait(90) == 0, workers[0].output
    assert chief.wait(30) == 0, chief.output
    result = open_sweep(sweep)
    records = result.records()
    assert [r.trial for r in records] == [f"{i:04d}" for i in range(14)]
    assert {r.status for r in records} == {COMPLETED}
    assert result.unfinished() == []
    by_worker = {r.worker for r in records}
    assert len(by_worker) == 2
    assert f"Worker {name} is gone; trial {lost} waits for another" in chief.output
    assert result.record(lost).worker != name
    # Floats travel as 32 bits; what was proposed is what was tried.
    trials = json.loads((sweep / "oracle.json").read_text())["trials"]
    proposed = {t["trial_id"]: t["hyperparameters"]["values"] for t in trials}
    assert {r.trial: r.values for r in records} == proposed
    scores = {t["trial_id"]: t["score"] for t in trials}
    assert {r.trial: r.score for r in records} == scores


def test_workers_of_this_machine(harness, tmp_path, toy):
    code, output = harness.run(
        tmp_path, "tune", toy("Meeting", trials=12, max_failures=12), "-o", "s", "--workers", 2
    )
    assert code == 0, output
    sweep = open_sweep(tmp_path / "s")
    assert len(sweep.records()) == 12
    assert {r.worker for r in sweep.records()} == {"worker-0", "worker-1"}
    assert {r.status for r in sweep.records()} == {COMPLETED, FAILED}
    assert all(
        "Traceback" in r.message or "SIGKILL" in r.message for r in sweep.records() if r.status == FAILED
    )


def test_the_end_of_the_time_ends_workers_too(harness, tmp_path, toy):
    path = toy("Slower", trials=50, minutes=0.1)
    code, output = harness.run(tmp_path, "tune", path, "-o", "s", "--workers", 2)
    assert code == 0, output
    sweep = open_sweep(tmp_path / "s")
    assert {r.status for r in sweep.records()} == {COMPLETED}
    assert 1 <= len(sweep.records()) < 50
    assert "the 0.1 minutes are used up" in (tmp_path / "s" / "sweep.html").read_text()


def test_a_killed_chief_is_found_again(harness, tmp_path, toy, address):
    path = toy("Slow", trials=8, worker_timeout=3, chief_timeout=30)
    argv = ("tune", path, "-o", "sweep", "--chief", address)
    chief = harness.start(tmp_path, *argv)
    worker = harness.start(tmp_path, "tune", "-o", "sweep", "--chief", address, "--worker")
    sweep = tmp_path / "sweep"
    end = time.monotonic() + 60
    while len(list(sweep.glob("trials/[0-9]*"))) < 2:
        assert time.monotonic() < end, chief.output + worker.output
        time.sleep(0.02)
    chief.kill()
    assert chief.wait() == -9
    before = {r.trial: r for r in open_sweep(sweep).records()}
    chief = harness.start(tmp_path, *argv)
    assert chief.wait(60) == 0, chief.output
    assert worker.wait(30) == 0, worker.output
    records = {r.trial: r for r in open_sweep(sweep).records()}
    assert len(records) == 8
    assert {trial: records[trial] for trial in before} == before


def test_an_objective_that_is_not_logged_stops_chief_and_worker(harness, tmp_path, toy, address):
    chief = harness.start(tmp_path, "tune", toy(objective="val_f1"), "-o", "sweep", "--chief", address)
    worker = harness.start(tmp_path, "tune", "-o", "sweep", "--chief", address, "--worker")
    said = "error: tune.objective must be one of what the model logs, val_auc, nonce, not 'val_f1'"
    assert worker.wait() == 2
    assert said in worker.output
    assert chief.wait() == 2
    assert said in chief.output


def test_a_worker_refuses_a_sample_of_another_content(harness, tmp_path, tau_folder, address):
    """The worker reads the files that it sees; on another machine they may be others."""
    sample = tmp_path / "tau.h5"
    write_jets(sample, read_jets(tau_folder / "tau.h5").take(np.arange(60)))
    text = (
        '[data]\nsample = "tau.h5"\nsplit = [0.4, 0.3, 0.3]\n[graph]\nnodes = "candidates"\nedges = "knn:2"\n'
    )
    (tmp_path / "a.toml").write_text(text + '[model]\nname = "deep_sets"\n[tune]\ntrials = 1\n')
    chief = harness.start(tmp_path, "tune", "a.toml", "-o", "sweep", "--chief", address)
    while not (tmp_path / "sweep" / "sweep.json").exists():
        assert chief.wait(0.05) is None, chief.output
    before = sha256(sample)
    write_jets(sample, read_jets(tau_folder / "tau.h5").take(np.arange(1, 61)), force=True)
    code, output = harness.run(tmp_path, "tune", "-o", "sweep", "--chief", address, "--worker")
    assert code == 2, output
    (error,) = [line for line in output.splitlines() if line.startswith("e2e-tf: error: ")]
    assert "sweep is a sweep on another tau.h5" in error
    assert before[:12] in error
    assert sha256(sample)[:12] in error
    chief.kill()
    assert chief.wait() == -9
    assert open_sweep(tmp_path / "sweep").records() == []


def test_port_in_use(harness, tmp_path, toy):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        code, output = harness.run(tmp_path, "tune", toy(), "-o", "sweep", "--chief", address)
    assert code == 2
    assert f"error: the chief cannot listen at {address}; is the port in use?" in output
