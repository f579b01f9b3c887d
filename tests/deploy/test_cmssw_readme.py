"""The README of a CMSSW package says what each of its models gives and what it was trained on."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest
from cmssw_driver import BINS, with_points

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
    assert "There are no working points in bins of pT." in values["RESULTS"]
    manifest["binned_working_points"] = copy.deepcopy(BINS)
    manifest["binned_working_points"][2]["working_points"][1] |= {
        "is_limit": True,
        "high": None,
        "low": 100.0,
    }
    text = readme_values([CmsswModel(bundle, manifest, ("onnx",))], "HLTTau", "hltTau")["RESULTS"]
    assert "**A jet in no bin\npasses none of these**" in text
    for row in (
        "| 3 | eff50_binned | 10 to 20 | 0.52 | 0.500 ± 0.020 | 1.00e-02 (8.0e-03 to 1.3e-02) |",
        "| 4 | eff70_binned | 20 to 30.5 | none: too few jets, no jet passes | | |",
        "| 4 | eff70_binned | 30.5 to 50 | 0.49 | 0.700 ± 0.020 | below 1.0e-02 |",
    ):
        assert row in text.splitlines()
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
