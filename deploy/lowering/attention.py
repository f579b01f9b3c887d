"""Attention as one operation, for which runtimes on GPUs have a fused kernel.

The operation is ``MultiHeadAttention`` of ONNX Runtime (domain ``com.microsoft``), with the pair bias and the mask as
its ``attention_bias``. Its place is found by what is computed, not by names: ``softmax(scale * q kᵀ + biases) v``.
Which tensors hold queries, keys and values, and which the result, follows from where each of their elements ends up at
every size that matters, whatever transposes and reshapes lie between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from e2e_tf.deploy.interface import TensorInfo
from e2e_tf.deploy.lowering.graph import OnnxGraph
from e2e_tf.deploy.lowering.rewrites import prune
from e2e_tf.deploy.lowering.sizes import breakpoints, sized_inputs

__all__ = ["FUSED", "fused_attention"]

_DOMAIN, _OPERATION = "com.microsoft", "MultiHeadAttention"
FUSED = f"{_DOMAIN}::{_OPERATION}"
"""The operation, which is none of ONNX itself."""
_IN_ORDER = ("Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze")  # elements keep their order
_LOW = -1e8  # what replaces a masked score, or less: beside it a score is lost, if it is added too

Shapes = list[tuple[int, ...]]


def fused_attention(model: Any, inputs: Sequence[TensorInfo]) -> tuple[Any, int]:
    """The same function with every attention that can be found as one operation.

    Args:
        model: ``onnx.ModelProto`` of standard operations, as :func:`e2e_tf.deploy.lowering.optimise` gives it.
        inputs: names and shapes; free dimensions take every size that matters.

    Returns:
        Another model, and how many attentions it has as one operation.
    """
    import onnx

    graph = OnnxGraph(model)
    graph.observe(sized_inputs(inputs, breakpoints(graph)))
    count = sum(_fuse(graph, node) for node in list(graph.nodes) if node.op_type == "Softmax")
    prune(graph)
    fused = graph.model()
    if count:
        fused.opset_import.append(onnx.helper.make_opsetid(_DOMAIN, 1))
    return fused, count


@dataclass
class _Scores:
    """What a softmax is of: ``scale * product + biases``."""

    product: Any
    scale: float = 1.0
    biases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Sizes:
    """Sizes of an attention for each sample: jets, queries, keys; the heads are always as many."""

    jets: list[int]
    heads: int
    queries: list[int]
    keys: list[int]

    def blocks(self, rows: Sequence[int], width: int, axes: tuple[int, ...]) -> list[np.ndarray]:
        """Where the elements of blocks (B, rows, heads, width) end up if their axes are put into another order."""
        return [
            np.arange(b * n * self.heads * width).reshape(b, n, self.heads, width).transpose(axes).ravel()
            for b, n in zip(self.jets, rows, strict=True)
        ]


def _fuse(graph: OnnxGraph, softmax: Any) -> bool:
    """Put one operation where the result of this softmax times values is; False where this is no such product."""
    made = graph.producers()
    shapes = graph.shapes.get(softmax.output[0])
    last = {a.name: a.i for a in softmax.attribute}.get("axis", -1)
    if shapes is None or len({len(s) for s in shapes}) > 1 or len(shapes[0]) not in (3, 4):
        return False
    heads = {s[1] for s in shapes} if len(shapes[0]) == 4 else {1}
    if last not in (-1, len(shapes[0]) - 1) or len(heads) > 1:
        return False
    sizes = _Sizes([s[0] for s in shapes], heads.pop(), [s[-2] for s in shapes], [s[-1] for s in shapes])
    scores, values = _scores(graph, made, softmax.input[0]), _values(graph, softmax.output[0])
    if scores is None or values is None:
        return False
    depth, width = _width(graph, scores.product.input[0]), _width(graph, values.input[1])
    if depth is None or width is None:
        return False
    wanted = (
        (scores.product.input[0], sizes.queries, depth, (0, 2, 1, 3), True),
        (scores.product.input[1], sizes.keys, depth, (0, 2, 3, 1), True),
        (values.input[1], sizes.keys, width, (0, 2, 1, 3), False),
    )
    tensors, new, scale = [], [], scores.scale
    for name, rows, size, axes, scaled in wanted:
        found = _rows(graph, made, name, sizes, rows, size, axes, scaled)
        if found is None:
            return False
        source, factor = found
        if any(len(s) != 3 for s in graph.shapes[source]):
            flat = graph.constant(np.array([0, 0, sizes.heads * size], np.int64), "shape")
            new.append(graph.node("Reshape", [source, flat], [graph.new_name("rows")]))
            source = new[-1].output[0]
        tensors.append(source)
        scale *= factor
    place, result, target = _result(graph, values.output[0], sizes, width)
    bias = _bias(graph, scores.biases, tensors, sizes, new)
    if result is None or bias is None or not scale:
        return False
    flat_result = result if target is None else graph.new_name("attended")
    more = ["", "", bias] if bias else []
    new.append(
        graph.node(
            _OPERATION,
            tensors + more,
            [flat_result],
            domain=_DOMAIN,
            num_heads=sizes.heads,
            scale=float(scale),
        )
    )
    if target is not None:
        new.append(graph.node("Reshape", [flat_result, graph.constant(target, "shape")], [result]))
    graph.nodes[place : place + 1] = new
    return True


def _scores(graph: OnnxGraph, made: dict[str, Any], name: str) -> _Scores | None:
    """The product of two computed tensors that a tensor is, but for a factor and what is added."""
    node = made.get(name)
    if node is None:
        return None
    if node.op_type == "MatMul":
        computed = not any(side in graph.constants for side in node.input)
        return _Scores(node) if computed else None
    if node.op_type == "Add":
        sides = [(_scores(graph, made, node.input[i]), node.input[1 - i]) for i in (0, 1)]
        found = [(scores, other) for scores, other in sides if scores is not None and other in graph.shapes]
        if len(found) != 1:
            return None
        inner, other = found[0]
        inner.biases.append(other)
        return inner
    if node.op_type == "Where":
        low = graph.constants.get(node.input[2])
        scores = _scores(graph, made, node.input[1])
        if low is None or not (low <= _LOW).all() or scores is None or node.input[0] not in graph.shapes:
            return None
        # What is masked is shifted instead.
        zero = graph.constant(np.zeros((), low.dtype), "zero")
        shift = graph.node("Where", [node.input[0], zero, node.input[2]], [graph.new_name("shift")])
        graph.nodes.insert(graph.nodes.index(node), shift)
        shapes = [graph.shapes[node.input[0]], [low.shape] * len(graph.shapes[node.input[0]])]
        graph.shapes[shift.output[0]] = [np.broadcast_shapes(*of) for of in zip(*shapes, strict=True)]
        scores.biases.append(shift.output[0])
        return scores
    factor = _factor(graph, node)
    if factor is not None or node.op_type in _IN_ORDER:
        side = node.input[1] if factor is not None and node.input[0] in graph.constants else node.input[0]
        scores = _scores(graph, made, side)
        if scores is None or scores.biases:  # they would be multiplied, or of another shape
            return None
        scores.scale *= 1.0 if factor is None else factor
        return scores
    return None


def _factor(graph: OnnxGraph, node: Any) -> float | None:
    """The constant that a node multiplies by; None where it does something else."""
    if node.op_type not in ("Mul", "Div"):
        return None
    sides = [graph.constants.get(name) for name in node.input]
    constant = sides[1] if sides[1] is not None else sides[0] if node.op_type == "Mul" else None
    if constant is None or constant.size != 1 or not constant.all():
        return None
    return 1 / float(constant.item()) if node.op_type == "Div" else float(constant.item())


def _users(graph: OnnxGraph, name: str) -> list[Any]:
    return [node for node in graph.nodes if name in node.input]


def _values(graph: OnnxGraph, name: str) -> Any:
    """The only product of what comes out of the softmax, with something computed."""
    while True:
        users = _users(graph, name)
        if len(users) != 1 or name in graph.outputs:
            return None
        (node,) = users
        if node.op_type == "MatMul":
            return node if node.input[0] == name and node.input[1] not in graph.constants else None
        if node.op_type not in _IN_ORDER or node.input[0] != name:
            return None
        name = node.output[0]


def _width(graph: OnnxGraph, name: str) -> int | None:
    """The last size, if it is always the same; None where it is not or not known."""
    found = {s[-1] for s in graph.shapes.get(name, [()]) if s}
    return found.pop() if len(found) == 1 else None


def _moved(graph: OnnxGraph, nodes: Sequence[Any], shapes: Shapes) -> list[np.ndarray]:
    """Where the elements of a tensor are behind nodes that only move them, for each sample."""
    found = []
    for i, shape in enumerate(shapes):
        places = np.arange(int(np.prod(shape))).reshape(shape)
        for node in nodes:
            if node.op_type == "Transpose":
                places = places.transpose(next((a.ints for a in node.attribute if a.name == "perm"), None))
            else:
                places = places.reshape(graph.shapes[node.output[0]][i])
        found.append(places.ravel())
    return found


def _same(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> bool:
    return all(np.array_equal(b, a) for b, a in zip(before, after, strict=True))


def _leads(shapes: Shapes, jets: Sequence[int], rows: Sequence[int]) -> bool:
    """The first two sizes are these, always."""
    return all(s[:2] == of for s, of in zip(shapes, zip(jets, rows, strict=True), strict=True))


def _rows(
    graph: OnnxGraph,
    made: dict[str, Any],
    name: str,
    sizes: _Sizes,
    rows: Sequence[int],
    width: int,
    axes: tuple[int, ...],
    scaled: bool,
) -> tuple[str, float] | None:
    """The tensor (B, rows, heads * width), or with heads apart, that an operand of a product is made of.

    Args:
        graph, made: the graph and its producers.
        name: the operand.
        sizes: of the attention.
        rows: of the tensor, queries or keys.
        width: of a head.
        axes: the order in which the operand has the axes of (B, rows, heads, width).
        scaled: a factor on the way is taken out.

    Returns:
        Its name and the factor; None where there is none.
    """
    wanted, best, factor = sizes.blocks(rows, width, axes), None, 1.0
    chain: list[Any] = []
    while name in graph.shapes:
        shapes = graph.shapes[name]
        if _leads(shapes, sizes.jets, rows) and _same(_moved(graph, chain, shapes), wanted):
            best = name, factor
            if {len(s) for s in shapes} == {3}:
                return best
        node = made.get(name)
        if node is None:
            break
        by = _factor(graph, node) if scaled else None
        if by is not None:
            factor *= by
            name = next(side for side in node.input if side not in graph.constants)
        elif node.op_type in (*_IN_ORDER, "Transpose"):
            chain.insert(0, node)
            name = node.input[0]
        else:
            break
    return best


def _result(
    graph: OnnxGraph, name: str, sizes: _Sizes, width: int
) -> tuple[int, str | None, np.ndarray | None]:
    """Where rows (B, queries, heads * width) of the result stand first.

    Args:
        graph: the graph.
        name: the product with the values.
        sizes: of the attention.
        width: of a head of the values.

    Returns:
        The place of the node, the tensor that it makes and, where that has another shape, the target of a reshape; no
        tensor where there is none.
    """
    wanted = sizes.blocks(sizes.queries, width, (0, 1, 2, 3))
    first = graph.shapes.get(name)
    if first is None:
        return 0, None, None
    heads_first = [
        np.arange(places.size).reshape(b, sizes.heads, n, width).transpose(0, 2, 1, 3).ravel()
        for places, b, n in zip(wanted, sizes.jets, sizes.queries, strict=True)
    ]
    chain: list[Any] = []
    found: tuple[int, str | None, np.ndarray | None] = 0, None, None
    while name in graph.shapes:
        shapes = graph.shapes[name]
        leads = _leads(shapes, sizes.jets, sizes.queries) and len({s[2:] for s in shapes}) == 1
        if leads and _same(_moved(graph, chain, first), heads_first):
            place = next(i for i, node in enumerate(graph.nodes) if name in node.output)
            if len(shapes[0]) == 3:
                return place, name, None
            found = place, name, np.array([0, 0, *shapes[0][2:]], np.int64)
        users = _users(graph, name)
        if len(users) != 1 or name in graph.outputs or users[0].op_type not in (*_IN_ORDER, "Transpose"):
            break
        chain.append(users[0])
        name = users[0].output[0]
    return found


def _bias(
    graph: OnnxGraph, names: Sequence[str], tensors: Sequence[str], sizes: _Sizes, new: list[Any]
) -> str | None:
    """The sum of what is added to the scores as (B, heads, queries, keys), the one shape that all versions read alike.

    With one for all heads, ONNX Runtime 1.20 gives other scores without a word, and 1.17 to 1.19 do so with one for all
    jets. Without any, 1.19 and 1.20 end where there are no queries, so zeros are added where their number is free.

    Args:
        graph: the graph.
        names: what is added.
        tensors: queries and keys, (B, rows, ...).
        sizes: of the attention.
        new: nodes that are made for it are put there.

    Returns:
        Its name, empty where nothing is added; None where its shape is another.
    """
    if not names and len(set(sizes.queries)) == len(set(sizes.keys)) == 1:
        return ""
    names = names or [graph.constant(np.zeros((), np.float32), "zero")]
    total, shapes = names[0], graph.shapes.get(names[0], [()] * len(sizes.jets))
    for name in names[1:]:
        new.append(graph.node("Add", [total, name], [graph.new_name("bias")]))
        total = new[-1].output[0]
        shapes = [np.broadcast_shapes(*of) for of in zip(shapes, graph.shapes[name], strict=True)]
    rank = len(shapes[0])
    if len({len(s) for s in shapes}) > 1 or rank > 4:
        return None
    if rank == 3 and sizes.heads == 1:  # of one head, without its axis
        axis = graph.constant(np.ones(1, np.int64), "axis")
        new.append(graph.node("Unsqueeze", [total, axis], [graph.new_name("bias")]))
        total, shapes = new[-1].output[0], [(s[0], 1, *s[1:]) for s in shapes]
    wanted = [
        (jets, sizes.heads, queries, keys)
        for jets, queries, keys in zip(sizes.jets, sizes.queries, sizes.keys, strict=True)
    ]
    if shapes == wanted:
        return total
    ends = [graph.constant(np.array([i], np.int64), "end") for i in range(3)]
    parts = []
    for tensor, low in ((tensors[0], 0), (tensors[0], 1), (tensors[1], 1)):
        whole, part = graph.new_name("shape"), graph.new_name("size")
        new.append(graph.node("Shape", [tensor], [whole]))
        new.append(graph.node("Slice", [whole, ends[low], ends[low + 1]], [part]))
        parts.append(part)
    parts.insert(1, graph.constant(np.array([sizes.heads], np.int64), "heads"))
    target = graph.new_name("shape")
    new.append(graph.node("Concat", parts, [target], axis=0))
    new.append(graph.node("Expand", [total, target], [graph.new_name("bias")]))
    return str(new[-1].output[0])
