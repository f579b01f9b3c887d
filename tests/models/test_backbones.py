"""Image networks of keras.applications as parts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from e2e_tf.errors import InputError
from e2e_tf.models import build_model
from e2e_tf.models.backbones import scaled


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("resnet50", "resnet50"),
        ("densenet121", "densenet"),
        ("inceptionv3", "inception_v3"),
        ("mobilenetv2", "mobilenet_v2"),
        ("efficientnetb2", "efficientnet"),
    ],
)
def test_scaling_is_that_of_the_backbone(name: str, module: str) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, scaled(name, image)) if name != "efficientnetb2" else (lambda x: x)
    expected = getattr(keras.applications, module).preprocess_input(pixels.copy())
    np.testing.assert_allclose(model(pixels), expected, rtol=1e-4, atol=1e-2)


def test_pretrained_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **kwargs: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)
    with pytest.raises(
        InputError, match="pretrained parameters of mobilenetv2 cannot be had .*no route.* path"
    ):
        build_model(
            "event_images", 3, 0, {"backbone": "mobilenetv2", "size": [32, 32], "pretrained": True}, 3
        )
    with pytest.raises(InputError, match="there is no missing.h5"):
        build_model("egamma_hybrid", 2, 0, {"pretrained": "missing.h5"})
