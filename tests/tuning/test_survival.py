from __future__ import annotations

import json
import random

import pytest

from e2e_tf.tuning.sweep import COMPLETED, open_sweep


def completed(sweep):
    """Trials that have ended, with a number that no second run would give again."""
    return {
        p.parent.name: json.loads(p.read_text())["metrics"]["nonce"]
        for p in sweep.glob("trials/[0-9]*/result.json")
    }


@pytest.mark.parametrize(("algorithm", "kills", "trials"), [("random", 10, 20), ("bayesian", 3, 9)])
def test_killed_at_random_times_a_sweep_loses_and_repeats_nothing(
    harness, tmp_path, toy, algorithm, kills, trials
):
    settings = {"algorithm": algorithm, "trials": trials, "initial": 4}
    path, sweep = toy("Slow", **settings), tmp_path / "sweep"
    rng = random.Random(algorithm)
    known: dict[str, float] = {}
    for _ in range(kills):
        command = harness.start(tmp_path, "tune", path, "-o", "sweep")
        assert command.wait(rng.uniform(0.05, 1.3)) is None, "it must be running when it is killed"
        command.kill()
        assert command.wait() == -9
        now = completed(sweep)
        assert {trial: now.get(trial) for trial in known} == known
        known = now
        if (sweep / "oracle.json").exists():
            json.loads((sweep / "oracle.json").read_text())  # never torn
    code, output = harness.run(tmp_path, "tune", path, "-o", "sweep", timeout=120)
    assert code == 0, output
    now = completed(sweep)
    assert {trial: now[trial] for trial in known} == known
    assert sorted(now) == [f"{i:04d}" for i in range(trials)]
    result = open_sweep(sweep)
    records = result.records()
    assert {r.status for r in records} == {COMPLETED}
    assert result.unfinished() == []
    assert len({tuple(r.values.items()) for r in records}) == trials
    # Nothing is left of what was killed.
    assert not [p for p in sweep.rglob("*") if p.name.endswith((".part", ".old"))]
    # It went on as if it had not been killed: the same model without its pauses makes the same search.
    code, output = harness.run(tmp_path, "tune", toy("Toy", **settings), "-o", "whole")
    assert code == 0, output
    whole = open_sweep(tmp_path / "whole").records()
    assert [(r.values, r.score) for r in whole] == [(r.values, r.score) for r in records]
