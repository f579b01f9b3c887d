"""tests/grid.py: the grid is whole, and what a manifest must not say is found."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from e2e_tf.models import MODELS


@pytest.fixture(scope="module")
def grid() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grid", Path(__file__).parent / "grid.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["grid"] = module  # where dataclasses look for their types
    spec.loader.exec_module(module)
    return module


def test_every_model_is_there_with_every_kind_of_outputs_in_every_interface(grid: ModuleType) -> None:
    found = {(cell.model, cell.outputs, cell.interface) for cell in grid.cells()}
    assert len(found) == len(grid.cells())
    for name, model in MODELS.items():
        interfaces = {"padded", "edges"} if model.inputs == "graph" else {"tensors"}
        for outputs in ("one", "several", "regression"):
            assert {i for m, o, i in found if (m, o) == (name, outputs)} == interfaces
        assert {cell.release for cell in grid.cells() if cell.model == name} == {"12_1", "13_3"}
    forms = {form for cell in grid.cells() for form in cell.forms}
    assert forms == {
        *("onnx", "onnx_float16", "onnx_int8", "onnx_one_jet"),
        *("frozen_graph", "fixed", "saved_model"),
    }


def test_what_a_cell_must_not_be_is_found(grid: ModuleType) -> None:
    cell = next(c for c in grid.cells() if (c.outputs, c.interface) == ("several", "edges"))
    test = {"runtime": "ONNX", "largest_difference": 1e-6, "tolerance": 1e-5}

    def said(**changes: Any) -> str:
        columns = {"tau": 1, "kind": 3, "pt": 1}
        good = {"outputs": [{"columns": columns}], "formats": dict.fromkeys(cell.forms), "tested": [test]}
        found: str = grid.wrong(cell, good | changes)
        return found

    assert said() == ""
    assert said(outputs=[{"columns": {"tau": 1, "kind": 3}}]) == "columns {'tau': 1, 'kind': 3}"
    assert said(formats={"onnx": {}}) == "forms onnx"
    assert said(tested=[test | {"largest_difference": 2e-5}]) == "ONNX by 2e-05"
    assert said(tested=[test | {"largest_difference": None}]) == "ONNX by None"
