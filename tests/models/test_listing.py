"""``e2e-tf models``."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from e2e_tf.cli import app
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS
from e2e_tf.models.listing import input_needs


def test_all_models_are_listed() -> None:
    done = CliRunner().invoke(app, ["models"])
    assert done.exit_code == 0
    for name in MODELS:
        assert name in done.stdout
    assert "133,537" in done.stdout


def test_settings_of_one() -> None:
    text = CliRunner().invoke(app, ["models", "particle_net"]).stdout
    assert "channels = [[64, 64, 64], [128, 128, 128], [256, 256, 256]]" in text
    assert 'coordinates = "graph"' in text
    assert "points (n, 2)" in text
    with pytest.raises(InputError, match="model must be one of gat_cheb, .*not 'resnet'"):
        input_needs("resnet")
