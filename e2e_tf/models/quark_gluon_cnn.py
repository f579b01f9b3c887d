"""The quark/gluon image network with depthwise convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.activations import gelu
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import image_inputs

__all__ = ["QuarkGluonCNN", "quark_gluon_cnn"]


@dataclass(frozen=True)
class QuarkGluonCNN:
    """Settings of :func:`quark_gluon_cnn`.

    Attributes:
        size: height and width of the images.
        filters: of each stage; every stage but the first halves the image.
        depth: blocks in a stage.
        kernel: side of the depthwise kernels.
        globals_units: units of the branch of jet quantities (pT, m).
        dense: units of the dense layers on both branches.
        dropout: after each of them.
    """

    size: tuple[int, int] = (125, 125)
    filters: tuple[int, ...] = (32, 64, 128)
    depth: int = 2
    kernel: int = 5
    globals_units: int = 32
    dense: tuple[int, ...] = (128,)
    dropout: float = 0.2

    def __post_init__(self) -> None:
        for name in ("depth", "kernel", "globals_units"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("size", "filters", "dense"):
            if any(value < 1 for value in getattr(self, name)):
                raise InputError(f"{name} must be positive, not {getattr(self, name)}")
        if min(self.size) < 4 * 2 ** (len(self.filters) - 1):
            raise InputError(
                f"size must be at least {4 * 2 ** (len(self.filters) - 1)} pixels, not {self.size}"
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")


def quark_gluon_cnn(
    n_features: int, n_globals: int, settings: QuarkGluonCNN | None = None, outputs: Outputs = 1
) -> Any:
    r"""Depthwise and pointwise convolutions with GELU, pooled and joined with a branch of jet quantities.

    Blocks are those of Liu et al., A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545; the task is that of
    Andrews et al., https://arxiv.org/abs/1902.08276.

    .. math::
        x' = x + W_2\, \mathrm{GELU}(W_1 \mathrm{BN}(\mathrm{depthwise}(x)))

    Departures from the first paper: batch normalisation in place of LayerNorm, which costs less on images that are
    mostly zeros; kernels of 5 rather than 7; twice the channels in the middle of a block rather than four times; no
    learned factors of the blocks and no normalisation before an image is halved.

    Args:
        n_features: channels of the images.
        n_globals: jet quantities such as pT and mass, 0 for none.
        settings: see :class:`QuarkGluonCNN`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.image_inputs`.

    Raises:
        InputError: ``n_features``, ``n_globals`` or ``outputs`` is not acceptable.
    """
    import keras

    s = settings or QuarkGluonCNN()
    inputs = image_inputs(*s.size, n_features, n_globals)
    x = keras.layers.Conv2D(s.filters[0], 4, strides=4, name="stem")(inputs["image"])
    x = keras.layers.BatchNormalization(name="stem_norm")(x)
    for i, width in enumerate(s.filters, 1):
        if i > 1:
            x = keras.layers.Conv2D(width, 2, strides=2, name=f"down_{i}")(x)
        for j in range(1, s.depth + 1):
            name = f"stage_{i}_{j}"
            y = keras.layers.DepthwiseConv2D(s.kernel, padding="same", name=f"{name}_depthwise")(x)
            y = keras.layers.BatchNormalization(name=f"{name}_norm")(y)
            y = gelu(keras.layers.Conv2D(2 * width, 1, name=f"{name}_wide")(y))
            y = keras.layers.Conv2D(width, 1, name=f"{name}_narrow")(y)
            x = x + y
    h = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    h = keras.layers.LayerNormalization(name="pool_norm")(h)
    if n_globals:
        u = gelu(keras.layers.Dense(s.globals_units, name="globals")(inputs["u"]))
        h = keras.layers.Concatenate(name="join")([h, u])
    for i, units in enumerate(s.dense, 1):
        h = gelu(keras.layers.Dense(units, name=f"dense_{i}")(h))
        h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs), name="quark_gluon_cnn")
