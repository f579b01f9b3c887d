"""Mean over the nodes of a graph."""

from __future__ import annotations

from typing import Any

import keras

from e2e_tf.layers.pooling import GlobalPool

__all__ = ["GlobalAvgPool"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GlobalAvgPool(GlobalPool):
    r"""Mean over the nodes of each graph; a graph without nodes gives 0.

    .. math::
        y = \frac{1}{\max(n, 1)} \sum_i x_i

    Call arguments:
        inputs: ``[x, mask]`` with blocks (B, N, F) and (B, N), or ``[x, n_node]`` with (n, F) and int (B,).

    Output:
        (B, F).

    Raises:
        InputError: the ranks do not go together or the counts do not add up to the nodes.
    """

    def pool(self, x: Any, nodes: Any) -> Any:
        """Average the nodes of each graph.

        Args:
            x: as in :meth:`GlobalPool.pool`.
            nodes: as there.

        Returns:
            (B, F), 0 for a graph without nodes.
        """
        return nodes.total(x) / nodes.divisor
