"""The closure of a package agrees for what it was made of, and fails for a package in which something was changed."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import compiler_cache
import numpy as np
import pytest
from cmssw_driver import DEFINITION, PACKAGE, Built

import e2e_tf.deploy.closure
from e2e_tf.deploy.bundle import open_bundle
from e2e_tf.deploy.closure import Closure, Efficiency, _Sessions, closure
from e2e_tf.deploy.closure_build import Driver, build_driver
from e2e_tf.deploy.closure_events import closure_events
from e2e_tf.deploy.cmssw_model import CmsswModel, module_text
from e2e_tf.errors import InputError

EVENTS = 40


@pytest.fixture(scope="module")
def program(built: Built, toolchain: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The driver of the package, compiled as the closure does it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", f"{sys.executable} -IS {compiler_cache.__file__} {toolchain.launcher[-1]} c++")
        return build_driver(built.base / PACKAGE, tmp_path_factory.mktemp("driver")).program


@pytest.fixture
def package(built: Built, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, to be changed; it is not compiled again."""
    copy = Path(shutil.copytree(built.base / PACKAGE, tmp_path / PACKAGE))
    monkeypatch.setattr(e2e_tf.deploy.closure, "build_driver", lambda package, _: Driver(program, package))
    return copy


def test_a_package_gives_the_scores_and_efficiencies_of_python(
    built: Built, package: Path, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A threshold that parts the taus, in manifest and package.
    driver = Driver(program, package)
    events = closure_events(DEFINITION, EVENTS)
    scores = driver.products(driver.modules()["e2ETagger"], events.text, _Sessions(), tmp_path)["score"]
    cut = float(np.median(scores[events.label == 1]))
    said = json.loads((built.bundle / "manifest.json").read_text())
    said["working_points"][0]["threshold"] = cut
    monkeypatch.setattr(e2e_tf.deploy.closure, "open_bundle", lambda folder: said)
    # And in bins of pT, whose edges are momenta of jets; a third of the taus is in none.
    edges = np.sort(events.jets["pt"][events.label == 1])[[3, 20, 30]].tolist()
    said["binned_working_points"] = [
        {"low": low, "high": high, "signal": 9, "background": 9, "working_points": [point]}
        for low, high, threshold in ((edges[0], edges[1], cut), (edges[1], edges[2], 0.0))
        for point in [{**said["working_points"][0], "threshold": threshold}]
    ]
    module = package / "python" / "e2ETagger_cff.py"
    before = module_text(CmsswModel(built.bundle, open_bundle(built.bundle), ("onnx",)), PACKAGE, "e2ETagger")
    good = module.read_text()
    assert good.count(before) == 1
    module.write_text(
        good.replace(before, module_text(CmsswModel(built.bundle, said, ("onnx",)), PACKAGE, "e2ETagger"))
    )

    found = closure(built.bundle, package, events=EVENTS)
    assert (found.module, found.agreement.jets) == ("e2ETagger", 2 * EVENTS)
    assert found.agreement.difference < 1e-5
    assert not found.failed
    assert [point.name for point in found.efficiencies] == ["eff50", "eff70", "eff90", "eff50_binned"]
    assert all(point.found == point.expected for point in found.efficiencies)
    assert 0.4 < found.efficiencies[0].found < 0.6
    assert 10 / EVENTS <= found.efficiencies[3].found < 27 / EVENTS
    assert found.efficiencies[3].stated == pytest.approx(0.5 * 27 / EVENTS)


def test_what_was_changed_in_a_package_is_found(built: Built, package: Path) -> None:
    inputs = package / "data" / "preprocess.json"
    good = inputs.read_text()
    document = json.loads(good)
    document["features"]["var_infos"]["pt_log"]["median"] += 0.3
    inputs.write_text(json.dumps(document))
    found = closure(built.bundle, package, events=EVENTS)
    assert found.agreement.failed
    assert found.failed
    inputs.write_text(good)
    module = package / "python" / "e2ETagger_cff.py"
    good = module.read_text()
    module.write_text(good.replace("cms.double(0.52)", "cms.double(0.9)"))
    found = closure(built.bundle, package, events=EVENTS)
    assert not found.agreement.failed
    assert [point.failed for point in found.efficiencies] == [True, False, False]
    assert found.failed
    module.write_text(
        good.replace("_default.clone(", "_default.clone(\n    candidate_radius=cms.double(0.2),")
    )
    assert closure(built.bundle, package, events=EVENTS).agreement.failed
    module.write_text(good.replace("cms.VPSet(", "cms.VPSet(cms.PSet(),"))
    with pytest.raises(InputError, match="the module has 4 working points, the bundle 3"):
        closure(built.bundle, package, events=EVENTS)
    module.write_text(good.replace('score=cms.string("score")', 'score=cms.string("mass")'))
    with pytest.raises(InputError, match="failed: .*cuts on mass, which is no score"):
        closure(built.bundle, package, events=EVENTS)
    module.write_text(good.replace("_default.clone(", "_default.clone(\n    rho=cms.string('a'),"))
    with pytest.raises(InputError, match="cannot be read: .* has no parameter rho of this type"):
        closure(built.bundle, package, events=EVENTS)


def test_a_ratio_is_given_in_its_unit(built: Built, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = json.loads((built.bundle / "manifest.json").read_text())
    said["outputs"][0]["meaning"] = {name: {"relative_to": "pt"} for name in said["outputs"][0]["columns"]}
    said["working_points"] = []
    monkeypatch.setattr(e2e_tf.deploy.closure, "open_bundle", lambda folder: said)
    module = package / "python" / "e2ETagger_cff.py"
    good = module.read_text().split("    workingPoints")[0]
    module.write_text(good + '    relative_to=cms.vstring("pt"),\n)\n')
    assert not closure(built.bundle, package, events=EVENTS).failed
    module.write_text(good + '    relative_to=cms.vstring(""),\n)\n')
    assert closure(built.bundle, package, events=EVENTS).failed


def test_a_package_of_another_bundle_is_refused(
    built: Built, bundles: dict[str, Path], package: Path
) -> None:
    with pytest.raises(InputError, match="holds no model of this bundle; 'e2e-tf cmssw' writes it again"):
        closure(bundles["padded"], package)
    with pytest.raises(InputError, match="events must be positive, not 0"):
        closure(built.bundle, package, events=0)


def test_the_command_shows_the_closure(
    built: Built, package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from e2e_tf import cli
    from e2e_tf.deploy import validate

    monkeypatch.setattr(validate, "validate", lambda *_, **__: [])

    def run(*words: str) -> tuple[int, str]:
        command = ["e2e-tf", "validate", str(built.bundle), "--closure", str(package), *words]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return int(stop.value.code or 0), capsys.readouterr().out

    status, text = run()
    assert status == 0
    assert "CMSSW package, module e2ETagger" in text
    assert "eff70" in text
    status, text = run("--json")
    said = json.loads(text)["closure"]
    assert (status, said["agrees"], len(said["efficiencies"])) == (0, True, 3)
    module = package / "python" / "e2ETagger_cff.py"
    module.write_text(module.read_text().replace("cms.double(0.35)", "cms.double(0.99)"))
    status, text = run("--json")
    assert (status, json.loads(text)["closure"]["agrees"]) == (1, False)


def test_efficiencies_of_the_same_sample_must_be_those_of_the_training() -> None:
    point = Efficiency("eff50", found=0.62, expected=0.62, error=0.04, stated=0.5, same_jets=False)
    assert not point.failed
    assert not Efficiency("eff50", 0.61, 0.61, 0.04, 0.5, same_jets=True).failed
    wrong = Efficiency("eff50", 0.63, 0.63, 0.04, 0.5, same_jets=True)
    assert wrong.failed
    assert Efficiency("eff50", 0.5, 0.55, 0.04, 0.5, same_jets=True).failed
    from e2e_tf.deploy.agreement import Agreement

    assert Closure("a", Agreement("a", 1, 0.0, 1), (wrong,)).failed
