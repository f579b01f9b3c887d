"""Models run as they are written, and folded by the runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import helper

from e2e_tf.deploy.lowering.session import basic_optimised, first_line, run_each, run_model


def test_constants_are_folded_and_numbers_stay(make_model: Callable[..., Any]) -> None:
    nodes = [
        helper.make_node("Add", ["two", "three"], ["five"], name="add"),
        helper.make_node("Mul", ["x", "five"], ["y"], name="mul"),
    ]
    constants = {"two": np.float32(2).reshape(()), "three": np.float32(3).reshape(())}
    model = make_model(nodes, constants, (4, 4))
    small = basic_optimised(model)
    assert [node.op_type for node in small.graph.node] == ["Mul"]
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
    for one in (model, small):
        np.testing.assert_array_equal(run_model(one, {"x": x}), 5 * x)


def test_several_inputs_are_run_in_order(make_model: Callable[..., Any]) -> None:
    model = make_model([helper.make_node("Neg", ["x"], ["y"], name="neg")], {}, (4, 4))
    samples = [{"x": np.full((1, size, 4), size, np.float32)} for size in (3, 0, 2)]
    found = run_each(model, samples)
    assert [values.shape for values in found] == [(1, 3, 4), (1, 0, 4), (1, 2, 4)]
    for values, feeds in zip(found, samples, strict=True):
        np.testing.assert_array_equal(values, -feeds["x"])


def test_an_error_in_one_line() -> None:
    assert first_line(ValueError("\nfirst\nsecond")) == "first"
    assert first_line(KeyError()) == "KeyError"
