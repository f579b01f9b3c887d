from __future__ import annotations

import json
import random

import pytest

from tuning.sweep import COMPLETED, open_sweep

TRIALS = 24


def completed(sweep):
    """Trials that have ended, with a number that no second run would give again."""
    return {
        p.parent.name: json.loads(p.read_text())["metrics"]["nonce"]
        for p in sweep.glob("trials/[0-9]*/result.json")
    }


@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_killed_at_random_times_a_sweep_loses_and_repeats_nothing(harness, tmp_path, toy, algorithm):
    path, sweep = toy("Slow", algorithm=algorithm, trials=TRIALS, initial=6), tmp_path / "sweep"
    rng = random.Random(f"{algorithm}")
    known: dict[str, float] = {}
    kills = 0
    for _ in range(10 if algorithm == "random" else 4):
        command = harness.start(tmp_path, "tune", path, "-o", "sweep")
        code = command.wait(rng.uniform(0.05, 2.5))
        if code is None:
            command.kill()
            assert command.wait() == -9
            kills += 1
        else:
            assert code == 0, command.output
        now = completed(sweep)
        assert {trial: now.get(trial) for trial in known} == known
        known = now
        if (sweep / "oracle.json").exists():
            json.loads((sweep / "oracle.json").read_text())  # never torn
    code, output = harness.run(tmp_path, "tune", path, "-o", "sweep", timeout=120)
    assert code == 0, output
    assert kills >= 4
    now = completed(sweep)
    assert {trial: now[trial] for trial in known} == known
    assert sorted(now) == [f"{i:04d}" for i in range(TRIALS)]
    result = open_sweep(sweep)
    assert {r.status for r in result.records()} == {COMPLETED}
    assert result.unfinished() == []
    assert len({tuple(r.values.items()) for r in result.records()}) == TRIALS
    # Nothing is left of what was killed.
    assert not [p for p in sweep.rglob("*") if p.name.endswith((".part", ".old"))]


def test_a_search_goes_on_as_if_it_had_not_been_killed(harness, tmp_path, toy):
    path = toy("Slow", trials=8)
    assert harness.run(tmp_path, "tune", path, "-o", "whole")[0] == 0
    for seconds in (1.0, 1.5):
        command = harness.start(tmp_path, "tune", path, "-o", "parts")
        if command.wait(seconds) is None:
            command.kill()
            command.wait()
    assert harness.run(tmp_path, "tune", path, "-o", "parts")[0] == 0
    whole, parts = (open_sweep(tmp_path / name).records() for name in ("whole", "parts"))
    assert [r.values for r in whole] == [r.values for r in parts]
    assert [r.score for r in whole] == [r.score for r in parts]
