"""The same function in fewer nodes, run against the original at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.deploy.interface import TensorInfo
from e2e_tf.deploy.lowering.graph import OnnxGraph
from e2e_tf.deploy.lowering.rewrites import REWRITES
from e2e_tf.deploy.lowering.session import Feeds, basic_optimised, first_line, run_each, runtime_errors
from e2e_tf.deploy.lowering.sizes import breakpoints, sized_inputs
from e2e_tf.errors import InputError

__all__ = ["optimise"]

_TOLERANCE = 1e-5


def optimise(model: Any, samples: Sequence[Feeds], inputs: Sequence[TensorInfo]) -> tuple[Any, str]:
    """The same function in fewer nodes; the model as it is where simplifying would change what it computes.

    Args:
        model: ``onnx.ModelProto``.
        samples: inputs to run both on at the end, with the smallest sizes among them.
        inputs: names and shapes; what is the same at every size of their free dimensions is concluded from these,
            never from the samples.

    Returns:
        The model, and why it is the given one; empty where it is the smaller one.

    Raises:
        InputError: the model as converted does not run on one of the samples.
    """
    import onnx

    cannot = runtime_errors()
    try:
        expected = run_each(model, samples)
    except cannot as error:
        raise InputError(f"ONNX Runtime cannot run this model as converted: {first_line(error)}") from error
    try:
        smaller = _simplified(model, inputs)
        onnx.checker.check_model(smaller, full_check=True)
        found = run_each(smaller, samples)
    except (*cannot, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return model, f"the simplified graph does not run: {first_line(error)}"
    if not all(_same(e, f) for e, f in zip(expected, found, strict=True)):
        return model, "the simplified graph gives other scores"
    return smaller, ""


def _simplified(model: Any, inputs: Sequence[TensorInfo]) -> Any:
    graph = OnnxGraph(basic_optimised(model))
    for _ in range(3):
        graph.observe(sized_inputs(inputs, breakpoints(graph)))
        for simplify in REWRITES:
            simplify(graph)
    smaller = basic_optimised(graph.model())
    smaller.ir_version = model.ir_version
    del smaller.opset_import[:]
    smaller.opset_import.extend(model.opset_import)
    del smaller.graph.value_info[:]
    return smaller


def _same(before: np.ndarray, after: np.ndarray) -> bool:
    return before.shape == after.shape and np.allclose(before, after, rtol=0, atol=_TOLERANCE, equal_nan=True)
