"""ONNX Runtime as a tool of the lowering: run a model as it is written, fold its constants."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "Feeds",
    "basic_optimised",
    "first_line",
    "open_session",
    "run_each",
    "run_model",
    "runtime_errors",
]

Feeds = Mapping[str, np.ndarray]


def open_session(model: Any, options: Any = None) -> Any:
    """A session of ONNX Runtime with one thread.

    Args:
        model: ``onnx.ModelProto``.
        options: ``SessionOptions``; without, the runtime runs the model as it is written.

    Returns:
        An ``onnxruntime.InferenceSession``.
    """
    import onnxruntime

    if options is None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run_model(model: Any, feeds: Feeds) -> np.ndarray:
    """The first output of a model exactly as it is written, without any optimisation of the runtime.

    Args:
        model: ``onnx.ModelProto``.
        feeds: its inputs by name.

    Returns:
        The array.
    """
    return run_each(model, [feeds])[0]


def run_each(model: Any, samples: Sequence[Feeds]) -> list[np.ndarray]:
    """As :func:`run_model` for several inputs; the model is opened once, which takes longer than most runs.

    Args:
        model: ``onnx.ModelProto``.
        samples: its inputs by name, several times.

    Returns:
        The arrays, in the order of the inputs.
    """
    session = open_session(model)
    return [session.run(None, dict(feeds))[0] for feeds in samples]


def basic_optimised(model: Any) -> Any:
    """Constants folded and common nodes merged by ONNX Runtime's basic level, which keeps to ONNX's own operations.

    Args:
        model: ``onnx.ModelProto``, which stays as it is.

    Returns:
        Another ``onnx.ModelProto``, or the same where the runtime's cannot be used.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "basic.onnx")
        open_session(model, options)
        result = onnx.load(options.optimized_model_filepath)
    if any(node.domain not in ("", "ai.onnx") for node in result.graph.node):
        return model  # a runtime that fuses into operations of its own on this level; keep to the standard
    return result


def runtime_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises where it does not run a model.

    Returns:
        Types of exceptions.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    kinds = (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NotImplemented",
        "RuntimeException",
    )
    return tuple(getattr(runtime, kind) for kind in kinds)


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its kind where it has none.

    Args:
        error: of any library; runtimes write their call stack into it.

    Returns:
        The line.
    """
    return str(error).strip().split("\n")[0] or type(error).__name__
