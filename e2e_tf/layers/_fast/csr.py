"""Products of sparse matrices with node features, by TensorFlow's kernels for compressed rows (CSR).

No message is held per entry: on edge lists twenty times as fast as to gather, weigh and add up, ten times as fast
as ``tf.sparse.sparse_dense_matmul``. XLA cannot compile them and graphics cards have other kernels, see
:func:`e2e_tf.layers._fast.use_fast`.

A CSR matrix is a variant, which TensorFlow cannot save, stack or take a gradient past, and a gradient of a gradient
sees no tensor of two functions before. So no gradient here holds a matrix, and each works with tensors of the function
in which it is traced (:meth:`_Tensors.here`): a tape outside of a ``tf.function``, a saved model, loops, Jacobians and
forward mode see what they see of other operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

__all__ = ["CsrMatrix", "CsrPattern"]

Tensor = Any

_KEPT = "_e2e_tf_once"  # attribute of graphs that are traced


class _Tensors:
    """An object whose attributes are tensors, for use in whatever function is traced."""

    def here(self) -> Any:
        """The same with its tensors in the function that is being traced, itself if they are."""
        if tf.executing_eagerly():
            return self
        graph = tf.compat.v1.get_default_graph()
        if all(getattr(tensor, "graph", None) is graph for tensor in self.__dict__.values()):
            return self

        def make() -> Any:
            other = object.__new__(type(self))
            other.__dict__ = {name: tf.identity(tensor) for name, tensor in self.__dict__.items()}
            return other

        return _once("here", (self,), make)


class CsrPattern(_Tensors):
    """Places of the entries of a sparse square matrix, sorted by row, for products with any weights.

    Attributes:
        rows, columns: int (n_entries,), those given, or their sorted copies.
    """

    def __init__(self, rows: Tensor, columns: Tensor) -> None:
        self.rows, self.columns = _by_row(rows, columns)

    @staticmethod
    def of(rows: Tensor, columns: Tensor) -> CsrPattern:
        """That of a graph, found once for all layers that get the same tensors."""
        return _once("pattern", (rows, columns), lambda: CsrPattern(rows, columns))

    def product(self, values: Tensor, weights: Tensor, transposed: bool = False) -> Tensor:
        """Product of the matrix with ``weights`` (n_entries,), or of its transpose, with ``values`` (n, C)."""
        my = self.here()

        @tf.custom_gradient
        def call(values: Tensor, weights: Tensor) -> Any:
            matrix = _matrix(my.rows, my.columns, weights, tf.shape(values)[0])
            result = _multiply(_turned(matrix, values.dtype) if transposed else matrix, values)

            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                into, out_of = (my.columns, my.rows) if transposed else (my.rows, my.columns)
                # Heads one after the other: each holds three arrays of (n_entries, C) for a moment.
                with tf.control_dependencies(_last(my)):
                    pairs = tf.gather(upstream, into) * tf.gather(values, out_of)
                    of_weights = tf.reduce_sum(pairs, axis=-1)
                _last(my, of_weights)
                return my.product(upstream, tf.identity(weights), not transposed), of_weights

            return result, gradient

        return call(values, weights)


class CsrMatrix(_Tensors):
    """A sparse square matrix with its weights, sorted and made once for several products.

    Where the second half of its entries repeats the first one in the other direction, as
    :class:`ScaledLaplacian` lists them, only the first half needs to be sorted: it is M + Mᵀ.

    Args:
        rows, columns: int (n_entries,).
        weights: float (n_entries,).
        n_nodes: scalar int, rows of the matrix.
    """

    def __init__(self, rows: Tensor, columns: Tensor, weights: Tensor, n_nodes: Tensor) -> None:
        self.rows, self.columns, self.weights, self.n_nodes = rows, columns, weights, n_nodes
        half = tf.shape(rows)[0] // 2
        first = [each[:half] for each in (rows, columns, weights)]
        turned = [each[half : 2 * half] for each in (columns, rows, weights)]
        same = [tf.reduce_all(tf.equal(one, other)) for one, other in zip(first, turned, strict=True)]
        mirrored = tf.reduce_all(tf.stack([tf.equal(2 * half, tf.shape(rows)[0]), *same]))
        entries = tf.cond(mirrored, lambda: first, lambda: [rows, columns, weights])
        self.sorted_rows, self.sorted_columns, self.sorted_weights = _by_row(*entries)
        self.n_twice = tf.where(mirrored, half, 0)

    @staticmethod
    def of(rows: Tensor, columns: Tensor, weights: Tensor, n_nodes: Tensor) -> CsrMatrix:
        """That of a graph, found once for all layers that get the same tensors."""
        return _once("matrix", (rows, columns, weights), lambda: CsrMatrix(rows, columns, weights, n_nodes))

    def product(self, values: Tensor, transposed: bool = False) -> Tensor:
        """Product of the matrix, or of its transpose, with ``values`` (n, C)."""
        my = self.here()
        entries = my.sorted_rows, my.sorted_columns, my.sorted_weights
        matrix = _csr(entries, my.n_nodes, transposed)
        # Again in the other direction, or empty: no branch of a condition could hold a matrix from outside.
        again = _once("again", entries, lambda: tuple(each[: my.n_twice] for each in entries))
        other = _csr(again, my.n_nodes, not transposed)

        @tf.custom_gradient
        def call(values: Tensor, weights: Tensor) -> Any:
            result = _multiply(matrix, values) + _multiply(other, values)

            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                into, out_of = (my.columns, my.rows) if transposed else (my.rows, my.columns)
                pairs = tf.gather(upstream, into) * tf.gather(values, out_of)
                return my.product(upstream, not transposed), tf.reduce_sum(pairs, axis=-1)

            return result, gradient

        return call(values, my.weights)


def _by_row(rows: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Entries in the order of their rows, those of a row in the order given."""

    def ordered() -> tuple[Tensor, ...]:
        order = tf.argsort(rows, stable=True)
        return tuple(tf.gather(each, order) for each in (rows, *others))

    # The neighbours that this library finds are sorted by receiver.
    return tf.cond(tf.reduce_all(rows[1:] >= rows[:-1]), lambda: (rows, *others), ordered)


def _csr(entries: tuple[Tensor, ...], n_rows: Tensor, transposed: bool) -> Tensor:
    """A CSR matrix of sorted rows, columns and weights, or its transpose, made once in each function that is traced."""

    def make() -> tuple[Tensor, Tensor]:
        rows, columns, weights = entries
        matrix = _matrix(rows, columns, weights, n_rows)
        return matrix, _turned(matrix, weights.dtype)

    return _once("csr", entries, make)[int(transposed)]


def _matrix(rows: Tensor, columns: Tensor, weights: Tensor, n_rows: Tensor) -> Tensor:
    """A square CSR matrix, its gradient left to whoever multiplies by it."""
    index = tf.stack([tf.cast(rows, tf.int64), tf.cast(columns, tf.int64)], axis=1)
    size = tf.maximum(tf.cast(n_rows, tf.int64), 1)  # TensorFlow divides by it; see _multiply
    return tf.raw_ops.SparseTensorToCSRSparseMatrix(
        indices=index, values=tf.stop_gradient(weights), dense_shape=tf.stack([size, size])
    )


def _multiply(matrix: Tensor, values: Tensor) -> Tensor:
    """Product of a CSR matrix with rows (n, C), its gradient left to the caller."""
    count, given = tf.shape(values)[0], tf.stop_gradient(values)
    # Without nodes the matrix has one empty row, since TensorFlow divides by the number of rows; nothing is copied
    # where there are nodes.
    filled = tf.cond(count > 0, lambda: given, lambda: tf.pad(given, [[0, 1], [0, 0]]))
    product = tf.raw_ops.SparseMatrixMatMul(a=matrix, b=filled)
    return tf.ensure_shape(product[:count], values.shape)


def _turned(matrix: Tensor, dtype: Any) -> Tensor:
    """Transpose of a CSR matrix: quicker to have than to multiply by the transpose as such."""
    return tf.raw_ops.SparseMatrixTranspose(input=matrix, conjugate=False, type=dtype)


def _once(what: str, objects: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """What ``make`` gives for these objects; while a function is traced, the same for the same ones."""
    if tf.executing_eagerly():
        return make()
    kept = _kept()
    key = (what, *(id(one) for one in objects))
    if key not in kept:
        kept[key] = (make(), objects)  # the objects too: an id is theirs as long as they live
    return kept[key][0]


def _last(pattern: CsrPattern, made: Tensor | None = None) -> list[Tensor]:
    """What the gradient of a pattern's weights ended with before, in the function that is traced."""
    if tf.executing_eagerly():
        return []
    kept, key = _kept(), ("last", id(pattern))
    if made is not None:
        kept[key] = made
    return [kept[key]] if key in kept else []


def _kept() -> dict[Any, Any]:
    """What is kept for the function that is traced: on its graph, so that it lives as long and reaches no other."""
    graph = tf.compat.v1.get_default_graph()
    if not hasattr(graph, _KEPT):
        setattr(graph, _KEPT, {})
    return getattr(graph, _KEPT)
