"""What lies in the cells of a coarse grid around a jet's axis."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import number, positive
from e2e_tf.layers.pooling import nodes_of

__all__ = ["CellSummaries"]

_COLUMNS = 13
_DEPOSITS, _TRACKS = 5, 11  # quantities of each calorimeter, and of tracks


@keras.saving.register_keras_serializable(package="e2e_tf")
class CellSummaries(keras.layers.Layer):
    r"""Sums and means of calorimeter deposits and tracks in square cells around a jet's axis.

    CMS, High-level hadronic tau lepton triggers, https://arxiv.org/abs/2602.11359. The quantities are those of the
    tagger at level 2 (``L2TauTagNNProducer`` of CMSSW), as far as they follow from energies, places and fits. For the
    deposits of one calorimeter in a cell, with energies E

    .. math::
        \Big(\sum E, \ n, \ \frac{\sum E^2 - (\sum E)^2 / n}{n - 1}, \ \frac{\sum E \Delta\eta}{\sum E}, \
            \frac{\sum E \Delta\phi}{\sum E}\Big)

    and for the tracks, with transverse momenta p, :math:`v = 1` for those of the chosen vertex, charges q and means
    :math:`\langle a \rangle = \sum p\,a / \sum p`

    .. math::
        \Big(\sum p, \ n, \ \sum v, \ \sum v p, \ \sum q, \ \langle\Delta\eta\rangle, \ \langle\Delta\phi\rangle, \
            \langle\chi^2 / \mathrm{ndof}\rangle, \ \langle 2 \min(6, h) - 5\rangle, \ \langle d_0\rangle, \
            \langle d_z\rangle\Big)

    with h hits in the pixel detector. Nodes count within ΔR < ``radius``. What an empty cell has no mean or spread of
    is 0.

    Args:
        cells: on each side of the grid.
        radius: half the side of the grid [rad].

    Call arguments:
        inputs: ``[p, members]``, one of ``p`` (B, N, 13) and ``members`` (B, N), 1 for a node and 0 for an empty slot;
            ``p`` (n, 13) and ``members`` int (B,), the nodes of each graph. Columns of ``p``: Δη, Δφ to the axis
            [rad], energy [GeV], transverse momentum [GeV], charge, χ² over ndof, hits in the pixel detector, d0 and
            dz, v, and 1 for a track, for an ECAL deposit, for an HCAL deposit. All is computed in float32 at least.

    Output:
        (B, cells, cells, 21), η along the rows: 5 quantities of the ECAL, 5 of the HCAL, 11 of tracks.

    Raises:
        InputError: an argument is out of its range, ``p`` has not 13 columns, or ``members`` does not fit ``p``.
    """

    def __init__(self, cells: int = 5, radius: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False  # a place rounded to float16 lies in another cell
        self.cells = positive("cells", cells)
        self.radius = number("radius", radius)
        if not 0 < self.radius < math.inf:
            raise InputError(f"radius must be positive, got {radius!r}")

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2 or input_shape[0][-1] != _COLUMNS:
            raise InputError(
                f"the inputs are p of {_COLUMNS} columns and members; got "
                f"{', '.join(str(tuple(shape)) for shape in input_shape)}"
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        p, members = inputs
        p = tf.cast(p, tf.float64 if self.compute_dtype == "float64" else tf.float32)
        eta, phi, energy, pt, charge, chi2, hits, d0, dz, chosen, track, ecal, hcal = tf.split(
            p, _COLUMNS, axis=-1
        )
        of_deposit = tf.concat(
            [energy, tf.ones_like(pt), energy * energy, energy * eta, energy * phi], axis=-1
        )
        ndof = 2 * tf.minimum(hits, 6) - 5
        means = pt * tf.concat([eta, phi, chi2, ndof, d0, dz], axis=-1)
        of_track = tf.concat([pt, tf.ones_like(pt), chosen, chosen * pt, charge, means], axis=-1)
        values = tf.concat([ecal * of_deposit, hcal * of_deposit, track * of_track], axis=-1)
        # The width said outright: ONNX Runtime finds none for a batch without nodes.
        shape = tf.concat([tf.shape(p)[:-1], [self.cells**2 * values.shape[-1]]], axis=0)
        in_cells = tf.reshape(self._cell(eta, phi)[..., None] * values[..., None, :], shape)
        sums = nodes_of(members, p, in_cells).total(in_cells)
        sums = tf.reshape(sums, (-1, self.cells, self.cells, 2 * _DEPOSITS + _TRACKS))
        ecal, hcal, track = tf.split(sums, [_DEPOSITS, _DEPOSITS, _TRACKS], axis=-1)
        parts = [_deposits(ecal), _deposits(hcal), track[..., :5], _over(track[..., 5:], track[..., :1])]
        return tf.cast(tf.concat(parts, axis=-1), self.compute_dtype)

    def _cell(self, eta: Any, phi: Any) -> Any:
        """One-hot cell of each node, (..., cells²); 0 of nodes beyond the radius."""
        width = 2 * self.radius / self.cells
        row, column = (
            tf.clip_by_value(tf.floor((place + self.radius) / width), 0, self.cells - 1)
            for place in (eta, phi)
        )
        inside = tf.cast(eta * eta + phi * phi < self.radius**2, eta.dtype)
        numbers = tf.constant([float(i) for i in range(self.cells**2)], eta.dtype)
        return inside * tf.cast(tf.equal(row * self.cells + column, numbers), eta.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[1][0], self.cells, self.cells, 2 * _DEPOSITS + _TRACKS)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": self.cells, "radius": self.radius}


def _over(sums: Any, weight: Any) -> Any:
    """Sums over weights, 0 where there is no weight."""
    some = weight > 0
    return tf.where(some, sums / tf.where(some, weight, tf.ones_like(weight)), tf.zeros_like(sums))


def _deposits(sums: Any) -> Any:
    """Energy, number, variance of the energy and mean place, from the five sums."""
    energy, count, square = sums[..., :1], sums[..., 1:2], sums[..., 2:3]
    several = count > 1
    spread = (square - energy * energy / tf.maximum(count, 1)) / tf.maximum(count - 1, 1)
    spread = tf.where(several, tf.maximum(spread, 0), tf.zeros_like(spread))
    return tf.concat([energy, count, spread, _over(sums[..., 3:], energy)], axis=-1)
