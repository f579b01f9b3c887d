"""What each CMSSW release series can run: TensorFlow, ONNX Runtime, ONNX opset and IR, operations.

Rows up to 14_2 follow the external packages of the release branches; later rows are marked as not certain. A
series that is not listed runs what the last listed one before it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from e2e_tf.deploy.kernels import CONTRIBUTED, check_kernels
from e2e_tf.errors import InputError

__all__ = [
    "DEFAULT_CMSSW",
    "RELEASES",
    "Release",
    "check_contributed",
    "check_onnx",
    "check_tensorflow",
    "release",
]

DEFAULT_CMSSW = "13_1"  # the oldest whose ONNX Runtime reads opset 18, which all later ones read too
_USED_OPSET = 18  # the newest opset that is ever needed; newer ones add nothing here


@dataclass(frozen=True)
class Release:
    """A release series.

    Attributes:
        name: first series with these libraries, such as ``14_1``.
        tensorflow, onnxruntime: versions.
        max_opset, max_ir: the newest ONNX opset and IR version that its ONNX Runtime reads.
        certain: read from the release's own branch.
    """

    name: str
    tensorflow: str
    onnxruntime: str
    max_opset: int
    max_ir: int
    certain: bool = True

    @property
    def opset(self) -> int:
        """The opset to write."""
        return min(self.max_opset, _USED_OPSET)

    @property
    def ir_version(self) -> int:
        """The IR version to write."""
        return min(self.max_ir, 8)

    @property
    def key(self) -> tuple[int, int]:
        """Major and minor number, by which series are compared."""
        return _key(self.name)

    def to_dict(self) -> dict[str, Any]:
        """The entry of the manifest.

        Returns:
            What can be written as JSON, by name.
        """
        return {
            "cmssw": self.name,
            "tensorflow": self.tensorflow,
            "onnxruntime": self.onnxruntime,
            "certain": self.certain,
        }


RELEASES: tuple[Release, ...] = (
    Release("12_1", "2.6.0", "1.7.2", 13, 7),
    Release("12_4", "2.6.0", "1.10.0", 15, 8),
    Release("13_1", "2.6.4", "1.14.1", 18, 8),
    Release("13_3", "2.12.0", "1.14.1", 18, 8),
    Release("14_1", "2.12.0", "1.17.1", 20, 9),
    Release("15_0", "2.12.0", "1.20.1", 21, 10, certain=False),
    Release("16_1", "2.17.0", "1.25.1", 26, 13, certain=False),
    Release("20_1", "2.21.0", "1.26.0", 26, 13, certain=False),
)
_LAST = (20, 1)

# Operations that a graph of this library's TensorFlow could hold and that older ones do not know.
_AFTER_2_6 = frozenset({"DisableCopyOnRead", "XlaCallModule"})
_AFTER_2_12 = frozenset(
    {"CheckPinned", "Conv", "FFTND", "IFFTND", "IRFFTND", "RFFTND", "RaggedFillEmptyRows", "SegmentMaxV2"}
    | {"SegmentMinV2", "StochasticCastToInt", "XlaLaunchV2", "DecodeWebP", "DumpTensor", "GlobalIterId"}
)
_NEW_TENSORFLOW_OPS = dict.fromkeys(_AFTER_2_6, (13, 3)) | dict.fromkeys(_AFTER_2_12, (16, 1))
# Reductions of ScatterND and the opset that brought them.
_SCATTER_OPSET = {"add": 16, "mul": 16, "max": 18, "min": 18}
# In ONNX, but without a float kernel on the CPU in any ONNX Runtime of the table.
_WITHOUT_KERNEL = frozenset({"Bernoulli", "SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"})
# They take whole classes of models out of CMSSW: data-dependent control flow, and sizes that depend on values.
_UNWANTED = frozenset({"Unique", "Loop", "Scan", "If", "SequenceConstruct", "RandomUniform", "RandomNormal"})


def _key(name: str) -> tuple[int, int]:
    major, minor = name.split("_")[:2]
    return int(major), int(minor)


def release(name: str) -> Release:
    """The series that a release belongs to.

    Args:
        name: such as ``14_1`` or ``CMSSW_14_1_0_pre3``.

    Returns:
        The series.

    Raises:
        InputError: the release is not known.
    """
    found = re.fullmatch(r"(?:CMSSW_)?(\d+)_(\d+)(?:_\w+)?", name) if isinstance(name, str) else None
    key = (int(found[1]), int(found[2])) if found else (0, 0)
    if not RELEASES[0].key <= key <= _LAST:
        raise InputError(
            f"the CMSSW release must be a series from {RELEASES[0].name} to {RELEASES[-1].name}, such as 14_1, "
            f"not {name!r}"
        )
    return [r for r in RELEASES if r.key <= key][-1]


def check_onnx(model: Any, target: Release) -> None:
    """Check that a release runs an ONNX model through ``cms::Ort``.

    Args:
        model: ``onnx.ModelProto``.
        target: the release.

    Raises:
        InputError: naming the operation or tensor that it cannot take.
    """
    import onnx

    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset > target.max_opset or model.ir_version > target.max_ir:
        raise InputError(
            f"CMSSW_{target.name} (ONNX Runtime {target.onnxruntime}) reads opset {target.max_opset} and IR "
            f"{target.max_ir} at most; the model has opset {opset} and IR {model.ir_version}"
        )
    for node in model.graph.node:
        problem = ""
        if f"{node.domain}::{node.op_type}" in CONTRIBUTED:
            check_contributed(f"{node.domain}::{node.op_type}", target)
        elif node.domain not in ("", "ai.onnx"):
            problem = f"{node.domain}::{node.op_type} is not an operation of ONNX"
        elif not _since(onnx, node.op_type, opset):
            problem = f"{node.op_type} is not in opset {opset}"
        elif node.op_type in _WITHOUT_KERNEL or node.op_type in _UNWANTED:
            problem = f"{node.op_type} is not allowed in a bundle"
        elif node.op_type.startswith("Scatter"):
            reduction = next((a.s.decode() for a in node.attribute if a.name == "reduction"), "none")
            if reduction != "none" and _SCATTER_OPSET.get(reduction, 99) > target.max_opset:
                problem = (
                    f"{node.op_type} with reduction={reduction} needs opset {_SCATTER_OPSET.get(reduction)}"
                )
        if problem:
            raise InputError(
                f"CMSSW_{target.name} (ONNX Runtime {target.onnxruntime}, opset {target.max_opset}) cannot run "
                f"this model: {problem}"
            )
    check_kernels(model, target.onnxruntime, f"CMSSW_{target.name} (ONNX Runtime {target.onnxruntime})")
    for value in [*model.graph.input, *model.graph.output]:
        kind = value.type.tensor_type
        if kind.elem_type != onnx.TensorProto.FLOAT or not kind.shape.dim:
            came = f"{onnx.TensorProto.DataType.Name(kind.elem_type)} of rank {len(kind.shape.dim)}"
            raise InputError(f"cms::Ort passes float32 tensors of rank 1 or more; {value.name} is {came}")


def check_contributed(operation: str, target: Release) -> None:
    """Check that a release has an operation of ONNX Runtime's own.

    Args:
        operation: key of :data:`e2e_tf.deploy.kernels.CONTRIBUTED`.
        target: the release.

    Raises:
        InputError: its runtime lacks the operation, or its kernel.
    """
    first = CONTRIBUTED[operation]
    if tuple(int(part) for part in target.onnxruntime.split(".")[:2]) < first:
        since = next(r.name for r in RELEASES if tuple(map(int, r.onnxruntime.split(".")[:2])) >= first)
        raise InputError(
            f"CMSSW_{target.name} (ONNX Runtime {target.onnxruntime}) cannot run {operation} with a bias for each jet; "
            f"it needs ONNX Runtime {first[0]}.{first[1]}, so export for CMSSW_{since} or later"
        )


def _since(onnx: Any, op: str, opset: int) -> bool:
    try:
        onnx.defs.get_schema(op, opset)
    except onnx.defs.SchemaError:
        return False
    return True


def check_tensorflow(operations: Iterable[str], target: Release) -> None:
    """Check that a release's TensorFlow knows the operations of a frozen graph.

    Args:
        operations: their names.
        target: the release.

    Raises:
        InputError: naming the operation.
    """
    for op in sorted(set(operations)):
        first = _NEW_TENSORFLOW_OPS.get(op)
        if first is not None and target.key < first:
            raise InputError(
                f"CMSSW_{target.name} (TensorFlow {target.tensorflow}) cannot run this model: it has no operation {op}"
            )
        if op in ("PyFunc", "EagerPyFunc", "PyFuncStateless") or op.startswith(
            ("Variable", "VarHandle", "ReadVariable")
        ):
            raise InputError(f"a frozen graph must hold no {op}, which runs in the Python process only")
