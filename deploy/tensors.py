"""Hand-offs of models on images and other tensors: what goes in, and the proof."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from e2e_tf.errors import InputError
from e2e_tf.terminal import status

if TYPE_CHECKING:
    from e2e_tf.deploy.verify import Agreement

__all__ = ["keras_call", "tensor_batch", "verify_tensors"]

_SIZES = (1, 2, 3, 8, 17)  # of batches
_KINDS = ("uniform", "normal", "zeros", "large")


def tensor_batch(
    inputs: Sequence[dict[str, Any]], size: int, rng: np.random.Generator, kind: str = "uniform"
) -> dict[str, np.ndarray]:
    """Tensors float32 (B, ...) by name.

    Args:
        inputs: of the manifest: name and shape of each, the first dimension the batch.
        size: B.
        rng: source of everything random.
        kind: ``uniform`` in [0, 1), ``normal``, ``zeros``, or ``large`` (up to 255, as pixels are).
    """
    feeds = {}
    for info in inputs:
        shape = (size, *info["shape"][1:])
        values = rng.normal(size=shape) if kind == "normal" else rng.random(shape)
        scale = {"zeros": 0.0, "large": 255.0}.get(kind, 1.0)
        feeds[info["name"]] = (scale * values).astype(np.float32)
    return feeds


def keras_call(model: Any, feeds: Mapping[str, Any]) -> Any:
    """What Keras gives for float32 tensors (B, ...) by name, which are cast to the types of its inputs."""
    import tensorflow as tf

    inputs = {tensor.name: tf.cast(feeds[tensor.name], tensor.dtype) for tensor in model.inputs}
    # A model of one input takes the tensor itself.
    return model(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)


def verify_tensors(
    folder: Path,
    manifest: dict[str, Any],
    entries: int,
    seed: int,
    runner: str | os.PathLike[str] | None = None,
) -> list[Agreement]:
    """Score random entries with every runtime of a ``tensors`` hand-off and compare with Keras.

    Args:
        folder: the hand-off.
        manifest: of it.
        entries: at least so many, in batches of several sizes.
        seed: of all of them.
        runner: ``e2e_tf_run``; None takes the one of ``make cpp``.

    Raises:
        InputError: a runtime gives another type or shape, or the runner fails.
    """
    import keras
    import tensorflow as tf

    import e2e_tf.layers  # noqa: F401  # registers the layers
    from e2e_tf.deploy.quiet import quiet_tensorflow
    from e2e_tf.deploy.verify import SMALLER, TOLERANCE, Agreement, cpp_runs, runners

    with quiet_tensorflow():
        model = keras.models.load_model(folder / "model.keras", compile=False, safe_mode=True)
        found = runners(folder, manifest)
    signature = {t.name: tf.TensorSpec((None, *t.shape[1:]), tf.float32) for t in model.inputs}
    traced = tf.function(lambda feeds: keras_call(model, feeds), input_signature=[signature])
    rng = np.random.default_rng(seed)
    sizes: list[int] = []
    while sum(sizes) < entries:
        sizes.append(min(_SIZES[len(sizes) % len(_SIZES)], entries - sum(sizes)))
    batches = [
        tensor_batch(manifest["inputs"], size, rng, _KINDS[i % len(_KINDS)]) for i, size in enumerate(sizes)
    ]

    def compare(name: str, scores: Sequence[np.ndarray], key: str = "") -> Agreement:
        worst, where = 0.0, 0
        for values, wanted in zip(scores, expected, strict=True):
            difference = float(np.abs(values.reshape(wanted.shape) - wanted).max())
            worst, where = max(
                (worst, where), (difference if np.isfinite(difference) else np.inf, len(wanted))
            )
        return Agreement(name, entries, worst, where, SMALLER.get(key, TOLERANCE), key not in SMALLER)

    with status(f"Verifying on {entries} entries"):
        expected = [np.asarray(keras_call(model, feeds)) for feeds in batches]
        scores = [np.asarray(traced(feeds)) for feeds in batches]
        made = [compare(f"Keras in a tf.function (TensorFlow {tf.__version__})", scores)]
        for key, (name, run) in found.items():
            scores = [run(feeds) for feeds in batches]
            for values, wanted in zip(scores, expected, strict=True):
                if values.dtype != np.float32 or values.shape != wanted.shape:
                    raise InputError(
                        f"{name} gives {values.dtype} of shape {values.shape}, expected float32 of shape "
                        f"{wanted.shape}"
                    )
            made.append(compare(name, scores, key))
    with status("Verifying C++"):
        for cpp in cpp_runs(folder, manifest, runner, batches, [wanted.size for wanted in expected]):
            if cpp.scores is None:
                made.append(Agreement(cpp.name, 0, float("nan"), -1, missing=cpp.missing))
            else:
                made.append(compare(f"{cpp.name} ({cpp.version})", cpp.scores))
    return made
