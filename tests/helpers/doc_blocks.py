"""Code blocks of Markdown pages, and running them: Python, shell commands, and files that a title names."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["RUN", "Block", "blocks", "commands", "run_page"]

RUN = ("python", "sh", "console", "bash")
"""Languages of blocks that are run, unless a comment ``<!-- not run: reason -->`` stands right above."""

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]*) -->\n)?"
    r"^(?P<fence>```+)(?P<language>\w*)(?P<rest>[^\n]*)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One block: its language, the file that its title names, its text, the line it begins at, why it is not run."""

    language: str
    title: str
    text: str
    line: int
    reason: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        title = re.search(r'title="([^"]+)"', match["rest"])
        line = text.count("\n", 0, match.start("text")) + 1
        found.append(
            Block(match["language"], title[1] if title else "", match["text"], line, match["reason"] or "")
        )
    return found


def commands(text: str) -> list[str]:
    """The commands of a block for the shell: continued lines joined, comments and prompts left out."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").strip() for line in lines if line.strip() and not line.startswith("#")]


def run_page(page: Path, e2e: Callable[..., tuple[int, str, str]]) -> int:
    """Run what a page shows, in the working folder; gives the number of blocks that were run or written.

    ``e2e`` runs the command line in this process, and scripts run in it too: loading TensorFlow takes longer than most.
    """
    names: dict[str, Any] = {"__name__": "__page__"}
    done = 0
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.reason or not (block.title or block.language in RUN):
            continue
        done += 1
        where = f"{page.name}:{block.line}"
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), names)
        else:
            for command in commands(block.text):
                _run_command(command, where, e2e)
    return done


def _run_command(command: str, where: str, e2e: Callable[..., tuple[int, str, str]]) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "cd":
        os.chdir(words[1])
    elif words[0] == "e2e-tf":
        words, target = (words[: words.index(">")], words[-1]) if ">" in words else (words, "")
        status, out, err = e2e(*words[1:])
        assert status == 0, f"{where}: {command}\n{err}"
        if target:
            Path(target).write_text(out, encoding="utf-8")
    else:
        assert words[0] == "python", f"{where}: {command} is neither python nor e2e-tf; mark the block"
        status = _run_script(words[1:])
        assert status == 0, f"{where}: {command}\n{status}"


def _run_script(words: list[str]) -> int | str:
    """Run ``python words...`` in this process; gives the exit status, or the sentence the script ended with."""
    before, path = sys.argv, sys.path[:]
    sys.argv = list(words)
    sys.path.insert(0, str(Path(words[0]).parent))
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as stop:
        return stop.code or 0
    finally:
        sys.argv, sys.path[:] = before, path
    return 0
