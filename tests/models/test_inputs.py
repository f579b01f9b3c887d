"""Inputs of models."""

from __future__ import annotations

import pytest
from small_models import SMALL, F, G

from e2e_tf.errors import InputError
from e2e_tf.models import build_model, check_inputs


def test_missing_inputs_are_named() -> None:
    model = build_model("particle_net", F, G, SMALL["particle_net"] | {"coordinates": "points"})
    check_inputs(model, ["x", "senders", "receivers", "n_node", "u", "points", "more"])
    with pytest.raises(InputError, match="particle_net needs the inputs .* lacks points"):
        check_inputs(model, ["x", "senders", "receivers", "n_node", "u"])
