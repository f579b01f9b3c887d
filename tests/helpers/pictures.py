"""What every picture must be."""

from __future__ import annotations

import numpy as np


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
