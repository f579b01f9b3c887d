"""The electron/photon hybrid: a residual block in front of EfficientNetB2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.backbones import backbone
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import image_inputs

__all__ = ["EGammaHybrid", "egamma_hybrid"]


@dataclass(frozen=True)
class EGammaHybrid:
    """Settings of :func:`egamma_hybrid`.

    Attributes:
        size: height and width of the images.
        filters: of the residual block.
        dense: units of the dense layer after the pooling.
        l2: weight of its L2 penalty.
        dropout: before and after it.
        pretrained: start EfficientNetB2 from parameters trained on ImageNet; true, false or a file of them.
    """

    size: tuple[int, int] = (32, 32)
    filters: int = 32
    dense: int = 256
    l2: float = 1e-4
    dropout: float = 0.2
    pretrained: bool | str = False

    def __post_init__(self) -> None:
        for name in ("filters", "dense"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if min(self.size) < 32:
            raise InputError(f"size must be at least 32 x 32, which EfficientNetB2 needs, not {self.size}")
        if self.l2 < 0:
            raise InputError(f"l2 must not be negative, not {self.l2}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")


def egamma_hybrid(
    n_features: int, n_globals: int, settings: EGammaHybrid | None = None, outputs: Outputs = 1
) -> Any:
    r"""A residual block, reduction to three channels, EfficientNetB2, pooling, Dense 256 with L2.

    He et al., https://arxiv.org/abs/1512.03385; Tan and Le, EfficientNet, https://arxiv.org/abs/1905.11946

    .. math::
        x' = \mathrm{ReLU}\big(\mathrm{BN}(K_2 * \mathrm{ReLU}(\mathrm{BN}(K_1 * x))) + \mathrm{BN}(K_0 * x)\big)

    The images are energies and times of crystals, scaled to [0, 1] (:func:`e2e_tf.images.max_normalised`).
    EfficientNet divides by 255 itself, so the three channels are multiplied by it first.

    Args:
        n_features: channels of the images.
        n_globals: further inputs, joined after the pooling, 0 for none.
        settings: see :class:`EGammaHybrid`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.image_inputs`.

    Raises:
        InputError: the pretrained parameters cannot be had.
    """
    import keras

    s = settings or EGammaHybrid()
    inputs = image_inputs(*s.size, n_features, n_globals)
    image = inputs["image"]
    x = image
    for i in (1, 2):
        x = keras.layers.Conv2D(s.filters, 3, padding="same", use_bias=False, name=f"residual_conv_{i}")(x)
        x = keras.layers.BatchNormalization(name=f"residual_norm_{i}")(x)
        if i == 1:
            x = keras.layers.Activation("relu", name="residual_relu_1")(x)
    shortcut = keras.layers.Conv2D(s.filters, 1, use_bias=False, name="shortcut")(image)
    shortcut = keras.layers.BatchNormalization(name="shortcut_norm")(shortcut)
    x = keras.layers.Activation("relu", name="residual")(x + shortcut)
    x = keras.layers.Conv2D(3, 1, activation="sigmoid", name="reduce")(x)
    x = keras.layers.Rescaling(255.0, name="to_pixels")(x)
    x = backbone("efficientnetb2", *s.size, s.pretrained)(x)
    h = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    h = keras.layers.Dropout(s.dropout, name="dropout_1")(h)
    penalty = keras.regularizers.L2(s.l2)
    h = keras.layers.Dense(s.dense, activation="relu", kernel_regularizer=penalty, name="dense")(h)
    h = keras.layers.Dropout(s.dropout, name="dropout_2")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs), name="egamma_hybrid")
