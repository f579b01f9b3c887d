"""From a frozen TensorFlow graph to a small ONNX graph: constants folded, shape arithmetic gone, nothing twice.

The converter writes out every reshape that TensorFlow's matrix products need and the arithmetic behind its shape;
in a graph network on jets of 50 nodes that is half the time. Which of it says nothing is observed: the graph runs
on batches of several sizes, the empty one included, and a reshape that keeps its dimensions in all of them
becomes constant. The result is run against the original at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e2e_tf.errors import InputError

__all__ = ["convert", "cost", "float16_weights", "int8_weights", "optimise"]

Feeds = Mapping[str, np.ndarray]
_SMALL = 64  # elements up to which a constant is worth sharing or folding regardless of where it is used
_TOLERANCE = 1e-5
_ACTIVATIONS = ("Relu", "LeakyRelu", "Sigmoid", "Tanh")  # those that ONNX Runtime has products with


def convert(graph: Any, inputs: Sequence[str], output: str, opset: int, ir_version: int) -> Any:
    """An ``onnx.ModelProto`` of a frozen ``GraphDef``, float32 in and out.

    Raises:
        InputError: an operation cannot be lowered to this opset; the message names it.
    """
    import onnx
    import tensorflow as tf
    from tf2onnx import optimizer, tf_loader, tfonnx

    ports = [f"{name}:0" for name in inputs], [f"{output}:0"]
    # It puts a reshape in the place of two, also where the second keeps dimensions of the first by a 0.
    passes = {
        name: made for name, made in optimizer._get_optimizers().items() if name != "remove_back_to_back"
    }
    try:
        with tf.Graph().as_default():
            graph = tf_loader.tf_optimize(*ports, graph)
        with tf.Graph().as_default() as scope:
            tf.import_graph_def(graph, name="")
            lowered = tfonnx.process_tf_graph(
                scope,
                continue_on_error=True,
                opset=opset,
                input_names=ports[0],
                output_names=ports[1],
                tensors_to_rename={f"{name}:0": name for name in [*inputs, output]},
                custom_op_handlers={"Select": (_where, []), "SelectV2": (_where, []), "TopKV2": (_top_k, [])},
            )
        model = optimizer.optimize_graph(lowered, catch_errors=False, optimizers=passes).make_model("e2e_tf")
    except (ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"the model cannot be lowered to ONNX opset {opset}: {_first(error)}") from error
    foreign = sorted(
        {f"{n.domain}::{n.op_type}" for n in model.graph.node if n.domain not in ("", "ai.onnx")}
    )
    known = {n.op_type for n in model.graph.node if onnx.defs.has(n.op_type)}
    unknown = sorted({n.op_type for n in model.graph.node} - known | set(foreign))
    if unknown:
        raise InputError(f"ONNX opset {opset} has no operation for {', '.join(unknown)} of this model")
    model.ir_version = ir_version
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", opset))
    return model


def _where(context: Any, node: Any, name: str, args: Any) -> None:
    """``Where``: the converter's own rule multiplies by the condition, and 0 times NaN is NaN."""
    node.type = "Where"


def _top_k(context: Any, node: Any, name: str, args: Any) -> None:
    """``TopK`` in the tensor's own type: the converter's own rule rounds to float32 and invents ties."""
    import onnx

    to_int64 = context.make_node("Cast", [node.input[1]], attr={"to": onnx.TensorProto.INT64})
    axes = context.make_const(f"{node.name}_axes", np.zeros(1, np.int64))
    count = context.make_node("Unsqueeze", [to_int64.output[0], axes.output[0]])
    node.type = "TopK"
    context.replace_input(node, node.input[1], count.output[0], 1)
    wanted = context.get_dtype(node.output[1])
    context.set_dtype(node.output[1], onnx.TensorProto.INT64)
    context.insert_new_node_on_output("Cast", node.output[1], to=wanted)


def _first(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def optimise(model: Any, samples: Sequence[Feeds]) -> Any:
    """The same function in fewer nodes; the model as it is where simplifying would change what it computes.

    Args:
        model: ``onnx.ModelProto``.
        samples: inputs of all the sizes that matter, the smallest included; shapes are observed on them.

    Raises:
        InputError: the model as converted does not run on one of the samples.
    """
    import onnx
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    try:
        expected = [_run(model, feeds) for feeds in samples]
    except (runtime.Fail, runtime.InvalidGraph, runtime.RuntimeException) as error:
        raise InputError(f"ONNX Runtime cannot run this model as converted: {_first(error)}") from error
    try:
        smaller = _simplified(model, samples)
        onnx.checker.check_model(smaller, full_check=True)
        same = all(_same(e, _run(smaller, f)) for e, f in zip(expected, samples, strict=True))
    except (runtime.Fail, runtime.InvalidGraph, runtime.RuntimeException, onnx.checker.ValidationError):
        same = False
    return smaller if same else model


def _simplified(model: Any, samples: Sequence[Feeds]) -> Any:
    graph = _Graph(_runtime_basic(model))
    for _ in range(3):
        graph.observe(samples)
        graph.simplify()
    smaller = _runtime_basic(graph.model())
    smaller.ir_version = model.ir_version
    del smaller.opset_import[:]
    smaller.opset_import.extend(model.opset_import)
    del smaller.graph.value_info[:]
    return smaller


def _same(before: np.ndarray, after: np.ndarray) -> bool:
    return before.shape == after.shape and np.allclose(before, after, rtol=0, atol=_TOLERANCE, equal_nan=True)


def float16_weights(model: Any) -> Any:
    """The same model with its weights stored as float16 and cast to float32, which runtimes fold when they load.

    Raises:
        InputError: a weight does not fit float16.
    """
    import onnx
    from onnx import numpy_helper

    out = onnx.ModelProto()
    out.CopyFrom(model)
    nodes = list(out.graph.node)
    casts = []
    for tensor in out.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= _SMALL:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise InputError(f"the weight {tensor.name} is too large for float16: {np.abs(values).max():.3g}")
        name = f"{tensor.name}_float16"
        casts.append(
            onnx.helper.make_node(
                "Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT, name=f"{name}_cast"
            )
        )
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name))
    del out.graph.node[:]
    out.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(out, full_check=True)
    return out


def _session(model: Any, options: Any = None) -> Any:
    import onnxruntime

    if options is None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _run(model: Any, feeds: Feeds) -> np.ndarray:
    return _session(model).run(None, dict(feeds))[0]


def _runtime_basic(model: Any) -> Any:
    """Constants folded and common nodes merged by ONNX Runtime's basic level, which keeps to ONNX's own operations."""
    import tempfile
    from pathlib import Path

    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "basic.onnx")
        _session(model, options)
        result = onnx.load(options.optimized_model_filepath)
    if any(node.domain not in ("", "ai.onnx") for node in result.graph.node):
        return model  # a runtime that fuses into operations of its own on this level; keep to the standard
    return result


class _Graph:
    """Nodes and constants of a model, and what was observed of its tensors."""

    def __init__(self, model: Any) -> None:
        from onnx import numpy_helper

        self._model = model
        self.nodes = list(model.graph.node)
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self.outputs = [value.name for value in model.graph.output]
        self.shapes: dict[str, list[tuple[int, ...]]] = {}
        self.values: dict[str, list[Any]] = {}
        self.flags: set[str] = set()  # boolean tensors
        self._count = 0

    def model(self) -> Any:
        import onnx
        from onnx import numpy_helper

        used = {name for node in self.nodes for name in node.input}
        out = onnx.ModelProto()
        out.CopyFrom(self._model)
        del out.graph.node[:], out.graph.initializer[:], out.graph.value_info[:]
        out.graph.node.extend(self.nodes)
        out.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(v).reshape(v.shape), k)
            for k, v in self.constants.items()
            if k in used
        )
        return out

    def observe(self, samples: Sequence[Feeds]) -> None:
        """Shapes of all tensors on all samples."""
        import onnx

        probe = self.model()
        inferred = onnx.shape_inference.infer_shapes(probe)
        types = {v.name: v.type for v in [*inferred.graph.value_info, *inferred.graph.output]}
        names = [n for node in self.nodes for n in node.output if n in types and n not in self.outputs]
        self.flags = {n for n in names if types[n].tensor_type.elem_type == onnx.TensorProto.BOOL}
        probe.graph.output.extend(onnx.helper.make_value_info(name, types[name]) for name in names)
        for value in probe.graph.output[len(self.outputs) :]:
            value.type.tensor_type.ClearField("shape")
        session = _session(probe)
        self.values = {}
        self.shapes = {name: [] for name in [*names, *self.outputs]}
        self.shapes |= {value.name: [] for value in probe.graph.input}
        for feeds in samples:
            found = zip([v.name for v in session.get_outputs()], session.run(None, dict(feeds)), strict=True)
            for name, values in found:
                self.shapes[name].append(np.shape(values))
                if np.issubdtype(values.dtype, np.integer) and np.ndim(values) < 2:
                    self.values.setdefault(name, []).append(
                        (values.dtype.str, values.shape, values.tobytes())
                    )
            for name, values in feeds.items():
                self.shapes[name].append(np.shape(values))
        self.shapes |= {name: [v.shape] * len(samples) for name, v in self.constants.items()}

    def simplify(self) -> None:
        self._flat_products()
        self._constant_reshapes()
        self._borrowed_shapes()
        self._activated_flat()
        self._remove(self._does_nothing)
        self._unfolded()
        self._attention_bias()
        self._same_sizes()
        self._merge()
        self._prune()

    def _new(self, stem: str) -> str:
        self._count += 1
        return f"e2e_tf/{stem}_{self._count}"

    def _constant(self, values: np.ndarray, stem: str) -> str:
        name = self._new(stem)
        self.constants[name] = values
        return name

    def _node(self, op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
        import onnx

        return onnx.helper.make_node(op, inputs, outputs, name=self._new(op.lower()), **attributes)

    def _producers(self) -> dict[str, Any]:
        return {name: node for node in self.nodes for name in node.output}

    def _flat_products(self) -> None:
        """``reshape(reshape(x, (-1, F)) @ w, (B, N, C))`` is ``x @ w``; with a bias it stays flat, one ``Gemm``."""
        made = self._producers()
        for position, node in enumerate(self.nodes):
            if node.op_type != "Reshape" or node.output[0] not in self.shapes:
                continue
            product = made.get(node.input[0])
            if product is None or product.op_type != "MatMul" or product.input[1] not in self.constants:
                continue
            flat = made.get(product.input[0])
            if flat is None or flat.op_type != "Reshape" or flat.input[0] not in self.shapes:
                continue
            before, after = self.shapes[flat.input[0]], self.shapes[node.output[0]]
            if self.constants[product.input[1]].ndim != 2:
                continue
            width = self.constants[product.input[1]].shape
            if any(
                len(b) != len(a) or b[:-1] != a[:-1] or (b[-1], a[-1]) != width
                for b, a in zip(before, after, strict=True)
            ):
                continue
            self.nodes[position] = self._node("MatMul", [flat.input[0], product.input[1]], [node.output[0]])

    def _constant_reshapes(self) -> None:
        """Dimensions that a reshape keeps are written as 0, one that it infers as -1: no shape is computed."""
        for node in self.nodes:
            if (
                node.op_type != "Reshape"
                or node.input[1] in self.constants
                or node.input[0] not in self.shapes
            ):
                continue
            if any(a.name == "allowzero" and a.i for a in node.attribute):
                continue
            before, after = self.shapes[node.input[0]], self.shapes[node.output[0]]
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
                node.input[1] = self._constant(np.array(target, np.int64), "shape")

    def _borrowed_shapes(self) -> None:
        """The shape of blocks made of flat rows: B and N of the first tensor that has them, once for all layers."""
        blocks: list[str] = []  # tensors (B, N, ...) that are there already
        sizes: dict[str, str] = {}  # B and N by the tensor that they are taken from
        nodes = []
        for node in self.nodes:
            after = self.shapes.get(node.output[0], [])
            source = None
            if node.op_type == "Reshape" and node.input[1] not in self.constants:
                source = next((name for name in blocks if self._same_blocks(name, after)), None)
            if source is not None:
                if source not in sizes:
                    whole, sizes[source] = self._new("shape"), self._new("sizes")
                    ends = [self._constant(np.array([i], np.int64), "end") for i in (0, 2)]
                    nodes.append(self._node("Shape", [source], [whole]))
                    nodes.append(self._node("Slice", [whole, *ends], [sizes[source]]))
                width = self._constant(np.array(after[0][2:], np.int64), "width")
                node.input[1] = self._new("shape")
                nodes.append(self._node("Concat", [sizes[source], width], [node.input[1]], axis=0))
            nodes.append(node)
            # Runtimes trace the shape of a transposed tensor back, in one more operation.
            if node.op_type != "Transpose":
                blocks += [name for name in node.output if {len(s) for s in self.shapes.get(name, [])} == {3}]
        self.nodes = nodes

    def _same_blocks(self, name: str, after: list[tuple[int, ...]]) -> bool:
        """Blocks (B, N, C) of one width C > 0, with B and N those of a tensor."""
        if {len(s) for s in after} != {3} or len({s[2] for s in after}) > 1 or not after[0][2]:
            return False
        return all(b[:2] == a[:2] for b, a in zip(self.shapes[name], after, strict=True))

    def _activated_flat(self) -> None:
        """``relu(reshape(gemm))`` is ``reshape(relu(gemm))``, in which runtimes let the product do both."""
        made = self._producers()
        used = [name for node in self.nodes for name in node.input] + self.outputs
        for node in self.nodes:
            shaped = made.get(node.input[0]) if node.op_type in _ACTIVATIONS else None
            if shaped is None or shaped.op_type != "Reshape" or used.count(shaped.output[0]) > 1:
                continue
            product = made.get(shaped.input[0])
            if product is None or product.op_type != "Gemm" or used.count(product.output[0]) > 1:
                continue
            # The two swap places: each keeps the name of what comes out at its place.
            flat, shape, first = self._new("flat"), shaped.input[1], shaped.input[0]
            attributes = list(node.attribute)
            node.op_type, shaped.op_type = shaped.op_type, node.op_type
            del node.attribute[:], node.input[:], shaped.attribute[:], shaped.input[:]
            shaped.attribute.extend(attributes)
            shaped.input.append(first)
            shaped.output[0] = flat
            node.input.extend([flat, shape])
            made = self._producers()

    def _does_nothing(self, node: Any) -> bool:
        name, out = node.input[0] if node.input else "", node.output[0]
        if node.op_type == "Identity":
            return True
        if name not in self.shapes or out not in self.shapes or self.shapes[name] != self.shapes[out]:
            return False
        if node.op_type in ("Reshape", "Squeeze", "Unsqueeze", "Flatten"):
            return True
        if node.op_type == "Slice":
            steps = self.constants.get(node.input[4]) if len(node.input) > 4 and node.input[4] else np.ones(1)
            return steps is not None and bool((steps > 0).all())
        return False

    def _remove(self, idle: Any) -> None:
        renamed: dict[str, str] = {}
        kept = []
        for node in self.nodes:
            for i, name in enumerate(node.input):
                node.input[i] = renamed.get(name, name)
            if node.output[0] not in self.outputs and idle(node):
                renamed[node.output[0]] = node.input[0]
            else:
                kept.append(node)
        self.nodes = kept

    def _unfolded(self) -> None:
        """``Unsqueeze(Squeeze(x))`` and the like, which end in the shape they began with, are ``x``."""
        made = self._producers()
        first: dict[str, str] = {}  # of a chain of nodes that only name the dimensions anew
        for node in self.nodes:
            if node.op_type not in ("Reshape", "Squeeze", "Unsqueeze", "Flatten"):
                continue
            start = node.input[0]
            first[node.output[0]] = first.get(start, start)
            shape = self.shapes.get(node.output[0])
            at = start
            while at in first:
                at = made[at].input[0]
                if shape is not None and self.shapes.get(at) == shape and node.output[0] not in self.outputs:
                    node.op_type = "Identity"
                    del node.attribute[:], node.input[:]
                    node.input.append(at)
                    break

    def _attention_bias(self) -> None:
        """Of a graph of single edges, ``log(1)`` or the value for "no edge", without a logarithm."""
        made = self._producers()

        def source(name: str, op: str) -> Any:
            node = made.get(name)
            return node if node is not None and node.op_type == op else None

        def constant(name: str, value: float) -> bool:
            return name in self.constants and bool((self.constants[name] == value).all())

        nodes = []
        for node in self.nodes:
            nodes.append(node)
            if node.op_type != "Where" or node.input[2] not in self.constants:
                continue
            some, log = source(node.input[0], "Greater"), source(node.input[1], "Log")
            inner = source(log.input[0], "Where") if log else None
            if not some or not inner or inner.input[0] != node.input[0]:
                continue
            graph = some.input[0]
            if not (constant(some.input[1], 0) and inner.input[1] == graph and constant(inner.input[2], 1)):
                continue
            looped = source(graph, "Where")
            if looped is not None and constant(looped.input[1], 1):
                loops, graph = looped.input[0], looped.input[2]
            else:
                loops = ""
            single = source(graph, "Cast")
            if single is None or single.input[0] not in self.flags:
                continue
            linked = single.input[0]
            if loops:
                linked = self._new("linked")
                nodes.insert(-1, self._node("Or", [loops, single.input[0]], [linked]))
            zero = self._constant(np.zeros((), np.float32), "zero")
            nodes[-1] = self._node("Where", [linked, zero, node.input[2]], [node.output[0]])
        self.nodes = nodes

    def _same_sizes(self) -> None:
        """Sizes that come from shapes alone and are the same in every sample are computed once."""
        from_shapes = set(self.constants)
        first: dict[Any, str] = {}
        renamed: dict[str, str] = {}
        for node in self.nodes:
            for i, name in enumerate(node.input):
                node.input[i] = renamed.get(name, name)
            if node.op_type != "Shape" and not all(name in from_shapes for name in node.input if name):
                continue
            from_shapes |= set(node.output)
            for name in node.output:
                if name in self.values and name not in self.outputs:
                    key = tuple(self.values[name])
                    if first.setdefault(key, name) != name:
                        renamed[name] = first[key]

    def _merge(self) -> None:
        """Equal constants and nodes that compute the same from the same, once."""
        renamed: dict[str, str] = {}
        seen: dict[Any, str] = {}
        for name, values in self.constants.items():
            content = (values.dtype.str, values.shape, values.tobytes())
            if seen.setdefault(content, name) != name:
                renamed[name] = seen[content]
        kept = []
        first: dict[Any, Any] = {}
        for node in self.nodes:
            for i, name in enumerate(node.input):
                node.input[i] = renamed.get(name, name)
            attributes = tuple(sorted(a.SerializeToString(deterministic=True) for a in node.attribute))
            key = (node.op_type, node.domain, tuple(node.input), attributes, len(node.output))
            if any(a.type == a.GRAPH for a in node.attribute) or set(node.output) & set(self.outputs):
                kept.append(node)
                continue
            if key in first:
                renamed |= dict(zip(node.output, first[key].output, strict=True))
            else:
                first[key] = node
                kept.append(node)
        self.nodes = kept

    def _prune(self) -> None:
        needed = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                needed |= set(node.input)
                kept.append(node)
        self.nodes = kept[::-1]


def int8_weights(model: Any) -> Any:
    """The model with dynamic int8 quantisation of its products with weights, float32 in and out."""
    import logging
    import tempfile
    from pathlib import Path

    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        # The quantiser advises on the root logger to run a preprocessing that has been done here already.
        logging.disable(logging.WARNING)
        try:
            # Only products with weights: attention and adjacency products would be quantised per call.
            options = {"MatMulConstBOnly": True}
            quantize_dynamic(source, target, weight_type=QuantType.QInt8, extra_options=options)
        finally:
            logging.disable(logging.NOTSET)
        small = onnx.load(target)
    small.ir_version = model.ir_version
    del small.opset_import[:]
    small.opset_import.extend(model.opset_import)
    onnx.checker.check_model(small, full_check=True)
    return small


def cost(model: Any, smaller: Any, samples: Sequence[Feeds]) -> dict[str, float]:
    """What a smaller form of a model costs on some batches.

    Returns:
        The largest and the mean absolute difference of a score, and the fraction of pairs of jets whose order
        changes: no ROC-AUC can change by more.
    """
    before = np.concatenate([_run(model, feeds).reshape(-1) for feeds in samples])
    after = np.concatenate([_run(smaller, feeds).reshape(-1) for feeds in samples])
    difference = np.abs(before - after)
    first, second = np.triu_indices(len(before), 1)
    order = np.sign(before[first] - before[second]) != np.sign(after[first] - after[second])
    return {
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "pairs_reordered": float(order.mean()),
    }
