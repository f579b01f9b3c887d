"""Activations in a form that exports."""

from __future__ import annotations

from typing import Any

__all__ = ["gelu"]


def gelu(h: Any) -> Any:
    r"""Gaussian error linear unit, :math:`\frac{h}{2} (1 + \mathrm{erf}(h / \sqrt 2))`.

    Hendrycks and Gimpel, https://arxiv.org/abs/1606.08415. Keras' own goes through erfc, for which ONNX has no
    operator.

    Args:
        h: float, any shape.

    Returns:
        The same shape and dtype.
    """
    from keras import ops

    return 0.5 * h * (1.0 + ops.erf(h * 0.7071067811865476))
