"""Parity vectors repeat the validation anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

KINDS = ["padded", "edges"]


@pytest.mark.parametrize("kind", KINDS)
def test_parity_vectors_repeat_the_validation_without_this_library(
    bundles: dict[str, Path], kind: str
) -> None:
    folder = bundles[kind]
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    inputs, outputs = np.load(folder / "inputs.npz"), np.load(folder / "outputs.npz")
    assert len(outputs.files) >= 64
    for name in outputs.files:
        batch = name.split("/")[0]
        feeds = {key.split("/")[1]: inputs[key] for key in inputs.files if key.startswith(f"{batch}/")}
        assert all(values.dtype == np.float32 for values in feeds.values())
        (score,) = session.run(["score"], feeds)
        assert score.dtype == np.float32
        np.testing.assert_allclose(score, outputs[name], atol=1e-5)
        assert np.isfinite(score).all()
