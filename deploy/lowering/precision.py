"""An ONNX model with weights of fewer bits, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.session import Feeds, run_each
from e2e_tf.errors import InputError

__all__ = ["cost", "float16_products", "float16_weights", "int8_weights"]

_SMALL = 64  # elements up to which a constant is worth sharing


def float16_weights(model: Any) -> Any:
    """The same model with its weights stored as float16 and cast to float32, which runtimes fold when they load.

    Args:
        model: ``onnx.ModelProto``, float32.

    Returns:
        Another ``onnx.ModelProto``.

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
        name = f"{tensor.name}_float16"
        small = _in_float16(values, tensor.name)
        casts.append(_cast(name, tensor.name, onnx.TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(small, name))
    del out.graph.node[:]
    out.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(out, full_check=True)
    return out


def _cast(name: str, to: str, kind: int) -> Any:
    import onnx

    return onnx.helper.make_node("Cast", [name], [to], to=kind, name=f"{to}_cast")


def _in_float16(values: np.ndarray, name: str) -> np.ndarray:
    """Constants in float16; those that it cannot hold are refused by name."""
    if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
        raise InputError(
            f"the parameter {name} is too large for float16, which ends at 65504: {np.abs(values).max():.3g}"
        )
    return values.astype(np.float16)


def float16_products(model: Any) -> Any:
    """The model with its products with weights, and its fused attention, in float16; all else stays float32.

    On GPUs such products are summed in float32. Where a runtime has no kernels of float16, as on a CPU, it computes
    them in float32 from the rounded numbers, which is why scores there show what rounding costs.

    Args:
        model: ``onnx.ModelProto``, float32.

    Returns:
        Another ``onnx.ModelProto``, float32 in and out.

    Raises:
        InputError: a weight does not fit float16.
    """
    import onnx
    from onnx import numpy_helper

    out = onnx.ModelProto()
    out.CopyFrom(model)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in out.graph.initializer}
    nodes: list[Any] = []
    halves: dict[str, str] = {}  # names of what is there in float16 too

    def half(name: str) -> str:
        if name not in halves:
            halves[name] = f"{name}_float16"
            if name in constants:
                values = _in_float16(constants[name], name)
                out.graph.initializer.append(numpy_helper.from_array(values, halves[name]))
            else:
                nodes.append(_cast(name, halves[name], onnx.TensorProto.FLOAT16))
        return halves[name]

    for node in out.graph.node:
        weight = constants.get(node.input[1]) if node.op_type in ("MatMul", "Gemm") else None
        of_weight = weight is not None and weight.dtype == np.float32 and weight.ndim == 2
        if not of_weight and node.op_type != "MultiHeadAttention":
            nodes.append(node)
            continue
        inputs, added = list(node.input), ""
        if (
            node.op_type == "MultiHeadAttention" and len(inputs) > 5
        ):  # -1e30, which masks, is no number of float16
            above = f"{node.output[0]}_bias"
            nodes.append(
                onnx.helper.make_node("Max", [inputs[5], "float16/low"], [above], name=f"{above}_node")
            )
            inputs[5] = above
        elif node.op_type == "Gemm" and len(inputs) > 2:
            added = inputs.pop()
        made = [half(name) if name else "" for name in inputs]
        product, single = f"{node.output[0]}_product", f"{node.output[0]}_sum" if added else node.output[0]
        nodes.append(node)
        del node.input[:]
        node.input.extend(made)
        result, node.output[0] = node.output[0], product
        nodes.append(_cast(product, single, onnx.TensorProto.FLOAT))
        if not added:
            halves[result] = product
        else:
            nodes.append(onnx.helper.make_node("Add", [single, added], [result], name=f"{result}_added"))
    out.graph.initializer.append(numpy_helper.from_array(np.array(-6e4, np.float32), "float16/low"))
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in out.graph.initializer if tensor.name in used]
    del out.graph.initializer[:]
    out.graph.initializer.extend(kept)
    return out


def int8_weights(model: Any, lists: bool = False) -> Any:
    r"""The model with its products with weights in int8, float32 in and out.

    Weights have a scale per column, inputs one per row, which is a node or a jet: what a jet gets does not depend on
    the other jets of its batch. ONNX Runtime's own dynamic quantisation has one scale for a whole batch.

    .. math::
        x_{ij} w_{jk} \approx s_i t_k \, \mathrm{round}(x_{ij} / s_i)\, \mathrm{round}(w_{jk} / t_k), \quad
        s_i = \max_j |x_{ij}| / 127, \quad t_k = \max_j |w_{jk}| / 127

    Args:
        model: ``onnx.ModelProto``, float32.
        lists: matrices may have no rows, as lists of nodes and of edges. ONNX Runtime from 1.17 on does not reduce
            the columns of such.

    Returns:
        The smaller model.
    """
    import onnx
    from onnx import numpy_helper

    out = onnx.ModelProto()
    out.CopyFrom(model)
    opset = next(o.version for o in out.opset_import if o.domain in ("", "ai.onnx"))
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in out.graph.initializer}
    known = onnx.shape_inference.infer_shapes(model).graph
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in (*known.value_info, *known.input)}
    made: dict[str, np.ndarray] = {}
    nodes: list[Any] = []
    for node in out.graph.node:
        weight = held.get(node.input[1]) if node.op_type in ("MatMul", "Gemm") else None
        if weight is None or weight.dtype != np.float32 or weight.ndim != 2 or weight.size <= _SMALL:
            nodes.append(node)
            continue
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if options.pop("transB", 0):
            weight = weight.T
        if any(value not in (0, 1.0) for value in options.values()) or options.get("transA"):
            nodes.append(node)
            continue
        nodes += _int8_product(node, weight, opset, made, lists and ranks.get(node.input[0]) == 2)
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in out.graph.initializer if tensor.name in used]
    del out.graph.initializer[:], out.graph.value_info[:]
    out.graph.initializer.extend(kept)
    out.graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in made.items())
    onnx.checker.check_model(out, full_check=True)
    return out


def _int8_product(
    node: Any, weight: np.ndarray, opset: int, made: dict[str, np.ndarray], one_more: bool
) -> list[Any]:
    """The nodes in the place of one product with weights (F, C); constants go into ``made``.

    With ``one_more`` the largest of each row are looked for with a row of zeros behind them.
    """
    import onnx

    x, name = node.input[0], f"{node.output[0]}_int8"
    scale = np.maximum(np.abs(weight).max(axis=0), np.float32(1e-30)) / np.float32(127)
    # Unsigned on both sides: with signed weights, processors without VNNI add pairs of products in 16 bits, which
    # saturate, and ONNX Runtime 1.7 does not multiply two signed ones.
    made[f"{name}/weight"] = (np.clip(np.rint(weight / scale), -127, 127) + 128).astype(np.uint8)
    made[f"{name}/column"] = scale.astype(np.float32)
    for constant, value in (("least", 1e-30), ("steps", 127.0), ("middle", 128.0)):
        made[f"int8/{constant}"] = np.array(value, np.float32)
    made["int8/zero"] = np.array(128, np.uint8)
    nodes: list[Any] = []

    def add(op: str, inputs: list[str], stem: str, **attributes: Any) -> str:
        output = stem if stem == node.output[0] else f"{name}/{stem}"
        nodes.append(onnx.helper.make_node(op, inputs, [output], name=f"{name}/{stem}_node", **attributes))
        return output

    size = add("Abs", [x], "size")
    if one_more:
        made[f"{name}/zeros"] = np.zeros((1, len(weight)), np.float32)
        size = add("Concat", [size, f"{name}/zeros"], "more", axis=0)
    if opset >= 18:
        made["int8/last"] = np.array([-1], np.int64)
        largest = add("ReduceMax", [size, "int8/last"], "largest", keepdims=1)
    else:
        largest = add("ReduceMax", [size], "largest", axes=[-1], keepdims=1)
    if one_more:
        made |= {"int8/first": np.zeros(1, np.int64), "int8/last": np.array([-1], np.int64)}
        largest = add("Slice", [largest, "int8/first", "int8/last", "int8/first"], "rows")
    row = add("Div", [add("Max", [largest, "int8/least"], "some"), "int8/steps"], "row")
    steps = add("Round", [add("Div", [x, row], "ratio")], "steps")
    unsigned = add(
        "Cast", [add("Add", [steps, "int8/middle"], "shifted")], "unsigned", to=onnx.TensorProto.UINT8
    )
    product = add("MatMulInteger", [unsigned, f"{name}/weight", "int8/zero", "int8/zero"], "product")
    wide = add("Cast", [product], "wide", to=onnx.TensorProto.FLOAT)
    scaled = add("Mul", [wide, row], "scaled")
    biased = node.op_type == "Gemm" and len(node.input) > 2 and node.input[2]
    last = add("Mul", [scaled, f"{name}/column"], "float" if biased else node.output[0])
    if biased:
        add("Add", [last, node.input[2]], node.output[0])
    return nodes


def cost(model: Any, smaller: Any, samples: Sequence[Feeds]) -> dict[str, float]:
    """What a smaller form of a model costs on some batches.

    Args:
        model, smaller: ``onnx.ModelProto``.
        samples: inputs of each batch by name.

    Returns:
        The largest and the mean absolute difference of a score, and the fraction of pairs of jets whose order
        changes: no ROC-AUC can change by more.
    """
    before = np.concatenate([scores.reshape(-1) for scores in run_each(model, samples)])
    after = np.concatenate([scores.reshape(-1) for scores in run_each(smaller, samples)])
    difference = np.abs(before - after)
    first, second = np.triu_indices(len(before), 1)
    order = np.sign(before[first] - before[second]) != np.sign(after[first] - after[second])
    return {
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "pairs_reordered": float(order.mean()),
    }
