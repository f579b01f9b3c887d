"""Runs an exported ONNX graph with PyTorch, node by node, as a runtime with a GPU kernel for each node does.

What depends on shapes alone is computed once on the host; the rest is a list of steps on the device that a CUDA graph
can record and ``torch.compile`` can fuse. Only the operators that this project's exports use are known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

Tensor = torch.Tensor
Attributes = dict[str, Any]


def _numbers(value: Any) -> list[Any]:
    """Numbers that say how an operator works: a tensor while shapes are found, a tuple afterwards."""
    if value is None:
        return []
    return list(value) if isinstance(value, tuple) else value.reshape(-1).tolist()


def _axes(value: Any) -> list[int]:
    return [int(number) for number in _numbers(value)]


def _reduced(reduce: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(a: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
        dims = list(a["axes"]) if "axes" in a else _axes(axes)
        if not dims and a.get("noop_with_empty_axes"):
            return x
        return reduce(x, dims or list(range(x.ndim)), bool(a.get("keepdims", 1)))

    return run


def _product(a: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    result = x
    for axis in sorted((_axes(axes) or range(x.ndim)), reverse=True):
        result = result.prod(axis, keepdim=bool(a.get("keepdims", 1)))
    return result


def _slice(_: Attributes, x: Tensor, starts: Tensor, ends: Tensor, *more: Tensor) -> Tensor:
    axes = _axes(more[0]) if more else list(range(len(_axes(starts))))
    steps = _axes(more[1]) if len(more) > 1 else [1] * len(_axes(starts))
    index = [slice(None)] * x.ndim
    for start, end, axis, step in zip(_axes(starts), _axes(ends), axes, steps, strict=True):
        if step < 1:
            raise NotImplementedError("Slice with a negative step")
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


def _reshape(a: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    sizes = _axes(shape)
    if not a.get("allowzero"):
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return x.reshape(sizes)


def _expand(_: Attributes, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(torch.broadcast_shapes(tuple(x.shape), tuple(_axes(shape)))).clone()


def _pad(
    a: Attributes, x: Tensor, pads: Tensor, value: Tensor | None = None, axes: Tensor | None = None
) -> Tensor:
    amounts = _axes(pads)
    half = len(amounts) // 2
    dims = _axes(axes) if axes is not None else list(range(x.ndim))
    flat = [0] * (2 * x.ndim)
    for i, axis in enumerate(dims):
        flat[2 * (x.ndim - 1 - axis % x.ndim)] = amounts[i]
        flat[2 * (x.ndim - 1 - axis % x.ndim) + 1] = amounts[i + half]
    fill = 0 if value is None else _numbers(value)[0]
    return torch.nn.functional.pad(x, flat, value=fill)


def _split(a: Attributes, x: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
    axis = a.get("axis", 0)
    if sizes is not None:
        return torch.split(x, _axes(sizes), axis)
    return torch.split(x, -(-x.shape[axis] // a["num_outputs"]), axis)


def _squeeze(_: Attributes, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(tuple(_axes(axes)))


def _unsqueeze(_: Attributes, x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + len(_axes(axes))
    for axis in sorted(axis % rank for axis in _axes(axes)):
        x = x.unsqueeze(axis)
    return x


def _gather(a: Attributes, x: Tensor, index: Tensor) -> Tensor:
    axis = a.get("axis", 0)
    if index.ndim == 0:
        return x.select(axis, int(index))
    flat = index.reshape(-1).to(x.device)
    return x.index_select(axis, flat).reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _top(a: Attributes, x: Tensor, k: Tensor) -> tuple[Tensor, ...]:
    found = torch.topk(x, _axes(k)[0], a.get("axis", -1), bool(a.get("largest", 1)), bool(a.get("sorted", 1)))
    return found.values, found.indices


def _least(a: Attributes, *values: Tensor) -> Tensor:
    result = values[0]
    for value in values[1:]:
        result = torch.minimum(result, value)
    return result


def _most(a: Attributes, *values: Tensor) -> Tensor:
    result = values[0]
    for value in values[1:]:
        result = torch.maximum(result, value)
    return result


def _attention(_: Attributes, q: Tensor, k: Tensor, v: Tensor, *added: Tensor) -> Tensor:
    shift = sum(added[1:], added[0]).to(q.dtype).expand(*q.shape[:-1], k.shape[-1])
    return torch.nn.functional.scaled_dot_product_attention(q, k.transpose(-1, -2), v, shift, scale=1.0)


def _product_of_matrices(_: Attributes, x: Tensor, y: Tensor) -> Tensor:
    # An outer product sums nothing: as a plain product it keeps its type, as the Laplacian's degrees need.
    return x * y if x.ndim > 1 and y.ndim > 1 and x.shape[-1] == 1 else torch.matmul(x, y)


def _layer_norm(a: Attributes, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    axis = a.get("axis", -1) % x.ndim
    return torch.nn.functional.layer_norm(x, x.shape[axis:], scale, bias, a.get("epsilon", 1e-5))


def _divide(_: Attributes, x: Tensor, y: Tensor) -> Tensor:
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


TYPES = {
    1: torch.float32,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
OPERATORS: dict[str, Callable[..., Any]] = {
    "Shape": lambda a, x: torch.tensor(x.shape)[a.get("start", 0) : a.get("end")],
    "Slice": _slice,
    "Reshape": _reshape,
    "Expand": _expand,
    "Pad": _pad,
    "Split": _split,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Gather": _gather,
    "TopK": _top,
    "Min": _least,
    "Max": _most,
    "Concat": lambda a, *x: torch.cat(x, a["axis"]),
    "Cast": lambda a, x: x.to(TYPES[a["to"]]),
    "Range": lambda a, start, end, step: torch.arange(
        start.item(), end.item(), step.item(), dtype=start.dtype
    ),
    "ConstantOfShape": lambda a, shape: torch.full(
        tuple(_axes(shape)), numpy_helper.to_array(a["value"]).item() if "value" in a else 0.0
    ),
    "Transpose": lambda a, x: x.permute(a["perm"]),
    "Where": lambda a, c, x, y: torch.where(c, x, y),
    "MatMul": _product_of_matrices,
    "Gemm": lambda a, x, y, b=None: (
        torch.addmm(b, x, y.T if a.get("transB") else y)
        if b is not None
        else x @ (y.T if a.get("transB") else y)
    ),
    "Add": lambda a, x, y: x + y,
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Div": _divide,
    "Pow": lambda a, x, y: torch.pow(x, y.to(x.dtype)),
    "Sqrt": lambda a, x: torch.sqrt(x),
    "Reciprocal": lambda a, x: torch.reciprocal(x),
    "Abs": lambda a, x: torch.abs(x),
    "Neg": lambda a, x: -x,
    "Exp": lambda a, x: torch.exp(x),
    "Log": lambda a, x: torch.log(x),
    "Sin": lambda a, x: torch.sin(x),
    "Cos": lambda a, x: torch.cos(x),
    "Sinh": lambda a, x: torch.sinh(x),
    "Asinh": lambda a, x: torch.asinh(x),
    "Round": lambda a, x: torch.round(x),
    "Floor": lambda a, x: torch.floor(x),
    "Sign": lambda a, x: torch.sign(x),
    "Erf": lambda a, x: torch.erf(x),
    "Gelu": lambda a, x: torch.nn.functional.gelu(x, approximate=a.get("approximate", b"none").decode()),
    "Tanh": lambda a, x: torch.tanh(x),
    "Relu": lambda a, x: torch.relu(x),
    "LeakyRelu": lambda a, x: torch.nn.functional.leaky_relu(x, a["alpha"]),
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Softmax": lambda a, x: torch.softmax(x, a.get("axis", -1)),
    "LayerNormalization": _layer_norm,
    "Equal": lambda a, x, y: x == y,
    "Greater": lambda a, x, y: x > y,
    "GreaterOrEqual": lambda a, x, y: x >= y,
    "Less": lambda a, x, y: x < y,
    "LessOrEqual": lambda a, x, y: x <= y,
    "And": lambda a, x, y: x & y,
    "Or": lambda a, x, y: x | y,
    "Not": lambda a, x: ~x,
    "Identity": lambda a, x: x,
    "ReduceSum": _reduced(lambda x, dims, keep: x.sum(dims, keepdim=keep)),
    "ReduceMean": _reduced(lambda x, dims, keep: x.mean(dims, keepdim=keep)),
    "ReduceMax": _reduced(lambda x, dims, keep: x.amax(dims, keepdim=keep)),
    "ReduceMin": _reduced(lambda x, dims, keep: x.amin(dims, keepdim=keep)),
    "ReduceProd": _product,
}
# Inputs that say how an operator works rather than what it works on: they stay on the host.
HOST = {
    "Slice": (1, 2, 3, 4),
    "Reshape": (1,),
    "Expand": (1,),
    "Pad": (1, 2, 3),
    "Split": (1,),
    "Squeeze": (1,),
    "Unsqueeze": (1,),
    "TopK": (1,),
    "Range": (0, 1, 2),
    "ConstantOfShape": (0,),
    "ReduceSum": (1,),
    "ReduceMean": (1,),
    "ReduceMax": (1,),
    "ReduceMin": (1,),
    "ReduceProd": (1,),
}


class Graph:
    """An ONNX graph for inputs of one shape, as steps on a device.

    Args:
        path: ONNX file.
        feeds: inputs by name; their shapes are those of every later call.
        device: where the steps run.
    """

    def __init__(self, path: str, feeds: dict[str, np.ndarray], device: str) -> None:
        model = onnx.load(path)
        self.device = torch.device(device)
        self.inputs = [value.name for value in model.graph.input]
        self.output = model.graph.output[0].name
        host: dict[str, Tensor] = {
            tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
            for tensor in model.graph.initializer
        }
        live = {name: torch.from_numpy(feeds[name]).to(self.device) for name in self.inputs}
        self.constants: dict[str, Any] = {}
        steps: list[tuple[Callable[..., Any], Attributes, list[str], list[str], str]] = []
        last = {name: i for i, node in enumerate(model.graph.node) for name in (*node.input, *node.output)}
        for place, node in enumerate(model.graph.node):
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            names, outputs = list(node.input), list(node.output)
            if node.op_type == "Constant":
                host[outputs[0]] = torch.from_numpy(numpy_helper.to_array(attributes["value"]).copy())
                continue
            run = OPERATORS[node.op_type]
            on_host = node.op_type == "Shape" or all(name in host for name in names if name)
            if on_host:
                known = {name: host.get(name, live.get(name)) for name in names if name}
                result = run(attributes, *(known[name] if name else None for name in names))
                result = result if isinstance(result, tuple) else (result,)
                host.update(zip(outputs, result, strict=True))
                continue
            fixed = HOST.get(node.op_type, ())
            for i, name in enumerate(names):
                if name and name not in live:
                    key = name if i in fixed else f"{name}@device"
                    value = host[name]
                    # The index of a single entry says which, as sizes do; all else is copied before it is recorded.
                    stays = i in fixed or (node.op_type == "Gather" and i == 1 and value.ndim == 0)
                    if i in fixed:
                        self.constants[key] = tuple(_numbers(value))
                    else:
                        self.constants[key] = value if stays else value.to(self.device)
                    names[i] = key
            arguments = [self.constants[n] if n in self.constants else live[n] if n else None for n in names]
            with torch.no_grad():
                result = run(attributes, *arguments)
            result = result if isinstance(result, tuple) else (result,)
            live.update(zip(outputs, result, strict=True))
            steps.append((run, attributes, names, outputs, node.op_type))
            for name in [n for n in live if last.get(n, 0) <= place and n != self.output]:
                del live[name]
        self.steps = self._with_last_uses(steps)

    def _with_last_uses(self, steps: list[Any]) -> list[Any]:
        """Each step with the values that nobody needs after it, so that memory is free again."""
        seen = {self.output}
        timed = []
        for run, attributes, names, outputs, operator in reversed(steps):
            if not seen.intersection(outputs):
                continue  # nobody needs it
            done = [n for n in {*names, *outputs} if n and n not in seen and n not in self.constants]
            seen.update(done)
            timed.append((run, attributes, names, outputs, operator, done))
        return timed[::-1]

    def fuse_attention(self) -> int:
        """Replace softmax(q kᵀ + biases) v by PyTorch's fused attention with a bias; returns how many were replaced."""
        made = {output: i for i, step in enumerate(self.steps) for output in step[3]}
        uses: dict[str, list[int]] = {}
        for i, step in enumerate(self.steps):
            for name in step[2]:
                uses.setdefault(name, []).append(i)

        def producer(name: str, operator: str) -> Any:
            step = self.steps[made[name]] if name in made else None
            return step if step is not None and step[4] == operator else None

        def terms(name: str) -> list[str]:
            step = producer(name, "Add")
            return [name] if step is None else [term for part in step[2] for term in terms(part)]

        steps = [step[:5] for step in self.steps]
        count = 0
        for _, _, names, outputs, operator, _ in self.steps:
            added = terms(names[0]) if operator == "Softmax" else []
            products = [name for name in added if producer(name, "MatMul")]
            if len(added) < 2 or not products or len(uses[outputs[0]]) != 1:
                continue
            place = uses[outputs[0]][0]
            last = self.steps[place]
            if last[4] != "MatMul" or last[2][0] != outputs[0]:
                continue
            # The product of queries and keys has two parts made on the device; that of a bias has weights.
            scores = next((n for n in products if producer(n, "MatMul")[2][1] not in self.constants), None)
            if scores is None:
                continue
            others = [name for name in added if name != scores]
            steps[place] = (
                _attention,
                {},
                [*producer(scores, "MatMul")[2], last[2][1], *others],
                last[3],
                "Attention",
            )
            count += 1
        self.steps = self._with_last_uses(steps)
        return count

    def __call__(self, *inputs: Tensor) -> Tensor:
        values: dict[str, Tensor] = dict(zip(self.inputs, inputs, strict=True))
        for run, attributes, names, outputs, _, done in self.steps:
            result = run(
                attributes,
                *(self.constants[n] if n in self.constants else values[n] if n else None for n in names),
            )
            values.update(zip(outputs, result if isinstance(result, tuple) else (result,), strict=True))
            for name in done:
                del values[name]
        return values[self.output]
