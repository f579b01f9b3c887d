"""The files for batch systems, with stand-ins for the systems and for ``e2e-tf``."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

BATCH = Path(__file__).parents[2] / "examples" / "batch"


@pytest.fixture
def said(tmp_path):
    """Runs a script; gives the words of the ``e2e-tf`` command that it ends with."""
    for name, text in (("e2e-tf", 'printf "%s\\n" e2e-tf "$@"'), ("hostname", "echo node7.example.org")):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def run(script, *argv, **environment):
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", BATCH / script, *argv],
            env={"PATH": path, **environment}, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        return done.stdout.split()

    return run


def test_slurm(said, tmp_path):
    sweep = str(tmp_path / "sweep")
    chief = ["--chief", "node7.example.org:47047"]
    assert said("tune.slurm", "tau.toml", sweep, SLURM_ARRAY_TASK_ID="0") == (
        ["e2e-tf", "tune", "tau.toml", "-o", sweep, *chief]
    )
    for task in "12":
        worker = ["e2e-tf", "tune", "-o", sweep, *chief, "--worker"]
        assert said("tune.slurm", "tau.toml", sweep, SLURM_ARRAY_TASK_ID=task) == worker


def test_htcondor(said):
    lines = re.findall(r"^(\w+)\s*=\s*(.+)$", (BATCH / "tune.sub").read_text(), flags=re.MULTILINE)
    submit = dict(lines)
    assert BATCH / Path(submit["executable"]).name == BATCH / "tune_worker.sh"
    given = {"sweep": "/shared/sweep", "chief": "node7:47047"}
    argv = shlex.split(re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], submit["arguments"]))
    assert said("tune_worker.sh", *argv) == (
        ["e2e-tf", "tune", "-o", "/shared/sweep", "--chief", "node7:47047", "--worker"]
    )
    assert submit["request_gpus"] == "1"
