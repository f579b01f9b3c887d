from __future__ import annotations

import json

import pytest

from e2e_tf.config import make_config
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS
from e2e_tf.tuning.config import make_tune_config
from e2e_tf.tuning.hypermodels import HYPERMODELS, make_hypermodel


def make(tmp_path, run=None, **tune):
    config = make_config(run or {})
    return make_hypermodel(config, make_tune_config(tune), tmp_path, tmp_path / "cache")


def test_every_model_has_a_hypermodel():
    assert set(HYPERMODELS) == set(MODELS)


@pytest.mark.parametrize("name", list(MODELS))
def test_the_usual_space_of_every_model(tmp_path, name):
    hypermodel = make(tmp_path, {"model": {"name": name}})
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    names = set(hypermodel.space.parameters)
    assert {"training.learning_rate", "training.optimizer", "training.batch_size"} <= names
    assert {"graph.k", "graph.edges", "graph.node_features"} <= names
    for seed in range(40):
        for parameter in hp.space:
            hp.values[parameter.name] = parameter.random_sample(1000 * seed + len(parameter.name))
        hp.ensure_active_values()
        values = hypermodel.space.values(hp)
        config = hypermodel.configure(values)
        assert config.training.batch_size == values["training.batch_size"]
        if values["graph.edges"] == "knn:8+delaunay":
            assert config.graph.edges == f"knn:{values['graph.k']}+delaunay"
        else:
            assert config.graph.edges == (f"knn:{values['graph.k']}" if "graph.k" in values else "delaunay")


def test_the_first_trial_of_gat_cheb_is_its_default(tmp_path):
    import keras_tuner

    hypermodel = make(tmp_path)
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    config = hypermodel.configure(hypermodel.space.values(hp))
    settings, default = config.model, MODELS["gat_cheb"].settings()
    assert tuple(settings["channels"]) == default.channels == (32, 64, 128)
    assert tuple(settings["heads"]) == default.heads == (1, 2, 4)
    assert tuple(settings["cheb_channels"]) == default.cheb_channels
    assert tuple(settings["dense"]) == default.dense
    assert settings["cheb_order"] == default.cheb_order
    assert settings["pooling"] == default.pooling == "mean"
    assert {"model.pooling", "training.schedule"} <= set(hypermodel.space.parameters)
    plain = make_config({})
    assert (config.graph, config.training, config.data) == (plain.graph, plain.training, plain.data)


def test_shapes_of_gat_cheb(tmp_path):
    hypermodel = make(tmp_path)
    config = hypermodel.configure(
        {
            "model.gat_layers": 4,
            "model.gat_width": 8,
            "model.gat_heads": 4,
            "model.cheb_layers": 2,
            "model.cheb_width": 16,
            "model.dense_layers": 3,
            "model.dense_width": 64,
            "model.cheb_order": 5,
            "model.dropout": 0.2,
            "training.learning_rate": 0.003,
            "training.optimizer": "adam",
            "graph.k": 12,
        }
    )
    assert config.model == {
        "name": "gat_cheb",
        "channels": (8, 16, 32, 64),
        "heads": (1, 1, 2, 4),
        "cheb_channels": (32, 16),
        "dense": (64, 32, 16),
        "cheb_order": 5,
        "dropout": 0.2,
    }
    assert (config.training.learning_rate, config.training.optimizer) == (0.003, "adam")
    assert config.graph.edges == "knn:12+delaunay"


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
            {},
            {"space": {"model": {"gat_width": [8, 16], "channels": [[8], [16]]}}},
            "tune.space.model has 'gat_width' and 'channels', which set the same; give one of them",
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
        ({}, {"objective": "val_f1"}, "tune.objective must be one of what the model logs"),
        ({}, {"hypermodel": "toy"}, "tune.hypermodel must be 'module:Class', not 'toy'"),
        ({}, {"hypermodel": "no_such_module:Toy"}, "tune.hypermodel 'no_such_module:Toy' cannot be imported"),
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
