"""What a search shows while it runs."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from e2e_tf.files import write_json
from e2e_tf.tuning import live
from e2e_tf.tuning.config import TuneConfig
from e2e_tf.tuning.live import SweepTable, last_line
from e2e_tf.tuning.sweep import COMPLETED, FAILED, PRUNED, Record, Sweep

TRACEBACK = "Traceback (most recent call last):\n  <module>\nValueError: a & b < c\n\n"
RECORDS = [
    Record("0000", COMPLETED, {"model.k": 3}, 0.8, seconds={"total": 12.0}, epochs=2),
    Record("0001", COMPLETED, {"model.k": 4}, 0.9, seconds={"total": 10.0}, epochs=2),
    Record("0002", PRUNED, {"model.k": 5}, 0.99),
    Record("0003", FAILED, {"model.k": 6}, message=TRACEBACK),
]
NOBODY = SimpleNamespace(ongoing_trials={}, seconds_left=float("inf"))


@pytest.fixture
def sweep(tmp_path):
    made = Sweep(tmp_path, None, TuneConfig(), tmp_path)
    for record in RECORDS:
        (made.trials / record.trial).mkdir(parents=True)
        write_json(made.trials / record.trial / "result.json", record.to_dict())
    return made


def shown(table):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table.table())
    return console.export_text().splitlines()


def test_running_trials_come_first_and_the_best_of_the_ended_ones(sweep):
    part = sweep.trials / ".0004.abc.part"
    part.mkdir()
    (part / "log.txt").write_text("")
    write_json(part / "progress.json", {"epoch": 4, "history": {"val_auc": [0.5, 0.75]}})
    running = SimpleNamespace(trial_id="0004", hyperparameters=SimpleNamespace(values={"model.k": 3}))
    oracle = SimpleNamespace(ongoing_trials={"w1": running}, seconds_left=120.0)
    lines = shown(SweepTable(sweep, oracle))
    assert "4 of 20 trials, 1 failed, 2 min left" in lines[0]
    rows = [line.split()[1] for line in lines if line.startswith("│")]
    assert rows == [
        "0004",
        "0001",
        "0000",
        "0002",
        "0003",
    ]  # a pruned one is not the best, whatever its score
    (line,) = [line for line in lines if "0004" in line]
    assert all(text in line for text in ("running (w1)", "0.75", "4", "k=3"))
    (line,) = [line for line in lines if "0003" in line]
    assert "ValueError: a & b < c" in line


def test_only_so_many_rows(sweep):
    rows = [line for line in shown(SweepTable(sweep, NOBODY, rows=1)) if line.startswith("│")]
    assert len(rows) == 1
    assert "0001" in rows[0]


def test_a_line_per_trial_where_there_is_no_terminal(sweep, monkeypatch):
    out = io.StringIO()
    console = Console(file=out, width=200)
    monkeypatch.setattr(live, "console", lambda: console)
    with SweepTable(sweep, NOBODY) as table:
        table.ended(RECORDS[1])
        table.ended(RECORDS[3])
        table.refresh(force=True)  # nothing to draw on
    said = out.getvalue().splitlines()
    assert said[0].endswith(": 4 trials have ended")
    assert said[1:] == [
        "Trial 0001: completed, val_auc 0.9, 10.0 s",
        "Trial 0003: failed, ValueError: a & b < c, 0.0 s",
    ]


def test_the_last_line():
    assert last_line(TRACEBACK) == "ValueError: a & b < c"
    assert last_line("") == ""
