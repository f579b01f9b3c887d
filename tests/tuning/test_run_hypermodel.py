"""A run as a HyperModel: its space, the configuration of a trial, what it refuses."""

from __future__ import annotations

import json

import pytest

from e2e_tf.config import make_config
from e2e_tf.errors import InputError
from e2e_tf.tuning.config import make_tune_config
from e2e_tf.tuning.hypermodels import make_hypermodel


def make(tmp_path, run=None, **tune):
    config = make_config(run or {})
    return make_hypermodel(config, make_tune_config(tune), tmp_path, tmp_path / "cache")


def test_k_counts_only_with_nearest_neighbours(tmp_path):
    import keras_tuner

    space = {"graph": {"edges": ["knn:8+delaunay", "delaunay"], "k": {"low": 4, "high": 6}}}
    hypermodel = make(tmp_path, space=space)
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    assert (
        hypermodel.configure({"graph.edges": "knn:8+delaunay", "graph.k": 5}).graph.edges == "knn:5+delaunay"
    )
    hp.values["graph.edges"] = "delaunay"
    hp.ensure_active_values()
    values = hypermodel.space.values(hp)
    assert values == {"graph.edges": "delaunay"}
    assert hypermodel.configure(values).graph.edges == "delaunay"


def test_node_features(tmp_path):
    space = {"graph": {"node_features": [[], ["track_pt", "ecal_energy"]]}}
    hypermodel = make(tmp_path, space=space)
    chosen = hypermodel.configure({"graph.node_features": ("track_pt", "ecal_energy")})
    assert chosen.graph.node_features == ("track_pt", "ecal_energy")


@pytest.mark.parametrize(
    ("run", "tune", "said"),
    [
        (
            {},
            {"space": {"model": {"cheb_order": [0, 3]}}},
            "tune.space.model.cheb_order has 0: cheb_order must be",
        ),
        ({}, {"space": {"training": {"batch_size": [64, -1]}}}, "tune.space.training.batch_size has -1"),
        (
            {},
            {"space": {"graph": {"edges": ["knn:8", "knn:x"]}}},
            "tune.space.graph.edges has 'knn:x': knn needs",
        ),
        (
            {"graph": {"edges": "delaunay"}},
            {"space": {"graph": {"k": [4, 8]}}},
            "tune.space.graph.k needs a graph with knn, graph.edges is 'delaunay'",
        ),
        (
            {"outputs": {"mode": {"kind": "multiclass", "column": "mode", "classes": [0, 1]}}},
            {},
            "tune.objective must be one of what the model logs, val_accuracy, val_loss, accuracy, loss, or",
        ),
        (
            {"outputs": {"score": {}, "pt": {"kind": "regression", "column": "pt"}}},
            {},
            "what the model logs, val_score_auc, val_pt_mae, val_score_loss, val_pt_loss, val_loss, score_auc",
        ),
        (
            {"outputs": {"pt": {"kind": "regression", "column": "pt"}}},
            {"objective": "rejection@0.7"},
            "tune.objective 'rejection@0.7' needs an output that is the label; the outputs are pt",
        ),
        (
            {"model": {"name": "quark_gluon_cnn"}},
            {"latency_ms": 1},
            "tune.latency_ms is for models on graphs, which can be exported; quark_gluon_cnn takes images",
        ),
        ({}, {"objective": "val_f1"}, "tune.objective must be one of what the model logs"),
        (
            {},
            {"algorithm": "hyperband", "space": {"training": {"epochs": [3, 6]}}},
            "unknown parameter 'tune.space.training.epochs'",
        ),
    ],
)
def test_refused(tmp_path, run, tune, said):
    with pytest.raises(InputError) as caught:
        make(tmp_path, run, **tune)
    assert said in str(caught.value)


def test_the_space_as_stored_is_plain(tmp_path):
    stored = make(tmp_path).space.to_dict()
    assert json.loads(json.dumps(stored)) == stored
