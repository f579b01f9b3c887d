"""What is simplified in an ONNX graph, one function each, in the order of this file.

The converter writes out every reshape that TensorFlow's matrix products need and the arithmetic behind its shape;
in a graph network on jets of 50 nodes that is half the time. Which of it says nothing follows from the shapes at
every size that matters (:mod:`e2e_tf.deploy.lowering.sizes`): a reshape that keeps its dimensions at all of them
becomes constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.graph import OnnxGraph

__all__ = ["REWRITES", "rewrite"]

Rewrite = Callable[[OnnxGraph], None]
REWRITES: list[Rewrite] = []
_ACTIVATIONS = ("Relu", "LeakyRelu", "Sigmoid", "Tanh")  # those that ONNX Runtime has products with


def rewrite(function: Rewrite) -> Rewrite:
    """Register a simplification.

    Args:
        function: takes a graph whose shapes are known and changes its nodes in place, not what it computes.

    Returns:
        The same function.
    """
    REWRITES.append(function)
    return function


@rewrite
def flat_products(graph: OnnxGraph) -> None:
    """``reshape(reshape(x, (-1, F)) @ w, (B, N, C))`` is ``x @ w``; with a bias it stays flat, one ``Gemm``.

    Args:
        graph: whose shapes are known; changed in place.
    """
    made = graph.producers()
    for position, node in enumerate(graph.nodes):
        if node.op_type != "Reshape" or node.output[0] not in graph.shapes:
            continue
        product = made.get(node.input[0])
        if product is None or product.op_type != "MatMul" or product.input[1] not in graph.constants:
            continue
        flat = made.get(product.input[0])
        if flat is None or flat.op_type != "Reshape" or flat.input[0] not in graph.shapes:
            continue
        before, after = graph.shapes[flat.input[0]], graph.shapes[node.output[0]]
        if graph.constants[product.input[1]].ndim != 2:
            continue
        width = graph.constants[product.input[1]].shape
        if any(
            len(b) != len(a) or b[:-1] != a[:-1] or (b[-1], a[-1]) != width
            for b, a in zip(before, after, strict=True)
        ):
            continue
        graph.nodes[position] = graph.node("MatMul", [flat.input[0], product.input[1]], [node.output[0]])


@rewrite
def constant_reshapes(graph: OnnxGraph) -> None:
    """Dimensions that a reshape keeps are written as 0, one that it infers as -1: no shape is computed.

    Args:
        graph: whose shapes are known; changed in place.
    """
    for node in graph.nodes:
        if node.op_type != "Reshape" or node.input[1] in graph.constants:
            continue
        if node.input[0] not in graph.shapes or node.output[0] not in graph.shapes:
            continue
        if any(a.name == "allowzero" and a.i for a in node.attribute):
            continue
        before, after = graph.shapes[node.input[0]], graph.shapes[node.output[0]]
        if len({len(s) for s in after}) > 1 or any(0 in s for s in [*before, *after]):
            continue
        target = []
        for axis in range(len(after[0])):
            sizes = {s[axis] for s in after}
            if all(axis < len(b) and b[axis] == a[axis] for b, a in zip(before, after, strict=True)):
                target.append(0)
            elif len(sizes) == 1:
                target.append(sizes.pop())
            else:
                target.append(-1)
        if target.count(-1) <= 1:
            node.input[1] = graph.constant(np.array(target, np.int64), "shape")


@rewrite
def borrowed_shapes(graph: OnnxGraph) -> None:
    """The shape of blocks made of flat rows: B and N of the first tensor that has them, once for all layers.

    Args:
        graph: whose shapes are known; changed in place.
    """
    blocks: list[str] = []  # tensors (B, N, ...) that are there already
    sizes: dict[str, str] = {}  # B and N by the tensor that they are taken from
    nodes = []
    for node in graph.nodes:
        after = graph.shapes.get(node.output[0], [])
        source = None
        if node.op_type == "Reshape" and node.input[1] not in graph.constants:
            source = next((name for name in blocks if _same_blocks(graph, name, after)), None)
        if source is not None:
            if source not in sizes:
                whole, sizes[source] = graph.new_name("shape"), graph.new_name("sizes")
                ends = [graph.constant(np.array([i], np.int64), "end") for i in (0, 2)]
                nodes.append(graph.node("Shape", [source], [whole]))
                nodes.append(graph.node("Slice", [whole, *ends], [sizes[source]]))
            width = graph.constant(np.array(after[0][2:], np.int64), "width")
            node.input[1] = graph.new_name("shape")
            nodes.append(graph.node("Concat", [sizes[source], width], [node.input[1]], axis=0))
        nodes.append(node)
        # Runtimes trace the shape of a transposed tensor back, in one more operation.
        if node.op_type != "Transpose":
            blocks += [name for name in node.output if {len(s) for s in graph.shapes.get(name, [])} == {3}]
    graph.nodes = nodes


def _same_blocks(graph: OnnxGraph, name: str, after: list[tuple[int, ...]]) -> bool:
    """Blocks (B, N, C) of one width C > 0, with B and N those of a tensor."""
    if {len(s) for s in after} != {3} or len({s[2] for s in after}) > 1 or not after[0][2]:
        return False
    return all(b[:2] == a[:2] for b, a in zip(graph.shapes[name], after, strict=True))


@rewrite
def activated_flat(graph: OnnxGraph) -> None:
    """``relu(reshape(gemm))`` is ``reshape(relu(gemm))``, in which runtimes let the product do both.

    Args:
        graph: whose shapes are known; changed in place.
    """
    made = graph.producers()
    used = [name for node in graph.nodes for name in node.input] + graph.outputs
    for node in graph.nodes:
        shaped = made.get(node.input[0]) if node.op_type in _ACTIVATIONS else None
        if shaped is None or shaped.op_type != "Reshape" or used.count(shaped.output[0]) > 1:
            continue
        product = made.get(shaped.input[0])
        if product is None or product.op_type != "Gemm" or used.count(product.output[0]) > 1:
            continue
        # The two swap places: each keeps the name of what comes out at its place.
        flat, shape, first = graph.new_name("flat"), shaped.input[1], shaped.input[0]
        attributes = list(node.attribute)
        node.op_type, shaped.op_type = shaped.op_type, node.op_type
        del node.attribute[:], node.input[:], shaped.attribute[:], shaped.input[:]
        shaped.attribute.extend(attributes)
        shaped.input.append(first)
        shaped.output[0] = flat
        node.input.extend([flat, shape])
        made = graph.producers()


@rewrite
def remove_idle(graph: OnnxGraph) -> None:
    """Nodes that give what they get, at every size.

    Args:
        graph: whose shapes are known; changed in place.
    """
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.nodes:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
        if node.output[0] not in graph.outputs and _does_nothing(graph, node):
            renamed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    graph.nodes = kept


def _does_nothing(graph: OnnxGraph, node: Any) -> bool:
    name, out = node.input[0] if node.input else "", node.output[0]
    if node.op_type == "Identity":
        return True
    if name not in graph.shapes or out not in graph.shapes or graph.shapes[name] != graph.shapes[out]:
        return False
    if node.op_type in ("Reshape", "Squeeze", "Unsqueeze", "Flatten"):
        return True
    if node.op_type == "Slice":
        steps = graph.constants.get(node.input[4]) if len(node.input) > 4 and node.input[4] else np.ones(1)
        return steps is not None and bool((steps > 0).all())
    return False


@rewrite
def unfolded(graph: OnnxGraph) -> None:
    """``Unsqueeze(Squeeze(x))`` and the like, which end in the shape they began with, are ``x``.

    Args:
        graph: whose shapes are known; changed in place.
    """
    made = graph.producers()
    first: dict[str, str] = {}  # of a chain of nodes that only name the dimensions anew
    for node in graph.nodes:
        if node.op_type not in ("Reshape", "Squeeze", "Unsqueeze", "Flatten"):
            continue
        start = node.input[0]
        first[node.output[0]] = first.get(start, start)
        shape = graph.shapes.get(node.output[0])
        at = start
        while at in first:
            at = made[at].input[0]
            if shape is not None and graph.shapes.get(at) == shape and node.output[0] not in graph.outputs:
                node.op_type = "Identity"
                del node.attribute[:], node.input[:]
                node.input.append(at)
                break


@rewrite
def attention_bias(graph: OnnxGraph) -> None:
    """Of a graph of single edges, ``log(1)`` or the value for "no edge", without a logarithm.

    Args:
        graph: whose shapes are known; changed in place.
    """
    made = graph.producers()

    def source(name: str, op: str) -> Any:
        node = made.get(name)
        return node if node is not None and node.op_type == op else None

    def constant(name: str, value: float) -> bool:
        return name in graph.constants and bool((graph.constants[name] == value).all())

    nodes = []
    for node in graph.nodes:
        nodes.append(node)
        if node.op_type != "Where" or node.input[2] not in graph.constants:
            continue
        some, log = source(node.input[0], "Greater"), source(node.input[1], "Log")
        inner = source(log.input[0], "Where") if log else None
        if not some or not inner or inner.input[0] != node.input[0]:
            continue
        edges = some.input[0]
        if not (constant(some.input[1], 0) and inner.input[1] == edges and constant(inner.input[2], 1)):
            continue
        looped = source(edges, "Where")
        if looped is not None and constant(looped.input[1], 1):
            loops, edges = looped.input[0], looped.input[2]
        else:
            loops = ""
        single = source(edges, "Cast")
        if single is None or single.input[0] not in graph.flags:
            continue
        linked = single.input[0]
        if loops:
            linked = graph.new_name("linked")
            nodes.insert(-1, graph.node("Or", [loops, single.input[0]], [linked]))
        zero = graph.constant(np.zeros((), np.float32), "zero")
        nodes[-1] = graph.node("Where", [linked, zero, node.input[2]], [node.output[0]])
    graph.nodes = nodes


@rewrite
def same_sizes(graph: OnnxGraph) -> None:
    """Sizes that come from shapes alone and are the same at every size are computed once.

    Args:
        graph: whose shapes are known; changed in place.
    """
    from_shapes = set(graph.constants)
    first: dict[Any, str] = {}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
        if node.op_type != "Shape" and not all(name in from_shapes for name in node.input if name):
            continue
        from_shapes |= set(node.output)
        for name in node.output:
            if name in graph.values and name not in graph.outputs:
                key = tuple(graph.values[name])
                if first.setdefault(key, name) != name:
                    renamed[name] = first[key]


@rewrite
def merge(graph: OnnxGraph) -> None:
    """Equal constants and nodes that compute the same from the same, once.

    Args:
        graph: whose shapes are known; changed in place.
    """
    renamed: dict[str, str] = {}
    seen: dict[Any, str] = {}
    for name, values in graph.constants.items():
        content = (values.dtype.str, values.shape, values.tobytes())
        if seen.setdefault(content, name) != name:
            renamed[name] = seen[content]
    kept = []
    first: dict[Any, Any] = {}
    for node in graph.nodes:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
        attributes = tuple(sorted(a.SerializeToString(deterministic=True) for a in node.attribute))
        key = (node.op_type, node.domain, tuple(node.input), attributes, len(node.output))
        if any(a.type == a.GRAPH for a in node.attribute) or set(node.output) & set(graph.outputs):
            kept.append(node)
            continue
        if key in first:
            renamed |= dict(zip(node.output, first[key].output, strict=True))
        else:
            first[key] = node
            kept.append(node)
    graph.nodes = kept


@rewrite
def prune(graph: OnnxGraph) -> None:
    """Nodes that no output needs.

    Args:
        graph: whose shapes are known; changed in place.
    """
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if needed & set(node.output):
            needed |= set(node.input)
            kept.append(node)
    graph.nodes = kept[::-1]
