"""Keras files that older versions read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2e_tf.deploy.keras_file import save_keras


def test_the_keras_model_holds_nothing_that_only_new_keras_knows(bundles: dict[str, Path]) -> None:
    import zipfile

    with zipfile.ZipFile(bundles["padded"] / "model.keras") as archive:
        config = archive.read("config.json")
        assert not [key for key in (b"quantization_config", b"input_axes", b"output_axes") if key in config]
        assert archive.testzip() is None


def test_the_file_holds_the_same_model(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "gelu", bias_initializer="normal")])
    save_keras(model, tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
