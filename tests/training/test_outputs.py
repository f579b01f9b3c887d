"""Outputs beside the score, inputs beside the graph: from the configuration through fit, evaluate and predict."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from eagerly import eagerly
from typer.testing import CliRunner

from e2e_tf.cli import app
from e2e_tf.config import make_config, read_config
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, read_jets, write_jets
from e2e_tf.errors import InputError
from e2e_tf.training.evaluate import evaluate
from e2e_tf.training.fit import fit
from e2e_tf.training.predict import predict, predict_file
from e2e_tf.training.prepare import prepare
from e2e_tf.training.run import open_run

THREE = """\
seed = 3
[data]
sample = "tau.h5"
split = [0.6, 0.2, 0.2]
pt_bins = [10, 20, 50]
evaluate_pt_bins = [10, 50]
[graph]
nodes = "candidates"
edges = "knn:2"
[model]
name = "particle_attention"
pairs = "p4"
width = 8
heads = 2
blocks = 1
class_blocks = 0
embed = []
pair_embed = [4]
feed_forward = 1
dense = []
[plots]
formats = []
dpi = 50
[outputs.score]
[outputs.decay_mode]
kind = "multiclass"
column = "decay_mode"
classes = [0, 1, 10]
jets = "signal"
balance = true
loss_weight = 0.5
[outputs.visible_pt]
kind = "regression"
column = "visible_pt"
relative_to = "pt"
jets = "signal"
loss = "huber"
hidden = [4]
[training]
epochs = 6
batch_size = 32
optimizer = "adam"
learning_rate = 1e-2
"""
ONE = """\
seed = 3
[data]
sample = "plain.h5"
split = [0.6, 0.2, 0.2]
[graph]
nodes = "candidates"
edges = "knn:2"
jet_features = []
[model]
name = "particle_net_lite"
coordinates = "points"
k = 3
channels = [[8]]
dense = [8]
[outputs.pt]
kind = "regression"
column = "visible_pt"
[training]
epochs = 1
batch_size = 64
"""


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def three(tau_folder):
    (tau_folder / "three.toml").write_text(THREE)
    return fit(tau_folder / "three.toml", tau_folder / "three")


@pytest.fixture(scope="module")
def evaluated(three):
    return evaluate(three, bootstraps=10, baselines=False)


def test_targets_and_weights(tau_folder):
    (tau_folder / "three.toml").write_text(THREE)
    prepared = prepare(read_config(tau_folder / "three.toml"), tau_folder)
    for split in (prepared.train, prepared.test):
        truth, signal = split.jets.truth, split.label == 1
        mode, pt = split.targets["decay_mode"], split.targets["visible_pt"]
        known = signal & np.isin(truth["decay_mode"], [0, 1, 10])
        np.testing.assert_array_equal(mode.weight > 0, known)
        np.testing.assert_array_equal(
            np.array([0, 1, 10])[mode.value.astype(int)][known], truth["decay_mode"][known]
        )
        np.testing.assert_array_equal(pt.weight > 0, signal)
        ratio = truth["visible_pt"][signal] / split.jets["pt"][signal]
        np.testing.assert_allclose(pt.value[signal], ratio, rtol=1e-6)
        np.testing.assert_array_equal(split.targets["score"].value, split.label)
        np.testing.assert_array_equal(split.targets["score"].weight, split.weight)
    mode = prepared.train.targets["decay_mode"]
    totals = np.bincount(mode.value.astype(int), mode.weight)
    np.testing.assert_allclose(totals, len(mode.value) / 3, rtol=1e-4)  # balanced, and 1 on average
    assert prepared.train.targets["visible_pt"].weight.mean() == pytest.approx(1, rel=1e-4)


def test_three_outputs_with_four_momenta(three, evaluated):
    history = json.loads((three.folder / "history.json").read_text())
    assert {"val_score_auc", "val_decay_mode_accuracy", "val_visible_pt_mae", "val_loss"} <= set(history)
    assert three.provenance["best_epoch"] == int(np.argmax(history["val_score_auc"]))
    assert history["loss"][-1] < history["loss"][0]
    assert "p4" in {tensor.name for tensor in three.model().inputs}
    assert evaluated["classifiers"]["particle_attention"]["overall"]["auc"]["value"] > 0.6
    outputs = evaluated["outputs"]
    assert outputs["score"]["auc"]["value"] == pytest.approx(
        evaluated["classifiers"]["particle_attention"]["overall"]["auc"]["value"], abs=1e-6
    )
    mode, pt = outputs["decay_mode"], outputs["visible_pt"]
    np.testing.assert_allclose(np.sum(mode["confusion"], axis=1), 1, atol=1e-3)
    assert list(mode["auc"]) == ["0", "1", "10"]
    assert mode["auc"]["0"]["value"] > 0.6  # one prong without photons is easy
    assert abs(pt["relative_bias"]["value"]) < 0.2
    assert 0 < pt["relative_resolution"]["value"] < 0.5
    assert pt["bias"]["error"] > 0
    assert {p.stem for p in three.folder.glob("*.png")} == {"roc", "scores", "efficiency", "history"}


def test_predictions_in_units(three, tau_folder, tmp_path):
    predict_file(three, tau_folder / "tau.h5", tmp_path / "scores.h5")
    jets = read_jets(tau_folder / "tau.h5")
    with h5py.File(tmp_path / "scores.h5") as file:
        found = {name: file[f"outputs/{name}"][()] for name in file["outputs"]}
        np.testing.assert_array_equal(file["score"], found["score"])
    assert {name: values.shape for name, values in found.items()} == {
        "score": (400, 1),
        "decay_mode": (400, 3),
        "visible_pt": (400, 1),
    }
    np.testing.assert_allclose(found["decay_mode"].sum(axis=1), 1, rtol=1e-5)
    test = prepare(three.config, three.base).test
    raw = predict(three.model(), test.graphs)
    rows = [
        int(np.flatnonzero((jets.event == e) & (jets["pt"] == p))[0])
        for e, p in zip(test.jets.event[:5], test.jets["pt"][:5], strict=True)
    ]
    np.testing.assert_allclose(
        found["visible_pt"][rows, 0], raw["visible_pt"][:5, 0] * jets["pt"][rows], rtol=1e-4
    )


def test_a_regression_without_labels_and_jet_quantities(tau_folder):
    jets = read_jets(tau_folder / "tau.h5")
    jets = jets.take(jets.label == 1)
    write_jets(
        tau_folder / "plain.h5",
        Jets(jets.columns, jets.event, jets.weight, None, jets.truth, {}, jets.candidates),
    )
    (tau_folder / "one.toml").write_text(ONE)
    folder = tau_folder / "one"
    with eagerly():  # a few steps
        invoke("fit", tau_folder / "one.toml", "-o", folder)
    run = open_run(folder)
    assert {tensor.name for tensor in run.model().inputs} == {"x", "senders", "receivers", "n_node", "points"}
    assert "relative resolution" in invoke("evaluate", folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["classifiers"] == {}
    assert metrics["outputs"]["pt"]["jets"] == metrics["jets"]["test"]
    invoke("predict", folder, tau_folder / "plain.h5", "-o", folder / "pt.h5")
    with h5py.File(folder / "pt.h5") as file:
        assert np.isfinite(file["score"][()]).all()
        assert "label" not in file


def test_places_and_momenta_of_nodes(tau_folder):
    jets = read_jets(tau_folder / "tau.h5").take(np.arange(40))
    for recipe in (GraphRecipe("candidates", "knn:2"), GraphRecipe("hits", "knn:2", max_nodes=9)):
        graphs = build_graphs(jets, recipe)
        known = graphs.node_inputs()
        owner = np.repeat(np.arange(40), graphs.batch.n_node)
        pt, eta, phi, mass = known["p4"].T
        np.testing.assert_allclose(eta - jets["eta"][owner], known["points"][:, 0], atol=1e-5)
        turned = np.angle(np.exp(1j * (phi - jets["phi"][owner] - known["points"][:, 1])))
        np.testing.assert_allclose(turned, 0, atol=1e-5)
        assert (pt >= 0).all()
        assert not mass.any()
        some = graphs.take(np.array([7, 3]))
        np.testing.assert_array_equal(
            some.p4, np.concatenate([known["p4"][owner == 7], known["p4"][owner == 3]])
        )
    assert jets.candidates is not None
    np.testing.assert_array_equal(
        build_graphs(jets, GraphRecipe("candidates", "knn:2")).p4[:, 0], jets.candidates["pt"]
    )


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"mode": {"kind": "multiclass"}}, "outputs.mode: classes must list at least two different values"),
        (
            {"pt": {"kind": "regression", "loss": "hinge"}},
            "loss must be one of mean_squared_error, .* for regression",
        ),
        ({"pt": {"kind": "regression", "classes": [1]}}, "classes and balance are for binary and multiclass"),
        ({"s": {"relative_to": "pt"}}, "relative_to is for regression"),
        ({"s": {"weights": 1}}, "unknown key 'outputs.s.weights'; accepted here: kind, column"),
        ({"event": {}}, "outputs must have names .* not 'event'"),
        ({"s": {"kind": "node"}}, "outputs.s.kind: .* not 'node'"),
    ],
)
def test_configurations_that_are_refused(outputs, message):
    with pytest.raises(InputError, match=message):
        make_config({"outputs": outputs})


def test_a_model_whose_inputs_the_sample_lacks(tau_folder, tmp_path):
    jets = read_jets(tau_folder / "tau.h5")
    columns = {name: jets.candidates[name] for name in ("pt", "charge")}
    bare = Jets(
        jets.columns,
        jets.event,
        jets.weight,
        jets.label,
        candidates=type(jets.candidates)(columns, jets.candidates.offsets),
    )
    write_jets(tmp_path / "bare.h5", bare)
    config = make_config(
        {
            "data": {"sample": "bare.h5"},
            "graph": {"nodes": "candidates", "edges": "full"},
            "model": {"name": "particle_attention", "pairs": "p4", "width": 8, "heads": 2, "blocks": 1},
        }
    )
    with pytest.raises(InputError, match=r"needs the inputs .*p4.*; bare.h5 must have them all, .* lacks p4"):
        fit(config, tmp_path / "run", base=tmp_path)
