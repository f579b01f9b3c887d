"""Images that are not on the CMS detector grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from e2e_tf.data.sample import Sample
from e2e_tf.errors import InputError

__all__ = ["Images"]


@dataclass(frozen=True)
class Images(Sample):
    """Dense images with what is known of them.

    Attributes:
        images: float32 (n, H, W, C).
        channels: C names, in the order of the last axis.
        event: int64 (n,), the event an image comes from; images of one event never go to different splits.
        weight: float32 (n,), event weights.
        columns: of the images, each of length n: ``pt`` and ``mass`` in GeV and more, as far as they are known.
        label: int8 (n,), 1 for signal and 0 for background; None where there is none.
        truth: columns of length n.
        attributes: settings and provenance (JSON values).
    """

    ONE: ClassVar[str] = "image"

    images: np.ndarray
    channels: tuple[str, ...]
    event: np.ndarray
    weight: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    label: np.ndarray | None = None
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[-1] != len(self.channels):
            raise InputError(
                f"images must have the shape (n, H, W, {len(self.channels)}) for the channels "
                f"{', '.join(self.channels)}, they have {self.images.shape}"
            )
        if len(set(self.channels)) != len(self.channels):
            raise InputError(f"channel names must differ, they are {', '.join(self.channels)}")
        self.check_lengths(len(self.images), {})

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: np.ndarray) -> Images:
        """The given images (indices or a boolean mask) in the given order.

        Args:
            index: int (m,), or a mask, bool (n,).

        Returns:
            The m images.
        """
        return Images(
            images=self.images[index],
            channels=self.channels,
            event=self.event[index],
            weight=self.weight[index],
            columns={k: v[index] for k, v in self.columns.items()},
            label=None if self.label is None else self.label[index],
            truth={k: v[index] for k, v in self.truth.items()},
            attributes=self.attributes,
        )
