"""Maximum over the nodes of a graph."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.layers.pooling import GlobalPool

__all__ = ["GlobalMaxPool"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GlobalMaxPool(GlobalPool):
    r"""Maximum over the nodes of each graph, feature by feature; a graph without nodes gives 0.

    .. math::
        y_f = \max_i x_{if}

    The 0 is a choice: TensorFlow gives the lowest float for an empty segment, ONNX minus infinity.

    Call arguments:
        inputs: ``[x, mask]`` with blocks (B, N, F) and (B, N), or ``[x, n_node]`` with (n, F) and int (B,).

    Output:
        (B, F).

    Raises:
        InputError: the ranks do not go together or the counts do not add up to the nodes.
    """

    def pool(self, x: Any, nodes: Any) -> Any:
        """Take the largest value of each feature over the nodes of each graph.

        Args:
            x: as in :meth:`GlobalPool.pool`.
            nodes: as there.

        Returns:
            (B, F), 0 for a graph without nodes.
        """
        return tf.where(nodes.count[:, None] > 0, nodes.largest(x, x.dtype.min), tf.zeros((), x.dtype))
