"""Several models in one CMSSW package: each has a module, files, working points and parity vectors of its own."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cmssw_driver import BINS, PACKAGE, POINTS, with_points

from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.cmssw_model import CmsswModel, contents, module_text, scores
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.errors import InputError


@pytest.fixture
def two(bundles: dict[str, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Two bundles in folders of one name."""
    return tuple(with_points(bundles["padded"], tmp_path / run / "bundle") for run in ("a", "b"))  # type: ignore[return-value]


def test_models_of_one_package_have_names_of_their_own(two: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = two
    for bundles, message in (
        (
            [one, other],
            r"b/bundle would be Bundle in the package, as .*a/bundle is already; give another name",
        ),
        ({"tau-jets": one, "TauJets": other}, "would be TauJets in the package, as .* is already"),
        ({"taus": one, "TAUS": other}, "would be TAUS in the package, as .* is already"),
        ({"a": one, "onnx": other}, "would be Onnx in the package, as plugins ONNX is already"),
        ({"a": one, "π": other}, "must have letters or digits, not 'π'"),
        ([], "needs at least one bundle"),
    ):
        with pytest.raises(InputError, match=message):
            cmssw_package(bundles, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    package = cmssw_package({"taus": one, "2nd try": other}, tmp_path / "out")
    assert sorted(path.name for path in (package / "data").iterdir()) == ["2ndTry", "Taus"]
    compile((package / "python" / "e2ETagger_cff.py").read_text(), "cff", "exec")


def change_manifest(bundle: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads((bundle / "manifest.json").read_text())
    change(document)
    write_manifest(bundle, document)


def test_each_model_has_files_of_its_own(two: tuple[Path, Path], tmp_path: Path) -> None:
    package = cmssw_package({"b": two[0], "a": two[1]}, tmp_path / "out")
    found = sorted(p.relative_to(package).as_posix() for p in (package / "data").rglob("*") if p.is_file())
    names = ("manifest.json", "model.onnx", "model.pb", "preprocess.json")
    assert found == [f"data/{model}/{name}" for model in "AB" for name in names]
    text = (package / "test" / "e2ETagger_cfg.py").read_text()
    assert "cms.Path(process.e2ETaggerB + process.e2ETaggerA)" in text
    assert '"keep *_e2ETaggerB_*_*", "keep *_e2ETaggerA_*_*", "keep *_slimmedJets_*_*"' in text


def test_models_run_by_what_all_of_them_have(two: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = two
    change_manifest(one, lambda d: d["release"].update(cmssw="14_1"))
    change_manifest(other, lambda d: d["release"].update(cmssw="12_4"))  # in which ONNX alone runs
    package = cmssw_package({"a": one, "b": other}, tmp_path / "out")
    assert [path.name for path in (package / "plugins").glob("*.cc")] == ["E2ETaggerONNXProducer.cc"]
    assert not list(package.rglob("model.pb"))
    assert "for CMSSW_14_1 and later" in (package / "README.md").read_text()
    change_manifest(one, lambda d: d["formats"].pop("onnx"))
    with pytest.raises(
        InputError, match=r"need a format in common .* not .*a/bundle: frozen_graph; .*b/bundle: onnx"
    ):
        cmssw_package({"a": one, "b": other}, tmp_path / "another")


def test_force_replaces_a_package_of_several_models(two: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = two
    src = tmp_path / "src"
    package = cmssw_package({"a": one, "b": other}, src)
    cmssw_package({"a": one, "c": other}, src, force=True)
    assert sorted(path.name for path in (package / "data").iterdir()) == ["A", "C"]
    cmssw_package(one, src, force=True)
    assert not (package / "data" / "A").exists()
    cmssw_package([one], src, force=True)
    assert (package / "data" / "model.onnx").is_file()
    (package / "data" / "mine").mkdir()
    (package / "data" / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds data/mine/notes\.txt, which 'e2e-tf cmssw' has not written"):
        cmssw_package({"a": one, "b": other}, src, force=True)


def test_the_command_takes_names(
    two: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from e2e_tf import cli

    def run(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["e2e-tf", "cmssw", *words, "-o", str(tmp_path / "out")])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return "" if stop.value.code == 0 else capsys.readouterr().err

    assert "are both called bundle; give another name, NAME=FOLDER" in run(*map(str, two))
    assert "must be NAME=FOLDER, got '=x'" in run("=x")
    assert run(f"taus={two[0]}", f"jets={two[1]}") == ""
    assert (tmp_path / "out" / PACKAGE / "test" / "parityJets.txt").is_file()


def test_parameters_of_a_module_follow_its_bundle(two: tuple[Path, Path]) -> None:
    manifest = json.loads((two[0] / "manifest.json").read_text())
    manifest["outputs"][0] |= {
        "columns": {"is_tau": 1, "visible_pt": 1},
        "shape": ["B", 2],
        "meaning": {
            "visible_pt": {"kind": "regression", "column": "visible_pt", "unit": "GeV", "relative_to": "pt"}
        },
    }
    manifest["working_points"] = [{**POINTS[0], "output": "is_tau"}]
    model = CmsswModel(two[0], manifest, ("frozen_graph",), "Taus")
    assert scores(manifest) == ["istau", "visiblept"]
    assert contents(manifest) == [
        ("istau", "one value per jet"),
        ("visiblept", "one value per jet: visible_pt [GeV]"),
    ]
    text = module_text(model, PACKAGE, "e2ETagger")
    for line in (
        "e2ETaggerTaus = _default.clone(",
        '    model_path=cms.FileInPath("RecoTauTag/E2ETagger/data/Taus/model.pb"),',
        '    model_inputs=cms.vstring("points:0", "features:0", "mask:0", "u:0"),',
        '    relative_to=cms.vstring("", "pt"),',
        '    jet_correction=cms.string("L1FastJet"),',
        '        cms.PSet(name=cms.string("eff50"), score=cms.string("istau"), threshold=cms.double(0.52)),',
    ):
        assert line in text.splitlines()
    manifest["binned_working_points"] = [
        {
            **part,
            "working_points": [{**p, "output": "is_tau"} for p in part["working_points"] or ()] or None,
        }
        for part in BINS
    ]
    lines = module_text(model, PACKAGE, "e2ETagger").splitlines()
    points = [line for line in lines if "cms.PSet" in line]
    assert [line.split('"')[1] for line in points] == [
        "eff50",
        "eff50_binned",
        "eff70_binned",
        "eff90_binned",
    ]
    assert points[1] == (
        '        cms.PSet(name=cms.string("eff50_binned"), score=cms.string("istau"), pt_low=cms.vdouble(10.0, 30.5), '
        "pt_high=cms.vdouble(20.0, 50.0), thresholds=cms.vdouble(0.52, 0.53)),"
    )
    manifest["outputs"][0]["columns"] = {"π": 1, "visible_pt": 1}
    with pytest.raises(
        InputError, match="must have different names in letters and digits, not π, visible_pt"
    ):
        scores(manifest)
    manifest["outputs"][0]["columns"] = {"is_tau": 1, "visible_pt": 1}
    manifest["binned_working_points"] = copy.deepcopy(BINS)
    with pytest.raises(
        InputError, match=r"must name the output that it cuts on, .* \(is_tau, visible_pt\), not none"
    ):
        module_text(model, PACKAGE, "e2ETagger")
    del manifest["binned_working_points"][2]["working_points"][0]
    with pytest.raises(
        InputError, match=r"manifest\.json: every bin of pT must have the same working points"
    ):
        module_text(model, PACKAGE, "e2ETagger")
