"""Forms that the lowering rewrites: the same numbers in fewer and larger operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import helper

from e2e_tf.deploy import lowering
from e2e_tf.deploy.interface import TensorInfo
from e2e_tf.deploy.lowering import optimiser
from e2e_tf.deploy.lowering.graph import OnnxGraph
from e2e_tf.deploy.lowering.session import run_model
from e2e_tf.errors import InputError

BLOCKS = [TensorInfo("x", ("B", "N", 4))]


def two_layers(make_model: Callable[..., Any]) -> Any:
    """Two dense layers as the converter writes them: flat products, sizes from the input, activations on blocks."""
    rng = np.random.default_rng(0)
    constants = {
        "flat4": np.array([-1, 4]),
        "flat5": np.array([-1, 5]),
        "zero": np.array([0]),
        "two": np.array([2]),
        "five": np.array([5]),
        "three": np.array([3]),
        "w": rng.normal(size=(4, 5)).astype(np.float32),
        "b": rng.normal(size=5).astype(np.float32),
        "v": rng.normal(size=(5, 3)).astype(np.float32),
        "c": rng.normal(size=3).astype(np.float32),
        "half": np.float32(0.5),
    }
    nodes = [
        helper.make_node("Mul", ["x", "half"], ["h"], name="halve"),
        helper.make_node("Shape", ["h"], ["shape"], name="shape"),
        helper.make_node("Slice", ["shape", "zero", "two"], ["sizes"], name="slice"),
        helper.make_node("Concat", ["sizes", "five"], ["blocks5"], name="blocks5", axis=0),
        helper.make_node("Reshape", ["h", "flat4"], ["h4"], name="flatten"),
        helper.make_node("Gemm", ["h4", "w", "b"], ["p"], name="first"),
        helper.make_node("Reshape", ["p", "blocks5"], ["p3"], name="unflatten"),
        helper.make_node("Relu", ["p3"], ["q3"], name="relu"),
        helper.make_node("Reshape", ["q3", "flat5"], ["q"], name="again"),
        helper.make_node("Gemm", ["q", "v", "c"], ["r"], name="second"),
        helper.make_node("Shape", ["q3"], ["shape3"], name="shape_again"),
        helper.make_node("Slice", ["shape3", "zero", "two"], ["sizes3"], name="slice_again"),
        helper.make_node("Concat", ["sizes3", "three"], ["blocks3"], name="blocks3", axis=0),
        helper.make_node("Reshape", ["r", "blocks3"], ["y"], name="out"),
    ]
    return make_model(nodes, constants), constants


def expected(constants: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    q = np.maximum(0.5 * x @ constants["w"] + constants["b"], 0)
    return q @ constants["v"] + constants["c"]


def test_products_of_rows_follow_each_other_without_blocks_between(
    make_model: Callable[..., Any],
) -> None:
    model, constants = two_layers(make_model)
    rng = np.random.default_rng(1)
    sizes = [(2, 3), (1, 1), (5, 2), (1, 7)]
    samples = [{"x": rng.normal(size=(*size, 4)).astype(np.float32)} for size in sizes]
    small, why = lowering.optimise(model, samples, BLOCKS)
    assert why == ""
    operations = [node.op_type for node in small.graph.node]
    # The activation stands next to its product, where runtimes make one operation of the two.
    assert operations[operations.index("Gemm") + 1] == "Relu"
    assert operations.count("Reshape") == 2
    assert operations.count("Shape") == 1
    assert len(operations) < len(model.graph.node)
    for size in ((3, 4), (7, 1), (1, 30)):  # sizes that were not observed
        x = rng.normal(size=(*size, 4)).astype(np.float32)
        found = run_model(small, {"x": x})
        np.testing.assert_allclose(found, expected(constants, x), atol=1e-5)


def test_an_activation_stays_where_others_read_what_it_reads(
    make_model: Callable[..., Any],
) -> None:
    model, constants = two_layers(make_model)
    # The sum of the blocks before and after the activation.
    for node in model.graph.node:
        if node.name == "again":
            node.input[0] = "s3"
    place = next(i for i, node in enumerate(model.graph.node) if node.name == "again")
    model.graph.node.insert(place, helper.make_node("Add", ["p3", "q3"], ["s3"], name="sum"))
    rng = np.random.default_rng(2)
    sizes = [(2, 3), (1, 1), (5, 2)]
    samples = [{"x": rng.normal(size=(*size, 4)).astype(np.float32)} for size in sizes]
    small, why = lowering.optimise(model, samples, BLOCKS)
    assert why == ""
    x = rng.normal(size=(3, 4, 4)).astype(np.float32)
    p = 0.5 * x @ constants["w"] + constants["b"]
    wanted = (p + np.maximum(p, 0)) @ constants["v"] + constants["c"]
    np.testing.assert_allclose(run_model(small, {"x": x}), wanted, atol=1e-5)


def test_the_model_stays_where_the_simplified_one_differs(
    make_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = two_layers(make_model)
    samples = [{"x": np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float32)}]

    def wrong(graph: OnnxGraph) -> None:
        graph.constants["half"] = np.float32(0.6)

    monkeypatch.setattr(optimiser, "REWRITES", [wrong])
    found, why = lowering.optimise(model, samples, BLOCKS)
    assert found is model
    assert why == "the simplified graph gives other scores"


def test_why_the_model_stays_is_said(
    make_model: Callable[..., Any], blocks: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = two_layers(make_model)

    def broken(graph: OnnxGraph) -> None:
        graph.nodes[-1].op_type = "Relu"

    monkeypatch.setattr(optimiser, "REWRITES", [broken])
    found, why = lowering.optimise(model, blocks((2, 3)), BLOCKS)
    assert found is model
    assert why.startswith("the simplified graph does not run: ")


@pytest.mark.parametrize("limit", [2, 18, 64, 300])
def test_a_size_is_not_taken_for_its_smaller_of_two(
    make_model: Callable[..., Any], blocks: Callable[..., Any], limit: int
) -> None:
    """The first min(N, limit) rows, where no sample has as many rows as that."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], name="shape"),
        helper.make_node("Slice", ["shape", "one", "two"], ["n"], name="n"),
        helper.make_node("Min", ["n", "limit"], ["kept"], name="kept"),
        helper.make_node("Slice", ["x", "zero", "kept", "one"], ["first"], name="first"),
        helper.make_node("Slice", ["x", "zero", "n", "one"], ["all"], name="all"),
        helper.make_node("ReduceSum", ["first", "one"], ["head"], name="head"),
        helper.make_node("Relu", ["all"], ["positive"], name="relu"),
        helper.make_node("Add", ["positive", "head"], ["y"], name="add"),
    ]
    constants = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array([2]),
        "limit": np.array([limit]),
    }
    model = make_model(nodes, constants, (4, 4))
    small, why = lowering.optimise(model, blocks((2, 1), (1, 2)), BLOCKS)
    assert why == ""
    assert [node.op_type for node in small.graph.node].count("Slice") <= 2  # the one of all rows is gone
    for feeds in blocks((2, limit - 1), (1, limit), (3, limit + 1), (1, 2 * limit)):
        np.testing.assert_allclose(run_model(small, feeds), run_model(model, feeds), rtol=0, atol=1e-4)


def test_a_model_that_does_not_run_is_refused(make_model: Callable[..., Any]) -> None:
    nodes = [helper.make_node("Reshape", ["x", "eight"], ["y"], name="r")]
    model = make_model(nodes, {"eight": np.array([1, 1, 8])}, (4, 8))
    lowering.optimise(model, [{"x": np.zeros((1, 2, 4), np.float32)}], BLOCKS)
    with pytest.raises(InputError, match="ONNX Runtime cannot run this model as converted"):
        lowering.optimise(model, [{"x": np.zeros((1, 3, 4), np.float32)}], BLOCKS)
