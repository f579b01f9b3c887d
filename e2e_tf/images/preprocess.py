"""Preprocessing of calorimeter images as in the electron/photon study: each image on its own largest value."""

from __future__ import annotations

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["dequantised", "max_normalised", "quantised"]


def max_normalised(images: np.ndarray) -> np.ndarray:
    """Every channel of every image divided by its largest absolute value.

    Args:
        images: (n, H, W, C).

    Returns:
        float32 (n, H, W, C) in [-1, 1], in [0, 1] where nothing is negative; a channel of zeros stays zero.

    Raises:
        InputError: ``images`` has another rank, or a value is NaN or infinite.
    """
    images = _checked(images)
    largest = np.abs(images).max(axis=(1, 2), keepdims=True, initial=0)
    return images / np.where(largest > 0, largest, np.float32(1))


def quantised(images: np.ndarray) -> np.ndarray:
    """Images as bytes, a quarter of their memory: ``round(255 · value / largest)`` of each image and channel.

    Negative values, which times have, become 0.

    Args:
        images: (n, H, W, C).

    Returns:
        uint8 (n, H, W, C).

    Raises:
        InputError: as :func:`max_normalised`.
    """
    scaled = max_normalised(np.maximum(_checked(images), 0))
    return np.rint(255 * scaled).astype(np.uint8)


def dequantised(images: np.ndarray) -> np.ndarray:
    """float32 in [0, 1] from bytes; off by at most 1/510 from what :func:`max_normalised` gave.

    Args:
        images: uint8, any shape.

    Returns:
        float32, in the shape of ``images``.

    Raises:
        InputError: the images are not of bytes.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise InputError(f"images must be uint8, got {images.dtype}")
    return images.astype(np.float32) / np.float32(255)


def _checked(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images, np.float32)
    if images.ndim != 4:
        raise InputError(f"images must have shape (n, H, W, C), got {images.shape}")
    if not np.isfinite(images).all():
        raise InputError("images must be finite, got NaN or infinity")
    return images
