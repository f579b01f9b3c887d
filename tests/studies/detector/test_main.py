from __future__ import annotations

import pytest

from studies.detector import __main__ as command


def test_a_row_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main(["train", str(tmp_path), "--rows", "deep trees"])
    assert "there is no row 'deep trees'; there are boosted trees, particle flow; " in capsys.readouterr().err


@pytest.mark.slow
def test_the_page_is_what_the_results_say(tmp_path, monkeypatch):
    """Byte for byte, from a page without tables."""
    page = command.PAGE.read_text(encoding="utf-8")
    emptied, inside = [], False
    for line in page.splitlines(keepends=True):
        inside = inside and ": end -->" not in line
        if not inside:
            emptied.append(line)
        inside = inside or ": begin -->" in line
    assert len(emptied) < len(page.splitlines()) - 12
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector.md").write_text("".join(emptied), encoding="utf-8")
    monkeypatch.setattr(command, "PAGE", tmp_path / "detector.md")
    command.main(["report", str(tmp_path)])  # a folder without scores
    assert (tmp_path / "detector.md").read_text(encoding="utf-8") == page
    assert (tmp_path / "detector" / "roc.png").stat().st_size > 10_000
