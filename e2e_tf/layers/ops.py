"""Tensor helpers shared by the layers; every one exports to ONNX and takes the number of segments explicitly.

An empty segment gives 0 for sums and means. Nothing here is inferred from values or from the last id, so that
graphs without nodes and nodes without edges keep their place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import tensorflow as tf

from e2e_tf.compat import is_compiling

__all__ = [
    "Blocks",
    "Entries",
    "Matrix",
    "attend",
    "block_index",
    "exporting",
    "from_blocks",
    "graph_ids",
    "has_products",
    "is_exporting",
    "join_heads",
    "leaky_relu",
    "linear",
    "may_have_loops",
    "nearest",
    "node_mask",
    "propagate",
    "segment_max",
    "segment_sum",
    "split_heads",
    "take_nodes",
    "to_blocks",
]

Tensor = Any

_EXPORTING = ContextVar("exporting", default=False)
_LOOPS = ContextVar("loops", default=True)


@contextmanager
def exporting(loops: bool = True) -> Iterator[None]:
    """What is traced inside is for inference in other runtimes only.

    Layers then take the form with the fewest operations, where TensorFlow's gradient wants another one. The
    numbers are the same but for rounding.

    Args:
        loops: dense graphs may hold loops; False where whoever built them knows that they do not.
    """
    tokens = (_EXPORTING, _EXPORTING.set(True)), (_LOOPS, _LOOPS.set(loops))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def is_exporting() -> bool:
    """Inside :func:`exporting`."""
    return _EXPORTING.get()


def may_have_loops() -> bool:
    """Dense graphs may hold loops: always, but inside ``exporting(loops=False)``."""
    return _LOOPS.get()


def linear(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Product of the last axis of ``x`` (..., F) with ``kernel`` (F, C), plus ``bias`` (C,), as one product.

    TensorFlow multiplies a batch by a matrix batch entry by batch entry, and its gradient holds one (F, C)
    matrix per entry before it sums them; flat, both passes take about two thirds of the time, and the bias
    costs no pass of its own.
    """
    kernel = tf.cast(kernel, x.dtype)
    flat = x if len(x.shape) == 2 else tf.reshape(x, (-1, kernel.shape[0]))
    flat = tf.matmul(flat, kernel)
    if bias is not None:
        flat = tf.nn.bias_add(flat, tf.cast(bias, x.dtype))
    if len(x.shape) == 2:
        return flat
    lead = [tf.shape(x)[i] if n is None else n for i, n in enumerate(x.shape[:-1])]
    return tf.reshape(flat, [*lead, kernel.shape[1]])


def leaky_relu(x: Tensor, slope: float) -> Tensor:
    """``x`` where positive, else ``slope * x`` with 0 < slope < 1, as a maximum.

    On a CPU TensorFlow is quicker at the maximum than at LeakyRelu, but quicker at the gradient of LeakyRelu
    than at that of the maximum, so each pass takes the better one.
    """

    @tf.custom_gradient
    def call(values: Tensor) -> Any:
        def gradient(upstream: Tensor) -> Tensor:
            return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=values, alpha=slope)

        return tf.maximum(values, tf.cast(slope, values.dtype) * values), gradient

    return call(x)


def attend(receive: Tensor, send: Tensor, values: Tensor, a: Tensor, slope: float) -> Tensor:
    r"""Attention of one head over a dense graph with a loop at every node.

    .. math::
        y_i = \frac{\sum_j P_{ij} h_j}{\sum_j P_{ij}}, \quad
        P_{ij} = a_{ij} \exp(\mathrm{LeakyReLU}(r_i + s_j) - c_i)

    The exponential grows with its argument and LeakyReLU is a maximum, so that with
    :math:`S = \max_j s_j` and :math:`c_i = \mathrm{LeakyReLU}(r_i + S)`

    .. math::
        P_{ij} = a_{ij} \max(u_i e^{s_j - S}, p_i e^{\lambda (s_j - S)}), \quad
        u_i = e^{\min((1 - \lambda)(r_i + S), 0)}, \quad p_i = e^{\min((\lambda - 1)(r_i + S), 0)}:

    two outer products with factors of at most 1 in place of N² exponentials, and what is normalised is N
    rows instead of N² coefficients. Where the loop of some node would get a weight so low that its neighbours'
    could vanish (logits more than 50 below the graph's largest), the exponentials are taken one by one, each
    row shifted by its own maximum. The gradient can be taken once, not of itself.

    Args:
        receive, send: (..., N), the two terms of the logits.
        values: (..., N, C).
        a: (..., N, N), ``a[receiver, sender]`` the number of edges, positive on the diagonal.
        slope: of the LeakyReLU, between 0 and 1.

    Returns:
        (..., N, C).
    """

    @tf.custom_gradient
    def call(receive: Tensor, send: Tensor, values: Tensor, a: Tensor) -> Any:
        top = tf.reduce_max(send, axis=-1, keepdims=True)
        steep = (1.0 - slope) * (receive + top)
        u, p = tf.exp(tf.minimum(steep, 0.0)), tf.exp(tf.minimum(-steep, 0.0))
        v, q = tf.exp(send - top), tf.exp(slope * (send - top))

        def outer(column: Tensor, row: Tensor) -> Tensor:
            # As a matrix product: broadcasting takes three times as long.
            return tf.matmul(column[..., :, None], row[..., None, :])

        def logits() -> Tensor:
            one = tf.ones_like(receive)
            return tf.matmul(tf.stack([receive, one], axis=-1), tf.stack([one, send], axis=-2))

        def factored() -> Tensor:
            return a * tf.maximum(outer(u, v), outer(p, q))

        def one_by_one() -> Tensor:
            x = logits()
            x = tf.where(a > 0, tf.maximum(x, slope * x), x.dtype.min)
            return a * tf.exp(x - tf.reduce_max(x, axis=-1, keepdims=True))

        safe = tf.reduce_all(tf.maximum(u * v, p * q) > _FAINT)
        weights = tf.cond(safe, factored, one_by_one)
        inverse = 1.0 / tf.reduce_sum(weights, axis=-1, keepdims=True)
        output = tf.matmul(weights, values) * inverse

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            scaled = upstream * inverse
            mean = tf.reduce_sum(scaled * output, axis=-1, keepdims=True)
            each = weights * (tf.matmul(scaled, values, transpose_b=True) - mean)
            through = tf.raw_ops.LeakyReluGrad(gradients=each, features=logits(), alpha=slope)
            found = (
                tf.reduce_sum(through, axis=-1),
                tf.reduce_sum(through, axis=-2),
                tf.matmul(weights, scaled, transpose_a=True),
                tf.math.divide_no_nan(each, a),
            )
            return tuple(tf.raw_ops.PreventGradient(input=one, message=_ONCE) for one in found)

        return output, gradient

    return call(receive, send, values, a)


def segment_sum(values: Tensor, segment: Tensor, n_segments: Tensor) -> Tensor:
    """Sum of the rows of each segment.

    Args:
        values: (n, ...).
        segment: int (n,), the segment of each row, in any order.
        n_segments: scalar int.

    Returns:
        (n_segments, ...), 0 for an empty segment.
    """
    shape = tf.concat([[n_segments], tf.shape(values)[1:]], axis=0)
    # Exports to one ScatterND with reduction; unsorted_segment_sum becomes 22 nodes with TopK and Unique.
    return tf.tensor_scatter_nd_add(tf.zeros(shape, values.dtype), segment[:, None], values)


def segment_max(values: Tensor, segment: Tensor, n_segments: Tensor, empty: float) -> Tensor:
    """Maximum of the rows of each segment, and ``empty`` where it has none (a lower bound of all values).

    Args and returns: as :func:`segment_sum`.
    """
    shape = tf.concat([[n_segments], tf.shape(values)[1:]], axis=0)
    start = tf.fill(shape, tf.cast(empty, values.dtype))
    return tf.tensor_scatter_nd_max(start, segment[:, None], values)


def propagate(values: Tensor, senders: Tensor, receivers: Tensor, weights: Tensor | None) -> Tensor:
    """Product of a matrix, given as edges, with node features (n, F): each node sums what is sent to it."""
    message = tf.gather(values, senders)
    if weights is not None:
        message = message * tf.cast(weights, values.dtype)[:, None]
    return segment_sum(message, receivers, tf.shape(values)[0])


def has_products(dtype: Any) -> bool:
    """Sparse matrices multiply here: TensorFlow has them for these dtypes on a processor, XLA has not."""
    return dtype in (tf.float32, tf.float64) and not (
        is_exporting() or is_compiling() or tf.config.list_physical_devices("GPU")
    )


class Entries:
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
    def of(rows: Tensor, columns: Tensor) -> Entries:
        """Those of a graph, found once for all layers that get the same tensors."""
        return once((rows, columns), lambda: Entries(rows, columns))

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


class Matrix:
    """A weighted sparse square matrix, for products with node features as fast as those of :class:`Entries`.

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
        entries = Entries(*tf.cond(self.mirrored, lambda: first, lambda: [rows, columns, weights]))
        (sorted_weights,) = entries.others
        self.matrix = entries.matrix(sorted_weights, n_nodes)
        self.turned = turn(self.matrix, weights.dtype)

    @staticmethod
    def of(rows: Tensor, columns: Tensor, weights: Tensor, n_nodes: Tensor) -> Matrix:
        """That of a graph, sorted once for all layers that get the same tensors."""
        return once((rows, columns, weights), lambda: Matrix(rows, columns, weights, n_nodes))

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


class Blocks:
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
    def of(blocks: Tensor) -> Blocks:
        """Those of a graph, found once for all layers that get the same tensor."""
        return once((blocks,), lambda: Blocks(blocks))

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
    return tf.ensure_shape(tf.raw_ops.SparseMatrixMatMul(a=matrix, b=values), values.shape)


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


def graph_ids(n_node: Tensor, n_nodes: Tensor) -> Tensor:
    """int32 (n_nodes,): the graph of each node, from the counts int32 (B,)."""
    if not is_exporting():
        # One at the first node of each graph, added up; a graph without nodes adds its one to the next.
        start = tf.cumsum(n_node, exclusive=True)
        first = segment_sum(tf.ones_like(start), start, n_nodes + 1)
        return tf.cumsum(first)[:-1] - 1
    ends = tf.cumsum(n_node)
    return tf.reduce_sum(tf.cast(tf.range(n_nodes)[:, None] >= ends[None, :], tf.int32), axis=1)


def block_index(n_node: Tensor) -> tuple[Tensor, Tensor]:
    """Where the slots of padded blocks lie in the flat node array.

    Args:
        n_node: int32 (B,).

    Returns:
        ``(index, mask)``, both (B, N) with N the largest count, at least 1: int32 rows of the flat array
        (n for an empty slot, one past the last), and True for a slot that holds a node.
    """
    start = tf.cumsum(n_node, exclusive=True)
    size = tf.maximum(tf.reduce_max(tf.concat([n_node, [1]], axis=0)), 1)
    slot = tf.range(size)
    mask = slot[None, :] < n_node[:, None]
    return tf.where(mask, start[:, None] + slot[None, :], tf.reduce_sum(n_node)), mask


def to_blocks(values: Tensor, index: Tensor) -> Tensor:
    """Rows (n, F) of the flat array on padded blocks (B, N, F), 0 in empty slots."""
    return tf.gather(tf.pad(values, [[0, 1], [0, 0]]), index)


def from_blocks(blocks: Tensor, n_node: Tensor) -> Tensor:
    """Rows (n, F) of padded blocks (B, N, F) in the flat order; the inverse of :func:`to_blocks`."""
    size = tf.shape(blocks)[1]
    graph = graph_ids(n_node, tf.reduce_sum(n_node))
    start = tf.cumsum(n_node, exclusive=True)
    node = tf.range(tf.shape(graph)[0]) - tf.gather(start, graph)
    return tf.gather(tf.reshape(blocks, (-1, blocks.shape[-1])), graph * size + node)


def node_mask(members: Tensor, dtype: Any) -> tuple[Tensor, Tensor]:
    """``(mask, count)`` of padded blocks: 1 for a node (B, N), and the nodes of each graph, int32 (B,)."""
    # Counted in float32: bfloat16 counts to 256 only.
    count = tf.cast(tf.reduce_sum(tf.cast(members, tf.float32), axis=1), tf.int32)
    return tf.cast(members, dtype), count


def split_heads(values: Tensor, heads: int) -> Tensor:
    """(B, N, heads * C) as (B, heads, N, C)."""
    if heads == 1:
        # tf2onnx makes a reshape of transposes that move an axis of 1, and gets its shape wrong.
        return values[:, None]
    shape = tf.shape(values)
    values = tf.reshape(values, [shape[0], shape[1], heads, values.shape[-1] // heads])
    return tf.transpose(values, (0, 2, 1, 3))


def join_heads(values: Tensor) -> Tensor:
    """(B, heads, N, C) as (B, N, heads * C)."""
    heads, channels = values.shape[1], values.shape[-1]
    if heads == 1:
        return tf.squeeze(values, axis=1)
    values = tf.transpose(values, (0, 2, 1, 3))
    shape = tf.shape(values)
    return tf.reshape(values, [shape[0], shape[1], heads * channels])


def nearest(points: Tensor, mask: Tensor, k: int, loops: bool) -> tuple[Tensor, Tensor]:
    """The ``k`` nearest nodes of each node, within its graph.

    Args:
        points: (B, N, D).
        mask: (B, N), 1 for a node; nodes come first in each block.
        k: neighbours of a node, fewer where the graph has fewer.
        loops: a node is its own neighbour, the nearest.

    Returns:
        ``(index, valid)``, both (B, N, min(k, N)): int32 slots in the block, and bool, True for a neighbour.
        Of equally distant nodes the one of lower index comes first.
    """
    points = tf.cast(points, tf.float32) if points.dtype != tf.float64 else points
    size = points.shape[1] if points.shape[1] is not None else tf.shape(points)[1]
    _, count = node_mask(mask, points.dtype)
    slot = tf.range(size)
    present = slot[None, :] < count[:, None]
    if points.shape[-1] <= _DIRECT:
        # A column at a time, so that no (B, N, N, D) array is held.
        columns = tf.unstack(points, axis=-1)
        squares = [tf.math.squared_difference(c[:, :, None], c[:, None, :]) for c in columns]
        distance = tf.add_n(squares)
    else:
        # |x - y|² = |x|² + |y|² - 2 xy loses digits far from the origin, so the origin is the graph's mean.
        weight = tf.cast(present, points.dtype)[:, :, None]
        centre = tf.reduce_sum(points * weight, axis=1, keepdims=True)
        points = points - centre / tf.maximum(tf.reduce_sum(weight, axis=1, keepdims=True), 1)
        norm = tf.reduce_sum(tf.square(points), axis=-1)
        product = tf.matmul(points, points, transpose_b=True)
        distance = norm[:, :, None] + norm[:, None, :] - 2.0 * product
    same = slot[:, None] == slot[None, :]
    worst = points.dtype.max
    distance = tf.where(same, tf.constant(-1.0 if loops else worst, points.dtype), distance)
    distance = tf.where(present[:, None, :], distance, tf.constant(worst, points.dtype))
    # The node itself, when it is no neighbour, sorts before empty slots or after them; either way it comes
    # after the other nodes, and the count says how many of those there are.
    width = min(k, size) if isinstance(size, int) else tf.minimum(k, size)
    index = tf.math.top_k(-distance, width).indices
    others = count if loops else count - 1
    valid = present[:, :, None] & (tf.range(width)[None, None, :] < others[:, None, None])
    return index, valid


def take_nodes(values: Tensor, index: Tensor) -> Tensor:
    """Rows of each block: (B, N, F) at slots (B, N, k) gives (B, N, k, F)."""
    size = tf.shape(values)[1]
    first = tf.range(tf.shape(values)[0]) * size
    return tf.gather(tf.reshape(values, (-1, values.shape[-1])), first[:, None, None] + index)


_DIRECT = 4  # dimensions up to which squared differences are summed one by one
_FULL = 3  # a dense product takes as long as a sparse one with an entry in so many
_FAINT = 1e-22  # weights below 1e-38 vanish: less than rounding beside one of this
_ONCE = "attention over dense graphs can be differentiated once only"
_KEPT = "_e2e_tf_once"  # attribute of graphs that are traced
