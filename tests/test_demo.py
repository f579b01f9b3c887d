from __future__ import annotations

import json

import keras
import onnx
import pytest

from e2e_tf.demo import run_demo
from e2e_tf.deploy import validate as validation
from e2e_tf.errors import InputError


@pytest.fixture(scope="module")
def demo(tau_folder, tmp_path_factory):
    """Validated on 100 random jets instead of 1,000, beside the adversarial ones."""
    out = tmp_path_factory.mktemp("demo") / "out"
    validate = validation.validate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "validate", lambda *given, **options: validate(*given, jets=100, **options))
        return out, run_demo(out, config=tau_folder / "tiny.toml")


def test_everything_is_made(demo):
    out, agreed = demo
    assert agreed
    assert isinstance(keras.models.load_model(out / "run" / "model.keras"), keras.Model)
    assert json.loads((out / "run" / "metrics.json").read_text())["jets"]["test"] > 50
    manifest = json.loads((out / "bundle" / "manifest.json").read_text())
    onnx.checker.check_model(onnx.load(out / "bundle" / manifest["formats"]["onnx"]["file"]))
    assert (out / "bundle" / "preprocess.json").is_file()
    assert all(tested["jets"] > 2000 for tested in manifest["tested"])


def test_it_does_not_overwrite(demo):
    out, _ = demo
    before = (out / "run" / "metrics.json").read_bytes()
    with pytest.raises(InputError, match="exists already; .* --force"):
        run_demo(out)
    assert (out / "run" / "metrics.json").read_bytes() == before


def test_force_replaces_a_demo_and_nothing_else(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="mine is not the folder of a demo; --force replaces only"):
        run_demo(mine, force=True)
    (mine / "demo.toml").write_text("")
    with pytest.raises(InputError, match=r"mine holds thesis\.tex, which no demo has made"):
        run_demo(mine, force=True)
    assert (mine / "thesis.tex").read_text() == "mine"
