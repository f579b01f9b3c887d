"""Attention as one operation: the same scores, whatever the layout, and nothing else is taken for attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from e2e_tf.deploy.interface import TensorInfo
from e2e_tf.deploy.lowering import FUSED, float16_products, fused_attention
from e2e_tf.deploy.lowering.session import run_model

HEADS, DEPTH, WIDTH = 2, 3, 4
INPUTS = [
    TensorInfo("x", ("B", "N", 5)),
    TensorInfo("mask", ("B", "N")),
    TensorInfo("pairs", ("B", "N", "N", HEADS)),
]
SIZES = [(3, 7), (1, 1), (2, 0), (4, 2)]  # jets, nodes
Change = Callable[[list[Any], dict[str, np.ndarray]], None]


def attention(bias: str, change: Change | None = None) -> Any:
    """Attention of two heads as the converter leaves it; queries are scaled, keys stand with their axes exchanged.

    ``bias`` is of "pairs", "mask", both joined by a space, "where" (masked scores are replaced) or empty.
    """
    rng = np.random.default_rng(0)
    shapes = {"q": (5, HEADS * DEPTH), "k": (5, HEADS * DEPTH), "v": (5, HEADS * WIDTH)}
    constants = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    constants |= {
        **{f"split_{name}": np.array([0, 0, HEADS, shapes[name][1] // HEADS]) for name in shapes},
        "join": np.array([0, 0, HEADS * WIDTH]),
        "half": np.array(0.5, np.float32),
        "one": np.array(1, np.float32),
        "low": np.array(-1e30, np.float32),
        "axes": np.array([1, 2]),
    }

    def node(op: str, inputs: str, output: str, **attributes: Any) -> Any:
        return helper.make_node(op, inputs.split(), [output], name=output, **attributes)

    nodes = [
        *(node("MatMul", f"x {name}", f"{name}_rows") for name in shapes),
        *(node("Reshape", f"{name}_rows split_{name}", f"{name}_heads") for name in shapes),
        node("Mul", "q_heads half", "q_scaled"),
        node("Transpose", "q_scaled", "queries", perm=[0, 2, 1, 3]),
        node("Transpose", "k_heads", "keys", perm=[0, 2, 3, 1]),
        node("Transpose", "v_heads", "values", perm=[0, 2, 1, 3]),
        node("MatMul", "queries keys", "logits_0"),
    ]
    added, last = bias.split(), "logits_0"
    if "pairs" in added:
        nodes += [
            node("Transpose", "pairs", "shift", perm=[0, 3, 1, 2]),
            node("Add", f"shift {last}", "logits_1"),
        ]
        last = "logits_1"
    if added and added[-1] != "pairs":
        nodes.append(node("Unsqueeze", "mask axes", "members"))
    if "mask" in added:
        nodes += [
            node("Sub", "one members", "absent"),
            node("Mul", "absent low", "drop"),
            node("Add", f"{last} drop", "logits_2"),
        ]
        last = "logits_2"
    if "where" in added:
        nodes += [
            node("Cast", "members", "present", to=TensorProto.BOOL),
            node("Where", f"present {last} low", "logits_3"),
        ]
        last = "logits_3"
    nodes += [
        node("Softmax", last, "alpha", axis=-1),
        node("MatMul", "alpha values", "attended"),
        node("Transpose", "attended", "rows", perm=[0, 2, 1, 3]),
        node("Reshape", "rows join", "y"),
    ]
    if change is not None:
        change(nodes, constants)
    ports = [helper.make_tensor_value_info(i.name, TensorProto.FLOAT, i.shape) for i in INPUTS]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("B", "N", "W"))
    held = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, "attention", ports, [result], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def feeds(jets: int, nodes: int) -> dict[str, np.ndarray]:
    """Of jets with padding behind their nodes; the last one is full, the first empty where there are several."""
    rng = np.random.default_rng(nodes)
    count = np.linspace(0 if jets > 1 else nodes, nodes, jets).astype(int)
    return {
        "x": rng.normal(size=(jets, nodes, 5)).astype(np.float32),
        "mask": (np.arange(nodes) < count[:, None]).astype(np.float32),
        "pairs": rng.normal(size=(jets, nodes, nodes, HEADS)).astype(np.float32),
    }


@pytest.mark.parametrize("bias", ["", "pairs", "mask", "pairs mask", "where", "pairs where"])
def test_fused_is_plain(bias: str) -> None:
    model = attention(bias)
    fused, count = fused_attention(model, INPUTS)
    assert count == 1
    operations = [f"{node.domain}::{node.op_type}" for node in fused.graph.node]
    assert operations.count(FUSED) == 1
    assert not {"::Softmax", "::Mul"} & set(operations) - ({"::Mul"} if "mask" in bias else set())
    (found,) = [node for node in fused.graph.node if node.domain]
    attributes = {a.name: helper.get_attribute_value(a) for a in found.attribute}
    assert attributes == {"num_heads": HEADS, "scale": 0.5}
    assert list(found.input[:3]) == ["q_rows", "k_rows", "v_rows"]  # no transpose is left
    assert len(found.input) == 6  # jets may have no nodes, which some versions do not take without a bias
    (shift,) = [node for node in fused.graph.node if found.input[5] in node.output]
    # For every jet and head: versions disagree on what one for all of them means.
    assert shift.op_type == (
        "Add" if "pairs" in bias and " " in bias else "Transpose" if bias == "pairs" else "Expand"
    )
    assert [o.domain for o in model.opset_import] == [""]  # the given model is not changed
    half = float16_products(fused)
    for size in SIZES:
        given = feeds(*size)
        plain = run_model(model, given)
        np.testing.assert_allclose(run_model(fused, given), plain, rtol=0, atol=1e-6)
        # Scores of a jet whose nodes are all masked are lost beside 1e30, not beside the largest number of float16.
        some = given["mask"].any(axis=1) | (bias in ("", "pairs"))
        np.testing.assert_allclose(run_model(half, given)[some], plain[some], rtol=0, atol=2e-2)
        assert np.isfinite(run_model(half, given)).all()
        assert plain.shape == (*size, HEADS * WIDTH)


def swap(place: str, **attributes: Any) -> Change:
    """Another node instead of the one of this name: ``op``, ``inputs`` or attributes."""

    def change(nodes: list[Any], constants: dict[str, np.ndarray]) -> None:
        node = next(node for node in nodes if node.name == place)
        new = {"op": node.op_type, "inputs": " ".join(node.input), **attributes}
        kept = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        kept |= {key: value for key, value in new.items() if key not in ("op", "inputs")}
        nodes[nodes.index(node)] = helper.make_node(
            new["op"], new["inputs"].split(), [place], name=place, **kept
        )

    return change


def doubled(nodes: list[Any], constants: dict[str, np.ndarray]) -> None:
    """Scores and pairs are multiplied together."""
    nodes.insert(-4, helper.make_node("Mul", ["logits_1", "half"], ["halved"], name="halved"))
    swap("alpha", inputs="halved")(nodes, constants)


def looked_at(nodes: list[Any], constants: dict[str, np.ndarray]) -> None:
    """The coefficients themselves go into the result."""
    total = helper.make_node("ReduceSum", ["alpha"], ["total"], name="total", keepdims=0)
    result = helper.make_node("Mul", ["rows_joined", "total"], ["y"], name="y")
    nodes[-1].name, nodes[-1].output[0] = "joined", "rows_joined"
    nodes += [total, result]


def inner_heads(nodes: list[Any], constants: dict[str, np.ndarray]) -> None:
    """Channels hold the heads of each depth together, which the operation does not take."""
    for name in "qkv":
        constants[f"split_{name}"] = constants[f"split_{name}"][[0, 1, 3, 2]]
    swap("queries", perm=[0, 3, 1, 2])(nodes, constants)
    swap("keys", perm=[0, 3, 2, 1])(nodes, constants)
    swap("values", perm=[0, 3, 1, 2])(nodes, constants)


@pytest.mark.parametrize(
    "change",
    [swap("alpha", axis=2), doubled, looked_at, inner_heads],
    ids=["softmax over queries", "pairs are scaled too", "coefficients are used", "heads inside"],
)
def test_what_is_no_such_attention_stays(change: Change) -> None:
    model = attention("pairs", change)
    found, count = fused_attention(model, INPUTS)
    assert count == 0
    assert not any(node.domain for node in found.graph.node)
    given = feeds(3, 5)
    np.testing.assert_array_equal(run_model(found, given), run_model(model, given))


def test_a_mask_that_does_not_drown_scores_stays() -> None:
    """Of a jet without nodes, scores replaced by -1e4 are all the same, those lowered by it are not."""

    def shallow(nodes: list[Any], constants: dict[str, np.ndarray]) -> None:
        constants["low"] = np.array(-1e4, np.float32)

    assert fused_attention(attention("where", shallow), INPUTS)[1] == 0


def test_names_of_an_earlier_rewriting_stay_apart() -> None:
    model = attention("mask")
    for node in model.graph.node:
        if node.name == "members":
            node.name, node.output[0] = "e2e_tf/shape_1", "e2e_tf/size_2"
        for i, name in enumerate(node.input):
            node.input[i] = {"members": "e2e_tf/size_2"}.get(name, name)
    fused, count = fused_attention(model, INPUTS)
    assert count == 1
    onnx.checker.check_model(fused)
    names = [name for node in fused.graph.node for name in node.output]
    assert len(set(names)) == len(names)
    given = feeds(3, 5)
    np.testing.assert_allclose(run_model(fused, given), run_model(model, given), rtol=0, atol=1e-6)
