"""Each simplification on the smallest graph that it is for, and on one that it must leave alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from e2e_tf.deploy.lowering import rewrites
from e2e_tf.deploy.lowering.graph import OnnxGraph
from e2e_tf.deploy.lowering.session import run_model

SIZES = ((2, 3), (1, 1), (5, 2), (1, 7))


@pytest.fixture
def rewritten(make_model: Callable[..., Any], blocks: Callable[..., Any]) -> Callable[..., list[str]]:
    """Operations left by a simplification, which must give the same on sizes seen and not seen."""

    def apply(rewrite: Any, nodes: list[Any], constants: Any = None, widths: Any = (4, 3)) -> list[str]:
        model = make_model(nodes, constants, widths)
        graph = OnnxGraph(model)
        graph.observe(blocks(*SIZES, width=widths[0]))
        rewrite(graph)
        for feeds in blocks(*SIZES, (4, 6), (3, 1), width=widths[0]):
            np.testing.assert_allclose(
                run_model(graph.model(), feeds), run_model(model, feeds), rtol=0, atol=1e-6
            )
        return [node.op_type for node in graph.nodes]

    return apply


def shape_of_x(width: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Nodes that compute ``target`` = (B, N, width) from the shape of x."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], name="shape"),
        helper.make_node("Slice", ["shape", "zero", "two"], ["sizes"], name="slice"),
        helper.make_node("Concat", ["sizes", "width"], ["target"], name="concat", axis=0),
    ]
    return nodes, {"zero": np.array([0]), "two": np.array([2]), "width": np.array([width])}


def flat(*inner: Any) -> tuple[list[Any], dict[str, np.ndarray]]:
    """x to rows, some nodes from ``rows`` to ``made``, back to blocks y of width 3."""
    nodes, constants = shape_of_x(3)
    nodes.append(helper.make_node("Reshape", ["x", "rows4"], ["rows"], name="flatten"))
    nodes += [*inner, helper.make_node("Reshape", ["made", "target"], ["y"], name="back")]
    rng = np.random.default_rng(0)
    values = {"rows4": np.array([-1, 4]), "w": rng.normal(size=(4, 3)).astype(np.float32)}
    return nodes, constants | values


def test_a_flat_product_is_a_product_of_blocks(rewritten: Callable[..., list[str]]) -> None:
    found = rewritten(_product, *flat(helper.make_node("MatMul", ["rows", "w"], ["made"], name="p")))
    assert found == ["MatMul"]
    softmax = [
        helper.make_node("Softmax", ["rows"], ["soft"], name="s", axis=0),
        helper.make_node("MatMul", ["soft", "w"], ["made"], name="p"),
    ]
    kept = rewritten(_product, *flat(*softmax))  # rows of other jets take part
    assert kept == ["Shape", "Slice", "Concat", "Reshape", "Softmax", "MatMul", "Reshape"]


def _product(graph: OnnxGraph) -> None:
    rewrites.flat_products(graph)
    rewrites.prune(graph)


def test_a_reshape_that_keeps_its_dimensions_computes_no_shape(
    make_model: Callable[..., Any], blocks: Callable[..., Any]
) -> None:
    nodes, constants = shape_of_x(4)
    nodes.append(helper.make_node("Reshape", ["x", "target"], ["y"], name="same"))
    graph = OnnxGraph(make_model(nodes, constants, (4, 4)))
    graph.observe(blocks(*SIZES))
    rewrites.constant_reshapes(graph)
    np.testing.assert_array_equal(graph.constants[graph.nodes[-1].input[1]], [0, 0, 0])
    graph = OnnxGraph(make_model(nodes, constants, (4, 4)))
    graph.observe(blocks((2, 0), (1, 3)))  # a 0 would mean "as before", which may be another dimension
    rewrites.constant_reshapes(graph)
    assert graph.nodes[-1].input[1] == "target"


def test_b_and_n_are_taken_from_the_first_blocks(rewritten: Callable[..., list[str]]) -> None:
    nodes, constants = flat(helper.make_node("MatMul", ["rows", "w"], ["made"], name="p"))
    nodes.insert(0, helper.make_node("Relu", ["x"], ["blocks"], name="relu"))
    found = rewritten(rewrites.borrowed_shapes, nodes, constants)
    assert found[-4:] == ["Shape", "Slice", "Concat", "Reshape"]
    assert len(found) == len(nodes) + 3  # those of x are pruned later


@pytest.mark.parametrize("shared", [False, True])
def test_an_activation_moves_to_its_product(rewritten: Callable[..., list[str]], shared: bool) -> None:
    nodes, constants = flat(helper.make_node("Gemm", ["rows", "w", "c"], ["made"], name="p"))
    nodes[-1].output[0] = "z"
    nodes.append(helper.make_node("Relu", ["z"], ["r" if shared else "y"], name="relu"))
    if shared:
        nodes.append(helper.make_node("Add", ["r", "z"], ["y"], name="sum"))
    found = rewritten(rewrites.activated_flat, nodes, constants | {"c": np.ones(3, np.float32)})
    order = ["Reshape", "Relu", "Add"] if shared else ["Relu", "Reshape"]
    assert found == ["Shape", "Slice", "Concat", "Reshape", "Gemm", *order]


def test_nodes_that_change_nothing_go(rewritten: Callable[..., list[str]]) -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["a"], name="identity"),
        helper.make_node("Slice", ["a", "zero", "far", "last"], ["b"], name="all"),
        helper.make_node("Slice", ["b", "end", "begin", "last", "back"], ["c"], name="reversed"),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    constants = {
        name: np.array([value])
        for name, value in {
            "zero": 0,
            "far": 2**31,
            "last": 2,
            "end": -1,
            "begin": -(2**31),
            "back": -1,
        }.items()
    }
    assert rewritten(rewrites.remove_idle, nodes, constants, (4, 4)) == ["Slice", "Relu"]


def test_what_is_folded_and_unfolded_is_one_name(rewritten: Callable[..., list[str]]) -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["x", "one"], ["a"], name="unsqueeze"),
        helper.make_node("Squeeze", ["a", "one"], ["b"], name="squeeze"),
        helper.make_node("Relu", ["b"], ["y"], name="relu"),
    ]
    found = rewritten(rewrites.unfolded, nodes, {"one": np.array([1])}, (4, 4))
    assert found == ["Unsqueeze", "Identity", "Relu"]


def bias(factor: float) -> tuple[list[Any], dict[str, np.ndarray]]:
    """log(a) where an edge is, -1e9 elsewhere; a is ``factor`` for every positive x."""
    nodes = [
        helper.make_node("Greater", ["x", "zero"], ["linked"], name="linked"),
        helper.make_node("Cast", ["linked"], ["one"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["one", "factor"], ["scaled"], name="mul"),
        helper.make_node("Greater", ["a", "zero"], ["some"], name="some"),
        helper.make_node("Where", ["some", "a", "unit"], ["inner"], name="inner"),
        helper.make_node("Log", ["inner"], ["log"], name="log"),
        helper.make_node("Where", ["some", "log", "none"], ["y"], name="where"),
    ]
    values = {"zero": 0.0, "unit": 1.0, "none": -1e9, "factor": factor}
    for node in nodes:
        for i, name in enumerate(node.input):
            if name == "a":
                node.input[i] = "one" if factor == 1 else "scaled"
    return nodes, {name: np.float32(value).reshape(()) for name, value in values.items()}


def test_the_logarithm_of_single_edges_is_zero(rewritten: Callable[..., list[str]]) -> None:
    nodes, constants = bias(1.0)
    found = rewritten(rewrites.attention_bias, nodes, constants, (4, 4))
    assert found == [node.op_type for node in nodes]  # the idle ones are pruned later
    assert rewritten(_attended, nodes, constants, (4, 4)) == ["Greater", "Where"]
    nodes, constants = bias(2.0)  # log(2) has to stay
    assert "Log" in rewritten(_attended, nodes, constants, (4, 4))


def _attended(graph: OnnxGraph) -> None:
    rewrites.attention_bias(graph)
    rewrites.prune(graph)


def test_equal_nodes_and_constants_are_merged_and_the_idle_pruned(
    rewritten: Callable[..., list[str]],
) -> None:
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["a"], name="first"),
        helper.make_node("Mul", ["x", "zwei"], ["b"], name="second"),
        helper.make_node("Mul", ["x", "three"], ["c"], name="idle"),
        helper.make_node("Add", ["a", "b"], ["y"], name="add"),
    ]
    values = {"two": 2, "zwei": 2, "three": 3}
    constants = {name: np.float32(value).reshape(()) for name, value in values.items()}

    def both(graph: OnnxGraph) -> None:
        rewrites.merge(graph)
        rewrites.prune(graph)

    assert rewritten(both, nodes, constants, (4, 4)) == ["Mul", "Add"]


def test_constants_of_equal_bytes_and_another_type_stay_apart(rewritten: Callable[..., list[str]]) -> None:
    """1 in float32 has the bytes of 1065353216 in int32."""
    one = np.ones((), np.float32)
    nodes = [
        helper.make_node("Mul", ["x", "one"], ["a"], name="times"),
        helper.make_node("Cast", ["whole"], ["b"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Add", ["a", "b"], ["y"], name="add"),
    ]
    assert rewritten(rewrites.merge, nodes, {"one": one, "whole": one.view(np.int32)}, (4, 4))


def test_sizes_that_are_the_same_are_computed_once(
    make_model: Callable[..., Any], blocks: Callable[..., Any]
) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["first"], name="first"),
        helper.make_node("Relu", ["x"], ["r"], name="relu"),
        helper.make_node("Shape", ["r"], ["second"], name="second"),
        helper.make_node("Reshape", ["r", "second"], ["y"], name="reshape"),
    ]
    graph = OnnxGraph(make_model(nodes, {}, (4, 4)))
    graph.observe(blocks(*SIZES))
    rewrites.same_sizes(graph)
    assert graph.nodes[-1].input[1] == "first"


def test_every_simplification_is_registered_in_the_order_of_the_file() -> None:
    assert [one.__name__ for one in rewrites.REWRITES] == [
        "flat_products",
        "constant_reshapes",
        "borrowed_shapes",
        "activated_flat",
        "remove_idle",
        "unfolded",
        "attention_bias",
        "same_sizes",
        "merge",
        "prune",
    ]
