from __future__ import annotations

import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.errors import InputError
from e2e_tf.models import Head, build_model
from e2e_tf.training.examples import Examples
from e2e_tf.training.fit import fit
from e2e_tf.training.predict import jets_of_file, predict, predict_examples, predict_file
from e2e_tf.training.prepare import prepare, prepare_run
from e2e_tf.training.run import Run, open_run

SETS = {"phi": [4], "dense": [4]}


@pytest.fixture(scope="module")
def graphs(tau_folder):
    jets = read_jets(tau_folder / "tau.h5").take(np.arange(20))
    recipe = GraphRecipe("candidates", "knn:2", ("pt:log", "deta", "dphi"), ("pt",))
    return build_graphs(jets, recipe)


def test_scores_stand_in_the_order_of_the_jets(graphs):
    """Whatever is scored together: alone, in threes or all at once, and in another order."""
    model = build_model("deep_sets", 3, 1, SETS)
    whole = predict(model, graphs)
    assert whole.shape == (20, 1)
    np.testing.assert_allclose(predict(model, graphs, batch_size=3), whole, atol=1e-6)
    order = np.random.default_rng(0).permutation(20)
    np.testing.assert_allclose(predict(model, graphs.take(order)), whole[order], atol=1e-6)
    one = graphs.take(np.array([7]))
    np.testing.assert_allclose(predict(model, one), whole[[7]], atol=1e-6)


def test_outputs_by_name(graphs):
    model = build_model("deep_sets", 3, 1, SETS, {"mode": Head("multiclass", 3), "pt": Head("regression")})
    found = predict(model, graphs)
    assert {name: values.shape for name, values in found.items()} == {"mode": (20, 3), "pt": (20, 1)}
    np.testing.assert_allclose(found["mode"].sum(axis=1), 1, rtol=1e-5)


def test_rows_in_place_of_graphs(graphs):
    image = np.random.default_rng(1).random((20, 8, 8, 2)).astype(np.float32)
    small = {"size": [8, 8], "filters": [2], "depth": 1, "dense": [2]}
    model = build_model("quark_gluon_cnn", 2, 1, small)
    examples = Examples(graphs.batch, rows={"image": image})
    expected = model.predict({"image": image, "u": graphs.batch.u}, verbose=0)
    np.testing.assert_allclose(predict_examples(model, examples, batch_size=7), expected, atol=1e-5)


@pytest.mark.parametrize("level", ["node", "edge"])
def test_outputs_of_nodes_and_edges_are_refused(graphs, level):
    model = build_model("deep_sets", 3, 1, SETS, {"score": Head(), "here": Head("binary", 1, level)})
    rows = graphs.batch.n_node if level == "node" else graphs.batch.n_edge
    message = rf"scores are of whole jets, but the output here of deep_sets has {rows.sum()} rows for 20 jets"
    with pytest.raises(InputError, match=message):
        predict(model, graphs)


def test_what_the_graphs_lack(graphs):
    model = build_model("deep_sets", 3, 0, SETS)
    predict(model, graphs)  # it needs no u and is given none
    with pytest.raises(InputError, match=r"the graphs must have them all, .* lacks image"):
        predict(build_model("quark_gluon_cnn", 2, 0, {"size": [8, 8], "filters": [2]}), graphs)


PADDED = """\
[data]
sample = "jets.npz"
reader = "padded"
options = {columns = ["pt", "deta", "dphi"], key = "parts", label_key = "is_top", jet_keys = {pt = "jet_pt"}}
jet_pt = [20, 1000]
reweight_pt = false
pt_bins = [20, 1000]
split_seed = 2
[graph]
nodes = "candidates"
edges = "knn:2"
jet_features = ["pt"]
[model]
name = "deep_sets"
phi = [4]
dense = [4]
[training]
epochs = 1
batch_size = 64
"""


def write_padded(path, count=60, seed=0):
    rng = np.random.default_rng(seed)
    parts = rng.exponential(1.0, (count, 4, 3)).astype(np.float32)
    arrays = {"parts": parts, "is_top": np.arange(count) % 2, "jet_pt": np.linspace(10, 40, count)}
    np.savez(path, **arrays)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a configuration that says how its file is read, and a run in it."""
    folder = tmp_path_factory.mktemp("padded") / "p"
    folder.mkdir()
    write_padded(folder / "jets.npz")
    (folder / "a.toml").write_text(PADDED)
    fit(folder / "a.toml", folder / "run")
    return folder


def read_scores(path):
    with h5py.File(path) as file:
        return file["score"][:, 0], file["jets/pt"][()], file["label"][()] if "label" in file else None


def test_collisions_need_no_truth_that_only_the_training_did(tau_folder, tmp_path):
    jets = read_jets(tau_folder / "tau.h5")
    write_jets(
        tmp_path / "collisions.h5", replace(jets, label=None, truth={}, weight=np.ones(len(jets), np.float32))
    )
    data = {
        "weight": "where(label == 1, 2, 1)",
        "columns": {"ratio": "truth_visible_pt / pt", "twice": "2 * pt"},
    }
    config = make_config(
        {
            "data": {"sample": "tau.h5", "split": [0.6, 0.2, 0.2], "selection": "twice > 30", **data},
            "graph": {"nodes": "candidates", "edges": "full"},
            "outputs": {"score": {}, "visible": {"kind": "regression", "column": "ratio", "jets": "signal"}},
        }
    )
    prepared = prepare(config, tau_folder)
    run = Run(tmp_path, config, tau_folder, prepared.preprocess, prepared.source)
    found = jets_of_file(run, str(tmp_path / "collisions.h5"))
    assert "ratio" not in found.columns
    np.testing.assert_array_equal(found["pt"], jets["pt"][jets["pt"] > 15])


def test_a_file_is_read_as_the_run_was_told(project, tmp_path, capsys):
    write_padded(tmp_path / "other.npz", 10, seed=1)
    assert predict_file(project / "run", tmp_path / "other.npz", tmp_path / "s.h5") == 7
    score, pt, label = read_scores(tmp_path / "s.h5")
    assert (len(score), pt.min() >= 20, label.tolist()) == (7, True, [1, 0, 1, 0, 1, 0, 1])
    assert (
        "3 of 10 jets are left out: the run was trained on jet_pt [20.0, 1000.0]" in capsys.readouterr().err
    )
    # An option that is given counts, and what differs is said.
    predict_file(project / "run", tmp_path / "other.npz", tmp_path / "t.h5", options={"label_key": "none"})
    assert read_scores(tmp_path / "t.h5")[2] is None
    np.testing.assert_array_equal(read_scores(tmp_path / "t.h5")[0], score)
    said = capsys.readouterr().err
    assert "other.npz is read by padded (columns=" in said
    assert "label_key=none, " in said.partition("; the run was trained on padded (")[0]


def test_a_file_of_another_reader_needs_it_said(project, tau_folder, tmp_path):
    with pytest.raises(
        InputError, match=r"tau\.h5 is no file of the reader 'padded' .* read as e2e_tf: say so"
    ):
        predict_file(project / "run", tau_folder / "tau.h5", tmp_path / "s.h5")
    assert list(tmp_path.iterdir()) == []
    assert 0 < predict_file(project / "run", tau_folder / "tau.h5", tmp_path / "s.h5", reader="e2e_tf") < 400


def test_a_project_that_was_moved_and_files_that_were_changed(project, tmp_path):
    moved = tmp_path / "q"
    shutil.copytree(project, moved)
    (hidden := project.with_name("hidden")).mkdir()
    (project / "jets.npz").rename(hidden / "jets.npz")
    try:
        run = open_run(moved / "run")
        assert (run.base, len(prepare_run(run).test.jets)) == (moved, 5)
        (moved / "jets.npz").rename(moved / "new.npz")
        with pytest.raises(InputError, match=r"there is no sample .*jets\.npz"):
            prepare_run(open_run(moved / "run"))
        again = open_run(moved / "run", {str(project / "jets.npz"): str(moved / "new.npz")})
        assert len(prepare_run(again).test.jets) == 5
        write_padded(moved / "jets.npz", seed=5)
        with pytest.raises(
            InputError, match=r"q/run was trained on another jets\.npz: its SHA-256 was \w+…, it is \w+… now"
        ):
            prepare_run(open_run(moved / "run"))
    finally:
        (hidden / "jets.npz").rename(project / "jets.npz")
