"""What an ONNX Runtime reads but cannot run."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import TensorProto, helper

from e2e_tf.deploy.kernels import check_kernels
from e2e_tf.deploy.profiles import check_onnx, release
from e2e_tf.errors import InputError


def model_in(kind: int, node: Any, opset: int = 13, ir: int = 7) -> Any:
    """x float32 (2, 4), cast to a type, through one operation, and back to y float32."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("B", 4)) for name in "xy"]
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], name="in", to=kind),
        node,
        helper.make_node("Cast", ["b"], ["y"], name="out", to=TensorProto.FLOAT),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "one", ports[:1], ports[1:]), opset_imports=[helper.make_opsetid("", opset)]
    )
    model.ir_version = ir
    return model


SPLIT = helper.make_node("Split", ["a"], ["b", "c"], name="split", axis=1)
FLOOR = helper.make_node("Floor", ["a"], ["b"], name="floor")
COS = helper.make_node("Cos", ["a"], ["b"], name="cos")
WHERE = helper.make_node("Where", ["a", "a", "a"], ["b"], name="where")


@pytest.mark.parametrize(
    ("kind", "node", "refused", "allowed", "message"),
    [
        (TensorProto.BOOL, SPLIT, ("1.7.2", "1.10.0"), ("1.14.1", "1.20.1"), "no Split of bool, in split"),
        (TensorProto.DOUBLE, FLOOR, ("1.7.2", "1.10.0"), ("1.14.1",), "no Floor of float64, in floor"),
        (TensorProto.DOUBLE, COS, ("1.7.2", "1.17.1"), ("1.20.1",), "no Cos of float64"),
        (TensorProto.BOOL, WHERE, ("1.14.1",), ("1.25.1",), "no Where of bool"),
    ],
)
def test_a_missing_kernel_is_named(kind: int, node: Any, refused: Any, allowed: Any, message: str) -> None:
    model = model_in(kind, node)
    for version in refused:
        with pytest.raises(InputError, match=f"R cannot run this model: it has {message}"):
            check_kernels(model, version, "R")
    for version in allowed:
        check_kernels(model, version, "R")
    check_kernels(model_in(TensorProto.FLOAT, node if node is not WHERE else COS), refused[0], "R")


def test_a_release_is_checked_for_kernels() -> None:
    for name in ("12_1", "12_4"):
        with pytest.raises(InputError, match=rf"CMSSW_{name} .* cannot run .* Floor of float64"):
            check_onnx(model_in(TensorProto.DOUBLE, FLOOR), release(name))
    check_onnx(model_in(TensorProto.DOUBLE, FLOOR), release("13_1"))
