"""What pages show and no test runs is true as well: commands and their options exist, configurations are accepted."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from doc_blocks import blocks, commands

from e2e_tf.cli import app
from e2e_tf.config import make_config
from e2e_tf.errors import InputError
from e2e_tf.tuning.config import make_tune_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted((ROOT / "e2e_tf" / "project").glob("*.md"))
SHELLS = ("sh", "bash", "console")


def called(line: str) -> Iterator[list[str]]:
    """The words after ``e2e-tf`` of each call in a line for the shell, those in quotation marks too."""
    line = re.sub(r"\$\([^)]*\)", "X", re.sub(r"^\S*\$\s+", "", line))
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    call: list[str] | None = None
    first = True
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|<>"):
            if call is not None:
                yield call
            call, first = None, True
        elif call is not None:
            call.append(word)
        elif first and word.rpartition("/")[2] == "e2e-tf":
            call = []
        elif word.startswith("e2e-tf "):
            yield shlex.split(word)[1:]
        else:
            first = first and word in ("do", "then")


def unknown(words: list[str]) -> list[str]:
    """What is no command, and no option of the command, of the words after ``e2e-tf``."""
    group = typer.main.get_command(app)
    known: dict[str, Any] = group.commands
    if words[0].startswith("-"):
        command, rest = group, words
    elif words[0] in known:
        command, rest = known[words[0]], words[1:]
    else:
        return words[:1]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}
    return [word for word in rest if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in options]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_their_options_exist(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        for line in commands(block.text) if block.language in SHELLS else []:
            for words in called(line):
                assert unknown(words) == [], f"{page.name}:{block.line}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_configurations_are_accepted(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language != "toml":
            continue
        document = tomllib.loads(block.text)
        tune = document.pop("tune", {})
        try:
            make_config(document)
            make_tune_config(tune)
        except InputError as error:
            pytest.fail(f"{page.name}:{block.line}: {error}")


def test_what_is_wrong_is_found():
    assert [*called("chief$  e2e-tf tune a.toml -o b && e2e-tf evaluate b  # c")] == [
        ["tune", "a.toml", "-o", "b"],
        ["evaluate", "b"],
    ]
    assert [*called("sbatch --mem=8G --wrap 'e2e-tf fit a.toml -o b'")] == [["fit", "a.toml", "-o", "b"]]
    assert [*called("for k in 0 1; do e2e-tf fit a --set x=$k; done")] == [["fit", "a", "--set", "x=$k"]]
    assert [*called("e2e-tf models --json > models.json")] == [["models", "--json"]]
    assert [*called("python -m e2e_tf")] == []
    assert unknown(["validate", "bundle", "--jets", "100", "--json"]) == []
    assert unknown(["--install-completion"]) == []
    assert unknown(["nonsense", "--force"]) == ["nonsense"]
    assert unknown(["fit", "a.toml", "--folder", "b", "-o", "c"]) == ["--folder"]
    assert unknown(["--nonsense"]) == ["--nonsense"]
