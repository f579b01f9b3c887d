"""Fine-tuning of a saved model: parts frozen, the output replaced."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.training.finite import check_finite

__all__ = ["fine_tune", "freeze"]


def freeze(model: Any, patterns: Sequence[str]) -> list[str]:
    """Keep the parameters of layers as they are; a frozen batch normalisation also keeps its statistics.

    Args:
        model: a Keras model; compile it afterwards, or again.
        patterns: names of layers, with ``*`` and ``?``: ``["gat_*", "cheb_1"]``. Frozen layers stay frozen.

    Returns:
        The names of the layers that are frozen now and have parameters.

    Raises:
        InputError: a pattern fits no layer.
    """
    names = [layer.name for layer in model.layers]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                f"freeze must fit layers of {model.name}: {', '.join(names)}; {pattern!r} fits none"
            )
    for layer in model.layers:
        if any(fnmatchcase(layer.name, pattern) for pattern in patterns):
            layer.trainable = False
    return [layer.name for layer in model.layers if layer.weights and not layer.trainable]


def fine_tune(
    source: Any, patterns: Sequence[str] = (), outputs: Outputs | None = None, head: str = "score"
) -> Any:
    """A model that starts from a trained one.

    Args:
        source: a Keras model, which is not changed, or the path of a saved one.
        patterns: layers to freeze, see :func:`freeze`.
        outputs: new outputs in place of the old ones, see :func:`e2e_tf.models.heads.as_heads`; None keeps those.
            New ones are of whole graphs, images or entries.
        head: the layer whose input the new outputs are made from.

    Returns:
        A ``keras.Model``, not compiled. Train it at a lower rate than the first time.

    Raises:
        InputError: there is no such file, pattern or head, the file is no Keras model, or its parameters are not
            finite.
    """
    import keras

    if isinstance(source, (str, os.PathLike)):
        model = _loaded(Path(source))
    else:
        model = keras.models.clone_model(source)
        model.set_weights(source.get_weights())
        for copy, layer in zip(model.layers, source.layers, strict=True):
            copy.trainable = layer.trainable
    if outputs is not None:
        names = [layer.name for layer in model.layers]
        if head not in names:
            raise InputError(f"head must be a layer of {model.name}: {', '.join(names)}; not {head!r}")
        inputs = {tensor.name: tensor for tensor in model.inputs}
        model = keras.Model(inputs, add_heads(outputs, model.get_layer(head).input, inputs), name=model.name)
    freeze(model, patterns)
    return model


def _loaded(path: Path) -> Any:
    import keras

    import e2e_tf.layers  # noqa: F401  # registers the layers

    if not path.is_file():
        raise InputError(f"there is no model {path}")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (ValueError, OSError, TypeError) as error:
        raise InputError(f"{path} is not a Keras model that can be loaded ({error})") from error
    return check_finite(model, path)
