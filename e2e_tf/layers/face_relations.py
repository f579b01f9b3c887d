"""What two detector objects are to each other at the front of the calorimeter."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import as_edges, check_graph

__all__ = ["FaceRelations"]

_SCALE = 0.1  # rad, the size of a tau's cone
_CLOSE = 0.05  # in this unit, a third of a crystal: nearer than that is one place


@keras.saving.register_keras_serializable(package="e2e_tf")
class FaceRelations(keras.layers.Layer):
    r"""Features of edges: where the sender lies from the receiver, and energy over momentum of a track and a deposit.

    .. math::
        e_{ij} = \Big(\frac{\Delta\eta}{0.1}, \frac{\Delta\phi}{0.1},
            \tfrac{1}{2} \ln\Big(\frac{\Delta R^2}{0.1^2} + 0.05^2\Big),
            \ell_{ij} \ln\frac{E}{p}\Big), \quad \Delta\eta = \eta_j - \eta_i

    with receiver i, sender j, and :math:`\ell_{ij} = 1` where one of them is a track (momentum p) and the other a
    deposit in the ECAL or HCAL (energy E), else 0. Angles are relative to a jet axis, so that φ does not wrap within
    a jet. All is computed in float32, or in float64 under that policy.

    Call arguments:
        inputs: ``[p, a]``, one of
            ``p`` (B, N, 7) with ``a`` (B, N, N), ``a[b, receiver, sender]`` the number of such edges;
            ``p`` (n, 7) with ``a = (senders, receivers)``, both int (n_edges,).
            Columns of ``p``: Δη and Δφ at the face [rad], the logarithm of energy or momentum, and 1 for a track,
            crystal, tower, cluster of pixels.

    Output:
        (B, N, N, 4), of each pair whether it is linked or not, or (n_edges, 4).

    Raises:
        InputError: ``p`` has not 7 columns, or ``a`` has none of these forms or does not fit ``p``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False  # differences of places need the digits of float32

    def build(self, input_shape: Any) -> None:
        if input_shape[0][-1] != 7:
            raise InputError(f"p must have 7 columns, got shape {tuple(input_shape[0])}")
        self.built = True

    def call(self, inputs: Any) -> Any:
        p, a = inputs
        p = tf.cast(p, tf.float64 if self.compute_dtype == "float64" else tf.float32)
        track, deposit = p[..., 3:4], p[..., 4:5] + p[..., 5:6]
        p = tf.concat([p[..., :3], track, deposit], axis=-1)
        if check_graph(p, a):
            receive, send = p[..., :, None, :], p[..., None, :, :]
        else:
            senders, receivers, _ = as_edges(a, rows="senders")
            receive, send = tf.gather(p, receivers), tf.gather(p, senders)
        place = (send[..., :2] - receive[..., :2]) / _SCALE
        # Not a sum over the axis, which ONNX Runtime keeps as it is where there are no edges.
        squares = tf.square(place[..., :1]) + tf.square(place[..., 1:])
        distance = 0.5 * tf.math.log(squares + _CLOSE**2)
        # Energy over momentum has its sign from which of the two is the track.
        sign = receive[..., 3:4] * send[..., 4:5] - receive[..., 4:5] * send[..., 3:4]
        ratio = sign * (send[..., 2:3] - receive[..., 2:3])
        return tf.cast(tf.concat([place, distance, ratio], axis=-1), self.compute_dtype)

    def compute_output_spec(self, inputs: Any) -> Any:
        p, a = inputs
        # A pair of index tensors, or blocks.
        lead = tuple(a[0].shape) if isinstance(a, (tuple, list)) else (*p.shape[:-1], p.shape[-2])
        return keras.KerasTensor((*lead, 4), dtype=self.compute_dtype)
