"""The C++ builder makes of detector objects what Python makes of them: nodes, limits, features, edges, scores."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpp_tools import compare

from e2e_tf.data.detector_features import DETECTOR
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, Ragged, read_jets
from e2e_tf.data.preprocess import Preprocess
from e2e_tf.data.samples import sample_path
from e2e_tf.deploy.agreement import compare as compare_scores
from e2e_tf.deploy.bundle import read_bundle_preprocess
from e2e_tf.deploy.candidates import write_candidates
from e2e_tf.deploy.cpp_runner import CppRun, score_jets
from e2e_tf.deploy.jets import adversarial_jets
from e2e_tf.deploy.padded import padded_preprocess
from e2e_tf.deploy.reference import keras_scores, load_model
from e2e_tf.deploy.samples import raw_jets
from e2e_tf.graph import KINDS
from e2e_tf.training.run import open_run

LIMITS = {"track": 6, "ecal": 9, "hcal": 4, "pixel": 3}


@pytest.fixture(scope="module")
def shipped() -> Jets:
    return read_jets(sample_path("tau_detector"), stop=300)


def fitted(jets: Jets, edges: str, max_nodes: int | Mapping[str, int] = 0) -> Preprocess:
    recipe = GraphRecipe("detector", edges, jet_features=("pt", "mass", "eta"), max_nodes=max_nodes)
    return build_graphs(jets, recipe).fit_preprocess(recipe)


def test_features_are_the_same_table_in_python_and_c_plus_plus(tables: Callable[..., Any]) -> None:
    expected = []
    for quantity in DETECTOR:
        words = [quantity.feature.raw]
        for kind in KINDS:
            if kind in quantity.of:
                source = quantity.of[kind]
                words += [" ".join([kind, *source.columns]), " ".join(["jet", *source.jet_columns])]
        expected.append(words)
    assert tables()["detector"] == expected


def test_helices_are_those_of_the_simulation(tables: Callable[..., Any]) -> None:
    """Charged and neutral particles of 0.2 to 50 GeV, also those that curl up, from points around the beam."""
    from e2e_tf.data.helix import propagate
    from e2e_tf.sim.detector import CMS
    from e2e_tf.sim.kinematics import four_momentum

    rng = np.random.default_rng(4)
    n = 300
    charge = rng.choice([-1.0, 0.0, 1.0], n)
    pt, eta, phi = rng.exponential(3, n) + 0.2, rng.uniform(-3, 3, n), rng.uniform(-np.pi, np.pi, n)
    eta[:5] = 0
    pt[:4], charge[:4] = 0.3, (1, -1, 1, -1)  # too slow for the face, and with no way to the ends
    momentum = four_momentum(pt, eta, phi, np.full(n, 0.14))
    start = rng.normal(0, [0.01, 0.01, 0.06], (n, 3))
    wanted = propagate(charge, momentum, start, CMS.ecal_radius, CMS.ecal_half_length)
    words = np.concatenate([charge[:, None], momentum[:, :3], start], axis=1).ravel()
    found = np.array(
        [
            [float.fromhex(v) for v in face]
            for face in tables("helix", *(float(w).hex() for w in words))["face"]
        ]
    )
    np.testing.assert_allclose(found[:, 0], wanted.eta, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[:, 1], wanted.phi, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found[:, 2] > 0, wanted.reached)
    assert np.count_nonzero(~wanted.reached) == 4


def test_the_shipped_sample_gives_the_same_tensors(
    sanitized: Path, detector_run: Path, shipped: Jets, tmp_path: Path
) -> None:
    preprocess = open_run(detector_run).preprocess
    assert compare(sanitized, preprocess, shipped, tmp_path, False) > 300 * len(shipped)


@pytest.mark.parametrize(
    ("edges", "max_nodes", "padded"),
    [
        ("knn:3+track-calo:0.1+pixel-track:0.2", LIMITS, False),
        ("delaunay+hcal-ecal:0.3", {"ecal": 0, "hcal": 3}, False),
        ("radius:0.1+track-track:0.4", 0, False),
        ("full", 12, False),
        ("knn:4+radius:0.05", LIMITS, True),
    ],
)
def test_broken_jets_give_the_same_tensors(
    sanitized: Path,
    shipped: Jets,
    tmp_path: Path,
    edges: str,
    max_nodes: int | Mapping[str, int],
    padded: bool,
) -> None:
    """No nodes, one, each kind alone, each one absent, more than the limits, one place, NaN, angles not wrapped."""
    preprocess = fitted(shipped, edges, max_nodes)
    jets = adversarial_jets(shipped, preprocess, np.random.default_rng(3), real=30)
    counts = np.stack([jets.objects[kind].counts for kind in KINDS])
    assert [(counts[k] == 0).any() and (counts[k] > 9).any() for k in range(4)] == [True] * 4
    assert {0, 1} <= set(counts.sum(0))
    found = compare(sanitized, preprocess, jets, tmp_path, padded)
    assert padded or found > 1000


def tied(rng: np.random.Generator) -> Jets:
    """Objects of few values: equal pt, equal places, φ at ±π, on the circle of leading tracks, across the seam."""
    n = 200

    def objects(kind: str, **columns: Any) -> Ragged:
        counts = rng.integers(0, 8, n)
        rows = int(counts.sum())
        made = {name: np.asarray(of(rows), np.float32) for name, of in columns.items()}
        return Ragged.from_counts(made, counts)

    def some(*values: float) -> Callable[[int], np.ndarray]:
        return lambda rows: rng.choice(np.array(values, np.float32), rows)

    seam = some(np.pi, -np.pi, 3.1, -3.1, 0.0, 0.25)
    places = {"deta": some(0.0, 0.125, -0.125, 0.4), "dphi": seam}
    face = {"deta_face": some(0.0, 0.125), "dphi_face": seam}
    track = {"pt": some(0.0, 1.0, 1.0, 8.0), "charge": some(-1, 1), "dz": some(0.0, 2.0)} | places | face
    return Jets(
        columns={
            "pt": rng.choice(np.array([0, 40], np.float32), n),
            "eta": rng.choice(np.array([0, 1.5], np.float32), n),
        },
        event=np.arange(n),
        weight=np.ones(n, np.float32),
        objects={
            "track": objects("track", **track),
            "ecal": objects("ecal", energy=some(0.5, 2.0), **places),
            "hcal": objects("hcal", energy=some(0.0, 3.0), depth=some(1, 2), **places),
            "pixel": objects("pixel", layer=some(1, 2), **places),
        },
    )


@pytest.mark.parametrize("absent", ["", "track", "pixel"])
def test_ties_and_the_seam_are_one_rule(sanitized: Path, tmp_path: Path, absent: str) -> None:
    jets = tied(np.random.default_rng(7))
    jets = replace(jets, objects={kind: rows for kind, rows in jets.objects.items() if kind != absent})
    limits = {kind: 3 for kind in jets.objects}
    recipe = GraphRecipe("detector", "knn:2+track-calo:0.15", jet_features=("pt",), max_nodes=limits)
    preprocess = build_graphs(jets, recipe).fit_preprocess(recipe)
    assert compare(sanitized, preprocess, jets, tmp_path, False) > 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.update(edges="track-muon:0.2"), "two of track, ecal, hcal, pixel, calo, not muon"),
        (lambda g: g.update(edges="track-calo"), "only knn, radius and rules between kinds take a number"),
        (lambda g: g.update(edges="track-calo:0"), "track-calo needs a positive number"),
        (lambda g: g.update(edges="grid8"), "grid8 links neighbouring pixels"),
        (lambda g: g.update(max_nodes={"muon": 3}), "max_nodes takes the kinds track, ecal, hcal, pixel"),
        (lambda g: g.update(max_nodes={"track": -1}), "must be integers of at least 0"),
        (lambda g: g.update(max_nodes={}), "max_nodes takes the kinds"),
        (
            lambda g: g.update(nodes="candidates"),
            "only detector objects have a number of nodes for each kind",
        ),
        (
            lambda g: g.update(nodes="candidates", max_nodes=0),
            "the rule track-calo links kinds of detector objects; nodes are candidates",
        ),
    ],
)
def test_a_damaged_graph_ends_with_2(
    sanitized: Path, shipped: Jets, tmp_path: Path, change: Callable[[Any], Any], message: str
) -> None:
    document = fitted(shipped, "track-calo:0.05", LIMITS).to_dict()
    change(document["graph"])
    assert message in refused(sanitized, document, shipped.take(np.arange(2)), tmp_path)


def test_jets_that_lack_what_is_needed_end_with_2(sanitized: Path, shipped: Jets, tmp_path: Path) -> None:
    document = fitted(shipped, "knn:2").to_dict()
    jets = shipped.take(np.arange(2))
    assert "these jets have none" in refused(sanitized, document, replace(jets, objects={}), tmp_path)
    lacking = {k: v for k, v in jets.columns.items() if k != "eta"}
    assert "jets lack the quantity eta" in refused(
        sanitized, document, replace(jets, columns=lacking), tmp_path
    )
    only = {"hcal": jets.objects["hcal"]}
    assert "there is no input charge" in refused(sanitized, document, replace(jets, objects=only), tmp_path)


def refused(tool: Path, document: dict[str, Any], jets: Jets, folder: Path) -> str:
    """What the builder says of jets that it does not accept."""
    (folder / "preprocess.json").write_text(json.dumps(document))
    write_candidates(folder / "jets.bin", jets, force=True)
    command = [tool, "build", folder / "preprocess.json", folder / "jets.bin", folder / "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    return done.stderr


def test_mutated_input_gives_errors_or_tensors(sanitized: Path, shipped: Jets, tmp_path: Path) -> None:
    corpus = []
    jets = tied(np.random.default_rng(8)).take(np.arange(4))
    write_candidates(tmp_path / "jets.bin", replace(jets, columns=dict(jets.columns) | {"mass": jets["pt"]}))
    preprocess = fitted(shipped, "knn:2+track-calo:0.1", LIMITS)
    for i, document in enumerate([preprocess.to_dict(), padded_preprocess(fitted(shipped, "knn:2", LIMITS))]):
        path = tmp_path / f"{i}.seed"
        path.write_bytes(json.dumps(document).encode() + b"\0" + (tmp_path / "jets.bin").read_bytes())
        corpus.append(path)
    done = subprocess.run([sanitized, "fuzz", "800", "7", *corpus], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("backend", ["onnx", "tf"])
def test_scores_of_raw_jets_are_those_of_keras(
    toolchain: Any, runner: Path, detector_bundle: Path, backend: str
) -> None:
    """What 'e2e-tf validate' compares: jets of the shipped sample and broken ones."""
    if backend == "onnx" and toolchain.headers is None:
        pytest.skip(toolchain.missing)
    found, why = raw_jets(read_bundle_preprocess(detector_bundle), 2)
    assert (found is not None, why) == (True, "")
    assert found is not None
    jets, batch = found
    assert len(jets) == 235
    (expected,) = keras_scores(load_model(detector_bundle), [batch])
    scores = score_jets(CppRun("C++", runner, backend), detector_bundle, jets, expected.size)
    agreement = compare_scores("C++", [expected], [scores], batch.graphs.n_node)
    assert agreement.passed, agreement
    assert np.ptp(expected) > 0.9
