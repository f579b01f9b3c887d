"""What every picture must be."""

from __future__ import annotations

import numpy as np

from e2e_tf.figure import PlotStyle

QUICK = PlotStyle(formats=(), dpi=80)
"""One file of few pixels: most tests look at what is drawn and not at how sharp it is."""


def check_png(path):
    """A PNG of 800 x 800 pixels with something on it and nothing cut off."""
    from matplotlib.image import imread

    image = imread(path)
    assert image.shape == (800, 800, 4)
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


def toy_scores(n=2000, seed=0, shift=2.0):
    """Labels and scores of two overlapping classes."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    return label, 1 / (1 + np.exp(-rng.normal(size=n) - shift * (label - 0.5)))
