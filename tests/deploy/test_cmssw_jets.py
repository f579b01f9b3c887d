"""Producers make jets as the training's were made, and a model trained so gives in events what it gives in Python."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmssw_driver import (
    CORRECTIONS,
    Built,
    configured,
    events_text,
    own_candidates,
    products,
    python_jets,
    random_event,
    write_config,
)

import e2e_tf.deploy
from e2e_tf.data.definition import jet_definition
from e2e_tf.data.graphs import graphs_of
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
from e2e_tf.deploy.closure_events import closure_events
from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.cmssw_jets import jet_values
from e2e_tf.deploy.reference import load_model
from e2e_tf.training.run import open_run

TAGGER = Path(e2e_tf.deploy.__file__).parent / "bundles" / "tau_candidates"
EVENTS = 150  # of one tau and one QCD jet, as many as closure_events makes


def test_defaults_follow_what_the_bundle_states() -> None:
    stated = {"candidates": "cone", "radius": 0.5, "jet_radius": 0.8, "momentum": "area", "rho": "candidates"}
    found = jet_values({"jets": stated})
    assert (found["SRC"], found["JET_CORRECTION"], found["RHO"]) == ("slimmedJets", "L1FastJet", "")
    assert found["CANDIDATES"] == 'edm::InputTag("packedPFCandidates"), edm::InputTag("lostTracks")'
    assert (found["CANDIDATE_RADIUS"], found["JET_RADIUS"]) == ("0.5", "0.8")
    assert "within ΔR < 0.5 of the axis" in found["JETS_OF_TRAINING"]
    taus = jet_values(
        {"jets": {"candidates": "constituents", "momentum": "tau", "rho": "fixedGridRhoFastjetAll"}}
    )
    assert (taus["SRC"], taus["TAU_JETS"], taus["CANDIDATES"], taus["JET_CORRECTION"]) == (
        "slimmedTaus",
        "",
        "",
        "",
    )
    unknown = jet_values({})
    assert (unknown["CANDIDATES"], unknown["RHO"]) == ("", "fixedGridRhoFastjetAll")
    assert "does not say" in unknown["JETS_OF_TRAINING"]


def test_the_package_of_the_shipped_tagger_takes_jets_as_its_training_did(tmp_path: Path) -> None:
    assert open_bundle(TAGGER)["jets"] == jet_definition(read_jets(sample_path("tau")).attributes)
    text = (cmssw_package(TAGGER, tmp_path / "src") / "plugins" / "TaggerProducer.h").read_text()
    assert '{edm::InputTag("packedPFCandidates"), edm::InputTag("lostTracks")}' in text
    assert 'desc.add<double>("candidate_radius", 0.5)' in text
    assert 'desc.add<std::string>("jet_correction", "L1FastJet")' in text
    assert 'desc.add<edm::InputTag>("rho", edm::InputTag(""))' in text


def tagger(module: Any, base: Path) -> Any:
    """The same module with the model and the working points of the shipped tagger, beside the package in ``base``."""
    import FWCore.ParameterSet.Config as cms

    data = base / "RecoTauTag" / "Tau" / "data"
    if not data.is_dir():
        data.mkdir(parents=True)
        for name in ("model.onnx", "preprocess.json"):
            shutil.copy(TAGGER / name, data)
    points = [
        cms.PSet(
            name=cms.string(f"{p['target']}"), score=cms.string("score"), threshold=cms.double(p["threshold"])
        )
        for p in open_bundle(TAGGER)["working_points"]
    ]
    return module.clone(
        model_path=cms.FileInPath("RecoTauTag/Tau/data/model.onnx"),
        preprocess_json=cms.FileInPath("RecoTauTag/Tau/data/preprocess.json"),
        workingPoints=cms.VPSet(*points),
    )


def test_closure_of_the_shipped_tagger(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from e2e_tf.training.predict import predict

    simulated = closure_events(open_bundle(TAGGER)["jets"])
    (tmp_path / "events").write_text(simulated.text)
    expected = predict(load_model(TAGGER), graphs_of(simulated.jets, read_bundle_preprocess(TAGGER)))[:, 0]
    modules = configured(built, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    def scored(**changes: Any) -> dict[str, np.ndarray]:
        module = tagger(modules["e2ETaggerONNX"].clone(**changes), built.base)
        config = write_config(module, tmp_path / "config")
        done = built.run(
            built.driver, "events", module.plugin, config, tmp_path / "events", tmp_path / "out", 2
        )
        assert done.returncode == 0, done.stderr
        return {name: np.concatenate(values) for name, values in products(tmp_path / "out").items()}

    found = scored()
    np.testing.assert_allclose(found["score"], expected, rtol=0, atol=1e-5)
    for bit, point in enumerate(open_bundle(TAGGER)["working_points"]):
        for label in (0, 1):
            of_class = simulated.label == label
            wanted = (expected >= point["threshold"])[of_class].mean()
            passed = (found["workingPoints"].astype(int) >> bit & 1)[of_class].mean()
            error = np.sqrt(max(wanted * (1 - wanted), 1 / EVENTS) / EVENTS)
            assert abs(passed - wanted) < error
            if label:  # these jets are of the training's kind
                assert abs(passed - point["signal_efficiency"]) < error
    # The level L1FastJet of these jets takes the area off; each other choice gives other scores.
    same = scored(jet_correction=cms.string("area"))
    np.testing.assert_allclose(same["score"], expected, rtol=0, atol=1e-5)
    for changes in (
        {"candidates": cms.VInputTag("packedPFCandidates")},
        {"candidate_radius": cms.double(0.4)},
        {"jet_correction": cms.string("")},
        {"rho": cms.InputTag("fixedGridRhoFastjetAll")},
    ):
        assert np.abs(scored(**changes)["score"] - expected).max() > 0.01, changes


def test_taus_have_the_quantities_of_their_jets(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2e_tf.training.predict import predict

    rng = np.random.default_rng(8)
    events = [("tau", random_event(rng, counts)) for counts in ([6], [0, 9], [], [14])]
    (tmp_path / "events").write_text(events_text(events))
    jets = python_jets([jet for _, found in events for jet in found])
    run = open_run(built.trained)
    module = own_candidates(configured(built, tmp_path, monkeypatch)["e2ETaggerONNX"])
    import FWCore.ParameterSet.Config as cms

    def scores(changes: dict[str, Any]) -> np.ndarray:
        config = write_config(module.clone(**changes), tmp_path / "config")
        done = built.run(
            built.driver, "events", module.plugin, config, tmp_path / "events", tmp_path / "out", 1
        )
        assert done.returncode == 0, done.stderr
        return np.concatenate(products(tmp_path / "out")["score"])

    expected = predict(run.model(), graphs_of(jets, run.preprocess))[:, 0]
    np.testing.assert_allclose(scores({}), expected, rtol=0, atol=1e-5)
    own = scores({"tau_jets": cms.InputTag("")})
    assert np.abs(own - expected).max() > 1e-3
    # None of these jets is near: that in which the tau was found, as it is.
    found_in = scores({"tau_jets": cms.InputTag("particleFlow"), "jet_correction": cms.string("")})
    raw = {k: jets[k] / np.float32(CORRECTIONS[0]) for k in ("pt", "mass")}
    lifted = Jets(**vars(jets) | {"columns": dict(jets.columns) | raw})
    expected = predict(run.model(), graphs_of(lifted, run.preprocess))[:, 0]
    np.testing.assert_allclose(found_in, expected, rtol=0, atol=1e-5)


def test_candidates_of_reco_are_measured_from_the_vertex(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2e_tf.training.predict import predict

    rng = np.random.default_rng(9)
    jets = random_event(rng, [12, 7, 0, 20])
    for jet in jets:
        rows = jet["rows"]
        near = np.abs(rows["dz"]) < np.maximum(0.1, 3 * rows["dz_error"])
        rows["from_pv"] = ((rows["charge"] != 0) & (rows["details"] != 0) & near).astype(int)
        jet["levels"] = (0, 0)  # reco::PFJet has none
    (tmp_path / "events").write_text(events_text([("reco", jets)]))
    run = open_run(built.trained)
    import_of = configured(built, tmp_path, monkeypatch)
    import FWCore.ParameterSet.Config as cms

    module = own_candidates(
        import_of["e2ETaggerONNX"],
        jet_correction=cms.string(""),
        vertices=cms.InputTag("offlinePrimaryVertices"),
    )
    config = write_config(module, tmp_path / "config")
    done = built.run(built.driver, "events", module.plugin, config, tmp_path / "events", tmp_path / "out", 1)
    assert done.returncode == 0, done.stderr
    expected = predict(run.model(), graphs_of(python_jets(jets), run.preprocess))[:, 0]
    np.testing.assert_allclose(products(tmp_path / "out")["score"][0], expected, rtol=0, atol=1e-5)
