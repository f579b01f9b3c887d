"""The look of every picture: the CMS style, the labels above the frame, colours, lines and markers, the files.

The style is set while a picture is drawn and taken back afterwards, and nothing is shown on a screen. The labels are
mplhep's. Their defaults say what the jets of this library are, a simulation, and claim no approval by a collaboration.

Quantities on axes are written as the symbol and the unit in square brackets: ``$p_\\mathrm{T}$ [GeV]``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.files import new_file

__all__ = [
    "COLOURS",
    "FORMATS",
    "LINES",
    "MARKERS",
    "PlotStyle",
    "Shown",
    "below_legend",
    "legend_below",
    "looks",
    "picture",
    "shrink_png",
]

COLOURS = (
    "#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd", "#a96b59", "#92dadd", "#b9ac70", "#717581",
)  # fmt: skip
"""The palette of CMS for six categories, then four of that for ten (Petroff, https://arxiv.org/abs/2107.02270)."""

LINES: tuple[Any, ...] = (
    "-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (2, 1)), (0, (1, 1)), (0, (8, 1, 2, 1)), (0, (4, 3)),
    (0, (8, 1, 1, 1, 1, 1, 1, 1)),
)  # fmt: skip
"""Line styles that go with the colours, so that curves are told apart in grey as well."""

MARKERS = ("o", "s", "D", "^", "P", "p", "v", "X", "<", "*")
"""Markers that go with the colours."""

FORMATS = ("png", "pdf", "svg")
"""Endings of the files that pictures are written to."""

# Two files of one picture are equal, whenever they are written.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True)
class PlotStyle:
    """What stands above a picture and how it is written, the section ``[plots]`` of a configuration.

    Attributes:
        experiment: in bold letters above the frame, left.
        data: the picture shows recorded data; otherwise ``Simulation`` follows the experiment.
        status: in italics after that, such as ``Preliminary``.
        energy: of the collisions in their centre of mass [TeV], above the frame, right; 0 for none.
        luminosity: of the data [1/fb], before the energy; 0 for none.
        signal, background: names of the classes; empty takes those of the sections of several samples.
        formats: of ``png``, ``pdf`` and ``svg``: what is written beside the file that was asked for.
        dpi: dots per inch of PNG files.
    """

    experiment: str = "e2e-tf"
    data: bool = False
    status: str = ""
    energy: float = 0.0
    luminosity: float = 0.0
    signal: str = ""
    background: str = ""
    formats: tuple[str, ...] = ("png", "pdf")
    dpi: int = 200

    @classmethod
    def of(cls, settings: Mapping[str, Any], energy: float = 0.0) -> PlotStyle:
        """The style of a configuration.

        Args:
            settings: the fields by name; ``energy`` may be None.
            energy: of the sample's collisions [TeV], 0 where it is not known; it counts where ``settings`` say None.

        Returns:
            The style.
        """
        return cls(**{**settings, **({"energy": energy} if settings["energy"] is None else {})})

    @property
    def left(self) -> str:
        """What follows the experiment."""
        return " ".join(part for part in ("" if self.data else "Simulation", self.status) if part)

    @property
    def right(self) -> str:
        """Luminosity and energy."""
        energy = f"{self.energy:g} TeV" if self.energy else ""
        if not self.luminosity:
            return energy
        luminosity = rf"{self.luminosity:g} fb$^{{-1}}$"
        return f"{luminosity} ({energy})" if energy else luminosity


@dataclass(frozen=True)
class Shown:
    """A PNG file that a notebook shows, where a cell ends with this.

    Attributes:
        path: the file.
        width: on the page, in pixels.
    """

    path: str | os.PathLike[str]
    width: int = 480

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """What IPython asks for: the file and how to show it."""
        return Path(self.path).read_bytes(), {"width": self.width}


@contextmanager
def picture(
    path: str | os.PathLike[str],
    style: PlotStyle | None = None,
    *,
    force: bool = False,
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (10, 10),
    heights: Sequence[float] | None = None,
    sharex: bool = True,
    fontsize: float = 26,
) -> Iterator[Any]:
    """Axes in the style of CMS with labels above the frame; the picture is written if the block raises nothing.

    Args:
        path: the file to write; its ending gives the format. The other formats of the style are written beside it.
        style: labels and formats; None takes the defaults of :class:`PlotStyle`.
        force: replace the files.
        rows: frames below each other.
        columns: frames side by side; labels stand above the first and the last one of the upper row.
        size: width and height [inches].
        heights: of the rows, relative to each other, such as ``(3, 1)`` above a panel of ratios.
        sharex: frames of a column have the x axis in common.
        fontsize: of the texts on axes; the other texts follow.

    Yields:
        Matplotlib's axes; with several frames, an array of them, as ``Figure.subplots`` makes it.

    Raises:
        InputError: a file exists and ``force`` is false, or its ending is none of :data:`FORMATS`.
    """
    import matplotlib.style
    import mplhep
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = style or PlotStyle()
    path = Path(path)
    asked = path.suffix.lstrip(".").lower()
    if asked not in FORMATS:
        raise InputError(f"a plot must end in .png, .pdf or .svg, not {path.name!r}")
    kinds = list(dict.fromkeys((asked, *style.formats)))
    look = [mplhep.style.CMS, {"axes.unicode_minus": True, "font.size": fontsize, "svg.hashsalt": "e2e-tf"}]
    if fontsize != 26:
        look.append(
            {name: fontsize for name in ("axes.labelsize", "xtick.labelsize", "ytick.labelsize")}
            | {"legend.fontsize": 0.8 * fontsize}
        )
    # A Figure of its own instead of pyplot's: no backend is chosen and no global list of figures grows.
    with ExitStack() as files, matplotlib.style.context(look):
        parts = {kind: files.enter_context(new_file(path.with_suffix(f".{kind}"), force)) for kind in kinds}
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        ratios = {"height_ratios": heights} if heights is not None else {}
        axes = figure.subplots(rows, columns, sharex="col" if sharex else False, gridspec_kw=ratios)
        yield axes
        upper = np.atleast_1d(axes).reshape(rows, columns)[0]
        write_labels(upper[0], upper[-1], style, fontsize)
        # The layout is the same for all formats and takes longer than writing a file.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for kind, part in parts.items():
            figure.savefig(part, format=kind, dpi=style.dpi, metadata=_METADATA[kind])


def looks() -> Iterator[dict[str, Any]]:
    """Colours with their line styles, over and over.

    Returns:
        Keywords of ``Axes.plot``, for one curve after the other.
    """
    pairs = itertools.cycle(zip(COLOURS, LINES, strict=True))
    return ({"color": colour, "linestyle": line, "linewidth": 3} for colour, line in pairs)


def below_legend(rows: int, height: float) -> float:
    """The share of a frame that is left below a legend.

    Args:
        rows: of the legend.
        height: what each takes of the frame.

    Returns:
        At least 0.3.
    """
    return max(1 - rows * height - 0.04, 0.3)


def legend_below(
    axes: Any, handles: Sequence[Any] | None = None, place: str = "center", **options: Any
) -> Any:
    """A legend below the frames, where it covers nothing.

    Args:
        axes: one of the frames; its labelled curves are listed.
        handles: what is listed instead, each with a label.
        place: ``left``, ``center`` or ``right``.
        options: of Matplotlib's legend, such as ``ncols``.

    Returns:
        Matplotlib's legend, which belongs to the figure.
    """
    listed = axes.get_legend_handles_labels()[0] if handles is None else handles
    return axes.figure.legend(handles=listed, loc=f"outside lower {place}", **options)


def write_labels(first: Any, last: Any, style: PlotStyle, fontsize: float) -> None:
    """mplhep's labels above a row of frames.

    Args:
        first: the axes with the experiment above them.
        last: those with luminosity and energy, the same where there is one frame.
        style: the texts.
        fontsize: of the texts on axes.
    """
    from mplhep.label import ExpLabel, LumiText, add_text

    left = add_text(
        style.experiment,
        loc="over left",
        va="bottom",
        ypad=0,
        ax=first,
        fontsize=1.15 * fontsize,
        fontweight="bold",
        text_class=ExpLabel,
    )
    # mplhep's own text beside the experiment is placed by drawing all first, and stays where the layout was then.
    beside = first.annotate(
        style.left,
        (1, 0),
        (0.25 * fontsize, 0),
        xycoords=left,
        textcoords="offset points",
        va="bottom",
        fontstyle="italic",
        fontsize=0.85 * fontsize,
    )
    beside.set_in_layout(False)  # a long one stands above the next frames and moves none
    if style.right:
        add_text(
            style.right, loc="over right", ypad=0, ax=last, fontsize=0.85 * fontsize, text_class=LumiText
        )


def shrink_png(path: str | os.PathLike[str], colours: int = 64) -> int:
    """Write a PNG again with a palette, for pictures that are kept in git.

    Args:
        path: the file.
        colours: in the palette.

    Returns:
        Its size now [bytes].
    """
    from PIL import Image

    path = Path(path)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    with new_file(path, force=True) as part:
        small.save(part, format="png", optimize=True)
    return path.stat().st_size
