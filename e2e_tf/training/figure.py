"""The frame of every picture: the CMS style, the texts above it, one PNG.

The style is set while a picture is drawn and taken back afterwards, and nothing is shown on a screen. The
texts above the frame are arguments: the defaults say what the jets of this library are, a simulation with a
parametrised response, and claim no approval by the collaboration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from e2e_tf.files import new_file

__all__ = ["ENERGY", "TEXT", "cms_figure"]

TEXT = "Simulation (parametrised CMS response)"
ENERGY = "13 TeV"
_DPI = 80


@contextmanager
def cms_figure(
    path: str | os.PathLike[str], text: str, energy: str, force: bool, rows: int = 1
) -> Iterator[Any]:
    """Axes in the CMS style; the picture is written if the block raises nothing.

    Args:
        path: the PNG to write.
        text: printed above the frame, left.
        energy: printed above the frame, right.
        force: replace ``path``.
        rows: frames below each other; with more than one, an array of axes comes.

    Yields:
        Matplotlib's axes.

    Raises:
        InputError: ``path`` exists and ``force`` is false.
    """
    import matplotlib.style
    import mplhep
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = [mplhep.style.CMS, {"axes.unicode_minus": True}]
    # A Figure of its own instead of pyplot's: no backend is chosen and no global list of figures grows.
    with new_file(path, force) as part, matplotlib.style.context(style):
        figure = Figure(figsize=(10, 10), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, 1, sharex=True)
        upper = np.atleast_1d(axes)[0]
        upper.set_title(text, loc="left", fontsize=20, style="italic", pad=10)
        upper.set_title(energy, loc="right", fontsize=22, pad=10)
        yield axes
        figure.savefig(part, format="png", dpi=_DPI, metadata={"Software": None})
