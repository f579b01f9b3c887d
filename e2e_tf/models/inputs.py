"""The Keras inputs of each kind of model, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["check_inputs", "dense_inputs", "disjoint_inputs", "image_inputs"]


def disjoint_inputs(n_features: int, n_globals: int, extra: dict[str, int] | None = None) -> dict[str, Any]:
    """The inputs of a model on disjoint batches.

    Args:
        n_features: node features F.
        n_globals: graph-level features G; 0 leaves ``u`` out.
        extra: further node quantities by name, with their widths: ``{"points": 2}``.

    Returns:
        ``x`` float32 (n, F), ``senders`` and ``receivers`` int32 (n_edges,), ``n_node`` int32 (B,), ``u`` float32
        (B, G), and the extra ones, float32 (n, width).

    Raises:
        InputError: a number is not acceptable.
    """
    import keras

    _positive("n_features", n_features)
    _not_negative("n_globals", n_globals)
    inputs = {
        "x": keras.Input((n_features,), name="x"),
        "senders": keras.Input((), dtype="int32", name="senders"),
        "receivers": keras.Input((), dtype="int32", name="receivers"),
        "n_node": keras.Input((), dtype="int32", name="n_node"),
    }
    if n_globals:
        inputs["u"] = keras.Input((n_globals,), name="u")
    for name, width in (extra or {}).items():
        inputs[name] = keras.Input((width,), name=name)
    return inputs


def image_inputs(height: int, width: int, channels: int, n_globals: int) -> dict[str, Any]:
    """The inputs of a model on images: ``image`` float32 (B, H, W, C) and, if ``n_globals``, ``u`` float32 (B, G).

    Args:
        height, width: of the images, in pixels.
        channels: of the images, C.
        n_globals: features of a whole image G; 0 leaves ``u`` out.

    Returns:
        Keras inputs by name.

    Raises:
        InputError: a number is not acceptable.
    """
    import keras

    for name, value in (("height", height), ("width", width), ("n_features", channels)):
        _positive(name, value)
    _not_negative("n_globals", n_globals)
    inputs = {"image": keras.Input((height, width, channels), name="image")}
    if n_globals:
        inputs["u"] = keras.Input((n_globals,), name="u")
    return inputs


def dense_inputs(n_features: int, n_globals: int) -> dict[str, Any]:
    """The inputs of a model on rows: ``x`` float32 (B, F) and, if ``n_globals``, ``u`` float32 (B, G).

    Args:
        n_features: inputs of an entry F.
        n_globals: further inputs G; 0 leaves ``u`` out.

    Returns:
        Keras inputs by name.

    Raises:
        InputError: a number is not acceptable.
    """
    import keras

    _positive("n_features", n_features)
    _not_negative("n_globals", n_globals)
    inputs = {"x": keras.Input((n_features,), name="x")}
    if n_globals:
        inputs["u"] = keras.Input((n_globals,), name="u")
    return inputs


def check_inputs(model: Any, available: Iterable[str], what: str = "the data") -> None:
    """Refuse data that a model cannot work with, before training starts.

    Args:
        model: a Keras model with named inputs.
        available: names that the data have.
        what: what to call the data in the message.

    Raises:
        InputError: the model has an input that is not among them.
    """
    names = [tensor.name for tensor in model.inputs]
    available = list(available)
    missing = [name for name in names if name not in available]
    if missing:
        raise InputError(
            f"{model.name} needs the inputs {', '.join(names)}; {what} must have them all, but has "
            f"{', '.join(available) or 'none'} and lacks {', '.join(missing)}"
        )


def _positive(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a positive integer, got {value!r}")


def _not_negative(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"{name} must be an integer of at least 0, got {value!r}")
