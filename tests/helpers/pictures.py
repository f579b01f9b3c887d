"""What every picture must be."""

from __future__ import annotations

import numpy as np

from e2e_tf.figure import PlotStyle

QUICK = PlotStyle(formats=(), dpi=80)
"""One file of few pixels: most tests look at what is drawn and not at how sharp it is."""


def check_png(path, height=800):
    """A PNG of 800 pixels by this height with something on it and nothing cut off."""
    from matplotlib.image import imread

    image = imread(path)
    assert image.shape == (height, 800, 4)
    inked = np.any(image[..., :3] < 0.99, axis=-1).mean()
    assert 0.01 < inked < 0.6
    # Nothing touches the border of the picture: no text is cut off.
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert np.all(border[:, :3] > 0.99)
    assert 5_000 < path.stat().st_size < 300_000


def legend(axes):
    """The texts of the legend."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def check_legend(axes, above):
    """The legend lies inside the frame, and above this height in data coordinates."""
    box, frame = (part.get_window_extent() for part in (axes.get_legend(), axes))
    assert frame.x0 <= box.x0 < box.x1 <= frame.x1
    assert box.y1 <= frame.y1
    assert axes.transData.inverted().transform((box.x0, box.y0))[1] > above


def legends_below(figure):
    """The texts of the legends below the frames, each of which lies in the picture and below all that a frame has."""
    figure.draw_without_rendering()
    # Out of the style's context texts are a little higher.
    lowest = min(axes.get_tightbbox().y0 for axes in figure.axes) + 0.005 * figure.bbox.height
    for found in figure.legends:
        box = found.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= lowest
    return [[text.get_text() for text in found.get_texts()] for found in figure.legends]


def toy_scores(n=2000, seed=0, shift=2.0):
    """Labels and scores of two overlapping classes."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    return label, 1 / (1 + np.exp(-rng.normal(size=n) - shift * (label - 0.5)))
