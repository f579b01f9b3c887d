"""What each release runs."""

from __future__ import annotations

from typing import Any

import pytest

from e2e_tf.deploy.profiles import DEFAULT_CMSSW, RELEASES, check_onnx, check_tensorflow, release
from e2e_tf.errors import InputError


@pytest.mark.parametrize(
    ("name", "tensorflow", "runtime", "opset", "ir"),
    [
        ("12_1", "2.6.0", "1.7.2", 13, 7),
        ("12_3", "2.6.0", "1.7.2", 13, 7),
        ("12_4", "2.6.0", "1.10.0", 15, 8),
        ("CMSSW_13_0_14", "2.6.0", "1.10.0", 15, 8),
        ("13_1", "2.6.4", "1.14.1", 18, 8),
        ("CMSSW_14_1_0_pre3", "2.12.0", "1.17.1", 18, 8),
        ("15_1", "2.12.0", "1.20.1", 18, 8),
        ("20_1", "2.21.0", "1.26.0", 18, 8),
    ],
)
def test_a_series_has_its_libraries(name: str, tensorflow: str, runtime: str, opset: int, ir: int) -> None:
    found = release(name)
    assert (found.tensorflow, found.onnxruntime, found.opset, found.ir_version) == (
        tensorflow,
        runtime,
        opset,
        ir,
    )


def test_rows_rise() -> None:
    keys = [r.key for r in RELEASES]
    assert keys == sorted(keys)
    assert [r.max_opset for r in RELEASES] == sorted(r.max_opset for r in RELEASES)
    assert release(DEFAULT_CMSSW).opset == 18


@pytest.mark.parametrize("name", ["", "11_3", "14", "99_0", "20_2", "next", "14.1", None])
def test_an_unknown_release_is_refused(name: Any) -> None:
    with pytest.raises(InputError, match="must be a series from 12_1 to 20_1, such as 14_1, not"):
        release(name)


def model(
    op: str, opset: int = 18, kind: int = 1, shape: tuple[Any, ...] = (1, "N"), **attributes: Any
) -> Any:
    from onnx import TensorProto, helper

    domain = attributes.pop("domain", "")
    names = ["x", "i", "x"] if op == "ScatterND" else ["x"]
    infos = [helper.make_tensor_value_info("x", kind, shape)]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], domain=domain, **attributes)],
        "g",
        infos,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 7
    return made


@pytest.mark.parametrize(
    ("made", "target", "message"),
    [
        (model("Relu"), "12_4", "reads opset 15 and IR 8 at most; the model has opset 18"),
        (model("ScatterND", 15, reduction="add"), "12_4", "ScatterND with reduction=add needs opset 16"),
        (model("Unique", 15), "14_1", "Unique is not allowed"),
        (
            model("FusedMatMul", domain="com.microsoft"),
            "14_1",
            "com.microsoft::FusedMatMul is not an operation",
        ),
        (model("Gelu", 18), "14_1", "Gelu is not in opset 18"),
        (model("Relu", kind=11), "14_1", "passes float32 tensors of rank 1 or more; x is DOUBLE of rank 2"),
        (model("Relu", kind=7), "14_1", "x is INT64 of rank 2"),
        (model("Relu", shape=()), "14_1", "x is FLOAT of rank 0"),
    ],
)
def test_what_a_release_cannot_run_is_named(made: Any, target: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_onnx(made, release(target))


def test_what_a_release_runs_passes() -> None:
    check_onnx(model("Relu"), release("13_1"))
    check_onnx(model("ScatterND", 16, reduction="add"), release("13_1"))
    check_tensorflow(["MatMul", "TopKV2"], release("12_1"))
    check_tensorflow(["DisableCopyOnRead"], release("13_3"))


@pytest.mark.parametrize(
    ("op", "target"),
    [("DisableCopyOnRead", "13_1"), ("SegmentMaxV2", "14_1"), ("PyFunc", "20_1"), ("VarHandleOp", "20_1")],
)
def test_tensorflow_operations_are_checked(op: str, target: str) -> None:
    with pytest.raises(InputError, match=op):
        check_tensorflow(["MatMul", op], release(target))
