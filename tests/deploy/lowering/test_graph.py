"""A graph at several sizes: shapes, sizes and flags of every tensor, and back to a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from e2e_tf.deploy.lowering.graph import OnnxGraph
from e2e_tf.deploy.lowering.session import run_model


def example(make_model: Callable[..., Any]) -> OnnxGraph:
    nodes = [
        helper.make_node("Shape", ["x"], ["size"], name="shape"),
        helper.make_node("Greater", ["x", "zero"], ["positive"], name="greater"),
        helper.make_node("Cast", ["positive"], ["y"], name="cast", to=TensorProto.FLOAT),
    ]
    constants = {"zero": np.float32(0).reshape(()), "idle": np.ones(3, np.float32)}
    return OnnxGraph(make_model(nodes, constants, (4, 4)))


def test_shapes_sizes_and_flags(make_model: Callable[..., Any], blocks: Callable[..., Any]) -> None:
    graph = example(make_model)
    graph.observe(blocks((2, 3), (5, 1)))
    assert graph.shapes["positive"] == graph.shapes["x"] == graph.shapes["y"] == [(2, 3, 4), (5, 1, 4)]
    assert graph.shapes["zero"] == [(), ()]
    assert graph.flags == {"positive"}
    assert [np.frombuffer(v[2], v[0]).tolist() for v in graph.values["size"]] == [[2, 3, 4], [5, 1, 4]]
    assert set(graph.values) == {"size"}


def test_the_model_keeps_the_constants_that_are_used(make_model: Callable[..., Any]) -> None:
    graph = example(make_model)
    model = graph.model()
    assert [tensor.name for tensor in model.graph.initializer] == ["zero"]
    x = np.array([[[-1, 0, 2, np.nan]]], np.float32)
    np.testing.assert_array_equal(run_model(model, {"x": x}), [[[0, 0, 1, 0]]])


def test_the_given_model_stays_as_it_is(make_model: Callable[..., Any]) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"], name="relu")]
    model = make_model(nodes, {}, (4, 4))
    graph = OnnxGraph(model)
    graph.nodes[0].op_type = "Tanh"
    assert [node.op_type for node in graph.model().graph.node] == ["Tanh"]
    assert [node.op_type for node in model.graph.node] == ["Relu"]


def test_new_nodes_and_constants_have_names_of_their_own(make_model: Callable[..., Any]) -> None:
    graph = example(make_model)
    names = [graph.new_name("a"), graph.new_name("a"), graph.constant(np.zeros(2), "a")]
    node = graph.node("Concat", ["x", "x"], ["z"], axis=2)
    assert len({*names, node.name}) == 4
    np.testing.assert_array_equal(graph.constants[names[2]], np.zeros(2))
    assert (node.op_type, node.attribute[0].i, node in graph.nodes) == ("Concat", 2, False)
    assert graph.producers()["y"].name == "cast"
