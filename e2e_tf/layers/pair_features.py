"""Pairwise features of two particles."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError

__all__ = ["PairFeatures"]

_FLOOR = 1e-8  # under every quantity before its logarithm, as in the Particle Transformer
_M_Z = 91.1876  # GeV
_ALPHA_S = 0.118  # strong coupling at m_Z
_ALPHA = 1 / 127.95  # electromagnetic coupling at m_Z
_FROZEN = 1.0  # GeV, below which the couplings stay constant


@keras.saving.register_keras_serializable(package="e2e_tf")
class PairFeatures(keras.layers.Layer):
    r"""Logarithms of kT, z, ΔR and m² of every two particles of a graph, and optionally their couplings.

    Qu, Li and Qian, Particle Transformer for Jet Tagging, https://arxiv.org/abs/2202.03772

    .. math::
        \Delta_{ij} = \sqrt{(y_i - y_j)^2 + (\phi_i - \phi_j)^2}, \quad
        k_T = \min(p_{T,i}, p_{T,j}) \Delta_{ij}, \quad
        z = \frac{\min(p_{T,i}, p_{T,j})}{p_{T,i} + p_{T,j}}, \quad
        m^2 = (p_i + p_j)^2

    With ``couplings`` two more features: the strong and the electromagnetic coupling at the scale kT, to one
    loop with five flavours, constant below 1 GeV.

    Departures from the paper: four-momenta come as (pT, η, φ, m), and m² is summed from positive terms,
    because :math:`E^2 - p^2` has no digits left in float32 for collimated particles; each factor of kT has its
    floor of 1e-8, not the product, unless ``floor_product`` says so. All is computed in float32, or in
    float64 under that policy.

    Args:
        couplings: also give the couplings.
        floor_product: kT itself is held above 1e-8 GeV, as published, rather than its factors: a particle with itself
            then has ln kT = ln 1e-8 whatever its pT.

    Call arguments:
        inputs: ``p4`` (B, N, 4): pT (GeV), η, φ (rad), m (GeV), 0 in empty slots.

    Output:
        (B, N, N, 4), or (B, N, N, 6) with couplings: ln(kT / GeV), ln z, ln ΔR, ln(m² / GeV²), α_s, α.

    Raises:
        InputError: ``p4`` has another shape.
    """

    def __init__(self, couplings: bool = False, floor_product: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.couplings = bool(couplings)
        self.floor_product = bool(floor_product)
        # Momenta must not pass through float16: 70 TeV is its largest number, 0.05 % its resolution.
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any) -> Any:
        p4 = inputs
        if len(p4.shape) != 3 or p4.shape[-1] not in (4, None):
            raise InputError(f"p4 must have shape (B, N, 4) with pT, eta, phi, m, got {tuple(p4.shape)}")
        p4 = tf.cast(p4, tf.float64 if self.compute_dtype == "float64" else tf.float32)
        pt, eta, phi, mass = (p4[..., i] for i in range(4))
        pt, mass2 = tf.maximum(pt, _FLOOR), tf.square(mass)
        mt = tf.sqrt(tf.square(pt) + mass2)
        y = tf.asinh(pt / mt * tf.sinh(eta))

        def difference(values: Any) -> Any:
            return values[:, :, None] - values[:, None, :]

        def product(left: Any, right: Any) -> Any:
            return left[:, :, None] * right[:, None, :]

        dy, dphi = difference(y), difference(phi)
        dphi = dphi - 2 * math.pi * tf.round(dphi / (2 * math.pi))
        low = tf.minimum(pt[:, :, None], pt[:, None, :])
        delta2 = tf.square(dy) + tf.square(dphi)
        ln_delta = 0.5 * _log(delta2, _FLOOR**2)
        ln_kt = _log(low) + ln_delta
        if self.floor_product:  # not the logarithm of the product: the gradient of a root is infinite at 0
            ln_kt = tf.maximum(_log(low) + 0.5 * _log(delta2, _FLOOR**4), math.log(_FLOOR))
        ln_z = _log(low / (pt[:, :, None] + pt[:, None, :]))
        mtmt, ptpt, squares = product(mt, mt), product(pt, pt), product(mass2, mass2)
        mixed = product(mass2, tf.square(pt)) + product(tf.square(pt), mass2)
        # m_i² + m_j² + 2 (mT mT cosh Δy - pT pT cos Δφ), without a difference of large numbers.
        opening = mtmt * tf.square(tf.sinh(0.5 * dy)) + ptpt * tf.square(tf.sin(0.5 * dphi))
        m2 = mass2[:, :, None] + mass2[:, None, :] + 2 * (mixed + squares) / (mtmt + ptpt) + 4 * opening
        features = [ln_kt, ln_z, ln_delta, _log(m2)]
        if self.couplings:
            # ln(Q²/m_Z²) at the scale Q = kT
            scale = 2 * (tf.maximum(ln_kt, math.log(_FROZEN)) - math.log(_M_Z))
            # To one loop: (33 - 2 n_f) / 12π, and Σ N_c Q² = 20/3 over five quarks and three leptons.
            features.append(_ALPHA_S / (1 + _ALPHA_S * 23 / (12 * math.pi) * scale))
            features.append(_ALPHA / (1 - _ALPHA / (3 * math.pi) * 20 / 3 * scale))
        return tf.cast(tf.stack(features, axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], input_shape[-2], 6 if self.couplings else 4)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "couplings": self.couplings, "floor_product": self.floor_product}


def _log(values: Any, floor: float = _FLOOR) -> Any:
    return tf.math.log(tf.maximum(values, floor))
