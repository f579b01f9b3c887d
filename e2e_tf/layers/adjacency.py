"""The three forms in which layers take a graph, told apart by type; checks of arguments."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from e2e_tf.errors import InputError

__all__ = [
    "EDGES_HELP",
    "add_self_loops",
    "as_edges",
    "attention_bias",
    "check_counts",
    "check_graph",
    "check_members",
    "diagonal",
    "is_dense",
    "masked_softmax",
    "number",
    "positive",
    "self_loops",
    "weighted_spec",
]

Tensor = Any

_LOW = -1e30  # beside it every logit is 0; the sum of several stays finite

EDGES_HELP = (
    "the graph must be dense blocks (B, N, N) with a[b, receiver, sender], a sparse (n, n) matrix, or a "
    "tuple (senders, receivers) or (senders, receivers, weights) of shape (n_edges,)"
)


def is_dense(a: Any) -> bool:
    """True for dense blocks (B, N, N) or one dense matrix (N, N), False for edges.

    Args:
        a: a graph as layers take it: dense, sparse, or a tuple of edges.

    Returns:
        Whether it is dense.

    Raises:
        InputError: ``a`` has none of the accepted forms.
    """
    if isinstance(a, (tuple, list)):
        if len(a) not in (2, 3):
            raise InputError(f"{EDGES_HELP}; got a tuple of {len(a)}")
        return False
    if isinstance(a, (tf.SparseTensor, tf.sparse.SparseTensor)) or getattr(a, "sparse", False):
        return False
    rank = len(a.shape)
    if rank not in (2, 3):
        raise InputError(f"{EDGES_HELP}; got shape {tuple(a.shape)}")
    return True


def weighted_spec(a: Any, dtype: str) -> Any:
    """What a layer gives that takes a graph and gives one with weights in the same form.

    Args:
        a: the graph, as in :func:`is_dense`.
        dtype: of the weights.

    Returns:
        A symbolic tensor of the shape of a dense ``a``, else the symbolic ``(senders, receivers, weights)``.

    Raises:
        InputError: ``a`` has none of the accepted forms.
    """
    if is_dense(a):
        return keras.KerasTensor(a.shape, dtype=dtype)
    index = a[0].dtype if isinstance(a, (tuple, list)) else "int64"
    return tuple(keras.KerasTensor((None,), dtype=one) for one in (index, index, dtype))


def check_graph(x: Any, a: Any) -> bool:
    """Check that node features and a graph go together; True if the graph is dense.

    Args:
        x: node features (B, N, F), (N, F) or (n, F).
        a: the graph, as in :func:`is_dense`.

    Returns:
        Whether the graph is dense.

    Raises:
        InputError: a rank or a size does not fit.
    """
    dense = is_dense(a)
    rank = len(x.shape)
    if dense:
        if rank != len(a.shape):
            raise InputError(
                "x and a dense graph a must have the same rank, "
                f"got x {tuple(x.shape)} and a {tuple(a.shape)}"
            )
        sizes = {n for n in (x.shape[-2], a.shape[-1], a.shape[-2]) if n is not None}
        batches = {n for n in (x.shape[0], a.shape[0]) if n is not None}
        if len(sizes) > 1 or (rank == 3 and len(batches) > 1):
            raise InputError(
                f"a dense graph a must have shape (..., N, N) for x of shape (..., N, F), "
                f"got x {tuple(x.shape)} and a {tuple(a.shape)}"
            )
        return True
    if rank != 2:
        raise InputError(f"x must have shape (n, F) when the graph is given as edges, got {tuple(x.shape)}")
    if isinstance(a, (tuple, list)):
        for name, part in zip(("senders", "receivers", "weights"), a, strict=False):
            if len(part.shape) != 1:
                raise InputError(f"{name} must have shape (n_edges,), got {tuple(part.shape)}")
        sizes = {part.shape[0] for part in a if part.shape[0] is not None}
        if len(sizes) > 1:
            raise InputError(
                f"senders, receivers and weights must have one entry per edge each, "
                f"got {[part.shape[0] for part in a]}"
            )
    return False


def check_members(x: Any, members: Any) -> bool:
    """Check node features against ``mask`` or ``n_node``; True if they are blocks with a mask.

    Args:
        x: node features (B, N, F) or (n, F).
        members: mask (B, N) or counts ``n_node`` int (B,).

    Returns:
        True for blocks with a mask.

    Raises:
        InputError: the ranks do not go together, or the counts do not add up to the nodes.
    """
    ranks = (len(x.shape), len(members.shape))
    if ranks not in ((3, 2), (2, 1)):
        raise InputError(
            "nodes must come as x (B, N, F) with mask (B, N), or x (n, F) with n_node (B,), "
            f"got shapes {tuple(x.shape)} and {tuple(members.shape)}"
        )
    if ranks[0] == 3:
        for axis in (0, 1):
            if None not in (x.shape[axis], members.shape[axis]) and x.shape[axis] != members.shape[axis]:
                raise InputError(
                    f"mask must have shape (B, N) for x of shape (B, N, F), "
                    f"got x {tuple(x.shape)} and mask {tuple(members.shape)}"
                )
        return True
    check_counts(members, x)
    return False


def check_counts(n_node: Any, x: Any) -> None:
    """Check that ``n_node`` adds up to the rows of ``x``, where both have values already.

    Inside a traced function the values come later, and the check is the loader's.

    Args:
        n_node: int (B,).
        x: (n, F).

    Raises:
        InputError: the counts are negative or do not add up to n.
    """
    if not (tf.executing_eagerly() and isinstance(n_node, tf.Tensor) and isinstance(x, tf.Tensor)):
        return
    total = int(tf.reduce_sum(n_node))
    if total != x.shape[0] or bool(tf.reduce_any(n_node < 0)):
        raise InputError(
            f"n_node must add up to the nodes of x ({x.shape[0]}), got {n_node.numpy().tolist()}"
        )


def positive(name: str, value: Any) -> int:
    """A positive integer argument.

    Args:
        name: of the argument, for the message.
        value: what was given.

    Returns:
        The value.

    Raises:
        InputError: it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a positive integer, got {value!r}")
    return value


def number(name: str, value: Any, low: float = 0.0) -> float:
    """A finite number of at least ``low``.

    Args:
        name: of the argument, for the message.
        value: what was given.
        low: least value that is accepted.

    Returns:
        The value as a float.

    Raises:
        InputError: it is not one.
    """
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = float("nan")
    if isinstance(value, bool) or not low <= result < float("inf"):
        raise InputError(f"{name} must be a finite number of at least {low:g}, got {value!r}")
    return result


def as_edges(a: Any, rows: str) -> tuple[Tensor, Tensor, Tensor | None]:
    """``(senders, receivers, weights)`` of a graph that is not dense.

    Args:
        a: tuple of edges, or a sparse matrix.
        rows: what the rows of a sparse matrix are, ``"senders"`` (Spektral's GATConv and message passing) or
            ``"receivers"`` (a matrix that multiplies node features from the left).

    Returns:
        int (n_edges,) senders and receivers, and weights (n_edges,) or None.
    """
    if isinstance(a, (tuple, list)):
        senders, receivers = a[0], a[1]
        return senders, receivers, (a[2] if len(a) == 3 else None)
    first, second = a.indices[:, 0], a.indices[:, 1]
    if rows == "senders":
        return first, second, a.values
    return second, first, a.values


def diagonal(a: Tensor) -> Tensor:
    """bool (N, N), True on the diagonal of a dense graph (..., N, N).

    Args:
        a: a dense graph (..., N, N).

    Returns:
        bool (N, N).
    """
    # From the graph alone: layers that share one then share these nodes once common ones are merged.
    nodes = tf.range(tf.shape(a)[-1])
    return nodes[:, None] == nodes[None, :]


def self_loops(a: Tensor, count: float = 1) -> Tensor:
    """A dense graph with exactly ``count`` loops at every node, those that are there already replaced.

    Args:
        a: (..., N, N).
        count: of the loops.

    Returns:
        (..., N, N) in the dtype of ``a``.
    """
    return tf.where(diagonal(a), tf.constant(count, a.dtype), a)


def attention_bias(a: Tensor, dtype: Any) -> Tensor:
    """What a dense graph adds to attention logits: log of the multiplicity, and a low value for no edge.

    In float64 for logits in float64, else in float32: a value that is lower than all logits of float16 has no place in
    float16. Pass the sum to :func:`masked_softmax`.

    Args:
        a: (..., N, N), ``a[receiver, sender]`` how often an edge is listed.
        dtype: of the logits.

    Returns:
        (..., N, N).
    """
    wide = tf.float64 if dtype == tf.float64 else tf.float32
    a = tf.cast(a, wide)
    some = a > 0
    return tf.where(some, tf.math.log(tf.where(some, a, tf.ones_like(a))), tf.constant(_LOW, wide))


def masked_softmax(logits: Tensor, bias: Tensor) -> Tensor:
    """Softmax over the last axis of ``logits + bias``, in the wider of both dtypes; as the logits are.

    Args:
        logits: (..., N).
        bias: (..., N), from :func:`attention_bias`.

    Returns:
        (..., N) in the dtype of ``logits``.
    """
    return tf.cast(tf.nn.softmax(tf.cast(logits, bias.dtype) + bias, axis=-1), logits.dtype)


def add_self_loops(senders: Tensor, receivers: Tensor, n_nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Edges with one loop at every node appended, and a mask of the edges that count.

    Loops that are there already do not count twice: they are masked rather than removed, which keeps the
    number of edges independent of values.

    Args:
        senders, receivers: int (n_edges,).
        n_nodes: scalar int.

    Returns:
        ``(senders, receivers, keep)``, each (n_edges + n_nodes,); ``keep`` is bool.
    """
    loop = tf.range(tf.cast(n_nodes, senders.dtype), dtype=senders.dtype)
    keep = tf.concat([senders != receivers, tf.ones_like(loop, tf.bool)], axis=0)
    return tf.concat([senders, loop], axis=0), tf.concat([receivers, loop], axis=0), keep
