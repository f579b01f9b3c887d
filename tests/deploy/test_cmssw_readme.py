"""The README of a CMSSW package says what each of its models gives and what it was trained on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from cmssw_driver import with_points

from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.cmssw_model import CmsswModel
from e2e_tf.deploy.cmssw_readme import readme_values


@pytest.fixture
def bundle(bundles: dict[str, Path], tmp_path: Path) -> Path:
    return with_points(bundles["padded"], tmp_path / "bundle")


def test_of_one_model(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    values = readme_values([CmsswModel(bundle, manifest, ("onnx",))], "HLTTau", "hltTau")
    assert values["PLUGINS"] == "`HLTTauONNXProducer`"
    assert values["ORIGIN"] == "an e2e-tf bundle (model gat_cheb, padded interface, graph\n`knn:3`)"
    assert "| `edm::ValueMap<float>`, `score` | one value per jet |" in values["RESULTS"]
    assert "| 1 | eff70 | 0.48 | 0.700 | 1.00e-02 |" in values["RESULTS"]
    assert values["MODULE"] == "hltTau"
    assert "JETS_OF_TRAINING" not in values  # as the defaults of the plugins say


def test_of_several_models(bundle: Path, bundles: dict[str, Path], tmp_path: Path) -> None:
    package = cmssw_package({"taus": bundle, "old": bundles["padded"]}, tmp_path / "out")
    readme = (package / "README.md").read_text()
    assert not re.search(r"@[A-Z_]+@", readme)
    assert "e2e-tf bundles (`e2ETaggerTaus`: model gat_cheb, padded" in readme
    first, second = readme.split("### `e2ETaggerOld`")
    of_first = first.split("### `e2ETaggerTaus`")[1]
    assert "all candidates within ΔR < 0.5 of the axis" in of_first
    assert "| 2 | eff90 | 0.35 |" in of_first
    assert "does not say how its jets were made" in second
    assert "The bundle has no working points" in second
    assert "process.e2ETaggerTausSoft = process.e2ETaggerTaus.clone(" in first
