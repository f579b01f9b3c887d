"""Bundles that come with the package."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import e2e_tf
import e2e_tf.deploy
import e2e_tf.layers
from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.repeat import changed
from e2e_tf.deploy.validate import validate
from e2e_tf.files import sha256

SHIPPED = sorted((Path(e2e_tf.deploy.__file__).parent / "bundles").iterdir())


def test_both_tau_taggers_are_there() -> None:
    assert [folder.name for folder in SHIPPED] == ["tau_candidates", "tau_detector"]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_all_runtimes_agree_with_keras(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert changed(folder, manifest) == []
    found = validate(folder, jets=100)
    assert sum(one.required and not one.missing for one in found) >= 3
    assert all(one.passed for one in found if one.required and not one.missing)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 6e6


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_its_repeat_py_is_the_one_of_this_library(folder: Path) -> None:
    """A copy, as every bundle holds one: after a change of deploy/repeat.py it is copied and signed anew."""
    source = Path(e2e_tf.deploy.__file__).with_name("repeat.py")
    assert (folder / "repeat.py").read_bytes() == source.read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["checksums"]["repeat.py"] == sha256(source)


def test_lengths_have_one_form() -> None:
    """CMSSW's ParticleNet producers end the job where a file has ``var_length`` beside ``min_length``."""
    document = json.loads((SHIPPED[0] / "preprocess.json").read_text("utf-8"))
    assert len(document["input_names"]) == 4
    for name in document["input_names"]:
        assert {"min_length", "max_length"} <= document[name].keys()
        assert "var_length" not in document[name]


def test_the_tau_tagger_becomes_a_cmssw_package(tmp_path: Path) -> None:
    folder = SHIPPED[0]
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    package = cmssw_package(folder, tmp_path / "out")
    points = manifest["working_points"]
    assert [point["target"] for point in points] == [0.5, 0.7, 0.9]
    configuration = (package / "python" / "e2ETagger_cff.py").read_text("utf-8")
    assert all(repr(point["threshold"]) in configuration for point in points)
    assert {f"model.{kind}" for kind in ("onnx", "pb")} <= {
        path.name for path in (package / "data").iterdir()
    }


def test_the_preset_trains_what_is_shipped() -> None:
    from e2e_tf.models import run_preset

    config = json.loads((SHIPPED[0] / "manifest.json").read_text("utf-8"))["provenance"]["config"]
    for section, settings in run_preset("tau_candidates").items():
        assert {name: config[section][name] for name in settings} == settings


def test_the_tagger_of_detector_objects_is_what_trainings_start_from() -> None:
    import keras

    bundle = keras.models.load_model(SHIPPED[1] / "model.keras", compile=False)
    folder = Path(e2e_tf.__file__).parent / "models" / "pretrained" / "tau_detector"
    start = keras.models.load_model(folder / "model.keras", compile=False)
    for one, other in zip(bundle.get_weights(), start.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_tagger_of_detector_objects_has_working_points_in_bins(tmp_path: Path) -> None:
    manifest = json.loads((SHIPPED[1] / "manifest.json").read_text("utf-8"))
    bins = manifest["binned_working_points"]
    assert [(entry["low"], entry["high"]) for entry in bins] == [(10, 20), (20, 30), (30, 40), (40, 50)]
    package = cmssw_package(SHIPPED[1], tmp_path / "out")
    configuration = next((package / "python").glob("*_cff.py")).read_text("utf-8")
    for entry in bins:
        assert [point["target"] for point in entry["working_points"]] == [0.5, 0.7, 0.9]
        for point in entry["working_points"]:
            assert abs(point["signal_efficiency"] - point["target"]) < 0.005
            assert repr(point["threshold"]) in configuration
