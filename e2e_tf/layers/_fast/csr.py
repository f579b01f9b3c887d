"""Products of sparse matrices with node features, by TensorFlow's kernels for compressed rows (CSR)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["CsrBlocks", "CsrMatrix", "CsrPattern", "multiply", "once", "turn"]

Tensor = Any

_FULL = 3  # a dense product takes as long as a sparse one with an entry in so many
_KEPT = "_e2e_tf_once"  # attribute of graphs that are traced


class CsrPattern:
    """Places of the entries of a sparse square matrix, sorted by row (CSR), for products with node features.

    No message is held per entry: twenty times as fast as to gather, weigh and add up, ten times as fast as
    ``tf.sparse.sparse_dense_matmul``. XLA cannot compile it, see :func:`has_products`.

    Attributes:
        rows, columns: int (n_entries,), those given, or their sorted copies.
        others: further arrays (n_entries,) in the same order.
    """

    def __init__(self, rows: Tensor, columns: Tensor, *others: Tensor) -> None:
        def ordered() -> tuple[Tensor, ...]:
            order = tf.argsort(rows, stable=True)
            return tuple(tf.gather(each, order) for each in (rows, columns, *others))

        # The neighbours that this library finds are sorted by receiver.
        sorted_already = tf.reduce_all(rows[1:] >= rows[:-1])
        self.rows, self.columns, *self.others = tf.cond(
            sorted_already, lambda: (rows, columns, *others), ordered
        )
        self.index = tf.stack([tf.cast(self.rows, tf.int64), tf.cast(self.columns, tf.int64)], axis=1)
        self._before: list[Tensor] = []

    @staticmethod
    def of(rows: Tensor, columns: Tensor) -> CsrPattern:
        """Those of a graph, found once for all layers that get the same tensors."""
        return once((rows, columns), lambda: CsrPattern(rows, columns))

    def matrix(self, weights: Tensor, n_nodes: Tensor) -> Tensor:
        size = tf.cast(n_nodes, tf.int64)
        return tf.raw_ops.SparseTensorToCSRSparseMatrix(
            indices=self.index, values=weights, dense_shape=tf.stack([size, size])
        )

    def product(self, values: Tensor, weights: Tensor, transposed: bool = False) -> Tensor:
        """Product of the matrix with ``weights`` (n_entries,), or of its transpose, with ``values`` (n, C)."""

        @tf.custom_gradient
        def call(values: Tensor, weights: Tensor) -> Any:
            matrix = self.matrix(weights, tf.shape(values)[0])
            result = multiply(turn(matrix, values.dtype) if transposed else matrix, values)

            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                into, out_of = (self.columns, self.rows) if transposed else (self.rows, self.columns)
                # Heads one after the other: each holds three arrays of (n_entries, C) for a moment.
                eager, graph = tf.executing_eagerly(), tf.compat.v1.get_default_graph()
                before = [] if eager else [one for one in self._before if one.graph is graph]
                with tf.control_dependencies(before):
                    pairs = tf.gather(upstream, into) * tf.gather(values, out_of)
                    of_weights = tf.reduce_sum(pairs, axis=-1)
                self._before = [] if eager else [of_weights]
                return self.product(upstream, weights, not transposed), of_weights

            return result, gradient

        return call(values, weights)


class CsrMatrix:
    """A weighted sparse square matrix, for products with node features as fast as those of :class:`CsrPattern`.

    Where the second half of its entries repeats the first one in the other direction, as
    :class:`ScaledLaplacian` lists them, only the first half needs to be sorted: it is M + Mᵀ.
    """

    def __init__(self, rows: Tensor, columns: Tensor, weights: Tensor, n_nodes: Tensor) -> None:
        self.rows, self.columns, self.weights = rows, columns, weights
        half = tf.shape(rows)[0] // 2
        first = [each[:half] for each in (rows, columns, weights)]
        turned = [each[half:] for each in (columns, rows, weights)]

        def same() -> Tensor:
            pairs = zip(first, turned, strict=True)
            return tf.reduce_all(tf.stack([tf.reduce_all(tf.equal(one, other)) for one, other in pairs]))

        self.mirrored = tf.cond(tf.equal(2 * half, tf.shape(rows)[0]), same, lambda: tf.constant(False))
        entries = CsrPattern(*tf.cond(self.mirrored, lambda: first, lambda: [rows, columns, weights]))
        (sorted_weights,) = entries.others
        self.matrix = entries.matrix(sorted_weights, n_nodes)
        self.turned = turn(self.matrix, weights.dtype)

    @staticmethod
    def of(rows: Tensor, columns: Tensor, weights: Tensor, n_nodes: Tensor) -> CsrMatrix:
        """That of a graph, sorted once for all layers that get the same tensors."""
        return once((rows, columns, weights), lambda: CsrMatrix(rows, columns, weights, n_nodes))

    def product(self, values: Tensor, transposed: bool = False) -> Tensor:
        """Product of the matrix, or of its transpose, with ``values`` (n, C)."""

        @tf.custom_gradient
        def call(values: Tensor, weights: Tensor) -> Any:
            one, other = (self.turned, self.matrix) if transposed else (self.matrix, self.turned)
            result = tf.cond(
                self.mirrored,
                lambda: multiply(one, values) + multiply(other, values),
                lambda: multiply(one, values),
            )

            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                into, out_of = (self.columns, self.rows) if transposed else (self.rows, self.columns)
                pairs = tf.gather(upstream, into) * tf.gather(values, out_of)
                return self.product(upstream, not transposed), tf.reduce_sum(pairs, axis=-1)

            return tf.ensure_shape(result, values.shape), gradient

        return call(values, self.weights)


class CsrBlocks:
    """Square matrices (B, N, N), few of whose entries are not 0, for products with node features in training.

    With 12 entries in rows of 84 a sparse product of all blocks at once takes a quarter of the time of dense
    ones. Where more than one entry in :data:`_FULL` is not 0, the products are dense.
    """

    def __init__(self, blocks: Tensor) -> None:
        self.blocks = blocks
        n = tf.shape(blocks, out_type=tf.int64)[1]
        rows = tf.reshape(blocks, (-1, tf.shape(blocks)[-1]))  # those of all blocks
        size = tf.shape(rows, out_type=tf.int64)[0]
        places = tf.where(tf.not_equal(rows, 0))
        self.few = _FULL * tf.shape(places)[0] < tf.size(blocks)
        places = tf.cond(self.few, lambda: places, lambda: places[:0])
        start = tf.range(size) // tf.maximum(n, 1) * n  # the first row of each row's block
        self.matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(
            indices=places + tf.gather(tf.stack([tf.zeros_like(start), start], axis=1), places[:, 0]),
            values=tf.gather_nd(rows, places),
            dense_shape=tf.stack([size, size]),
        )
        self.turned = turn(self.matrix, blocks.dtype)

    @staticmethod
    def of(blocks: Tensor) -> CsrBlocks:
        """Those of a graph, found once for all layers that get the same tensor."""
        return once((blocks,), lambda: CsrBlocks(blocks))

    def product(self, values: Tensor, transposed: bool = False) -> Tensor:
        """Product of each block, or of its transpose, with ``values`` (B, N, C)."""

        @tf.custom_gradient
        def call(values: Tensor, blocks: Tensor) -> Any:
            def sparse() -> Tensor:
                flat = tf.reshape(values, (-1, values.shape[-1]))
                matrix = self.turned if transposed else self.matrix
                return tf.reshape(multiply(matrix, flat), tf.shape(values))

            result = tf.cond(self.few, sparse, lambda: tf.matmul(blocks, values, transpose_a=transposed))

            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                left, right = (values, upstream) if transposed else (upstream, values)
                return self.product(upstream, not transposed), tf.matmul(left, right, transpose_b=True)

            return tf.ensure_shape(result, values.shape), gradient

        return call(values, self.blocks)


def multiply(matrix: Tensor, values: Tensor) -> Tensor:
    """Product of a CSR matrix with rows (n, C)."""

    def product() -> Tensor:
        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=values)

    if values.dtype == tf.float64:
        # TensorFlow divides by the number of rows in this dtype: without any, the process would end.
        result = tf.cond(tf.shape(values)[0] > 0, product, lambda: tf.zeros_like(values))
    else:
        result = product()
    return tf.ensure_shape(result, values.shape)


def turn(matrix: Tensor, dtype: Any) -> Tensor:
    """Transpose of a CSR matrix: quicker to have than to multiply by the transpose as such."""
    return tf.raw_ops.SparseMatrixTranspose(input=matrix, conjugate=False, type=dtype)


def once(tensors: tuple[Tensor, ...], make: Callable[[], Any]) -> Any:
    """What ``make`` gives for these tensors; while a function is traced, the same for the same tensors."""
    if tf.executing_eagerly():
        return make()
    # Kept on the graph that is traced, so that it lives as long and reaches no other graph.
    graph = tf.compat.v1.get_default_graph()
    if not hasattr(graph, _KEPT):
        setattr(graph, _KEPT, {})
    kept = getattr(graph, _KEPT)
    key = tuple(id(tensor) for tensor in tensors)
    if key not in kept:
        kept[key] = (make(), tensors)  # the tensors too: an id is theirs as long as they live
    return kept[key][0]
