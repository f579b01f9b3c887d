"""Conversion of a frozen TensorFlow graph to ONNX, with own rules where the converter's change a number.

A rule is a function with the decorator :func:`lowers`; all other operations are converted by tf2onnx's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.session import first_line
from e2e_tf.errors import InputError

__all__ = ["convert", "lowers"]

Rule = Callable[[Any, Any, str, Any], None]  # tf2onnx: the graph, the node, its name, arguments
_RULES: dict[str, Rule] = {}


def lowers(*operations: str) -> Callable[[Rule], Rule]:
    """Register the rule by which nodes of these TensorFlow operations become ONNX.

    Args:
        operations: names in TensorFlow's graphs.

    Returns:
        The decorator, which gives the function as it is.
    """

    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(operations, rule))
        return rule

    return register


@lowers("Select", "SelectV2")
def _where(context: Any, node: Any, name: str, args: Any) -> None:
    """``Where``: the converter's own rule multiplies by the condition, and 0 times NaN is NaN."""
    node.type = "Where"


@lowers("TopKV2")
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


def convert(graph: Any, inputs: Sequence[str], output: str, opset: int, ir_version: int) -> Any:
    """An ``onnx.ModelProto`` of a frozen ``GraphDef``, float32 in and out.

    Args:
        graph: ``GraphDef`` without control flow.
        inputs: names of its placeholders, which the ONNX model keeps.
        output: name of the node that gives the scores.
        opset: of ONNX, to write.
        ir_version: of ONNX, to write.

    Returns:
        The model.

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
                custom_op_handlers={operation: (rule, []) for operation, rule in _RULES.items()},
            )
        model = optimizer.optimize_graph(lowered, catch_errors=False, optimizers=passes).make_model("e2e_tf")
    except (ValueError, RuntimeError, KeyError) as error:
        raise InputError(f"the model cannot be lowered to ONNX opset {opset}: {first_line(error)}") from error
    foreign = sorted(
        {f"{n.domain}::{n.op_type}" for n in model.graph.node if n.domain not in ("", "ai.onnx")}
    )
    known = {n.op_type for n in model.graph.node if onnx.defs.has(n.op_type)}
    unknown = sorted({n.op_type for n in model.graph.node} - known | set(foreign))
    if unknown:
        where = next((node.name for node in graph.node if node.op in unknown), "")
        raise InputError(
            f"ONNX opset {opset} has no operation for {', '.join(unknown)} of this model, in {where or 'its graph'}; "
            "the table in docs/export.md lists layers and operations that work"
        )
    model.ir_version = ir_version
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", opset))
    return model
