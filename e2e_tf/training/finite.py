"""Checks that the parameters of a model are finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["check_finite", "not_finite"]


def not_finite(model: Any) -> list[str]:
    """Paths of the parameters of a model, moving statistics included, that hold NaN or an infinity.

    Args:
        model: a Keras model.

    Returns:
        The paths; empty where all are finite.
    """
    return [weight.path for weight in model.weights if not np.isfinite(weight.numpy()).all()]


def check_finite(model: Any, what: object) -> Any:
    """Refuse a model that can give no scores.

    Args:
        model: a Keras model.
        what: where it comes from, for the message.

    Returns:
        The model.

    Raises:
        InputError: a parameter holds NaN or an infinity.
    """
    if found := not_finite(model):
        raise InputError(
            f"every parameter of {what} must be finite, {len(found)} of {len(model.weights)} arrays hold NaN or "
            f"infinity, the first is {found[0]}; its training has diverged, train it again at a lower learning rate"
        )
    return model
