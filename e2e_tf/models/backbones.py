"""Image networks of keras.applications as parts of a model: pretrained parameters, scaling, frozen layers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["BACKBONES", "backbone", "scaled"]

# name -> (class in keras.applications, smallest height and width)
BACKBONES: dict[str, tuple[str, int]] = {
    "resnet50": ("ResNet50", 32),
    "densenet121": ("DenseNet121", 32),
    "inceptionv3": ("InceptionV3", 75),
    "mobilenetv2": ("MobileNetV2", 32),
    "efficientnetb2": ("EfficientNetB2", 32),
}
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red
_IMAGENET_VARIANCE = (0.229**2, 0.224**2, 0.225**2)


def backbone(name: str, height: int, width: int, pretrained: bool | str, trainable_last: int = -1) -> Any:
    """A network without its top, on images (B, height, width, 3).

    Args:
        name: a name in :data:`BACKBONES`.
        height, width: of the images.
        pretrained: start from parameters trained on ImageNet: True downloads them or takes Keras' cached copy, a
            path reads that file of parameters.
        trainable_last: only so many layers at the end can be trained; -1 for all.

    Returns:
        A ``keras.Model`` named ``name`` that gives features (B, h, w, C), h and w about 1 / 32 of the images'.

    Raises:
        InputError: the network is unknown, the images are too small, or the pretrained parameters cannot be had.
    """
    import keras

    if name not in BACKBONES:
        raise InputError(f"backbone must be one of {', '.join(BACKBONES)}, not {name!r}")
    kind, least = BACKBONES[name]
    if min(height, width) < least:
        raise InputError(f"{name} needs images of at least {least} x {least} pixels, not {height} x {width}")
    weights: str | None = None
    if isinstance(pretrained, str):
        if not Path(pretrained).is_file():
            raise InputError(
                f"pretrained must be true, false or a file of parameters; there is no {pretrained}"
            )
        weights = os.fspath(pretrained)
    elif pretrained:
        weights = "imagenet"
    make = getattr(keras.applications, kind)
    try:
        net = make(include_top=False, weights=weights, input_shape=(height, width, 3), name=name)
    except Exception as error:
        if weights is None:
            raise
        raise InputError(
            f"the pretrained parameters of {name} cannot be had ({type(error).__name__}: {_short(error)}); without "
            f"a network, copy the file that keras.applications.{kind} downloads and give its path as "
            f"pretrained, or set pretrained to false"
        ) from error
    if trainable_last >= 0:
        for layer in net.layers[: len(net.layers) - trainable_last]:
            layer.trainable = False
    return net


def scaled(name: str, image: Any) -> Any:
    """Pixel values as a network of keras.applications was trained on them.

    Args:
        name: a name in :data:`BACKBONES`.
        image: float32 (B, H, W, 3), red, green and blue from 0 to 255.

    Returns:
        The same shape, scaled, centred and ordered as the network's ``preprocess_input`` does.
    """
    import keras

    if name == "efficientnetb2":
        return image  # scales by itself
    if name in ("mobilenetv2", "inceptionv3"):
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)
    if name == "densenet121":
        unit = keras.layers.Rescaling(1 / 255, name="scale")(image)
        return keras.layers.Normalization(
            mean=_IMAGENET_MEAN, variance=_IMAGENET_VARIANCE, name="standardise"
        )(unit)
    # ResNet50: blue, green, red, centred and not scaled.
    flipped = keras.ops.flip(image, axis=-1)
    return keras.layers.Normalization(mean=_CAFFE_MEAN, variance=(1.0, 1.0, 1.0), name="standardise")(flipped)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
