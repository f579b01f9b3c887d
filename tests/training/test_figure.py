from __future__ import annotations

import pytest
from pictures import check_png

from e2e_tf.errors import InputError
from e2e_tf.training.figure import cms_figure


def draw(path, height, **options):
    with cms_figure(path, "left", "right", options.pop("force", False), **options) as axes:
        (axes[0] if options else axes).plot([0, 1], [0, height], linewidth=20)
    return path.read_bytes()


def test_existing_pictures_are_kept_unless_forced(tmp_path):
    path = tmp_path / "line.png"
    first = draw(path, 1)
    with pytest.raises(InputError, match="exists already"):
        draw(path, 2)
    assert path.read_bytes() == first
    assert draw(path, 0, force=True) != first
    assert draw(path, 1, force=True) == first  # the same numbers give the same bytes


def test_frames_and_texts(tmp_path, drawn):
    draw(tmp_path / "two.png", 1, rows=2)
    check_png(tmp_path / "two.png")
    (figure,) = drawn
    upper, lower = figure.axes
    assert (upper.get_title("left"), upper.get_title("right")) == ("left", "right")
    assert lower.get_title("left") == ""


def test_an_error_while_drawing_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), cms_figure(tmp_path / "no.png", "", "", False):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
