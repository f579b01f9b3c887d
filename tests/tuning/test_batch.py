"""The files for batch systems that ``e2e-tf new`` writes, with stand-ins for the systems and for ``e2e-tf``."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

import pytest

from e2e_tf.new_project import new_project


@pytest.fixture
def project(tmp_path):
    return new_project(tmp_path / "tagger")


@pytest.fixture
def said(tmp_path, project):
    """Runs a command in the project; gives the words of the ``e2e-tf`` command that it ends with."""
    for name, text in (("e2e-tf", 'printf "%s\\n" e2e-tf "$@"'), ("hostname", "echo node7.example.org")):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    def run(*argv, **environment):
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            argv, env={"PATH": path, **environment}, cwd=project, capture_output=True, text=True, timeout=30,
            check=True,
        )  # fmt: skip
        return done.stdout.split()

    return run


def test_slurm(said, tmp_path):
    sweep = str(tmp_path / "sweep")
    chief = ["--chief", "node7.example.org:47047"]
    # What a job before this one has left is not read.
    (tmp_path / "sweep.chief-6").write_text("gone.example.org:47047\n")

    def task(number, folder=sweep):
        job = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": str(number)}
        return said("bash", "tune.slurm", "search.toml", folder, **job)

    assert task(0) == ["e2e-tf", "tune", "search.toml", "-o", sweep, *chief]
    for worker in (1, 2):
        assert task(worker) == ["e2e-tf", "tune", "-o", sweep, *chief, "--worker"]
    assert task(1, f"{sweep}/") == task(1)


def test_htcondor(said, project):
    lines = re.findall(r"^(\w+)\s*=\s*(.+)$", (project / "tune.sub").read_text(), flags=re.MULTILINE)
    submit = dict(lines)
    given = {"sweep": "/shared/sweep", "chief": "node7:47047"}
    argv = shlex.split(re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], submit["arguments"]))
    assert said(submit["executable"], *argv) == (
        ["e2e-tf", "tune", "-o", "/shared/sweep", "--chief", "node7:47047", "--worker"]
    )
    assert submit["transfer_executable"] == "False"
    assert submit["getenv"].split(", ")[0] == "PATH"  # or the job would not find e2e-tf
    assert submit["request_gpus"] == "1"
