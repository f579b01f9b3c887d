"""Mean over the nodes of a graph with learned weights."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import constraints, initializers, regularizers

from e2e_tf.layers.linear import linear
from e2e_tf.layers.pooling import GlobalPool

__all__ = ["GlobalAttnSumPool"]


@keras.saving.register_keras_serializable(package="e2e_tf")
class GlobalAttnSumPool(GlobalPool):
    r"""Sum over the nodes of each graph, weighted by a softmax over its nodes; no nodes give 0.

    .. math::
        y = \sum_i \alpha_i x_i, \quad \alpha = \mathrm{softmax}_i(a^T x_i)

    Constructor, parameters and numbers are those of ``spektral.layers.GlobalAttnSumPool``.

    Args:
        attn_kernel_initializer, attn_kernel_regularizer, attn_kernel_constraint: of the vector a.

    Call arguments:
        inputs: ``[x, mask]`` with blocks (B, N, F) and (B, N), or ``[x, n_node]`` with (n, F) and int (B,).

    Output:
        (B, F).

    Raises:
        InputError: the ranks do not go together or the counts do not add up to the nodes.
    """

    def __init__(
        self,
        attn_kernel_initializer: Any = "glorot_uniform",
        attn_kernel_regularizer: Any = None,
        attn_kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attn_kernel_initializer = initializers.get(attn_kernel_initializer)
        self.attn_kernel_regularizer = regularizers.get(attn_kernel_regularizer)
        self.attn_kernel_constraint = constraints.get(attn_kernel_constraint)

    def build(self, input_shape: Any) -> None:
        self.attn_kernel = self.add_weight(
            shape=(input_shape[0][-1], 1),
            initializer=self.attn_kernel_initializer,
            regularizer=self.attn_kernel_regularizer,
            constraint=self.attn_kernel_constraint,
            name="attn_kernel",
        )
        self.built = True

    def pool(self, x: Any, nodes: Any) -> Any:
        """Average the nodes of each graph by their attention.

        Args:
            x: as in :meth:`GlobalPool.pool`.
            nodes: as there.

        Returns:
            (B, F), 0 for a graph without nodes.
        """
        logits = linear(x, self.attn_kernel)
        # The shift cancels in the ratio; the graphs without nodes, whose maximum is no number to subtract,
        # have no node that takes it.
        top = tf.stop_gradient(nodes.largest(logits, logits.dtype.min))
        present = nodes.present(x.dtype)
        weight = tf.exp(tf.where(present > 0, logits - nodes.spread(top), tf.zeros((), x.dtype))) * present
        total = nodes.total(weight)
        return nodes.total(weight * x) / tf.where(total > 0, total, tf.ones((), x.dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "attn_kernel_initializer": initializers.serialize(self.attn_kernel_initializer),
            "attn_kernel_regularizer": regularizers.serialize(self.attn_kernel_regularizer),
            "attn_kernel_constraint": constraints.serialize(self.attn_kernel_constraint),
        }
