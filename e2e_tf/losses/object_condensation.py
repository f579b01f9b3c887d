"""Object condensation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from e2e_tf.errors import InputError
from e2e_tf.layers.adjacency import check_members, number
from e2e_tf.layers.padded import block_index, to_blocks

__all__ = ["ObjectCondensation", "object_condensation"]


@keras.saving.register_keras_serializable(package="e2e_tf")
def object_condensation(
    beta: Any, coordinates: Any, object_id: Any, members: Any, q_min: float = 0.1, noise: float = 1.0
) -> dict[str, Any]:
    r"""Terms of the object condensation loss, graph by graph.

    Kieseler, Object condensation: one-stage grid-free multi-object reconstruction in physics detectors, graph
    and image data, https://arxiv.org/abs/2002.03605

    .. math::
        q_i = \mathrm{artanh}^2 \beta_i + q_{min}, \quad \alpha_k = \mathrm{argmax}_{i \in k}\, \beta_i

        L_V = \frac{1}{N} \sum_j q_j \sum_k q_{\alpha_k} \begin{cases}
            \|x_j - x_{\alpha_k}\|^2 & j \in k \\
            \max(0, 1 - \|x_j - x_{\alpha_k}\|) & \text{else} \end{cases}

        L_\beta = \frac{1}{K} \sum_k (1 - \beta_{\alpha_k})
            + \frac{s_B}{N_B} \sum_{i \in \text{noise}} \beta_i

    It is computed in float64 if β or the coordinates are float64, else in float32.

    Departures from the paper: the charge of β = 1, which is infinite, is that of the largest number below 1
    (75 in float32), and passes no gradient to β; of equal β in an object the first node leads; two nodes in
    one place repel each other without a direction. The payload loss is left to the model: weight it with
    :math:`\mathrm{artanh}^2 \beta_i`.

    Args:
        beta: (B, N) or (n,), in [0, 1].
        coordinates: (B, N, D) or (n, D), in the clustering space.
        object_id: int (B, N) or (n,): which object of its graph a node belongs to, negative for noise.
        members: mask (B, N), nodes first, or ``n_node`` int (B,).
        q_min: smallest charge, positive.
        noise: weight :math:`s_B` of the noise, at least 0.

    Returns:
        ``attraction``, ``repulsion`` (their sum is :math:`L_V`) and ``beta``, each (B,); 0 for a graph
        without nodes, and no sum over objects or noise where a graph has none.

    Raises:
        InputError: the ranks do not go together, ``q_min`` is not positive or ``noise`` is negative.
    """
    if not number("q_min", q_min) > 0:
        raise InputError(f"q_min must be positive, got {q_min!r}")
    number("noise", noise)
    beta, coordinates = tf.convert_to_tensor(beta), tf.convert_to_tensor(coordinates)
    object_id, members = tf.convert_to_tensor(object_id), tf.convert_to_tensor(members)
    if not check_members(coordinates, members):
        index, members = block_index(tf.cast(members, tf.int32))
        beta = to_blocks(beta[:, None], index)[..., 0]
        object_id = to_blocks(object_id[:, None], index)[..., 0]
        coordinates = to_blocks(coordinates, index)
    if len(beta.shape) != 2 or len(object_id.shape) != 2:
        raise InputError(
            "beta and object_id must have one entry per node, (B, N) for blocks or (n,), "
            f"got {tuple(beta.shape)} and {tuple(object_id.shape)} in blocks"
        )
    dtype = tf.float64 if tf.float64 in (beta.dtype, coordinates.dtype) else tf.float32
    beta, coordinates, present = (tf.cast(part, dtype) for part in (beta, coordinates, members))
    belongs = present * tf.cast(object_id >= 0, dtype)
    charge = (tf.square(_artanh(beta)) + q_min) * present
    # same[b, j, k]: nodes j and k belong to one object
    same = tf.cast(object_id[:, :, None] == object_id[:, None, :], dtype)
    same = same * belongs[:, :, None] * belongs[:, None, :]
    leads = _condensation_points(tf.stop_gradient(beta), same) * belongs
    distance2 = tf.reduce_sum(tf.square(coordinates[:, :, None, :] - coordinates[:, None, :, :]), axis=-1)
    apart = distance2 > 0
    # The gradient of the root is infinite at 0: nodes in one place do not know which way to part.
    distance = tf.sqrt(tf.where(apart, distance2, tf.ones_like(distance2))) * tf.cast(apart, dtype)
    pairs = charge[:, :, None] * (charge * leads)[:, None, :]
    nodes = tf.maximum(tf.reduce_sum(present, axis=1), 1)
    attraction = tf.reduce_sum(pairs * same * distance2, axis=(1, 2)) / nodes
    repulsion = tf.reduce_sum(pairs * (1 - same) * tf.nn.relu(1 - distance), axis=(1, 2)) / nodes
    objects = tf.maximum(tf.reduce_sum(leads, axis=1), 1)
    background = present - belongs
    suppression = noise * tf.reduce_sum(background * beta, axis=1)
    suppression = suppression / tf.maximum(tf.reduce_sum(background, axis=1), 1)
    return {
        "attraction": attraction,
        "repulsion": repulsion,
        "beta": tf.reduce_sum(leads * (1 - beta), axis=1) / objects + suppression,
    }


def _artanh(beta: Any) -> Any:
    """artanh of β from 0 to 1, that of the largest number below 1 in place of infinity."""
    largest = float(np.nextafter(beta.dtype.as_numpy_dtype(1), 0))
    return tf.atanh(tf.clip_by_value(beta, tf.zeros((), beta.dtype), tf.constant(largest, beta.dtype)))


def _condensation_points(beta: Any, same: Any) -> Any:
    """(B, N), 1 for the node of largest β of its object, the first of them if several share it."""
    slot = tf.range(tf.shape(beta)[1])
    larger = beta[:, None, :] > beta[:, :, None]
    earlier = (beta[:, None, :] == beta[:, :, None]) & (slot[None, None, :] < slot[None, :, None])
    beaten = tf.reduce_any((larger | earlier) & (same > 0), axis=2)
    return 1 - tf.cast(beaten, beta.dtype)


@keras.saving.register_keras_serializable(package="e2e_tf")
class ObjectCondensation(keras.losses.Loss):
    """Object condensation as a Keras loss on padded blocks: the mean over graphs of the sum of all terms.

    Kieseler, https://arxiv.org/abs/2002.03605. See :func:`object_condensation`, which also takes disjoint
    batches, for the formula and the departures from the paper.

    Args:
        q_min: smallest charge, positive.
        noise: weight of the noise, at least 0.
        name: of the loss.
        **kwargs: of ``keras.losses.Loss``.

    Call arguments:
        y_true: (B, N, 2): the object of each node (negative for noise), and the mask.
        y_pred: (B, N, 1 + D): β in [0, 1], and the coordinates.

    Output:
        (B,) before the reduction.

    Raises:
        InputError: an argument is out of range or a shape is another.
    """

    def __init__(
        self, q_min: float = 0.1, noise: float = 1.0, name: str = "object_condensation", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not number("q_min", q_min) > 0:
            raise InputError(f"q_min must be positive, got {q_min!r}")
        self.q_min, self.noise = float(q_min), number("noise", noise)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if len(y_true.shape) != 3 or y_true.shape[-1] != 2 or len(y_pred.shape) != 3 or y_pred.shape[-1] < 2:
            raise InputError(
                "object condensation takes y_true (B, N, 2) and y_pred (B, N, 1 + D), "
                f"got {tuple(y_true.shape)} and {tuple(y_pred.shape)}"
            )
        object_id, mask = tf.cast(tf.round(y_true[..., 0]), tf.int32), y_true[..., 1]
        terms = object_condensation(y_pred[..., 0], y_pred[..., 1:], object_id, mask, self.q_min, self.noise)
        return terms["attraction"] + terms["repulsion"] + terms["beta"]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "q_min": self.q_min, "noise": self.noise}
