"""Trials one after the other, from a source and with a server that a test plays."""

from __future__ import annotations

from types import SimpleNamespace

import keras_tuner
import pytest

from e2e_tf.errors import InputError
from e2e_tf.files import write_json
from e2e_tf.tuning import dispatch
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.dispatch import run_trials
from e2e_tf.tuning.sweep import COMPLETED, FAILED, Record, Sweep
from e2e_tf.tuning.trial import file_record


class Given:
    """Gives trials of the statuses in turn, then none."""

    name = "here"

    def __init__(self, *statuses):
        self.statuses, self.finished, self.asked = list(statuses), [], []

    def next(self):
        status = self.statuses.pop(0) if self.statuses else "STOPPED"
        hp = keras_tuner.HyperParameters()
        hp.Float("x", 0, 1, default=0.25)
        return SimpleNamespace(trial_id="0007", status=status, hyperparameters=hp)

    def wanted(self, trial):
        self.asked.append(trial)
        return True

    def attempt(self, trial):
        return 2

    def finish(self, record):
        self.finished.append(record)


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / "trials").mkdir()
    return Sweep(tmp_path, None, TuneConfig(), tmp_path)


def run(source, sweep, what):
    ended = []
    run_trials(source, sweep, SimpleNamespace(run=what), {"CUDA_VISIBLE_DEVICES": "3"}, ended.append)
    assert ended == source.finished
    assert not list(sweep.trials.glob(".*"))  # nothing half-written is left
    return ended


def test_a_trial_that_files_its_record(sweep):
    def what(request, poll):
        assert poll()
        assert (request.attempt, request.worker, request.environment) == (
            2,
            "here",
            {"CUDA_VISIBLE_DEVICES": "3"},
        )
        file_record(request, Record(request.trial, COMPLETED, {"x": 0.25}, 0.9))
        return 0

    source = Given("RUNNING")
    (record,) = run(source, sweep, what)
    assert (record.trial, record.status, record.score) == ("0007", COMPLETED, 0.9)
    assert source.asked == ["0007"]


def test_a_trial_whose_process_dies(sweep):
    def what(request, poll):
        write_json(request.part / "progress.json", {"epoch": 2, "history": {"val_auc": [0.5, 0.6]}})
        (request.part / "log.txt").write_text("out of memory\n")
        return -9

    (record,) = run(Given("RUNNING"), sweep, what)
    assert record.status == FAILED
    assert record.values == {"x": 0.25}
    assert record.message.startswith("the process of the trial was ended by signal 9 (SIGKILL)")
    assert record.message.endswith(", in epoch 3\nout of memory")
    assert record.curve("val_auc") == [0.5, 0.6]


def test_a_trial_that_is_not_wanted_any_more_has_no_record(sweep):
    assert run(Given("RUNNING"), sweep, lambda request, poll: None) == []


def test_it_waits_while_others_run(sweep, monkeypatch):
    monkeypatch.setattr(dispatch, "IDLE_SECONDS", 0.01)
    source = Given("IDLE", "IDLE")
    assert run(source, sweep, None) == []
    assert source.asked == ["", ""]  # a chief that is gone shows here too


def test_what_the_model_refuses_ends_the_search(sweep):
    def what(request, poll):
        write_json(request.part / "refused.json", {"message": "no such quantity"})
        return 0

    source = Given("RUNNING", "RUNNING")
    with pytest.raises(InputError, match="no such quantity"):
        run_trials(source, sweep, SimpleNamespace(run=what), {})
    assert source.finished == []
    assert not list(sweep.trials.iterdir())
