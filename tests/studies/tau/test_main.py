"""The commands that need no samples: the page is what the results in the repository say."""

from __future__ import annotations

import shutil
import sys

import pytest

from studies.tau import __main__ as command
from studies.tau.rows import ROWS


def run(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["studies.tau", *arguments])
    command.main()


@pytest.mark.slow
def test_the_report_writes_the_page_that_is_there(tmp_path, monkeypatch):
    """Byte for byte, from pages without tables, with the figures in the folder of the first one's name."""
    pages = {}
    for name in ("tau.md", "tau_appendix.md"):
        pages[name] = command.PAGE.with_name(name).read_text(encoding="utf-8")
        emptied = []
        inside = False
        for line in pages[name].splitlines(keepends=True):
            inside = inside and ": end -->" not in line
            if not inside:
                emptied.append(line)
            inside = inside or ": begin -->" in line
        assert len(emptied) < len(pages[name].splitlines()) - 15
        (tmp_path / name).write_text("".join(emptied), encoding="utf-8")
    (tmp_path / "tau").mkdir()
    monkeypatch.setattr(command, "PAGE", tmp_path / "tau.md")
    run(monkeypatch, "report", str(tmp_path))
    for name, page in pages.items():
        assert (tmp_path / name).read_text(encoding="utf-8") == page, name
    committed = sorted(path.name for path in (command.ROOT / "docs" / "studies" / "tau").iterdir())
    assert sorted(path.name for path in (tmp_path / "tau").iterdir()) == committed


def test_a_quark_gluon_result_is_kept_for_later_reports(tmp_path, monkeypatch):
    results = tmp_path / "results"
    shutil.copytree(command.RESULTS, results)
    kept = (results / "quark_gluon.json").read_bytes()
    (results / "quark_gluon.json").unlink()
    given = tmp_path / "fullsim.json"
    given.write_bytes(kept)
    monkeypatch.setattr(command, "RESULTS", results)
    monkeypatch.setattr("studies.tau.report.write_report", lambda results, page: None)
    run(monkeypatch, "report", str(tmp_path), "--quark-gluon", str(given))
    assert (results / "quark_gluon.json").read_bytes() == kept


def test_the_list_says_which_seeds_have_a_result(tmp_path, monkeypatch, capsys):
    run(monkeypatch, "list", str(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(ROWS)
    assert "deep sets, candidates: seeds [1, 2, 3, 4, 5] of 5" in lines
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    run(monkeypatch, "list", str(tmp_path))
    assert "deep sets, candidates: seeds [] of 5" in capsys.readouterr().out.splitlines()


def test_every_result_is_of_a_row():
    from e2e_tf.files import read_json

    for path in command.RESULTS.glob("*-[0-9].json"):
        name = read_json(path)["row"]
        assert path == command.result_path(name, int(path.stem[-1]))
        assert name in ROWS


def test_an_unknown_row_is_refused(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "train", str(tmp_path), "--rows", "deep sets, candidates", "shallow sets")
    assert "there is no row 'shallow sets'; there are" in capsys.readouterr().err
