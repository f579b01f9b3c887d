"""Shapes of all tensors of an ONNX graph at sizes that nobody would run: nothing but integers is computed.

Whether two dimensions are the same at every size is asked at many sizes, below, at, next to and beyond every
number that a size is compared with in the graph (the k of neighbours, a limit, the end of a slice), and far beyond
2^8. Sizes are made of those of the inputs by sums, products, minima and maxima, so that what is the same on all
sides of every such number is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e2e_tf.deploy.interface import TensorInfo

__all__ = ["INDICES", "ShapeWalk", "breakpoints", "sized_inputs"]

INDICES = ("edge_index", "batch", "n_node")
"""Inputs on whose values sizes depend: how many nodes the largest graph has."""
_COMPARING = (
    "Clip",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Min",
    "Mod",
    "Slice",
    "TopK",
)
_LARGEST = 1 << 20  # a number above it says "to the end", or is no size
_BEYOND = 257  # of every size, whatever the graph compares it with
_FEW = 64  # elements of a tensor whose values may be sizes
_KEPT = 4096  # elements of a float tensor that is kept as numbers


def breakpoints(graph: Any) -> list[int]:
    """The numbers above 1 that integers are compared with, in order.

    Args:
        graph: :class:`e2e_tf.deploy.lowering.graph.OnnxGraph`.

    Returns:
        The numbers, rising.
    """
    found: set[int] = set()
    for node in graph.nodes:
        if node.op_type not in _COMPARING:
            continue
        for name in node.input:
            values = graph.constants.get(name)
            if values is not None and values.dtype.kind in "iu" and values.size <= _FEW:
                found |= {abs(int(v)) for v in values.ravel() if 1 < abs(int(v)) < _LARGEST}
    return sorted(found)


def sized_inputs(inputs: Sequence[TensorInfo], points: Sequence[int]) -> list[dict[str, np.ndarray]]:
    """Input tensors in which every free dimension takes sizes on all sides of some numbers.

    Only the values of :data:`INDICES` mean something; all others share one zero.

    Args:
        inputs: of the interface; free dimensions are B, N and E.
        points: see :func:`breakpoints`.

    Returns:
        One set of tensors by name for each choice of sizes.
    """
    beyond = max([_BEYOND, *points]) + 4
    steps = sorted({n for p in points for n in (p - 1, p, p + 1)} - {0, 1, 2} | {3})
    # Nodes, jets, edges: one of them is large where another is small, and no two are the same.
    sizes = [(0, beyond + 1, 0), (1, beyond + 5, 3), (2, 1, beyond), (beyond, 2, 5), (beyond + 31, 7, 1)]
    sizes += [
        (n, jets, n + jets)
        for n, jets in zip(steps, [*steps[1:], 7 if len(steps) == 1 else steps[0]], strict=True)
    ]
    return [_inputs(inputs, *of) for of in sizes]


def _inputs(inputs: Sequence[TensorInfo], nodes: int, jets: int, edges: int) -> dict[str, np.ndarray]:
    """One set of inputs: the largest of some jets has ``nodes`` nodes."""
    names = {info.name for info in inputs}
    if "edge_index" not in names:
        free = {"B": jets, "N": nodes}
        shapes = {
            info.name: tuple(d if isinstance(d, int) else free[d] for d in info.shape) for info in inputs
        }
        return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
    counts = np.minimum(np.arange(jets) % 3, nodes)
    counts[0] = nodes
    free = {"B": jets, "N": int(counts.sum()), "E": edges}
    feeds = {}
    for info in inputs:
        shape = tuple(d if isinstance(d, int) else free[d] for d in info.shape)
        feeds[info.name] = np.broadcast_to(np.float32(0), shape)  # all edges are loops of the first node
    feeds["batch"] = np.repeat(np.arange(jets), counts).astype(np.float32)[None]
    if "n_node" in names:
        feeds["n_node"] = counts.astype(np.float32)[None]
    return feeds


class ShapeWalk:
    """Goes through a graph at given sizes, from shape to shape.

    Args:
        graph: :class:`e2e_tf.deploy.lowering.graph.OnnxGraph`.
        opset: of its nodes.
    """

    def __init__(self, graph: Any, opset: int) -> None:
        import onnx

        self._graph, self._opset = graph, opset
        self._constants = {
            name: (onnx.helper.np_dtype_to_tensor_dtype(values.dtype), values)
            for name, values in graph.constants.items()
        }
        self._runs: dict[int, Any] = {}
        self._found: dict[Any, Any] = {}  # shapes behind a node by those before it

    def __call__(
        self, feeds: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, tuple[int, ...]], dict[str, np.ndarray]]:
        """Shapes of the tensors, and the values of those that depend on sizes alone.

        Args:
            feeds: inputs by name; of others than :data:`INDICES` only their shapes matter.

        Returns:
            Both by name; a tensor whose shape depends on more than sizes is not there.
        """
        import onnx

        kinds = {name: kind for name, (kind, _) in self._constants.items()}
        shapes = {name: values.shape for name, (_, values) in self._constants.items()}
        values = {
            name: v for name, (_, v) in self._constants.items() if v.dtype.kind in "iub" or v.size <= _KEPT
        }
        for name, given in feeds.items():
            kinds[name], shapes[name] = onnx.TensorProto.FLOAT, given.shape
            if name in INDICES:
                values[name] = given
        outputs: list[Any]
        for place, node in enumerate(self._graph.nodes):
            inputs = [name for name in node.input if name]
            if not all(name in shapes for name in inputs):
                continue
            if node.op_type in ("Shape", "Size"):
                made = _measured(node, shapes[node.input[0]])
                outputs = [(onnx.TensorProto.INT64, made.shape, made)]
            elif node.op_type == "Reshape" and node.input[1] in values:
                target = _reshaped(node, shapes[node.input[0]], values[node.input[1]])
                known = node.input[0] in values and target is not None
                outputs = [
                    target
                    and (
                        kinds[node.input[0]],
                        target,
                        values[node.input[0]].reshape(target) if known else None,
                    )
                ]
            elif all(name in values for name in inputs):
                outputs = self._run(place, node, values)
            else:
                outputs = self._infer(place, node, kinds, shapes, values)
            for name, found in zip(node.output, outputs, strict=False):
                if name and found is not None:
                    kinds[name], shapes[name] = found[0], found[1]
                    if found[2] is not None:
                        values[name] = found[2]
        own = self._graph.constants
        return shapes, {name: v for name, v in values.items() if name not in own and name not in feeds}

    def _run(self, place: int, node: Any, values: Mapping[str, np.ndarray]) -> list[Any]:
        """What a node makes of numbers that are known."""
        import onnx
        from onnx.reference import ReferenceEvaluator

        if place not in self._runs:
            graph = onnx.helper.make_graph(
                [node],
                "one",
                [
                    onnx.helper.make_value_info(name, onnx.TypeProto())
                    for name in dict.fromkeys(node.input)
                    if name
                ],
                [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in node.output if name],
            )
            self._runs[place] = ReferenceEvaluator(graph, opsets={"": self._opset})
        try:
            made = self._runs[place].run(None, {name: values[name] for name in node.input if name})
        except Exception:  # of NumPy, by whatever the node is: then its sizes are not known
            return []
        by_name = dict(zip([name for name in node.output if name], map(np.asarray, made), strict=True))
        found: list[Any] = []
        for name in node.output:
            value = by_name.get(name)
            if value is None:
                found.append(None)
                continue
            kept = value.dtype.kind in "iub" or value.size <= _KEPT
            found.append(
                (onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape, value if kept else None)
            )
        return found

    def _infer(
        self,
        place: int,
        node: Any,
        kinds: Mapping[str, int],
        shapes: Mapping[str, tuple[int, ...]],
        values: Mapping[str, np.ndarray],
    ) -> list[Any]:
        """Types and shapes behind a node, by the rules of ONNX."""
        import onnx
        from onnx import numpy_helper

        inputs = [name for name in dict.fromkeys(node.input) if name]
        data = {name: values[name] for name in inputs if name in values and values[name].size <= _FEW}
        key = (place, *(shapes[name] for name in inputs), *(v.tobytes() for v in data.values()))
        if key not in self._found:
            types = {name: onnx.helper.make_tensor_type_proto(kinds[name], shapes[name]) for name in inputs}
            try:
                made = onnx.shape_inference.infer_node_outputs(
                    onnx.defs.get_schema(node.op_type, self._opset, node.domain),
                    node,
                    types,
                    {name: numpy_helper.from_array(np.asarray(v), name) for name, v in data.items()},
                    opset_imports=[onnx.helper.make_opsetid("", self._opset)],
                )
            except (onnx.shape_inference.InferenceError, onnx.defs.SchemaError, RuntimeError):
                made = {}
            self._found[key] = [_known(made[name]) if name in made else None for name in node.output]
        found: list[Any] = self._found[key]
        return found


def _measured(node: Any, shape: tuple[int, ...]) -> np.ndarray:
    if node.op_type == "Size":
        return np.array(np.prod(shape, dtype=np.int64))
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    return np.array(shape[ends.get("start") : ends.get("end")], np.int64)


def _reshaped(node: Any, shape: tuple[int, ...], target: np.ndarray) -> tuple[int, ...] | None:
    """The shape behind a reshape, of tensors without elements too; None where it cannot be."""
    copies = not any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)
    if copies and any(not size and axis >= len(shape) for axis, size in enumerate(target)):
        return None
    sizes = [int(size) or (shape[axis] if copies else 0) for axis, size in enumerate(target)]
    elements, others = int(np.prod(shape)), int(np.prod([size for size in sizes if size != -1]))
    if -1 in sizes:
        if not others or elements % others:
            return None
        sizes[sizes.index(-1)] = elements // others
    return tuple(sizes) if int(np.prod(sizes)) == elements else None


def _known(found: Any) -> tuple[int, tuple[int, ...], None] | None:
    kind = found.tensor_type
    if not kind.HasField("shape") or not all(d.HasField("dim_value") for d in kind.shape.dim):
        return None
    return kind.elem_type, tuple(d.dim_value for d in kind.shape.dim), None
