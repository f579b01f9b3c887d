"""Detector objects of events become the graphs of the training: a compiled package gives Python's scores."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmssw_driver import PACKAGE, POINTS, Built, configured, products, write_config

import e2e_tf.deploy.closure
from e2e_tf.data.detector_features import DETECTOR
from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import Jets
from e2e_tf.data.objects import OBJECTS
from e2e_tf.deploy.closure import closure
from e2e_tf.deploy.closure_build import Driver
from e2e_tf.deploy.closure_events import ClosureEvents
from e2e_tf.deploy.closure_objects import object_events
from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.cmssw_objects import OBJECT_COLUMNS
from e2e_tf.deploy.signing import write_manifest
from e2e_tf.errors import InputError
from e2e_tf.graph import KINDS
from e2e_tf.training.run import open_run

EVENTS = 40  # of one tau and one QCD jet


@pytest.fixture(scope="module")
def simulated() -> ClosureEvents:
    """Jets of the shipped sample in events of RECO, with objects that producers must leave out."""
    return object_events({"momentum": "stored", "rho": "product"}, EVENTS)


def test_closure_of_the_shipped_network_on_detector_objects(
    built_detector: Built, simulated: ClosureEvents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2e_tf.training.predict import predict

    run = open_run(built_detector.trained)
    model, jets = run.model(), simulated.jets
    expected = predict(model, graphs_of(jets, run.preprocess))[:, 0]
    assert np.ptp(expected) > 0.9
    (tmp_path / "events").write_text(simulated.text)
    modules = configured(built_detector, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    cuts = np.quantile(expected, [0.5, 0.2])
    points = cms.VPSet(
        *(
            cms.PSet(name=cms.string("a"), score=cms.string("score"), threshold=cms.double(cut))
            for cut in cuts
        )
    )
    stored = {"src": cms.InputTag("jets"), "jet_correction": cms.string(""), "candidates": cms.VInputTag()}
    filters = modules["e2ETaggerFilter"].clone(
        src=cms.InputTag("jets"),
        working_points=cms.InputTag("tagger:workingPoints"),
        bit=cms.uint32(0),
        min_jets=cms.uint32(2),
        min_pt=cms.double(12.0),
        max_eta=cms.double(1.5),
        accept_above_pt=cms.double(35.0),
    )
    behind = ["E2ETaggerFilter", write_config(filters, tmp_path / "filter")]

    def scored(name: str, *more: Any, **changes: Any) -> dict[str, list[np.ndarray]]:
        module = modules[name].clone(**{**stored, **changes})
        config, out = write_config(module, tmp_path / "config"), tmp_path / "out"
        done = built_detector.run(
            built_detector.driver, "events", module.plugin, config, tmp_path / "events", out, 2, *more
        )
        assert done.returncode == 0, done.stderr
        return products(out)

    for backend in ("ONNX", "TF"):
        found = scored(f"e2ETagger{backend}", *behind, workingPoints=points)
        assert found.keys() == {"score", "workingPoints", "inRange", "filter"}
        np.testing.assert_allclose(np.concatenate(found["score"]), expected, rtol=0, atol=1e-5)
        bits = np.concatenate(found["workingPoints"]).astype(int)
        np.testing.assert_array_equal(bits & 1, expected >= np.float32(cuts[0]))
    pt, eta = jets["pt"], jets["eta"]
    within = (pt >= 14) & (pt <= 40) & (np.abs(eta) <= 1.5)
    np.testing.assert_array_equal(np.concatenate(found["inRange"]), within)
    assert 0.2 < within.mean() < 0.95
    passing = (pt >= 12) & (np.abs(eta) <= 1.5) & ((bits & 1 > 0) | (pt > 35))
    for event, (decision, *kept) in enumerate(found["filter"]):
        own = passing[2 * event : 2 * event + 2]
        assert decision == (own.sum() >= 2)
        np.testing.assert_allclose(kept, pt[2 * event : 2 * event + 2][own], rtol=1e-6)
    assert 0 < sum(decision for decision, *_ in found["filter"]) < EVENTS

    # By default momenta are lowered by ρ times the area, as those of the training were.
    lowered = pt.astype(float) - 4.0 * np.pi * 0.4**2
    columns = {"pt": lowered, "mass": jets["mass"] * (lowered / pt)}
    changed = Jets(
        **vars(jets) | {"columns": dict(jets.columns) | {k: v.astype(np.float32) for k, v in columns.items()}}
    )
    expected = predict(model, graphs_of(changed, run.preprocess))[:, 0]
    found = scored(
        "e2ETaggerONNX", jet_correction=cms.string("area"), rho=cms.InputTag("fixedGridRhoFastjetAll")
    )
    np.testing.assert_allclose(np.concatenate(found["score"]), expected, rtol=0, atol=1e-5)
    # What is read decides: each other choice gives other scores.
    for changes in (
        {"magnetic_field": cms.double(3.0)},
        {"track_quality": cms.string("")},
        {"ecal_hits": cms.VInputTag("ecalRecHit:EcalRecHitsEB")},
        {"pixel_hits": cms.InputTag("")},
        {"candidate_radius": cms.double(0.3)},
    ):
        assert np.abs(np.concatenate(scored("e2ETaggerONNX", **changes)["score"]) - expected).max() > 1e-3


def test_validate_closes_over_detector_objects(
    built_detector: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The closure's own events, momenta lowered by the area and a package in which the field was changed."""

    class OverRuntimes(Driver):
        def _run(self, *words: Any, model: Any = None) -> Any:  # this driver has ONNX Runtime itself
            done = built_detector.run(self.program, *words)
            assert done.returncode == 0, done.stderr
            return done

    package = Path(shutil.copytree(built_detector.base / PACKAGE, tmp_path / PACKAGE))
    driver = OverRuntimes(built_detector.driver, package)
    monkeypatch.setattr(e2e_tf.deploy.closure, "build_driver", lambda *_: driver)
    found = closure(built_detector.bundle, package, events=EVENTS)
    assert (found.module, found.agreement.jets) == ("e2ETagger", 2 * EVENTS)
    assert found.agreement.difference < 1e-5
    assert [point.name for point in found.efficiencies] == ["eff50", "eff70", "eff90"]
    assert not found.failed
    module = package / "python" / "e2ETagger_cff.py"
    good, clone = module.read_text(), "e2ETagger = _default.clone(\n"
    assert good.count(clone) == 1
    module.write_text(good.replace(clone, f"{clone}    magnetic_field=cms.double(3.0),\n"))
    assert closure(built_detector.bundle, package, events=EVENTS).agreement.failed


def test_the_unit_test_of_the_package_passes(built_detector: Built) -> None:
    done = built_detector.run(built_detector.parity)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_producer_of_objects_refuses_what_it_cannot_do(
    built_detector: Built, simulated: ClosureEvents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = configured(built_detector, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    (tmp_path / "events").write_text(simulated.text)
    # The hits of the first event's tracks are not kept.
    lines = simulated.text.splitlines()
    track = next(i for i, line in enumerate(lines) if line.endswith(" 2 1") and len(line.split()) == 15)
    lines[track] = lines[track][:-1] + "0"
    (tmp_path / "bare").write_text("\n".join(lines) + "\n")
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("events", {"track_quality": cms.string("best")}, "tracks have no quality best"),
        ("events", {"hcal_thresholds": cms.vdouble()}, "hcal_thresholds needs at least one number"),
        ("events", {"tracks": cms.InputTag("none")}, "ProductNotFound"),
        ("events", {"ecal_hits": cms.VInputTag("ecalRecHit")}, "ProductNotFound"),
        ("bare", {}, "tracks have no hits, so that clusters of pixels without a track are not known"),
    ]
    commands = []
    for i, (file, changes, _) in enumerate(cases):
        plain = {"src": cms.InputTag("jets"), "jet_correction": cms.string(""), "candidates": cms.VInputTag()}
        config = write_config(modules["e2ETaggerONNX"].clone(**plain | changes), tmp_path / f"config{i}")
        out = tmp_path / "out"
        commands.append(["events", "E2ETaggerONNXProducer", config, tmp_path / file, out, 1])
    for (_, _, message), (status, said) in zip(cases, built_detector.each(tmp_path, commands), strict=True):
        assert status == 3, message
        assert message in said


def test_collections_of_both_levels_are_parameters(
    built_detector: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = configured(built_detector, tmp_path, monkeypatch)
    reco, hlt = modules["e2ETagger"].parameters, modules["e2ETaggerHLT"].parameters
    for name, at_reco, at_hlt in (
        ("src", "ak4PFJetsCHS", "hltAK4CaloJetsCorrected"),
        ("tracks", "generalTracks", "hltPixelTracks"),
        ("track_quality", "highPurity", ""),
        ("hcal_hits", "hbhereco", "hltHbhereco"),
        ("pixel_hits", "siPixelRecHits", "hltSiPixelRecHits"),
        ("vertices", "offlinePrimaryVertices", "hltPixelVertices"),
        ("beam_spot", "offlineBeamSpot", "hltOnlineBeamSpot"),
        ("jet_correction", "area", ""),
        ("candidates", ("particleFlow",), ()),
        ("ecal_hits", ("ecalRecHit:EcalRecHitsEB", "ecalRecHit:EcalRecHitsEE"), None),
    ):
        assert reco[name].value == at_reco
        if at_hlt is not None:
            assert hlt[name].value == at_hlt
    assert hlt["ecal_hits"].value == ("hltEcalRecHit:EcalRecHitsEB", "hltEcalRecHit:EcalRecHitsEE")
    assert [reco[name].value for name in ("min_pt", "max_pt", "max_eta")] == [14, 40, 1.5]
    text = (built_detector.base / PACKAGE / "python" / "e2ETaggerHLT_cff.py").read_text()
    assert 'working_points=cms.InputTag("e2ETaggerHLT:workingPoints")' in text
    assert f"bit=cms.uint32({len(POINTS) - 1})" in text


def test_the_package_says_what_it_was_trained_on(built_detector: Built) -> None:
    package = built_detector.base / PACKAGE
    readme = (package / "README.md").read_text()
    assert "| `e2ETagger` | none | 14 to 40 GeV | up to ±1.5 |" in readme
    assert "objects within ΔR < 0.5 of the axis, with momenta of jets without tracks of pileup" in readme
    assert "| `edm::ValueMap<int>`, `inRange` |" in readme
    for path in package.rglob("*"):
        if path.suffix in (".cc", ".h", ".hpp", ".py", ".xml", ".md"):
            assert not re.search(r"@[A-Z_]+@", path.read_text()), path
        if path.suffix == ".py":
            compile(path.read_text(), str(path), "exec")
    assert '<use name="Geometry/CaloGeometry"/>' in (package / "plugins" / "BuildFile.xml").read_text()


def test_force_replaces_a_package_of_the_other_nodes(
    built_detector: Built, bundles: dict[str, Path], tmp_path: Path
) -> None:
    package = cmssw_package(built_detector.bundle, tmp_path / "src")
    assert (package / "plugins" / "E2ETaggerFilter.cc").is_file()
    assert cmssw_package(bundles["padded"], tmp_path / "src", force=True) == package
    assert not (package / "plugins" / "E2ETaggerFilter.cc").exists()
    assert "no detector objects" in (package / "plugins" / "ObjectSource.h").read_text()
    with pytest.raises(
        InputError, match="bundles of one package need nodes of one sort, .*; write a package for each"
    ):
        cmssw_package({"a": bundles["padded"], "b": built_detector.bundle}, tmp_path / "other")


def test_a_model_without_clusters_asks_for_none(detector_bundle: Path, tmp_path: Path) -> None:
    from e2e_tf.files import sha256

    bundle = Path(shutil.copytree(detector_bundle, tmp_path / "bundle"))
    document = json.loads((bundle / "preprocess.json").read_text())
    del document["graph"]["max_nodes"]["pixel"]
    (bundle / "preprocess.json").write_text(json.dumps(document))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["checksums"]["preprocess.json"] = sha256(bundle / "preprocess.json")
    write_manifest(bundle, manifest)
    package = cmssw_package(bundle, tmp_path / "src")
    assert (
        'desc.add<edm::InputTag>("pixel_hits", edm::InputTag(""))'
        in (package / "plugins" / "ObjectSource.h").read_text()
    )
    assert 'pixel_hits=cms.InputTag("")' in (package / "python" / "e2ETaggerHLT_cff.py").read_text()


def test_producers_give_every_column_of_objects() -> None:
    for kind in KINDS:
        assert list(OBJECT_COLUMNS[kind]) == [column.name for column in OBJECTS[kind]]
        for quantity in DETECTOR:
            if kind in quantity.of:
                own = {c for c in quantity.of[kind].columns if not c.startswith("leading_")}
                assert own <= OBJECT_COLUMNS[kind].keys()
