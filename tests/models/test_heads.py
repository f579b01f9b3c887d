"""Outputs of models."""

from __future__ import annotations

import pytest
from small_models import F, G

from e2e_tf.errors import InputError
from e2e_tf.models import Head, build_model
from e2e_tf.models.heads import check_columns, column_names


def test_columns_of_outputs_have_names_of_their_own() -> None:
    assert column_names("mode", (-1, 10)) == ["mode_m1", "mode_10"]
    assert column_names("pt", ()) == ["pt"]
    check_columns({"mode": (0, 1), "mode_2": ()})
    with pytest.raises(
        InputError, match="outputs.mode and outputs.mode_1 would have the same column mode_1 in files"
    ):
        check_columns({"mode": (0, 1), "mode_1": ()})


def test_bad_outputs() -> None:
    for outputs, sentence in (
        (0, "outputs must be a positive number, a Head, or Heads by name, got 0"),
        ({}, "at least one"),
        ({"score": 1}, "outputs must map names to Head"),
    ):
        with pytest.raises(InputError, match=sentence):
            build_model("deep_sets", F, G, None, outputs)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="size must be at least 2 for multiclass, not 1"):
        Head("multiclass")
    with pytest.raises(InputError, match="level must be 'graph' for a model without nodes"):
        build_model("fcn", 4, 0, None, {"node": Head(level="node")})
    for name in ("u", "blocks"):
        with pytest.raises(
            InputError, match=f"an output cannot be called {name}, as an input or a layer of deep_sets"
        ):
            build_model("deep_sets", F, G, None, {name: Head(), "tau": Head()})
