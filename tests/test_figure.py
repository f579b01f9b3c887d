from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest
from pictures import QUICK, check_png
from PIL import Image

from e2e_tf.errors import InputError
from e2e_tf.figure import COLOURS, LINES, MARKERS, PlotStyle, Shown, looks, picture, shrink_png

ROOT = Path(__file__).parents[1]
ONE = PlotStyle(formats=(), dpi=50)


def draw(path, height, style=ONE, **options):
    with picture(path, style, **options) as axes:
        (axes[0] if options.get("rows", 1) > 1 else axes).plot([0, 1], [0, height], linewidth=20)
    return path.read_bytes()


def test_existing_pictures_are_kept_unless_forced(tmp_path):
    path = tmp_path / "line.png"
    first = draw(path, 1)
    with pytest.raises(InputError, match="exists already"):
        draw(path, 2)
    assert path.read_bytes() == first
    assert draw(path, 0, force=True) != first
    assert draw(path, 1, force=True) == first  # the same numbers give the same bytes


def test_png_and_pdf_come_together(tmp_path, drawn):
    draw(tmp_path / "two.png", 1, PlotStyle(), rows=2)
    draw(tmp_path / "small.png", 1, QUICK)
    check_png(tmp_path / "small.png")
    assert {path.name for path in tmp_path.iterdir()} == {"two.png", "two.pdf", "small.png"}
    with Image.open(tmp_path / "two.png") as image:
        assert image.size == (2000, 2000)
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    pdf = (tmp_path / "two.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"CreationDate" not in pdf
    # An existing file of another format is in the way as well.
    with pytest.raises(InputError, match=r"two\.pdf"):
        draw(tmp_path / "two.svg", 1, PlotStyle(formats=("pdf",)))
    assert not (tmp_path / "two.svg").exists()


@pytest.mark.parametrize(
    ("style", "texts"),
    [
        (PlotStyle(), ["e2e-tf", "Simulation"]),
        (PlotStyle.of({"energy": None}, 14.0), ["e2e-tf", "Simulation", "14 TeV"]),
        (PlotStyle.of({"energy": 8.0}, 14.0), ["e2e-tf", "Simulation", "8 TeV"]),
        (
            PlotStyle("CMS", True, "Preliminary", 13.6, 34.7),
            ["CMS", "Preliminary", "34.7 fb$^{-1}$ (13.6 TeV)"],
        ),
        (PlotStyle("CMS", status="Work in progress", energy=0), ["CMS", "Simulation Work in progress"]),
        (PlotStyle("CMS", True, energy=0, luminosity=2), ["CMS", "", "2 fb$^{-1}$"]),
    ],
)
def test_labels(style, texts, tmp_path, drawn):
    draw(tmp_path / "a.svg", 1, PlotStyle(**{**vars(style), "formats": ()}), columns=1)
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == texts
    assert axes.texts[0].get_fontweight() == "bold"
    assert axes.texts[1].get_fontstyle() == "italic"


def test_labels_stand_above_the_outer_frames(tmp_path, drawn):
    with picture(tmp_path / "a.png", replace(ONE, energy=13.0), rows=2, columns=3) as axes:
        assert axes.shape == (2, 3)
    found = [[text.get_text() for text in frame.texts] for frame in drawn[0].axes]
    assert found == [["e2e-tf", "Simulation"], [], ["13 TeV"], [], [], []]
    # The status stands right of the experiment and above the frame.
    figure = drawn[0]
    first = figure.axes[0]
    experiment, status = (text.get_window_extent(figure.canvas.get_renderer()) for text in first.texts)
    frame = first.get_window_extent()
    assert experiment.x1 < status.x0 < experiment.x1 + 20
    assert min(experiment.y0, status.y0) > frame.y1 - 2


def test_curves_are_told_apart_without_colours():
    found = [next(made) for made in [looks()] for _ in range(len(COLOURS))]
    assert (
        len({str(look["linestyle"]) for look in found})
        == len({look["color"] for look in found})
        == len(COLOURS)
    )
    assert len(LINES) == len(set(map(str, LINES))) == len(set(MARKERS)) == len(COLOURS)


def test_an_error_while_drawing_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), picture(tmp_path / "no.png"):
        _ = 1 / 0
    with (
        pytest.raises(InputError, match=r"must end in \.png, \.pdf or \.svg, not 'no\.gif'"),
        picture(tmp_path / "no.gif"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_pictures_in_git_have_a_palette(tmp_path):
    draw(tmp_path / "a.png", 1, PlotStyle(formats=()))
    with Image.open(tmp_path / "a.png") as image:
        before = image.convert("RGB")
    size = (tmp_path / "a.png").stat().st_size
    assert shrink_png(tmp_path / "a.png") < 0.7 * size
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert image.size == before.size
        assert image.convert("RGB").getpixel((1000, 1000)) == pytest.approx(
            before.getpixel((1000, 1000)), abs=8
        )


# --- one place draws

ELSEWHERE = {
    "docs/_tools/concept_pictures.py": "diagrams for pages, in SVG, without data",
}
"""Files that make figures themselves, with the reason."""


def sources():
    for folder in ("e2e_tf", "tuning", "deploy", "studies", "benchmarks", "examples", "docs/_tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_figures_are_made_styled_and_saved_in_one_module():
    own = set()
    drawing = [
        one for one in sources() if "matplotlib" in one[1] or "mplhep" in one[1] or "savefig" in one[1]
    ]
    for name, text in drawing:
        for node in ast.walk(ast.parse(text)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            made = {"matplotlib.pyplot", "matplotlib.figure", "matplotlib.style", "mplhep"} & set(modules)
            if made or (isinstance(node, ast.Attribute) and node.attr == "savefig"):
                own.add(name)
    assert own == {"e2e_tf/figure.py", *ELSEWHERE}


def test_units_stand_in_square_brackets():
    unit = re.compile(r"[\"'][^\"'\n]*\((?:GeV|TeV|rad|mm|cm|ns|ms|s|µm)\)[\"']")
    wrong = {(name, found) for name, text in sources() if "axes" in text for found in unit.findall(text)}
    assert wrong == set()


def test_a_notebook_shows_the_file(tmp_path):
    draw(tmp_path / "a.png", 1)
    shown, how = Shown(tmp_path / "a.png", 300)._repr_png_()
    assert (shown, how) == ((tmp_path / "a.png").read_bytes(), {"width": 300})
