"""Shapes at sizes that nobody runs are those that ONNX Runtime gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from e2e_tf.deploy.interface import TensorInfo
from e2e_tf.deploy.lowering.graph import OnnxGraph
from e2e_tf.deploy.lowering.session import open_session
from e2e_tf.deploy.lowering.sizes import INDICES, ShapeWalk, breakpoints, sized_inputs


@pytest.mark.parametrize("kind", ["padded", "edges"])
def test_the_shapes_are_those_of_a_run(bundles: dict[str, Path], kind: str) -> None:
    """Of every tensor of a bundle's graph, on its parity vectors; without them on nothing but sizes."""
    model = onnx.load(bundles[kind] / "model.onnx")
    graph = OnnxGraph(model)
    names = [name for node in graph.nodes for name in node.output if name and name not in graph.outputs]
    probe = graph.model()
    types = {v.name: v for v in onnx.shape_inference.infer_shapes(probe).graph.value_info}
    for name in names:
        types[name].type.tensor_type.ClearField("shape")
        probe.graph.output.append(types[name])
    session = open_session(probe)
    walk = ShapeWalk(graph, 18)
    with np.load(bundles[kind] / "inputs.npz") as inputs:
        for batch in (0, 1, 4, 7, 20):
            feeds = {
                key.split("/")[1]: inputs[key] for key in inputs.files if key.split("/")[0] == str(batch)
            }
            wanted = {
                output.name: values.shape
                for output, values in zip(session.get_outputs(), session.run(None, feeds), strict=True)
            }
            sizes = {
                name: values if name in INDICES else np.broadcast_to(np.float32(0), values.shape)
                for name, values in feeds.items()
            }
            shapes, _ = walk(sizes)
            found = {name: shapes[name] for name in wanted if name in shapes}
            assert found == {name: wanted[name] for name in found}
            if not all(v.size for v in feeds.values()):
                continue
            assert set(wanted) == set(found)


def test_sizes_lie_on_all_sides_of_what_they_are_compared_with(bundles: dict[str, Path]) -> None:
    manifest = json.loads((bundles["padded"] / "manifest.json").read_text("utf-8"))
    inputs = [TensorInfo(info["name"], tuple(info["shape"])) for info in manifest["inputs"]]
    points = breakpoints(OnnxGraph(onnx.load(bundles["padded"] / "model.onnx")))
    assert 3 in points  # k of the graph
    shapes = [feeds["mask"].shape for feeds in sized_inputs(inputs, points)]
    for axis in (0, 2):
        sizes = {shape[axis] for shape in shapes}
        assert {2, 3, 4} <= sizes
        assert max(sizes) > 257
    assert 0 in {shape[2] for shape in shapes}
    (large,) = {
        shape[2] for shape in [f["mask"].shape for f in sized_inputs(inputs, [1000])] if shape[2] > 1030
    }
    assert large == 1035
    edges = sized_inputs([TensorInfo("edge_index", (1, 2, "E")), TensorInfo("batch", (1, "N"))], [])
    assert 0 in {feeds["edge_index"].shape[2] for feeds in edges}


def test_what_depends_on_more_than_sizes_is_not_there(
    make_model: Callable[..., Any], blocks: Callable[..., Any]
) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["where"], name="where"),
        helper.make_node("Shape", ["where"], ["count"], name="count"),
        helper.make_node("Shape", ["x"], ["size"], name="size"),
        helper.make_node("Reshape", ["x", "size"], ["y"], name="y"),
    ]
    shapes, values = ShapeWalk(OnnxGraph(make_model(nodes, {}, (4, 4))), 13)(*blocks((2, 3)))
    assert set(shapes) == {"x", "size", "y"}
    assert {name: value.tolist() for name, value in values.items()} == {"size": [2, 3, 4]}


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        ([0, -1], (2, 12)),
        ([-1, 4], (6, 4)),
        ([0, 0, 2, 2], (2, 3, 2, 2)),
        ([7, -1], None),
        ([-1, 0, 0, 0], None),
    ],
)
def test_reshapes(make_model: Callable[..., Any], target: list[int], shape: Any) -> None:
    graph = OnnxGraph(make_model([helper.make_node("Relu", ["x"], ["y"], name="relu")], {}, (4, 4)))
    graph.nodes = [helper.make_node("Reshape", ["x", "target"], ["y"], name="reshape")]
    graph.constants["target"] = np.array(target)
    found, _ = ShapeWalk(graph, 13)({"x": np.zeros((2, 3, 4), np.float32)})
    assert found.get("y") == shape
    if target[0] == 0 and len(target) == 2:  # nothing of it: the runtime divides as well
        found, _ = ShapeWalk(graph, 13)({"x": np.zeros((2, 0, 4), np.float32)})
        assert found["y"] == (2, 0)
