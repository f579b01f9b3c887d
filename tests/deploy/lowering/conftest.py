"""Small ONNX models made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


def model_of(
    nodes: list[Any], constants: dict[str, np.ndarray] | None = None, widths: tuple[int, int] = (4, 3)
) -> Any:
    """A model of blocks ``x`` (B, N, 4) to ``y`` (B, N, 3), or of other widths."""
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ("B", "N", width))
        for name, width in zip("xy", widths, strict=True)
    ]
    held = [numpy_helper.from_array(values, name) for name, values in (constants or {}).items()]
    graph = helper.make_graph(nodes, "blocks", ports[:1], ports[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Any]:
    """:func:`model_of`."""
    return model_of


@pytest.fixture
def blocks() -> Callable[..., list[dict[str, np.ndarray]]]:
    """Inputs ``x`` (B, N, width) of several sizes."""

    def made(*sizes: tuple[int, int], width: int = 4) -> list[dict[str, np.ndarray]]:
        rng = np.random.default_rng(1)
        return [{"x": rng.normal(size=(*size, width)).astype(np.float32)} for size in sizes]

    return made
