"""An ONNX model with weights of fewer bits, and what that costs."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.session import Feeds, run_model
from e2e_tf.errors import InputError

__all__ = ["cost", "float16_weights", "int8_weights"]

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
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise InputError(
                f"the parameter {tensor.name} is too large for float16, which ends at 65504: "
                f"{np.abs(values).max():.3g}"
            )
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


def int8_weights(model: Any) -> Any:
    """The model with dynamic int8 quantisation of its products with weights, float32 in and out.

    Args:
        model: ``onnx.ModelProto``, float32.

    Returns:
        Another ``onnx.ModelProto``.
    """
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

    Args:
        model, smaller: ``onnx.ModelProto``.
        samples: inputs of each batch by name.

    Returns:
        The largest and the mean absolute difference of a score, and the fraction of pairs of jets whose order
        changes: no ROC-AUC can change by more.
    """
    before = np.concatenate([run_model(model, feeds).reshape(-1) for feeds in samples])
    after = np.concatenate([run_model(smaller, feeds).reshape(-1) for feeds in samples])
    difference = np.abs(before - after)
    first, second = np.triu_indices(len(before), 1)
    order = np.sign(before[first] - before[second]) != np.sign(after[first] - after[second])
    return {
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "pairs_reordered": float(order.mean()),
    }
