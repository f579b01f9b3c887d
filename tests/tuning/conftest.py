from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


class Command:
    """A running ``e2e-tf`` command."""

    def __init__(self, harness: Harness, pid: int, log: Path) -> None:
        self.harness, self.pid, self.log = harness, pid, log

    def wait(self, timeout: float = 60) -> int | None:
        """Exit status, negative for a signal; None if it still runs."""
        return self.harness.ask(what="wait", pid=self.pid, timeout=timeout)["code"]

    def kill(self) -> None:
        self.harness.ask(what="kill", pid=self.pid)

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")


class Harness:
    """Starts commands quickly; see ``harness.py``."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "harness.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.started = 0

    def ask(self, **request: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, cwd: Path, *argv: object, **environment: str) -> Command:
        self.started += 1
        log = cwd / f"command-{self.started}.log"
        request = {
            "cwd": str(cwd),
            "argv": [str(a) for a in argv],
            "log": str(log),
            "environment": environment,
        }
        return Command(self, self.ask(what="start", **request)["pid"], log)

    def run(self, cwd: Path, *argv: object, timeout: float = 60, **environment: str) -> tuple[int, str]:
        command = self.start(cwd, *argv, **environment)
        code = command.wait(timeout)
        assert code is not None, f"{argv} still runs after {timeout} s: {command.output}"
        return code, command.output


@pytest.fixture(scope="session")
def harness():
    harness = Harness()
    yield harness
    assert harness.process.stdin is not None
    harness.process.stdin.close()
    harness.process.wait(30)


@pytest.fixture
def toy(tmp_path):
    """Writes a configuration of a search over a toy HyperModel, gives its path."""
    shutil.copy(HERE / "toy.py", tmp_path / "toy.py")

    def write(model: str = "Toy", name: str = "toy.toml", **settings: Any) -> Path:
        lines = ["[tune]", f'hypermodel = "toy:{model}"']
        lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def address():
    """A free port of this machine, as a chief's ``HOST:PORT``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
