from __future__ import annotations

import json
import sys
from types import ModuleType

import pytest

from e2e_tf.config import make_config
from e2e_tf.errors import InputError
from e2e_tf.tuning import search
from e2e_tf.tuning.sweep import COMPLETED, FAILED, PRUNED, NoTrialCompleted, open_sweep


@pytest.mark.parametrize("algorithm", ["random", "hyperband", "bayesian"])
def test_search_finds_better_than_it_began(harness, tmp_path, toy, algorithm):
    settings = {"trials": 12, "initial": 4} if algorithm == "bayesian" else {"trials": 12}
    code, output = harness.run(tmp_path, "tune", toy(algorithm=algorithm, **settings), "-o", "sweep")
    assert code == 0, output
    sweep = open_sweep(tmp_path / "sweep")
    records = sweep.records()
    assert sweep.unfinished() == []
    assert {record.status for record in records} == {COMPLETED}
    best = max(records, key=lambda record: record.score)
    assert sweep.best() == best
    assert best.score > records[0].score
    if algorithm != "hyperband":  # with one epoch it is one bracket of a single trial or two
        assert [record.trial for record in records] == [f"{i:04d}" for i in range(12)]
    # The first trial takes the defaults.
    assert records[0].values == {"x": 0.0, "n": 1, "kind": "a"}
    for record in records:
        x, n = record.values["x"], record.values["n"]
        assert record.metrics["val_auc"] == pytest.approx(
            1 - (x - 0.3) ** 2 - 0.01 * n + 0.001 * (record.epochs - 1)
        )
        assert record.seconds["overhead"] < 3
    assert (tmp_path / "sweep" / "sweep.html").is_file()
    assert len((tmp_path / "sweep" / "trials.csv").read_text().splitlines()) == 1 + len(records)
    assert f"Best of {len(records)} trials: {best.trial}" in output


def test_failures_are_reported_and_never_the_best(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy("Moody", trials=20, max_failures=20), "-o", "sweep")
    assert code == 0, output
    sweep = open_sweep(tmp_path / "sweep")
    by_n = {n: [r for r in sweep.records() if r.values["n"] == n] for n in range(1, 6)}
    assert all(by_n.values()), "the seed must give every kind of trial"
    assert {r.status for r in by_n[1]} == {COMPLETED}
    for n, said in (
        (2, "MemoryError: no memory for n = 2"),
        (3, "signal 9 (SIGKILL); the kernel sends it when memory runs out, in epoch 2"),
        (4, "ValueError: no luck with n = 4"),
        (5, "ValueError: no luck with n = 5"),
    ):
        assert {r.status for r in by_n[n]} == {FAILED}
        for record in by_n[n]:
            assert said in record.message
            assert record.score is None
            if n != 3:
                assert record.message.startswith("Traceback (most recent call last)")
                assert 'toy.py", line' in record.message
    assert sweep.best().values["n"] == 1
    failed = [r for r in sweep.records() if r.status == FAILED]
    assert f"{len(failed)} of 20 trials failed; the first, {failed[0].trial}:" in output
    assert failed[0].message.strip().splitlines()[-1] in output
    page = (tmp_path / "sweep" / "sweep.html").read_text()
    assert "no luck with n = 4" in page


def test_retries(harness, tmp_path, toy):
    settings = {"trials": 3, "retries": 2, "max_failures": 3}
    code, output = harness.run(tmp_path, "tune", toy("Hopeless", **settings), "-o", "sweep")
    assert code == 1, output
    state = json.loads((tmp_path / "sweep" / "oracle.json").read_text())["state"]
    assert state["run_times"] == {"0000": 3, "0001": 3, "0002": 3}


def test_nothing_completed_ends_with_status_1_and_the_first_traceback(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy("Hopeless", trials=20, max_failures=4), "-o", "sweep")
    assert code == 1
    assert "no trial of sweep completed (4 failed); trial 0000:\nTraceback" in output
    assert "RuntimeError: it never works, x = 0.0" in output
    sweep = open_sweep(tmp_path / "sweep")
    assert len(sweep.records()) == 4
    with pytest.raises(NoTrialCompleted, match="it never works, x = 0.0"):
        sweep.best()
    assert "4 trials failed in a row" in (tmp_path / "sweep" / "sweep.html").read_text()


def test_an_undefined_objective_is_a_failure(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy("Undefined", trials=6, max_failures=9), "-o", "sweep")
    assert code == 0, output
    for record in open_sweep(tmp_path / "sweep").records():
        assert record.status == (COMPLETED if record.values["n"] == 1 else FAILED)
        if record.status == FAILED:
            assert "the objective val_auc is not a number" in record.message


def test_pruning(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy(trials=10, prune_after=2), "-o", "sweep")
    assert code == 0, output
    sweep = open_sweep(tmp_path / "sweep")
    pruned = [r for r in sweep.records() if r.status == PRUNED]
    assert pruned
    assert all(r.epochs == 2 and "worse than" in r.message for r in pruned)
    assert all(r.status == COMPLETED for r in sweep.records()[:3])
    best = sweep.best()
    assert best.status == COMPLETED
    assert all(r.score < best.score for r in pruned)


def test_executions_are_averaged(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy(trials=2, executions=3), "-o", "sweep")
    assert code == 0, output
    for record in open_sweep(tmp_path / "sweep").records():
        nonces = [execution["metrics"]["nonce"] for execution in record.executions]
        assert len(set(nonces)) == 3
        assert record.metrics["nonce"] == pytest.approx(sum(nonces) / 3)
        assert record.epochs == 9


def test_more_trials_continue_a_sweep_and_repeat_nothing(harness, tmp_path, toy):
    assert harness.run(tmp_path, "tune", toy(trials=3), "-o", "sweep")[0] == 0
    before = open_sweep(tmp_path / "sweep").records()
    code, output = harness.run(tmp_path, "tune", toy(trials=5), "-o", "sweep")
    assert code == 0, output
    assert "3 trials have ended" in output
    after = open_sweep(tmp_path / "sweep").records()
    assert after[:3] == before
    assert [r.trial for r in after] == ["0000", "0001", "0002", "0003", "0004"]


def test_time_budget(harness, tmp_path, toy):
    path = toy("Slower", trials=50, minutes=0.05)
    code, output = harness.run(tmp_path, "tune", path, "-o", "sweep")
    assert code == 0, output
    sweep = open_sweep(tmp_path / "sweep")
    done = len(sweep.records())
    assert 1 <= done <= 2
    # What the end of the time has cut is neither complete nor failed.
    assert {r.status for r in sweep.records()} == {COMPLETED}
    assert sweep.unfinished() == [f"{done:04d}"]
    assert "the 0.05 minutes are used up" in (tmp_path / "sweep" / "sweep.html").read_text()
    # Used up stays used up; with more time the cut trial is run first.
    code, output = harness.run(tmp_path, "tune", path, "-o", "sweep")
    assert len(open_sweep(tmp_path / "sweep").records()) == done
    toy("Slower", trials=done + 1, minutes=1)
    assert harness.run(tmp_path, "tune", path, "-o", "sweep")[0] == 0
    assert [r.trial for r in sweep.records()] == [f"{i:04d}" for i in range(done + 1)]


def test_conditional_parameters_of_a_foreign_hypermodel(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy("Conditional", trials=6), "-o", "sweep")
    assert code == 0, output
    records = open_sweep(tmp_path / "sweep").records()
    assert {r.values["kind"] for r in records} == {"a", "b"}
    for record in records:
        assert ("y" in record.values) == (record.values["kind"] == "b")


def test_parameters_that_only_some_models_ask_for_vary_too(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy("Growing", trials=12), "-o", "sweep")
    assert code == 0, output
    records = open_sweep(tmp_path / "sweep").records()
    for name in ("units_0", "units_1", "units_2"):
        assert len({record.values[name] for record in records}) > 3, name


@pytest.mark.parametrize("workers", [1, 2])
def test_parameters_that_fit_asks_for_join_the_space(harness, tmp_path, toy, workers):
    options = ("-o", "sweep", "--workers", workers)
    for trials in (3, 10):  # a search that goes on knows them from the start
        code, output = harness.run(tmp_path, "tune", toy("Late", trials=trials), *options)
        assert code == 0, output
    records = open_sweep(tmp_path / "sweep").records()
    assert len(records) == 10
    assert {record.values["batch_size"] for record in records} == {16, 32}
    assert records[0].values["batch_size"] == 16  # its default, which the trial that first asked for it had
    assert records[-1].hyperparameters is None
    assert "batch_size" in (tmp_path / "sweep" / "trials.csv").read_text().splitlines()[0].split(",")


def test_a_space_that_only_fit_shows(harness, tmp_path, toy):
    code, output = harness.run(tmp_path, "tune", toy("OnlyLate", trials=9), "-o", "sweep")
    assert code == 0, output
    records = open_sweep(tmp_path / "sweep").records()
    assert sorted(record.values["batch_size"] for record in records) == [16, 32]
    assert "the algorithm has nothing more to try" in (tmp_path / "sweep" / "sweep.html").read_text()


@pytest.mark.parametrize("program", [None, "<stdin>"])
def test_a_class_of_a_notebook_cannot_reach_the_trials(tmp_path, monkeypatch, program):
    class Mine:
        def build(self, hp):
            return hp.Float("x", 0, 1)

    Mine.__module__ = "__main__"
    main = ModuleType("__main__")
    if program is not None:  # of python - < program.py
        main.__file__ = program
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(search, "may_fork", lambda: False)
    with pytest.raises(InputError, match="the class Mine is defined in a notebook or at a prompt"):
        search.tune(make_config({}), tmp_path / "sweep", hypermodel=Mine())
    assert not (tmp_path / "sweep").exists()


def _refused(harness, tmp_path, *argv):
    before = {p.relative_to(tmp_path): p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    code, output = harness.run(tmp_path, "tune", *argv)
    assert code == 2, output
    after = {p.relative_to(tmp_path): p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    changed = {p for p in before if before[p] != after.get(p)}
    assert not {p for p in changed if "trials" in p.parts or p.name in ("sweep.json", "oracle.json")}
    errors = [line for line in output.splitlines() if line.startswith("e2e-tf: error: ")]
    assert len(errors) == 1
    assert "Traceback" not in output.replace(errors[0], "")
    return errors[0].removeprefix("e2e-tf: error: ")


def test_an_objective_that_is_not_logged(harness, tmp_path, toy):
    error = _refused(harness, tmp_path, toy(objective="val_f1", trials=3), "-o", "sweep")
    assert error == "tune.objective must be one of what the model logs, val_auc, nonce, not 'val_f1'"
    assert open_sweep(tmp_path / "sweep").records() == []


def test_another_search_refuses_the_folder(harness, tmp_path, toy):
    assert harness.run(tmp_path, "tune", toy(trials=2), "-o", "sweep")[0] == 0
    before = open_sweep(tmp_path / "sweep").records()
    error = _refused(harness, tmp_path, toy(algorithm="bayesian", trials=2), "-o", "sweep")
    assert error.startswith(
        "sweep holds a sweep of another search, it differs in tune.algorithm: 'random' there"
    )
    error = _refused(harness, tmp_path, toy("Conditional", trials=2), "-o", "sweep")
    assert "it differs in tune.hypermodel" in error
    assert open_sweep(tmp_path / "sweep").records() == before


def test_bad_input(harness, tmp_path, toy):
    def refused(*argv):
        return _refused(harness, tmp_path, *argv)

    assert "the space is empty" in refused(toy("Lonely"), "-o", "lonely")  # in the first trial: fit might ask
    assert open_sweep(tmp_path / "lonely").records() == []
    assert "KeyError: 'no such layer'" in refused(toy("Broken"), "-o", "sweep")
    assert "cannot be imported" in refused(toy("Absent"), "-o", "sweep")
    assert "there is no configuration absent.toml" in refused("absent.toml", "-o", "sweep")
    assert "unknown key 'tune.trails'; accepted here: algorithm" in refused(toy(trails=3), "-o", "sweep")
    assert "the folder absent of sweep does not exist" in refused(toy(), "-o", "absent/sweep")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    assert "full exists already and is not a sweep" in refused(toy(), "-o", "full")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    assert not (tmp_path / "sweep").exists()


def test_two_searches_in_one_folder(harness, tmp_path, toy):
    path = toy("Slower", trials=30)
    first = harness.start(tmp_path, "tune", path, "-o", "sweep")
    while not (tmp_path / "sweep" / "oracle.json").exists():
        assert first.wait(0.1) is None, first.output
    from e2e_tf.errors import InputError
    from e2e_tf.tuning.sweep import locked

    with pytest.raises(InputError, match="another process searches in"), locked(tmp_path / "sweep", wait=0.2):
        pass
    first.kill()
    assert first.wait() == -9
    # What the killed search had started ends by itself and frees the folder.
    with locked(tmp_path / "sweep", wait=10):
        pass


@pytest.mark.parametrize(("workers", "name"), [(1, "SIGTERM"), (2, "SIGINT")])
def test_an_interrupt_leaves_a_sweep_to_continue(harness, tmp_path, toy, workers, name):
    import os
    import signal
    import time

    path, sweep = toy("Slow", trials=6), tmp_path / "sweep"
    command = harness.start(tmp_path, "tune", path, "-o", "sweep", "--workers", workers)
    while not list(sweep.glob("trials/[0-9]*")):
        assert command.wait(0.05) is None, command.output
    began = time.monotonic()
    os.kill(command.pid, getattr(signal, name))
    assert command.wait(20) == 130, command.output
    assert time.monotonic() - began < 10
    assert "interrupted; the same command goes on from sweep" in command.output
    assert (sweep / "sweep.html").exists()
    before = open_sweep(sweep).records()
    assert {r.status for r in before} == {COMPLETED}
    assert len(before) < 6
    code, output = harness.run(tmp_path, "tune", path, "-o", "sweep", "--workers", workers)
    assert code == 0, output
    after = {r.trial: r for r in open_sweep(sweep).records()}
    assert sorted(after) == [f"{i:04d}" for i in range(6)]
    assert [after[r.trial] for r in before] == before
