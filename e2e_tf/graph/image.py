"""From images to nodes: one node per pixel with a signal, with the derivatives of the image there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.graph._check import larger

__all__ = ["HIT_CHANNELS", "PixelNodes", "hit_nodes", "image_nodes"]

HIT_CHANNELS = ("track", "ecal", "hcal")


@dataclass(frozen=True, eq=False)
class PixelNodes:
    """Pixels with a signal, image by image, in order of row, then column (then channel).

    x is the direction of the rows (η), y that of the columns (φ), both in pixels; outside the image all is
    zero.

    Attributes:
        cells: int32 (n, 2), row and column.
        n_node: int32 (B,), nodes of each image.
        energy: float32 (n, C), the channels' values in their own unit (GeV for hits).
        laplacian: float32 (n, C), sum of the four neighbours minus four times the pixel, same unit.
        hessian: float32 (n, C, 3), second differences xx, yy and xy, with
            xy = (I(+,+) + I(−,−) − I(+,−) − I(−,+)) / 4.
        channel: int32 (n,), the channel of each node where a node is one channel of a pixel (C is 1), else
            None.
    """

    cells: np.ndarray
    n_node: np.ndarray
    energy: np.ndarray
    laplacian: np.ndarray
    hessian: np.ndarray
    channel: np.ndarray | None = None


def image_nodes(images: Any, threshold: float = 0.0, mode: str = "pixel") -> PixelNodes:
    """Nodes of dense images.

    Args:
        images: numbers (n, H, W, C); read as float32.
        threshold: a pixel is a node where the sum of |channels| is above it; in mode ``"channel"`` a channel
            of a pixel is a node where its own |value| is.
        mode: ``"pixel"`` for one node per pixel with all channels, ``"channel"`` for one per channel and
            pixel.

    Returns:
        The nodes; images without a node keep their place with a count of 0.

    Raises:
        InputError: an argument has the wrong shape, type or value, or a pixel is NaN or infinite.
    """
    from e2e_tf.graph._kernels import image as kernel

    array = np.asarray(images)
    if array.ndim != 4 or array.dtype.kind not in "fiu":
        raise InputError(
            f"images must be numbers of shape (n, H, W, C), got {array.dtype} with shape {array.shape}"
        )
    if not 0 <= threshold < np.inf:
        raise InputError(f"threshold must be a number of at least 0, got {threshold!r}")
    if mode not in ("pixel", "channel"):
        raise InputError(f"mode must be 'pixel' or 'channel', got {mode!r}")
    array = np.ascontiguousarray(array, np.float32)
    by_channel = mode == "channel"
    found, n_node = _occupied(array, float(threshold), by_channel)
    n, width = len(found), 1 if by_channel else array.shape[3]
    values, laplacian, hessian = (np.empty((n, width, *more), np.float32) for more in ((), (), (3,)))
    kernel.fill(array, *array.shape[1:], found, n, width, values, laplacian, hessian)
    return PixelNodes(
        cells=found[:, 1:3].copy(),
        n_node=n_node,
        energy=values,
        laplacian=laplacian,
        hessian=hessian,
        channel=found[:, 3].copy() if by_channel else None,
    )


def _occupied(images: np.ndarray, threshold: float, by_channel: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pixels above threshold as int32 (n, 4): image, row, column, channel; and their number in each image."""
    from e2e_tf.graph._kernels import image as kernel

    found = np.empty((max(16, len(images) * 64, images.shape[3]), 4), np.int32)
    counts = np.zeros(len(images), np.int32)
    state = np.zeros(2, np.int64)
    while True:
        if not kernel.occupied(
            images, *images.shape, threshold, by_channel, state, len(found), found, counts
        ):
            raise InputError("images must be finite, got NaN or infinity")
        used, pixel = state.tolist()
        if pixel == np.prod(images.shape[:3]):
            return found[:used].copy(), counts
        found = larger(found, used, used + images.shape[3])


def hit_nodes(hits: Mapping[str, Any], *, crystals: int = 125, tower: int = 5) -> PixelNodes:
    """Nodes of sparse hits: one per crystal with any signal, a tower's energy at its centre crystal.

    Entries of one cell are added. Derivatives of ``track`` and ``ecal`` are taken between crystals, those of
    ``hcal`` between towers; a crystal that is not the centre of its tower has zero hcal energy and
    derivatives.

    Args:
        hits: by channel (``track``, ``ecal``, ``hcal``) columns ``["cell"]`` (integers: row * crystals +
            column, for hcal in towers) and ``["value"]`` [GeV], and ``offsets`` (B + 1,):
            ``e2e_tf.data.Ragged``. A channel that is missing is zero everywhere.
        crystals: crystals on a side of the window.
        tower: crystals on a side of a tower, odd.

    Returns:
        The nodes, channels in the order track, ecal, hcal; jets without hits keep their place with a count of
        0.

    Raises:
        InputError: there is no channel or an unknown one, channels disagree about the number of jets, a cell
            is outside the window, or a value is negative, NaN or infinite.
    """
    unknown = sorted(set(hits) - set(HIT_CHANNELS))
    if unknown or not hits:
        raise InputError(f"hits must have channels out of {', '.join(HIT_CHANNELS)}, got {unknown or 'none'}")
    if tower < 1 or tower % 2 == 0 or crystals < tower or crystals % tower:
        raise InputError(
            f"crystals must be a multiple of an odd tower, got crystals={crystals}, tower={tower}"
        )
    n_jets = {name: len(channel.offsets) - 1 for name, channel in hits.items()}
    if len(set(n_jets.values())) > 1:
        raise InputError(f"hits must have the same number of jets in every channel, got {n_jets}")
    jets = next(iter(n_jets.values()))
    cells, values = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    offsets = np.zeros((len(HIT_CHANNELS), jets + 1), np.int64)  # in all channels together
    for channel, name in enumerate(HIT_CHANNELS):
        offsets[channel] = sum(map(len, cells))
        if name not in hits:
            continue
        cell = np.asarray(hits[name]["cell"])
        value = np.asarray(hits[name]["value"])
        side = crystals // tower if name == "hcal" else crystals
        if cell.size and (cell.dtype.kind not in "iu" or cell.min() < 0 or cell.max() >= side * side):
            came = f"{cell.dtype} from {cell.min()} to {cell.max()}"
            raise InputError(f"hits of {name} must be in cells 0 to {side * side - 1}, got {came}")
        value = np.ascontiguousarray(value, np.float32)
        if value.size and not (value.min() >= 0 and value.max() < np.inf):
            came = f"{value.min()} to {value.max()}"
            raise InputError(f"hits of {name} must be finite and not negative [GeV], got {came}")
        offsets[channel] += hits[name].offsets
        cells.append(cell.astype(np.int32, copy=False))
        values.append(value)
    return _nodes_of_hits(np.concatenate(cells), np.concatenate(values), offsets, int(crystals), int(tower))


def _nodes_of_hits(
    cells: np.ndarray, values: np.ndarray, offsets: np.ndarray, crystals: int, tower: int
) -> PixelNodes:
    from e2e_tf.graph._kernels import image as kernel

    jets = offsets.shape[1] - 1
    size, total = crystals * crystals, len(cells)
    n_node = np.empty(jets, np.int32)
    found = np.empty((total, 2), np.int32)
    energy, laplacian, hessian = (np.zeros((total, 3, *more), np.float32) for more in ((), (), (3,)))
    used = kernel.hits(
        *(
            cells,
            values,
            offsets,
            jets,
            crystals,
            tower,
            np.zeros(2 * size, np.float32),
            np.zeros(size, np.float32),
        ),
        *(np.zeros(size), np.zeros(size, np.int32), np.empty(size, np.int64), np.empty(size, np.int64)),
        *(found, n_node, energy, laplacian, hessian),
    )
    return PixelNodes(
        found[:used].copy(), n_node, energy[:used].copy(), laplacian[:used].copy(), hessian[:used].copy()
    )
