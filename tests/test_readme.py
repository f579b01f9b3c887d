"""What README and the page of commands name exists, and the code of the example runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "start" / "commands.md").read_text(encoding="utf-8")
# What an export begins with. Of a process of its own only the first such operation prints a line.
QUIET = """
from e2e_tf.deploy.quiet import quiet_tensorflow
with quiet_tensorflow():
    pass
import tensorflow as tf
tf.transpose(tf.constant([[True]]))
"""
SCREEN = 40
"""Lines of the README, picture counted as one."""


def test_the_readme_is_one_screen():
    lines = README.splitlines()
    assert len(lines) <= SCREEN
    assert len([line for line in lines if line.startswith("make ")]) == 2
    assert len([line for line in lines if line.startswith("![")]) == 1


@pytest.mark.slow
def test_the_python_code_runs(tau_folder, tmp_path):
    """In a fresh process and a folder of its own, on the first jets of the sample; the model it saves loads.

    They are one batch: XLA, which Keras chooses here, compiles for the sizes of each batch anew.
    """
    import keras

    from e2e_tf.data.jets import read_jets, write_jets

    write_jets(tmp_path / "few.h5", read_jets(tau_folder / "tau.h5", stop=80))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    config = tmp_path / "examples" / "tau.toml"
    text, replaced = re.subn(
        r'^sample = "tau"', f"sample = {str(tmp_path / 'few.h5')!r}", config.read_text(), flags=re.MULTILINE
    )
    assert replaced == 1
    config.write_text(text)
    code = (tmp_path / "examples" / "fit_tau.py").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", QUIET + code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "oneDNN supports" not in done.stderr
    assert keras.models.load_model(tmp_path / "tau.keras").count_params() > 130_000


def test_the_commands_exist():
    from typer.main import get_command

    from e2e_tf.cli import app

    command = get_command(app)
    found = re.findall(r"`e2e-tf ([a-z][\w-]+)([^`]*)`", COMMANDS)
    assert {name for name, _ in found} >= {"simulate", "fit", "evaluate", "predict", "export", "validate"}
    for name, rest in found:
        options = {option for parameter in command.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<= )--?\w+", rest)) <= options, name


def test_the_functions_exist():
    from pydoc import locate

    names = re.findall(r"`(e2e_tf\.[\w.]+)` \|", COMMANDS)
    assert len(names) >= 9
    for name in names:
        assert callable(locate(name)), name


def test_make_goals_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for text in (README, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        shown = re.findall(r"^make .*|`make [^`]*`", text, flags=re.MULTILINE)
        for goal in re.findall(r"\bmake ([\w-]+)", "\n".join(shown)):
            assert re.search(rf"^{goal}:", makefile, flags=re.MULTILINE), goal


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_what_is_linked_exists(name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize(
    "left", ["an interpreter without pip", "a link to an interpreter that is gone", "nothing"]
)
def test_a_half_made_environment_is_made_anew(tmp_path, left):
    """With stand-ins for Python that write down what they are asked; that of the environment has pip once made."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    says = f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/asked\n'
    inner = tmp_path / ".venv" / "bin" / "python"
    inner.parent.mkdir(parents=True)
    if left == "an interpreter without pip":
        inner.write_text(says + "exit 1\n")
        inner.chmod(0o755)
    elif left != "nothing":
        inner.symlink_to(tmp_path / "gone")
    outer = tmp_path / "python"
    makes = f'test "$2" != venv || {{ rm -f {inner}; cp {tmp_path}/whole {inner}; }}\n'
    for path, more in ((outer, makes), (tmp_path / "whole", "")):
        path.write_text(says + more)
        path.chmod(0o755)
    goal = str(tmp_path / ".venv" / ".installed")
    subprocess.run(
        ["make", "-s", "-C", str(tmp_path), goal, f"PYTHON={outer}"], check=True, capture_output=True
    )
    asked = (tmp_path / "asked").read_text().splitlines()
    assert sum(f"{outer} -m venv --clear {tmp_path / '.venv'}" in line for line in asked) == 1
    assert asked[-1].startswith(f"{inner} -m uv pip install")
    assert asked[-1].endswith("-c constraints.txt -e .")
    assert Path(goal).exists()
