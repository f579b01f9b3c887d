"""Operations whose rule in the converter changes a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from e2e_tf.deploy.lowering import convert
from e2e_tf.deploy.lowering.operations import _RULES, lowers
from e2e_tf.deploy.lowering.session import run_model
from e2e_tf.errors import InputError


def frozen(function: Any, *shapes: tuple[int | None, ...]) -> Any:
    """``GraphDef`` of a function of float32 tensors ``a``, ``b``, … whose output is called ``score``."""
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        ports = [
            tf.compat.v1.placeholder(tf.float32, shape, name)
            for shape, name in zip(shapes, "ab", strict=False)
        ]
        tf.identity(function(*ports), "score")
    return graph.as_graph_def()


def test_where_takes_the_other_side_also_beside_nan() -> None:
    import tensorflow as tf

    graph = frozen(lambda a, b: tf.where(a > 0, a, b), (None, 3), (None, 3))
    model = convert(graph, ["a", "b"], "score", 13, 7)
    a = np.array([[1, -1, np.nan]], np.float32)
    b = np.array([[np.nan, 5, np.inf]], np.float32)
    np.testing.assert_array_equal(run_model(model, {"a": a, "b": b}), [[1, 5, np.inf]])
    assert "Where" in {node.op_type for node in model.graph.node}


def test_top_k_of_float64_sees_what_float32_cannot() -> None:
    import tensorflow as tf

    def largest(a: Any) -> Any:
        near = tf.cast(a, tf.float64) * 1e-12 + 1.0  # all 1 in float32
        return tf.cast(tf.math.top_k(near, 2).indices, tf.float32)

    model = convert(frozen(largest, (None, 5)), ["a"], "score", 13, 7)
    found = run_model(model, {"a": np.array([[3, 1, 5, 2, 4]], np.float32)})
    np.testing.assert_array_equal(found, [[2, 4]])


def test_opset_and_ir_version_are_those_asked_for() -> None:
    for opset, ir_version in ((13, 7), (18, 8)):
        model = convert(frozen(lambda a: a + 1, (None, 2)), ["a"], "score", opset, ir_version)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", opset)]
        assert model.ir_version == ir_version
        onnx.checker.check_model(model, full_check=True)
        np.testing.assert_array_equal(run_model(model, {"a": np.zeros((1, 2), np.float32)}), [[1, 1]])


def test_what_onnx_lacks_is_named() -> None:
    import tensorflow as tf

    graph = frozen(lambda a: tf.math.bessel_i0e(a), (None, 2))
    with pytest.raises(InputError, match="ONNX opset 13 has no operation for BesselI0e of this model"):
        convert(graph, ["a"], "score", 13, 7)


def test_a_rule_is_registered_for_each_of_its_operations() -> None:
    mended = {"Select", "SelectV2", "TopKV2", "FloorDiv", "FloorMod", "OneHot"}
    missing = {"Erfc", "Expm1", "Log1p", "Bucketize", "LowerBound", "UpperBound"}
    missing |= {"Bitcast", "BitwiseAnd", "DenseBincount"}
    assert set(_RULES) == mended | missing
    try:

        @lowers("One", "Two")
        def rule(context: Any, node: Any, name: str, args: Any) -> None:
            raise NotImplementedError

        assert _RULES["One"] is _RULES["Two"] is rule
    finally:
        for name in ("One", "Two"):
            del _RULES[name]
