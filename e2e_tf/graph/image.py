"""From images to nodes: one node per pixel with a signal, with the derivatives of the image there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

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
    array = array.astype(np.float32, copy=False)
    by_channel = mode == "channel"
    found, n_node, finite = kernel.occupied(array, float(threshold), by_channel)
    if not finite:
        raise InputError("images must be finite, got NaN or infinity")
    values, laplacian, hessian = kernel.fill(array, found, by_channel)
    return PixelNodes(
        cells=found[:, 1:3].copy(),
        n_node=n_node,
        energy=values,
        laplacian=laplacian,
        hessian=hessian,
        channel=found[:, 3].copy() if by_channel else None,
    )


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
    from e2e_tf.graph._kernels import image as kernel

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
    columns: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for name in HIT_CHANNELS:
        if name not in hits:
            offsets = np.zeros(next(iter(n_jets.values())) + 1, np.int64)
            columns.append((np.empty(0, np.int32), np.empty(0, np.float32), offsets))
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
        columns.append(
            (np.ascontiguousarray(cell, np.int32), value, np.asarray(hits[name].offsets, np.int64))
        )
    track, ecal, hcal = columns
    cells, n_node, energy, laplacian, hessian = kernel.hits(track, ecal, hcal, int(crystals), int(tower))
    return PixelNodes(cells, n_node, energy, laplacian, hessian)
