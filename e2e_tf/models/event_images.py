"""Classifiers of drawn collision events on networks for photographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.backbones import BACKBONES, backbone, scaled
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import image_inputs

__all__ = ["EventImages", "event_images"]


@dataclass(frozen=True)
class EventImages:
    """Settings of :func:`event_images`.

    Attributes:
        backbone: ``resnet50``, ``densenet121``, ``inceptionv3``, ``mobilenetv2`` or ``efficientnetb2``.
        size: height and width of the images.
        pretrained: start from parameters trained on ImageNet; true, false or a file of them.
        trainable_last: layers at the end of the backbone that can be trained, -1 for all. Freezing makes sense
            for pretrained parameters only, so without them all can.
        dense: units of the dense layer after the pooling.
        l2: weight of its L2 penalty.
        dropout: after it.
    """

    backbone: str = "resnet50"
    size: tuple[int, int] = (224, 224)
    pretrained: bool | str = False
    trainable_last: int = 10
    dense: int = 1024
    l2: float = 0.01
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise InputError(f"backbone must be one of {', '.join(BACKBONES)}, not {self.backbone!r}")
        least = BACKBONES[self.backbone][1]
        if min(self.size) < least:
            raise InputError(f"size must be at least {least} x {least} for {self.backbone}, not {self.size}")
        if self.trainable_last < -1:
            raise InputError(f"trainable_last must be -1 or more, not {self.trainable_last}")
        if self.dense < 1:
            raise InputError(f"dense must be at least 1, not {self.dense}")
        if self.l2 < 0:
            raise InputError(f"l2 must not be negative, not {self.l2}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")


def event_images(
    n_features: int, n_globals: int, settings: EventImages | None = None, outputs: Outputs = 1
) -> Any:
    r"""A network for photographs, pooling, Dense 1024 with L2, softmax over the processes.

    Madrazo et al., https://arxiv.org/abs/1708.07034

    .. math::
        y = \mathrm{softmax}\Big(V\, \mathrm{ReLU}\big(W\, \tfrac{1}{hw} \textstyle\sum_{ij} f(s(x))_{ij} + b\big)
            + c\Big)

    with a network :math:`f` for photographs, without its top, and the scaling :math:`s` that it was trained with.
    Images are those of :func:`e2e_tf.images.render_events`, pixel values from 0 to 255.

    Args:
        n_features: channels of the images, 3.
        n_globals: further inputs, joined after the pooling, 0 for none.
        settings: see :class:`EventImages`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.image_inputs`.

    Raises:
        InputError: the images do not have three channels, or the pretrained parameters cannot be had.
    """
    import keras

    s = settings or EventImages()
    if n_features != 3:
        raise InputError(f"n_features must be 3, red, green and blue, not {n_features}")
    inputs = image_inputs(*s.size, n_features, n_globals)
    last = s.trainable_last if s.pretrained else -1
    x = backbone(s.backbone, *s.size, s.pretrained, last)(scaled(s.backbone, inputs["image"]))
    h = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    penalty = keras.regularizers.L2(s.l2)
    h = keras.layers.Dense(s.dense, activation="relu", kernel_regularizer=penalty, name="dense")(h)
    if s.dropout:
        h = keras.layers.Dropout(s.dropout, name="dropout")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs), name="event_images")
