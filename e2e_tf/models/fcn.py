"""The fully connected network of ErUm-Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e_tf.errors import InputError
from e2e_tf.models.heads import Outputs, add_heads
from e2e_tf.models.inputs import dense_inputs

__all__ = ["FCN", "fcn"]


@dataclass(frozen=True)
class FCN:
    """Settings of :func:`fcn`.

    Attributes:
        layers: number of dense layers.
        units: of each.
        dropout: after each.
    """

    layers: int = 12
    units: int = 256
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("layers", "units"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), not {self.dropout}")


def fcn(n_features: int, n_globals: int, settings: FCN | None = None, outputs: Outputs = 1) -> Any:
    r"""Twelve dense layers on flattened inputs.

    Benato et al., Shared Data and Algorithms for Deep Learning in Fundamental Physics,
    https://arxiv.org/abs/2107.00656

    .. math::
        h_{l+1} = \mathrm{ReLU}(W_l h_l + b_l)

    Departure from the paper, where a setting says so: dropout. With ``n_globals`` the further inputs are joined first.

    Args:
        n_features: inputs of an entry, flattened.
        n_globals: further inputs of an entry, 0 for none.
        settings: see :class:`FCN`.
        outputs: see :func:`e2e_tf.models.heads.as_heads`.

    Returns:
        A ``keras.Model`` with the inputs of :func:`e2e_tf.models.inputs.dense_inputs`.

    Raises:
        InputError: ``n_features``, ``n_globals`` or ``outputs`` is not acceptable.
    """
    import keras

    s = settings or FCN()
    inputs = dense_inputs(n_features, n_globals)
    h = inputs["x"]
    if n_globals:
        h = keras.layers.Concatenate(name="join")([h, inputs["u"]])
    for i in range(1, s.layers + 1):
        h = keras.layers.Dense(s.units, activation="relu", name=f"dense_{i}")(h)
        if s.dropout:
            h = keras.layers.Dropout(s.dropout, name=f"dropout_{i}")(h)
    return keras.Model(inputs, add_heads(outputs, h, inputs), name="fcn")
