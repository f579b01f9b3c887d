"""The same function in fewer nodes, run against the original at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e_tf.deploy.lowering.graph import OnnxGraph
from e2e_tf.deploy.lowering.rewrites import REWRITES
from e2e_tf.deploy.lowering.session import Feeds, basic_optimised, first_line, run_model
from e2e_tf.errors import InputError

__all__ = ["optimise"]

_TOLERANCE = 1e-5


def optimise(model: Any, samples: Sequence[Feeds]) -> Any:
    """The same function in fewer nodes; the model as it is where simplifying would change what it computes.

    Args:
        model: ``onnx.ModelProto``.
        samples: inputs of all the sizes that matter, the smallest included; shapes are observed on them.

    Raises:
        InputError: the model as converted does not run on one of the samples.
    """
    import onnx
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    try:
        expected = [run_model(model, feeds) for feeds in samples]
    except (runtime.Fail, runtime.InvalidGraph, runtime.RuntimeException) as error:
        raise InputError(f"ONNX Runtime cannot run this model as converted: {first_line(error)}") from error
    try:
        smaller = _simplified(model, samples)
        onnx.checker.check_model(smaller, full_check=True)
        same = all(_same(e, run_model(smaller, f)) for e, f in zip(expected, samples, strict=True))
    except (runtime.Fail, runtime.InvalidGraph, runtime.RuntimeException, onnx.checker.ValidationError):
        same = False
    return smaller if same else model


def _simplified(model: Any, samples: Sequence[Feeds]) -> Any:
    graph = OnnxGraph(basic_optimised(model))
    for _ in range(3):
        graph.observe(samples)
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
