from __future__ import annotations

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
    graphs = MODELS[name].inputs == "graph"
    assert names >= ({"graph.k", "graph.edges", "graph.node_features"} if graphs else set())
    assert graphs or not any(name.startswith("graph.") for name in names)  # it looks at none
    for seed in range(40):
        for parameter in hp.space:
            hp.values[parameter.name] = parameter.random_sample(1000 * seed + len(parameter.name))
        hp.ensure_active_values()
        values = hypermodel.space.values(hp)
        config = hypermodel.configure(values)
        assert config.training.batch_size == values["training.batch_size"]
        if not graphs:
            assert config.graph == make_config({}).graph
        elif values["graph.edges"] == "knn:8+delaunay":
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


@pytest.mark.parametrize(
    ("run", "tune", "said"),
    [
        (
            {},
            {"space": {"model": {"gat_width": [8, 16], "channels": [[8], [16]]}}},
            "tune.space.model has 'gat_width' and 'channels', which set the same; give one of them",
        ),
        ({}, {"hypermodel": "toy"}, "tune.hypermodel must be 'module:Class', not 'toy'"),
        ({}, {"hypermodel": "no_such_module:Toy"}, "tune.hypermodel 'no_such_module:Toy' cannot be imported"),
    ],
)
def test_refused(tmp_path, run, tune, said):
    with pytest.raises(InputError) as caught:
        make(tmp_path, run, **tune)
    assert said in str(caught.value)
