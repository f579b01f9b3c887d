"""Masses, widths and charges of learned groups of nodes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import initializers

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import positive
from e2e_tf.layers.pooling import nodes_of

__all__ = ["MomentumPool"]

_PT, _SPREAD = 1e-4, 1e-5  # added before logarithms
_LARGEST = 40.0  # of the sigmoid's argument, beyond which gradients are 0 and exp(-z)² would be infinite
_MOMENTA = 4  # columns: pT, Δη, Δφ, charge
_QUANTITIES = 6


@keras.saving.register_keras_serializable(package="e2e_tf")
class MomentumPool(keras.layers.Layer):
    r"""Learned groups of the nodes of a graph, by what their summed momenta tell: pT, spread, mass, place, charge.

    The sums follow the combination layer of Butter, Kasieczka, Plehn and Russell, Deep-learned Top Tagging with a
    Lorentz Layer, https://arxiv.org/abs/1707.08966. For each group k

    .. math::
        \sigma_{ik} = \mathrm{sigmoid}(x_i W + b)_k, \quad
        S_k = \sum_i \sigma_{ik} p_i, \quad
        \bar\eta_k = \sum_i \sigma_{ik} p_i \eta_i / S'_k, \quad
        \bar\varphi_k = \sum_i \sigma_{ik} p_i \varphi_i / S'_k,

        v_k = \sum_i \sigma_{ik} p_i \big((\eta_i - \bar\eta_k)^2 + (\varphi_i - \bar\varphi_k)^2\big) / S'_k, \quad
        \ell_k = 3 + \tfrac12 \ln(v_k + 10^{-5}), \quad
        y_k = \big(\ln S'_k, \ \ell_k, \ \ell_k + \ln S'_k, \ 5 \bar\eta_k, \ 5 \bar\varphi_k,
            \ \sum_i \sigma_{ik} q_i\big)

    with transverse momenta p, places η and φ, charges q and :math:`S' = S + 10^{-4}`. :math:`S^2 v` is the squared mass
    of massless nodes up to relative corrections of the order ΔR²/12, and needs no differences of large numbers.
    Departures from the paper: weights depend on the node and lie between 0 and 1, and of the Lorentz layer there is
    the mass alone, as a logarithm.

    Sums of features cannot be products, such as masses, which tell a ρ or a1 from a jet; a network would need
    many jets to learn them.

    Args:
        units: groups K.
        kernel_initializer: of W.

    Call arguments:
        inputs: ``[x, momenta, members]``, one of ``x`` (B, N, F), ``momenta`` (B, N, 4) and ``members`` (B, N), 1 for a
            node and 0 for an empty slot; ``x`` (n, F), ``momenta`` (n, 4) and ``members`` int (B,), the nodes of
            each graph. ``momenta`` are pT in units of the jet's, Δη and Δφ to the axis of the jet, and charge. They
            are used in float32 at least.

    Output:
        (B, 6 K), the first of :math:`y` for all groups, then the second, and so on. A graph without nodes has no
        momentum: (ln 10⁻⁴, 3 + ln(10⁻⁵)/2, their sum, 0, 0, 0).

    Raises:
        InputError: ``units`` is not a positive integer, ``momenta`` has not 4 columns, or ``members`` does not fit
            ``x``.
    """

    def __init__(self, units: int, kernel_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False  # small angles must not pass through float16
        self.units = positive("units", units)
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 3 or input_shape[1][-1] != _MOMENTA:
            raise InputError(
                f"the inputs are x, momenta of {_MOMENTA} columns and members; got "
                f"{', '.join(str(tuple(shape)) for shape in input_shape)}"
            )
        self.weigh = keras.layers.Dense(
            self.units,
            kernel_initializer=self.kernel_initializer.clone(),
            dtype=self.dtype_policy,
            name="weigh",
        )
        self.weigh.build(input_shape[0])
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, momenta, members = inputs
        wide = tf.float64 if self.compute_dtype == "float64" else tf.float32
        z, momenta = tf.cast(self.weigh(tf.cast(x, self.compute_dtype)), wide), tf.cast(momenta, wide)
        # Written out: a sigmoid of ONNX Runtime is right to 6e-8, which logarithms of small sums make large.
        weight = 1 / (1 + tf.exp(-tf.clip_by_value(z, -_LARGEST, _LARGEST)))
        nodes = nodes_of(members, x, weight)
        pt, eta, phi, charge = tf.split(momenta, _MOMENTA, axis=-1)
        share = weight * pt
        sums = nodes.total(tf.concat([share, share * eta, share * phi, weight * charge], axis=-1))
        # Not split: its gradient joins, and has no gradient of its own where that of a gather comes in a loop.
        total, of_eta, of_phi, of_charge = tf.unstack(tf.reshape(sums, (-1, 4, self.units)), axis=1)
        total += _PT
        eta_mean, phi_mean = of_eta / total, of_phi / total
        distance = (eta - nodes.spread(eta_mean)) ** 2 + (phi - nodes.spread(phi_mean)) ** 2
        spread = 3 + 0.5 * tf.math.log(nodes.total(share * distance) / total + _SPREAD)
        pt_log = tf.math.log(total)
        rows = [pt_log, spread, spread + pt_log, 5 * eta_mean, 5 * phi_mean, of_charge]
        return tf.cast(tf.concat(rows, axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[2][0], _QUANTITIES * self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
        }
