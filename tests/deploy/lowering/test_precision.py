"""Models of fewer bits: float32 in and out, and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from e2e_tf.deploy.lowering import cost, float16_products, float16_weights, int8_weights
from e2e_tf.deploy.lowering.session import run_model
from e2e_tf.errors import InputError


def product(make_model: Callable[..., Any], width: int = 32, scale: float = 1.0) -> tuple[Any, np.ndarray]:
    weight = (scale * np.random.default_rng(0).normal(size=(width, 3))).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
        helper.make_node("Add", ["p", "b"], ["y"], name="bias"),
    ]
    return make_model(nodes, {"w": weight, "b": np.ones(3, np.float32)}, (width, 3)), weight


def test_float16_rounds_large_constants_only(
    make_model: Callable[..., Any], blocks: Callable[..., Any]
) -> None:
    model, weight = product(make_model)
    small = float16_weights(model)
    kinds = {tensor.name: tensor.data_type for tensor in small.graph.initializer}
    assert kinds == {"w_float16": TensorProto.FLOAT16, "b": TensorProto.FLOAT}
    (feeds,) = blocks((2, 5), width=32)
    rounded = weight.astype(np.float16).astype(np.float32)
    np.testing.assert_allclose(run_model(small, feeds), feeds["x"] @ rounded + 1, rtol=0, atol=1e-5)
    assert np.abs(run_model(small, feeds) - run_model(model, feeds)).max() > 1e-5
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    np.testing.assert_array_equal(held["w"], weight)  # the given model is not changed


def test_products_in_float16_take_rounded_numbers_and_give_single_precision(
    make_model: Callable[..., Any], blocks: Callable[..., Any]
) -> None:
    """A product, one with a bias of single precision, and one with its transposed weight; the rest is not rounded."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=(4, 4)).astype(np.float32) for name in "vw"}
    bias, rows = np.full(4, 1 / 3, np.float32), np.array([-1, 4])
    nodes = [
        helper.make_node("MatMul", ["x", "v"], ["p"], name="product"),
        helper.make_node("Reshape", ["p", "rows"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "w", "b"], ["q"], name="biased", transB=1),
        helper.make_node("Reshape", ["q", "back"], ["y"], name="back"),
    ]
    constants = {**weights, "b": bias, "rows": rows, "back": np.array([2, 5, 4])}
    model = make_model(nodes, constants, (4, 4))
    small = float16_products(model)
    onnx.checker.check_model(small, full_check=True)
    (feeds,) = blocks((2, 5))

    def half(values: np.ndarray) -> np.ndarray:
        return values.astype(np.float16).astype(np.float32)

    first = half(half(feeds["x"]) @ half(weights["v"]))
    expected = half(first @ half(weights["w"]).T) + bias
    # Sums may round once more to either side: one step of float16 at 8.
    np.testing.assert_allclose(run_model(small, feeds), expected, rtol=0, atol=8e-3)
    assert np.abs(run_model(small, feeds) - run_model(model, feeds)).max() > 1e-4
    exact = run_model(small, {"x": np.zeros((2, 5, 4), np.float32)})
    np.testing.assert_array_equal(exact, np.broadcast_to(bias, (2, 5, 4)))
    assert {tensor.name for tensor in small.graph.initializer} == {
        "v_float16",
        "w_float16",
        "b",
        "rows",
        "back",
    }
    with pytest.raises(InputError, match="the parameter w is too large for float16"):
        float16_products(product(make_model, scale=1e5)[0])


def test_what_float16_cannot_hold_is_named(make_model: Callable[..., Any]) -> None:
    model, _ = product(make_model, scale=1e5)
    with pytest.raises(InputError, match="the parameter w is too large for float16"):
        float16_weights(model)


def test_int8_quantises_products_with_weights(
    make_model: Callable[..., Any], blocks: Callable[..., Any]
) -> None:
    model, weight = product(make_model)
    small = int8_weights(model)
    assert "MatMulInteger" in {node.op_type for node in small.graph.node}
    assert (small.ir_version, small.opset_import) == (model.ir_version, model.opset_import)
    onnx.checker.check_model(small, full_check=True)
    (feeds,) = blocks((2, 5), width=32)
    difference = np.abs(run_model(small, feeds) - (feeds["x"] @ weight + 1)).max()
    assert 1e-5 < difference < 0.5


@pytest.mark.parametrize(("transposed", "opset"), [(False, 13), (True, 13), (False, 18)])
def test_int8_of_a_row_does_not_depend_on_its_company(
    make_model: Callable[..., Any], blocks: Callable[..., Any], transposed: bool, opset: int
) -> None:
    """To the bit, beside rows a thousand times as large too; a row of zeros gives the bias."""
    model, weight = product(make_model)
    if transposed:
        rows = np.array([-1, 32])
        nodes = [
            helper.make_node("Reshape", ["x", "rows"], ["flat"], name="flat"),
            helper.make_node("Gemm", ["flat", "w", "b"], ["p"], name="product", transB=1),
            helper.make_node("Reshape", ["p", "back"], ["y"], name="back"),
        ]
        constants = {"rows": rows, "back": np.array([2, 5, 3]), "w": weight.T, "b": np.ones(3, np.float32)}
        model = make_model(nodes, constants, (32, 3))
    model.opset_import[0].version = opset  # the axes of reductions are an input from 18 on
    small = int8_weights(model)
    assert "MatMulInteger" in {node.op_type for node in small.graph.node}
    (feeds,) = blocks((2, 5), width=32)
    x = feeds["x"]
    x[0, 3] = 0
    alone = run_model(small, {"x": x})
    np.testing.assert_allclose(alone, x @ weight + 1, rtol=0, atol=0.3)
    np.testing.assert_array_equal(alone[0, 3], 1)
    x = x.copy()
    x[1] *= 1000
    np.testing.assert_array_equal(run_model(small, {"x": x})[0], alone[0])


@pytest.mark.parametrize("opset", [13, 18])
def test_int8_of_lists_without_rows(opset: int) -> None:
    """As a list of nodes is where no jet has any; beside that the rows are those of int8 otherwise, to the bit."""
    rng = np.random.default_rng(4)
    weight = numpy_helper.from_array(rng.normal(size=(32, 3)).astype(np.float32), "w")
    ports = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", n])
        for name, n in (("x", 32), ("y", 3))
    ]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ports[:1], ports[1:], [weight]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    small = int8_weights(model, lists=True)
    assert run_model(small, {"x": np.zeros((0, 32), np.float32)}).shape == (0, 3)
    feeds = {"x": rng.normal(size=(5, 32)).astype(np.float32)}
    np.testing.assert_array_equal(run_model(small, feeds), run_model(int8_weights(model), feeds))


def test_the_cost_counts_differences_and_pairs_in_another_order(make_model: Callable[..., Any]) -> None:
    def scaled(*factors: float) -> Any:
        nodes = [helper.make_node("Mul", ["x", "f"], ["y"], name="scale")]
        return make_model(nodes, {"f": np.array(factors, np.float32)}, (3, 3))

    x = np.array([[[1, 2, 4]]], np.float32)
    found = cost(scaled(1, 1, 1), scaled(1, 1, 0.375), [{"x": x}])  # 1, 2, 4 become 1, 2, 1.5
    assert found["largest_difference"] == 2.5
    assert found["mean_difference"] == pytest.approx(2.5 / 3)
    assert found["pairs_reordered"] == pytest.approx(1 / 3)
    assert set(cost(scaled(1, 1, 1), scaled(1, 1, 1), [{"x": x}]).values()) == {0.0}
