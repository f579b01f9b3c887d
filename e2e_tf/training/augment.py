"""Augmentation: rotated, mirrored, shifted and smeared copies of images and of jets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError

__all__ = ["Augmentation", "augment_images", "augment_jets", "augmented"]


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image or a jet; every copy draws anew.

    Attributes:
        rotation: largest angle of a rotation about the middle or the jet axis [rad], either way; π is any.
        flip_eta, flip_phi: mirror η or φ with probability one half.
        shift: largest shift in η and in φ, in pixels of an image or in rad of a jet.
        smearing: relative width of a Gaussian factor on every pixel, or on every candidate's momentum.
    """

    rotation: float = 0.0
    flip_eta: bool = False
    flip_phi: bool = False
    shift: float = 0.0
    smearing: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("rotation", float(np.pi)), ("shift", float("inf")), ("smearing", 1.0)):
            value = getattr(self, name)
            if not 0 <= value <= most or value == float("inf"):
                raise InputError(f"{name} must be from 0 to {most:.4g}, not {value}")


def augment_images(images: Any, augmentation: Augmentation, seed: Any) -> Any:
    """Copies of images, rows as η and columns as φ.

    Shifts are of whole pixels and flips are exact; a rotation interpolates between pixels, so sums change a
    little at edges. What comes in from outside is 0.

    Args:
        images: tensor float32 (B, H, W, C).
        augmentation: what may happen.
        seed: int (2,); the same seed gives the same copies.

    Returns:
        float32 (B, H, W, C).

    Raises:
        InputError: ``images`` has another rank.
    """
    import tensorflow as tf

    images = tf.cast(images, tf.float32)
    if len(images.shape) != 4:
        raise InputError(f"images must have shape (B, H, W, C), got {tuple(images.shape)}")
    seeds = tf.unstack(tf.random.split(tf.cast(seed, tf.int32), 5))
    shape = tf.shape(images)
    n = shape[0]

    def sign(use: bool, which: Any) -> Any:
        flip = tf.random.stateless_uniform((n,), which, 0, 2, tf.int32) if use else tf.zeros((n,), tf.int32)
        return 1.0 - 2.0 * tf.cast(flip, tf.float32)

    eta, phi = sign(augmentation.flip_eta, seeds[0]), sign(augmentation.flip_phi, seeds[1])
    angle = tf.random.stateless_uniform((n,), seeds[2], -1.0, 1.0) * augmentation.rotation
    move = tf.round(tf.random.stateless_uniform((n, 2), seeds[3], -1.0, 1.0) * augmentation.shift)
    # Where each pixel comes from: output (x, y) maps to input (a0 x + a1 y + a2, b0 x + b1 y + b2).
    middle_y, middle_x = ((tf.cast(shape[i], tf.float32) - 1) / 2 for i in (1, 2))
    cos, sin = tf.cos(angle), tf.sin(angle)
    a0, a1, b0, b1 = phi * cos, -phi * sin, eta * sin, eta * cos
    x, y = middle_x + move[:, 1], middle_y + move[:, 0]
    zeros = tf.zeros_like(angle)
    transforms = tf.stack(
        [a0, a1, middle_x - a0 * x - a1 * y, b0, b1, middle_y - b0 * x - b1 * y, zeros, zeros], axis=1
    )
    images = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR" if augmentation.rotation else "NEAREST",
        fill_mode="CONSTANT",
    )
    if augmentation.smearing:
        factor = 1 + augmentation.smearing * tf.random.stateless_normal(tf.shape(images), seeds[4])
        images *= tf.maximum(factor, 0)
    return images


def augmented(dataset: Any, augmentation: Augmentation, seed: int = 0, key: str = "image") -> Any:
    """A ``tf.data.Dataset`` of batches ``(inputs, ...)`` with ``inputs[key]`` augmented, anew in every epoch.

    Args:
        dataset: batches, for training only.
        augmentation: what may happen.
        seed: of the copies; the same seed gives the same sequence.
        key: the input that holds the images.

    Returns:
        The dataset with other images and everything else as it was.
    """
    import tensorflow as tf

    def one(number: Any, batch: Any) -> Any:
        inputs = dict(batch[0])
        inputs[key] = augment_images(inputs[key], augmentation, number)
        return (inputs, *batch[1:])

    # Random seeds with rerandomize_each_iteration differ from epoch to epoch.
    numbers = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    return tf.data.Dataset.zip(numbers, dataset).map(one, num_parallel_calls=tf.data.AUTOTUNE)


def augment_jets(jets: Jets, augmentation: Augmentation, seed: int) -> Jets:
    """Copies of jets with moved and smeared candidates; graphs are built from them anew.

    Rotation, flips and shifts act on ``deta`` and ``dphi``; smearing is one factor per candidate on ``pt`` and
    ``energy``. The jets' own kinematics, hits and truth stay.

    Args:
        jets: n jets with candidates.
        augmentation: what may happen.
        seed: the same seed gives the same copies.

    Returns:
        n jets in the same order.

    Raises:
        InputError: there are no candidates, or not the columns that are needed.
    """
    if jets.candidates is None:
        raise InputError("jets must have candidates to be augmented, these have none")
    columns = dict(jets.candidates.columns)
    moves = augmentation.rotation or augmentation.flip_eta or augmentation.flip_phi or augmentation.shift
    needed = (["deta", "dphi"] if moves else []) + (["pt"] if augmentation.smearing else [])
    missing = [name for name in needed if name not in columns]
    if missing:
        raise InputError(
            f"candidates must have the columns {', '.join(needed)} for this augmentation; these lack "
            f"{', '.join(missing)}"
        )
    rng = np.random.default_rng(seed)
    n, owner = len(jets), jets.candidates.owner
    angle = rng.uniform(-1, 1, n) * augmentation.rotation
    signs = 1 - 2 * rng.integers(0, 2, (2, n))
    shift = rng.uniform(-1, 1, (2, n)) * augmentation.shift
    factor = np.maximum(1 + augmentation.smearing * rng.normal(size=len(owner)), 0)
    if moves:
        eta, phi = columns["deta"].astype(np.float64), columns["dphi"].astype(np.float64)
        cos, sin = np.cos(angle)[owner], np.sin(angle)[owner]
        eta, phi = cos * eta - sin * phi, sin * eta + cos * phi
        eta *= signs[0, owner] if augmentation.flip_eta else 1
        phi *= signs[1, owner] if augmentation.flip_phi else 1
        columns["deta"] = (eta + shift[0, owner]).astype(np.float32)
        columns["dphi"] = (phi + shift[1, owner]).astype(np.float32)
    if augmentation.smearing:
        for name in ("pt", "energy"):
            if name in columns:
                columns[name] = (columns[name] * factor).astype(np.float32)
    return replace(jets, candidates=Ragged(columns, jets.candidates.offsets))
