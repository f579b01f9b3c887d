from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["c.toml"], "give the folder with -o"),
        (["-o", "s"], "a search needs a configuration: e2e-tf tune CONFIG.toml -o SWEEP"),
        (["c.toml", "-o", "s", "--force"], "--force belongs to --retrain"),
        (["c.toml", "-o", "s", "--workers", 2, "--chief", "h:1"], "give one of them"),
        (["c.toml", "-o", "s", "--workers", 0], "workers must be at least 1, not 0"),
        (["-o", "s", "--worker"], "a worker needs the address of its chief: --chief HOST:PORT --worker"),
        (["-o", "s", "--worker", "--chief", "here"], "must be HOST:PORT, such as 127.0.0.1:8000, not 'here'"),
        (["--retrain", "absent", "-o", "s"], "there is no sweep folder absent"),
        (["c.toml", "--retrain", "absent", "-o", "s"], "--retrain takes a sweep folder, -o and --seeds"),
        (["--retrain", ".", "-o", "s"], ". is not a sweep folder: it has no sweep.json"),
    ],
)
def test_refused(harness, tmp_path, argv, said):
    (tmp_path / "c.toml").write_text("")
    code, output = harness.run(tmp_path, "tune", *argv)
    assert code == 2
    (line,) = [line for line in output.splitlines() if line.startswith("e2e-tf: error: ")]
    assert said in line
    assert not (tmp_path / "s").exists()


def test_a_sweep_of_a_foreign_hypermodel_cannot_be_retrained(harness, tmp_path, toy):
    assert harness.run(tmp_path, "tune", toy(trials=1), "-o", "sweep")[0] == 0
    code, output = harness.run(tmp_path, "tune", "--retrain", "sweep", "-o", "run")
    assert code == 2
    assert "sweep is of a HyperModel of your own; --retrain knows the models of this library only" in output
