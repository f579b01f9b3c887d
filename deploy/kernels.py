"""Operations that an ONNX Runtime reads but has no CPU kernel for in some type.

Measured: a model of each operation alone, in each type, was loaded by ONNX Runtime 1.7, 1.10, 1.14 and 1.17, with the
opset that is written for the releases that hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e_tf.errors import InputError

__all__ = ["CONTRIBUTED", "check_kernels"]

CONTRIBUTED: Mapping[str, tuple[int, int]] = {"com.microsoft::MultiHeadAttention": (1, 17)}
"""Operations of ONNX Runtime's own that a form may hold, and the first version that runs them as they are written here.

Measured like the others, with a bias for every jet and head, for no, one and many nodes.
"""

_BYTES = (
    *(
        "Add",
        "ArgMin",
        "Div",
        "Einsum",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "Max",
        "Min",
    ),
    *("Mul", "Sub", "TopK", "Trilu", "Unique", "EyeLike"),
)
_DOUBLES = (
    *(
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "AveragePool",
        "Conv",
        "ConvTranspose",
        "Cos",
        "Cosh",
        "Det",
    ),
    *("Erf", "GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization", "LRN", "Mean", "NonZero", "RNN"),
    *("ReduceProd", "Resize", "Sinh", "Tan"),
)
_DOUBLES_TO_1_14 = (
    *("Elu", "HardSigmoid", "HardSwish", "Mish", "Selu", "Softplus", "Softsign", "ThresholdedRelu", "Unique"),
)
_DOUBLES_TO_1_10 = (
    *("Ceil", "Floor", "IsNaN", "LeakyRelu", "PRelu", "ReduceL1", "ReduceL2", "ReduceLogSum", "Split"),
)
# The last of the measured versions without a kernel, by operation and type of the input that chooses it.
_MISSING: dict[tuple[str, str], tuple[int, int]] = {
    **{(op, "UINT8"): (1, 17) for op in _BYTES},
    **{(op, "DOUBLE"): (1, 17) for op in _DOUBLES},
    **{(op, "DOUBLE"): (1, 14) for op in _DOUBLES_TO_1_14},
    **{(op, "DOUBLE"): (1, 10) for op in _DOUBLES_TO_1_10},
    **{
        (op, "INT64"): (1, 10)
        for op in ("PRelu", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare")
    },
    **{
        (op, kind): (1, 17)
        for op in ("DepthToSpace", "SpaceToDepth")
        for kind in ("BOOL", "INT32", "INT64", "UINT8")
    },
    **{(op, "DOUBLE"): (1, 7) for op in ("DepthToSpace", "SpaceToDepth")},
    **{(op, "INT64"): (1, 17) for op in ("ArgMax", "ArgMin", "Gemm", "ReduceMean", "Resize")},
    **{(op, "BOOL"): (1, 17) for op in ("EyeLike", "Resize", "Trilu", "Unique", "Where")},
    **{(op, "INT32"): (1, 17) for op in ("Gemm", "Trilu", "Unique")},
    **{(op, "INT64"): (1, 14) for op in ("ReduceLogSum", "Relu")},
    **{(op, "INT32"): (1, 10) for op in ("Clip", "PRelu")},
    ("ArgMax", "UINT8"): (1, 10),
    ("Pad", "BOOL"): (1, 7),
    ("Split", "BOOL"): (1, 10),
    ("TopK", "INT32"): (1, 7),
}
_NAMES = {"BOOL": "bool", "DOUBLE": "float64", "INT32": "int32", "INT64": "int64", "UINT8": "uint8"}


def check_kernels(model: Any, onnxruntime: str, what: str) -> None:
    """Check that an ONNX Runtime has a kernel for every operation in the type in which it is used.

    Args:
        model: ``onnx.ModelProto``.
        onnxruntime: its version, such as ``1.7.2``.
        what: the release, for the message.

    Raises:
        InputError: naming the first operation without one, and its type.
    """
    import onnx

    major, minor = (int(part) for part in onnxruntime.split(".")[:2])
    inferred = onnx.shape_inference.infer_shapes(model).graph
    kinds = {
        v.name: v.type.tensor_type.elem_type
        for v in (*inferred.value_info, *inferred.input, *inferred.output)
    }
    kinds |= {tensor.name: tensor.data_type for tensor in inferred.initializer}
    for node in model.graph.node:
        if not node.input:
            continue
        chooses = node.input[1 if node.op_type == "Where" else 0]
        kind = onnx.TensorProto.DataType.Name(kinds.get(chooses, 0))
        missing = _MISSING.get((node.op_type, kind))
        if missing is not None and (major, minor) <= missing:
            raise InputError(
                f"{what} cannot run this model: it has no {node.op_type} of {_NAMES[kind]}, in {node.name or chooses}; "
                "compute it in float32, or export for a newer release"
            )
