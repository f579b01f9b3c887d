"""Code on the pages of the site runs: each block of Python or for the shell, or it says why not."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from pathlib import Path

import pytest
from doc_blocks import RUN, blocks, commands, run_page

from e2e_tf import cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


@pytest.fixture
def e2e(monkeypatch, capsys):
    """Runs the command in this process; gives exit status, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["e2e-tf", *arguments])
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def place(monkeypatch, tmp_path, tau_folder):
    """A folder with the examples, where the shipped sample is its first 400 jets."""
    small = tau_folder / "tau.h5"
    whole = importlib.import_module("e2e_tf.data.samples").sample_path
    loaded = [module for name, module in sys.modules.items() if name.startswith("e2e_tf.")]
    for module in loaded:
        if "sample_path" in vars(module):
            monkeypatch.setattr(module, "sample_path", lambda name: small if name == "tau" else whole(name))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "e2e_tf" / "data" / "samples").mkdir(parents=True)
    (tmp_path / "e2e_tf" / "data" / "samples" / "tau.h5").symlink_to(small)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "bundles").symlink_to(ROOT / "deploy" / "bundles")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_from_a_new_project_to_the_trigger(place, e2e):
    """Two pages in one folder: the second goes on with the run of the first, which trains two epochs of twelve."""

    def shorter(*arguments: str) -> tuple[int, str, str]:
        changes = ("--set", "training.epochs=2", "--set", "plots.dpi=50")
        return e2e(*arguments, *(changes if arguments[0] == "fit" else ()))

    assert run_page(DOCS / "start" / "five-minutes.md", shorter) == 3
    for file in ("run/metrics.json", "run/roc.png", "jet.png"):
        assert (place / "tagger" / file).stat().st_size > 100, file
    assert run_page(DOCS / "journeys" / "trigger.md", e2e) == 6
    assert (place / "tagger" / "cmssw" / "RecoTauTag" / "E2ETagger").is_dir()
    assert (place / "tagger" / "repository").is_dir()


ALONE = {
    "journeys/own-files.md": (6, "mine/model.keras"),
    "journeys/plain-keras.md": (6, "mine_bundle/model.onnx"),
    "concepts/graph.md": (1, ""),
    "concepts/blocks.md": (1, ""),
    "concepts/preprocessing.md": (1, ""),
    "concepts/validation.md": (1, ""),
    "start/commands.md": (1, "models.json"),
    "data.md": (4, "graphs.h5"),
    "models.md": (1, ""),
    "tuning.md": (1, ""),
}
"""Pages that run by themselves: blocks that are run, and a file that is then there."""


@pytest.mark.slow
@pytest.mark.parametrize("page", ALONE)
def test_a_page_runs(place, e2e, page):
    count, made = ALONE[page]
    assert run_page(DOCS / page, e2e) == count
    assert (place / made).exists()


def test_every_page_is_run_or_has_nothing_to_run():
    """A new page with code must be named above."""
    run = {"start/five-minutes.md", "journeys/trigger.md", *ALONE}
    for page in PAGES:
        to_run = [
            b for b in blocks((DOCS / page).read_text(encoding="utf-8")) if b.language in RUN and not b.reason
        ]
        assert bool(to_run) == (page in run), page


def test_commands_stand_in_blocks_that_say_so():
    """A block without a language is neither run nor checked."""
    for page in PAGES:
        for block in blocks((DOCS / page).read_text(encoding="utf-8")):
            called = re.search(r"^\S*\s*\b(e2e-tf|python|make) ", block.text, flags=re.MULTILINE)
            assert block.language or not called, f"{page}:{block.line}"


def test_every_page_is_in_the_navigation():
    """MkDocs says what is missing as a warning, and counts no warnings when it is quiet."""
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert {page for page in PAGES if page not in re.findall(r"[\w/.-]+\.md", nav)} == set()
    assert "--quiet" not in re.findall(r"mkdocs build.*", (ROOT / "Makefile").read_text(encoding="utf-8"))[0]


def test_reasons_titles_and_commands():
    page = '<!-- not run: needs SLURM -->\n```sh\nsbatch a\n```\n\n```toml title="a.toml"\nx = 1\n```\n\n'
    page += "```python\n1\n```\n"
    first, second, third = blocks(page)
    assert (first.language, first.reason) == ("sh", "needs SLURM")
    assert (second.title, second.text, second.reason) == ("a.toml", "x = 1\n", "")
    assert (third.language, third.line) == ("python", 11)
    assert commands("$ a b \\\n  c\n# d\n\ne  # f\n") == ["a b    c", "e  # f"]


def test_a_page_that_fails_is_found(tmp_path, monkeypatch, e2e):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    (tmp_path / "says_why.py").write_text("raise SystemExit('no such file')\n")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    for block, error in (
        ("```python\nassert False\n```", AssertionError),
        ("```sh\ne2e-tf models nonsense\n```", AssertionError),
        ("```sh\nrm x\n```", AssertionError),
        ("```sh\npython says_why.py\n```", AssertionError),
        ("```sh\npython raises.py\n```", ZeroDivisionError),
    ):
        page.write_text(f"{block}\n")
        with pytest.raises(error):
            run_page(page, e2e)
