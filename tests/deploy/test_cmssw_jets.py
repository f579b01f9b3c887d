"""Producers make jets as the training's were made, and a model trained so gives in events what it gives in Python."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cmssw_driver import (
    CORRECTIONS,
    WHOLE,
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
from e2e_tf.data.grid import delta_phi
from e2e_tf.data.jets import Jets, read_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.bundle import open_bundle, read_bundle_preprocess
from e2e_tf.deploy.cmssw import cmssw_package
from e2e_tf.deploy.cmssw_jets import jet_values
from e2e_tf.deploy.reference import load_model
from e2e_tf.training.run import open_run

TAGGER = Path(e2e_tf.deploy.__file__).parent / "bundles" / "tau_candidates"
EVENTS = 150  # of one tau and one QCD jet


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


@dataclass(frozen=True)
class Simulated:
    """Events as those of MiniAOD, and their jets as 'e2e-tf simulate' makes them from the same candidates."""

    text: str
    jets: Jets
    label: np.ndarray


def overlaid(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """Jets of the shipped sample in events with the tracks and neutrals of pileup."""
    import e2e_tf.sim.jet_objects as jet_objects
    from e2e_tf.sim.candidates import MASSES, Candidates
    from e2e_tf.sim.chunk import _without_pileup
    from e2e_tf.sim.cluster import ReconstructedJets
    from e2e_tf.sim.kinematics import four_momentum
    from e2e_tf.sim.pileup import density

    # Columns of a file keep 10 bits; here both sides have the same numbers.
    monkeypatch.setattr(jet_objects, "round_mantissa", lambda values: values.astype(np.float32))
    source = read_jets(sample_path("tau"), stop=2 * EVENTS)
    assert source.candidates is not None
    hard = source.candidates
    per_jet = np.arange(len(source)) // 2
    phi = delta_phi(
        source["phi"].astype(float) + np.pi * (np.arange(len(source)) % 2), 0.0
    )  # apart from each other
    owner = hard.owner
    soft = rng.poisson(350, EVENTS)
    count = int(soft.sum())
    charged = rng.random(count) < 0.6
    kind = np.where(charged, 211, rng.choice([22, 130], count, p=[0.8, 0.2]))
    columns = {
        "event": np.concatenate([per_jet[owner], np.repeat(np.arange(EVENTS), soft)]),
        "pt": np.concatenate([hard["pt"], rng.exponential(0.6, count) + 0.3]),
        "eta": np.concatenate([source["eta"].astype(float)[owner] + hard["deta"], rng.uniform(-3, 3, count)]),
        "phi": np.concatenate([delta_phi(phi[owner] + hard["dphi"], 0.0), rng.uniform(-np.pi, np.pi, count)]),
        "pdg_id": np.concatenate([np.abs(hard["pdg_id"]), kind]),
        "charge": np.concatenate([hard["charge"], np.where(charged, rng.choice([-1, 1], count), 0)]),
        "from_pv": np.concatenate([np.where(hard["charge"] == 0, 0, 2), charged * (rng.random(count) < 0.1)]),
        "d0": np.concatenate([hard["d0"], charged * rng.normal(0, 0.01, count)]),
        "dz": np.concatenate([hard["dz"], charged * rng.normal(0, 3.0, count)]),
        "d0_error": np.concatenate([hard["d0_error"], charged * 0.005]),
        "dz_error": np.concatenate([hard["dz_error"], charged * 0.01]),
    }
    columns = {k: v[np.argsort(columns["event"], kind="stable")] for k, v in columns.items()}
    mass = np.select([columns["pdg_id"] == k for k in MASSES], list(MASSES.values()), 0.0)
    momentum = four_momentum(columns["pt"].astype(float), columns["eta"], columns["phi"], mass)
    impact = {k: columns[k].astype(float) for k in ("d0", "dz", "d0_error", "dz_error")}
    candidates = Candidates(
        columns["event"],
        columns["pdg_id"].astype(np.int16),
        columns["charge"].astype(np.int8),
        momentum,
        **impact,
    )
    origin = np.where(columns["charge"] == 0, -1, columns["from_pv"] > 0).astype(np.int8)
    used = origin != 0
    rho = density(columns["event"][used], momentum[used], EVENTS)
    lifted = (
        source["pt"].astype(float) + np.pi * 0.4**2 * rho[per_jet]
    )  # pileup that is no track of another vertex
    axes = ReconstructedJets(per_jet, lifted, source["eta"].astype(float), phi, source["mass"].astype(float))
    made = _without_pileup(axes, rho, 0.4)
    rows = {
        "pt": columns["pt"].astype(float),
        "eta": columns["eta"],
        "phi": columns["phi"],
        "mass": mass,
        "charge": columns["charge"],
        "pdg_id": np.where(columns["pdg_id"] == 211, 211 * columns["charge"], columns["pdg_id"]),
        "details": columns["charge"] != 0,
        **{k: columns[k] for k in ("d0", "d0_error", "dz", "dz_error", "from_pv")},
        "puppi": np.ones(len(mass)),
        "lost": (columns["charge"] != 0) & (rng.random(len(mass)) < 0.05),
    }
    rows = {k: v.astype(int if k in WHOLE else float) for k, v in rows.items()}
    events = []
    for event in range(EVENTS):
        here = {k: v[columns["event"] == event] for k, v in rows.items()}
        none = {k: v[:0] for k, v in here.items()}
        both = [
            {k: getattr(made, k)[i] for k in ("pt", "eta", "phi", "mass")}
            | {"rho": 40.0, "rows": none, "levels": (made.pt[i] / lifted[i], 1.2)}
            for i in (2 * event, 2 * event + 1)
        ]
        events.append(("jet", both, here))
    kinematics = {k: getattr(made, k).astype(np.float32) for k in ("pt", "eta", "phi", "mass")}
    jets = Jets(
        columns=kinematics | {"rho": rho[per_jet].astype(np.float32)},
        event=per_jet,
        weight=np.ones(len(source), np.float32),
        candidates=jet_objects.candidates_of_jets(candidates, made, 0.5, origin),
    )
    assert source.label is not None
    return Simulated(events_text(events), jets, source.label)


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

    simulated = overlaid(np.random.default_rng(5), monkeypatch)
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
