"""The training loop: compilation, order, curves; every model with every kind of input, in fit and in a search."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from eagerly import eagerly
from few_jets import objects

from e2e_tf.config import make_config
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.errors import InputError
from e2e_tf.models import MODELS, build_model
from e2e_tf.training.fit import fit
from e2e_tf.training.loop import (
    buckets,
    compile_model,
    logged,
    monitor,
    new_model,
    run_epochs,
    steps_per_epoch,
    train_model,
)
from e2e_tf.training.predict import predict_examples
from e2e_tf.training.prepare import prepare
from e2e_tf.training.run import open_run
from e2e_tf.tuning.config import make_tune_config
from e2e_tf.tuning.hypermodels import make_hypermodel
from e2e_tf.tuning.sweep import COMPLETED
from e2e_tf.tuning.trial import Request, run_trial

NODES = ["pt:log", "energy:log", "deta", "dphi", "charge"]
THREE = {
    "score": {},
    "mode": {"kind": "multiclass", "column": "decay_mode", "classes": [0, 1, 10], "jets": "signal"},
    "visible": {"kind": "regression", "column": "visible_pt", "relative_to": "pt", "jets": "signal"},
}
GAT = {"name": "gat_cheb", "channels": [4], "heads": [2], "cheb_channels": [4], "dense": [4], "dropout": 0.1}
NET = {"name": "particle_net_lite", "k": 3, "channels": [[4]], "dense": [4]}
ATTENTION = {
    "name": "particle_attention",
    "width": 4,
    "heads": 2,
    "blocks": 1,
    "class_blocks": 1,
    "embed": [],
    "pair_embed": [4],
    "feed_forward": 1,
}
POOLED = ATTENTION | {"class_blocks": 0}  # quicker, where the inputs are the point
SETS = {"name": "deep_sets", "phi": [4], "dense": [4]}
DETECTOR = {
    "name": "detector_net",
    "width": 4,
    "embed": [4],
    "message": [4],
    "update": [4],
    "phi": 4,
    "dense": [4],
}
LEVEL2 = {"name": "level2_cnn", "pointwise": [4], "filters": [3], "dense": [4]}
OBJECTS = {"nodes": "detector", "edges": "knn:2+track-calo:0.1", "max_nodes": {"track": 4, "ecal": 6}}
TOLD = {"sample": "objects.h5", "training": {"auxiliary_loss": 0.5, "mirror": True}}
GRAPH_NET = {"name": "graph_net", "units": 4, "node_layers": 1, "convolutions": 1, "dense_layers": 1}
BELLE = {"name": "gcn_belle", "units": 4, "node_layers": 1, "convolutions": 1, "dense_layers": 1, "kinds": 4}
FCN = {"name": "fcn", "layers": 1, "units": 4}
CNN = {"name": "quark_gluon_cnn", "size": [12, 12], "filters": [4], "depth": 1, "kernel": 3, "dense": [4]}
HYBRID = {"name": "egamma_hybrid", "filters": 2, "dense": 4}
EVENTS = {"name": "event_images", "backbone": "efficientnetb2", "size": [32, 32], "dense": 4}

# By name: the model, the sections [graph] and [data] (with [training] in it) beyond the usual ones, the outputs, the
# inputs that it must have.
CASES = {
    "gat_cheb": (GAT, {}, {}, {}, {"u"}),
    "gat_cheb, edge lists": (GAT | {"layout": "edges"}, {}, {}, {}, {"u"}),
    "gat_cheb, no u": (GAT, {"jet_features": []}, {}, {}, set()),
    "gat_cheb, three outputs": (GAT, {}, {}, THREE, {"u"}),
    "particle_net": (NET | {"name": "particle_net"}, {}, {}, {}, {"u"}),
    "particle_net_lite, graph": (NET, {}, {}, {}, {"u"}),
    "particle_net_lite, points": (NET | {"coordinates": "points"}, {}, {}, {}, {"u", "points"}),
    "particle_net_lite, columns": (NET | {"coordinates": [2, 3]}, {"jet_features": []}, {}, {}, set()),
    "particle_attention, graph": (ATTENTION, {}, {}, {}, {"u"}),
    "particle_attention, p4": (POOLED | {"pairs": "p4"}, {}, {}, {}, {"u", "p4"}),
    "particle_attention, p4, three outputs": (POOLED | {"pairs": "p4"}, {}, {}, THREE, {"u", "p4"}),
    "particle_attention, features": (POOLED | {"pairs": "features"}, {}, {}, {}, {"u"}),
    "particle_attention, columns": (POOLED | {"pairs": [0, 2, 3, 1]}, {}, {}, {}, {"u"}),
    "deep_sets": (SETS, {}, {}, {}, {"u"}),
    "deep_sets, hits": (SETS, {"nodes": "hits", "node_features": []}, {}, {}, {"u"}),
    "deep_sets, one regression": (SETS, {}, {}, {"visible": THREE["visible"]}, {"u"}),
    "detector_net": (DETECTOR, OBJECTS | {"node_features": []}, {"sample": "objects.h5"}, {}, {"u"}),
    "detector_net, auxiliary loss": (DETECTOR, OBJECTS | {"node_features": []}, TOLD, {}, {"u"}),
    "deep_sets, auxiliary loss, three outputs": (SETS, {}, {"training": TOLD["training"]}, THREE, {"u"}),
    "detector_net, candidates": (DETECTOR, {}, {}, {}, {"u"}),
    "level2_cnn": (LEVEL2, OBJECTS | {"node_features": []}, {"sample": "objects.h5"}, {}, {"u"}),
    "graph_net": (GRAPH_NET, {}, {}, {}, {"u"}),
    "gcn_belle": (BELLE, {}, {}, {}, {"u"}),
    "fcn": (FCN, {"max_nodes": 8}, {}, {}, {"u"}),
    "fcn, no u": (FCN, {"max_nodes": 8, "jet_features": []}, {}, THREE, set()),
    "quark_gluon_cnn": (CNN, {}, {"sample": "qg12.parquet"}, {}, {"u"}),
    "quark_gluon_cnn, no u": (CNN, {"jet_features": []}, {"sample": "qg12.parquet"}, {}, set()),
    "deep_sets, pixels": (SETS, {"edges": "grid8"}, {"sample": "qg12.parquet"}, {}, {"u"}),
    "egamma_hybrid": (HYBRID, {}, {"sample": "qg32.parquet"}, {}, {"u"}),
    "event_images": (EVENTS, {"jet_features": []}, {"sample": "qg32.parquet"}, {}, set()),
}
# One of each kind of input and of outputs; all others are as many seconds again, or minutes.
QUICK = (
    "gat_cheb, no u",
    "particle_net_lite, points",
    "particle_attention, p4, three outputs",
    "particle_attention, features",
    "deep_sets, one regression",
    "deep_sets, pixels",
    "detector_net",
    "fcn",
    "quark_gluon_cnn",
)
# Tracing a step takes most of the time, and what is traced depends on the model rather than on its inputs: the first
# case of each model, and one of three outputs, whose losses Keras weighs in another way without a trace.
TRACED = {"fcn, no u", *{model["name"]: name for name, (model, *_) in reversed(CASES.items())}.values()}


def images(path, side, count=48):
    """Quarks and gluons as images in the format of the public files, a few pixels each."""
    rng = np.random.default_rng(side)
    values = np.where(
        rng.random((count, 3, side, side)) < 0.05, rng.exponential(size=(count, 3, side, side)), 0
    )
    columns = {
        "pt": rng.uniform(50, 200, count),
        "m0": rng.uniform(5, 20, count),
        "y": np.arange(count) % 2.0,
    }
    pq.write_table(pa.table({"X_jets": values.tolist()} | columns), path, row_group_size=count)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    jets = read_jets(sample_path("tau")).take(np.arange(96))
    write_jets(folder / "jets.h5", jets)
    write_jets(folder / "objects.h5", replace(jets, objects=objects(len(jets))))
    for side in (12, 32):
        images(folder / f"qg{side}.parquet", side)
    return folder


def configured(model, graph, data, outputs):
    nodes, training = "candidates", data.get("training", {})
    data = {key: value for key, value in data.items() if key != "training"}
    if "parquet" in data.get("sample", ""):
        nodes = "pixels"
        data = {"options": {"channels": ["ecal", "hcal", "track"]}, **data}
    usual = {"nodes": nodes, "edges": "knn:3", "node_features": [] if nodes == "pixels" else NODES}
    document = {
        "data": {"sample": "jets.h5", "split": [0.6, 0.2, 0.2], "reweight_pt": False, **data},
        "graph": usual | graph,
        "model": model,
        "outputs": outputs,
        "training": {"epochs": 1, "batch_size": 32, "learning_rate": 0.01} | training,
    }
    return make_config(document)


def test_every_model_is_in_the_grid():
    assert {model["name"] for model, *_ in CASES.values()} == set(MODELS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]
)
@pytest.mark.usefixtures("small_backbone")
def test_every_model_trains_in_fit_and_in_a_search(name, place, tmp_path):
    """The same training: the curves of a trial with the configuration's own values are those of fit."""
    model, graph, data, outputs, inputs = CASES[name]
    config = configured(model, graph, data, outputs)
    with eagerly(name not in TRACED):
        run = fit(config, tmp_path / "run", base=place)
    history = json.loads((run.folder / "history.json").read_text())
    assert set(history) == set(logged(config))
    assert monitor(config) in history
    assert all(np.isfinite(values).all() and len(values) == 1 for values in history.values())
    trained = run.model()
    kind = {"graph": {"x", "senders", "receivers", "n_node"}, "image": {"image"}, "dense": {"x"}}
    assert {tensor.name for tensor in trained.inputs} == kind[MODELS[config.model_name].inputs] | inputs
    test = prepare(config, place).test
    with eagerly():  # one batch; test_steps.py has the scores of every model traced
        scores = predict_examples(trained, test.examples)
    for one in scores.values() if outputs else [scores]:
        assert len(one) == len(test.jets)
        assert np.isfinite(one).all()

    objective = "val_loss" if outputs else "val_auc"
    space = {"training": {"learning_rate": [0.01, 0.02]}}
    tune = make_tune_config({"objective": objective, "space": space})
    hypermodel = make_hypermodel(config, tune, place, tmp_path / "cache")
    hypermodel.warm_up()
    import keras_tuner

    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    (tmp_path / "trial").mkdir()
    request = Request(
        "0000", hp.get_config(), tmp_path / "trial", tune, hypermodel.objective, seed=config.seed
    )
    # Once is enough; but the losses of several outputs are compared in the way of the fit.
    with eagerly(not outputs or name not in TRACED):
        record = run_trial(hypermodel, request)
    assert record.status == COMPLETED
    assert record.values == {"training.learning_rate": 0.01}
    for quantity, values in history.items():
        assert record.curve(quantity) == pytest.approx(values, rel=1e-5), quantity
    assert record.score == pytest.approx(history[objective][0], rel=1e-5)
    again = open_run(tmp_path / "trial")
    for a, b in zip(trained.get_weights(), again.model().get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "graph", "data", "message"),
    [
        (GRAPH_NET | {"padded_nodes": 9}, {"jet_features": []}, {}, r"needs the inputs adj_matrix, features"),
        (CNN, {}, {}, r"needs the inputs image, u; jets\.h5 must have them all, .* lacks image"),
        (CNN | {"size": [16, 16]}, {}, {"sample": "qg12.parquet"}, r"in the shape \(16, 16, 3\) .* \(12, 12, 3\)"),
        (FCN, {}, {}, r"fcn takes the features of a jet's nodes as one row; graph.max_nodes must say"),
        (ATTENTION | {"pairs": "p4"}, {}, {"sample": "qg12.parquet"}, r"lacks p4"),
        (SETS, {}, {"sample": "qg12.parquet", "training": {"auxiliary_loss": 1}}, r"needs candidates .* lacks pt"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_by_fit_and_by_a_search(
    model, graph, data, message, place, tmp_path
):
    config = configured(model, graph, data, {})
    with pytest.raises(InputError, match=message):
        fit(config, tmp_path / "run", base=place)
    import keras_tuner

    tune = make_tune_config({"space": {"training": {"learning_rate": [0.01, 0.02]}}})
    hypermodel = make_hypermodel(config, tune, place, tmp_path / "cache")
    hp = keras_tuner.HyperParameters()
    hypermodel.declare_hyperparameters(hp)
    with pytest.raises(InputError, match=message):
        hypermodel.build(hp)


def dense():
    return keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])


def test_an_auxiliary_loss_is_added_in_training_and_not_in_validation(place):
    config = configured(SETS, {}, {"training": {"auxiliary_loss": 2.0, "learning_rate": 1e-12}}, {})
    prepared = prepare(config, place)
    losses = {}
    for factor in (0.0, 1.0, 3.0):
        training = config.training.model_copy(update={"auxiliary_loss": factor})
        one = config.model_copy(update={"training": training})
        model = new_model(one, prepared.train.examples, prepared.preprocess)
        compile_model(model, training, 2)
        validation = prepared.validation.examples
        found = train_model(
            model, training, prepared.train.examples, validation, preprocess=prepared.preprocess, seed=1
        )
        losses[factor] = (found["loss"][0], found["val_loss"][0])
    added = losses[3.0][0] - losses[1.0][0]
    assert added > 0.1
    assert losses[1.0][1] == pytest.approx(losses[3.0][1], rel=1e-6)
    content = prepared.train.rows["jet_content"]
    np.testing.assert_allclose(content.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(content.std(axis=0)[:2], 1, rtol=1e-3)
    assert prepared.test.rows == {}


@pytest.mark.parametrize(("schedule", "last"), [("cosine", 1e-4), ("constant", 1e-2)])
def test_schedules(schedule, last):
    training = {"learning_rate": 0.01, "epochs": 5, "batch_size": 32, "schedule": schedule}
    options = make_config({"training": training}).training
    model = dense()
    assert steps_per_epoch(100, options) == 4
    compile_model(model, options, 4)
    rates = []
    for step in (0, 5 * 4):
        model.optimizer.iterations.assign(step)
        rates.append(float(model.optimizer.learning_rate))
    assert rates == pytest.approx([0.01, last])


def test_warm_up_decay_of_weights_and_longest_gradient():
    training = {"learning_rate": 0.01, "epochs": 5, "optimizer": "adam"}
    training |= {"warmup_epochs": 0.5, "weight_decay": 0.02, "clip_norm": 1.5}
    model = dense()
    compile_model(model, make_config({"training": training}).training, steps=4)
    rates = []
    for step in (0, 1, 2, 11, 20):  # half an epoch are 2 batches, 11 is half-way between 2 and 20
        model.optimizer.iterations.assign(step)
        rates.append(float(model.optimizer.learning_rate))
    assert rates == pytest.approx([0, 0.005, 0.01, (0.01 + 1e-4) / 2, 1e-4])
    assert (model.optimizer.weight_decay, model.optimizer.global_clipnorm) == (0.02, 1.5)
    plain = dense()
    compile_model(plain, make_config({}).training, steps=4)
    assert (plain.optimizer.weight_decay, plain.optimizer.global_clipnorm) == (None, None)


@pytest.mark.parametrize("name", ["adamw", "muon", "adam", "rmsprop", "lion"])
def test_no_decay_of_weights_unless_it_is_asked_for(name):
    """Keras' AdamW and Muon have one of 0.004 by default. Without a gradient only the decay moves a weight."""
    for decay in (0.0, 0.5):
        model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
        training = {"optimizer": name, "learning_rate": 0.1, "schedule": "constant", "weight_decay": decay}
        compile_model(model, make_config({"training": training}).training, steps=4)
        weights = model.trainable_variables
        before = [weight + 1.0 for weight in model.get_weights()]
        model.set_weights(before)
        model.optimizer.apply([np.zeros(weight.shape, np.float32) for weight in weights], weights)
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_allclose(new, old * (1 - 0.1 * decay), rtol=1e-6)


def test_batch_normalisation_sees_jets_of_all_sizes():
    """In batches of one size its statistics would be those of that size, and scores of single jets would suffer."""
    assert buckets(build_model("gat_cheb", 4, 2))
    assert not buckets(build_model("particle_net_lite", 4, 2))
    assert buckets(build_model("particle_net_lite", 4, 2), True)
    assert not buckets(build_model("deep_sets", 4, 2), False)


def test_what_chooses_the_best_epoch():
    mode = {"kind": "multiclass", "classes": [0, 1]}
    assert monitor(make_config({})) == "val_auc"
    assert monitor(make_config({"outputs": {"a": {}}})) == "val_auc"
    assert monitor(make_config({"outputs": {"mode": mode}})) == "val_loss"
    two = make_config({"outputs": {"a": {}, "mode": mode}})
    assert monitor(two) == "val_a_auc"
    assert monitor(two, "mode") == "val_mode_loss"


def test_a_training_goes_on_with_the_order_that_it_would_have_had(place):
    """Two epochs at once, and one after the other, from one set of first parameters."""
    config = configured(SETS, {}, {}, {})
    prepared = prepare(config, place)
    train, options = (
        prepared.train.examples,
        config.training.model_copy(update={"epochs": 2, "batch_size": 16}),
    )
    curves = []
    for stops in ([2], [1, 2]):
        model = new_model(config, train, prepared.preprocess)
        compile_model(model, options, steps_per_epoch(len(train), options))
        losses, seen = [], 0
        for stop in stops:
            how = {"preprocess": prepared.preprocess, "seed": 1, "epochs": stop, "initial_epoch": seen}
            losses += train_model(model, options, train, None, **how)["loss"]
            seen = stop
        curves.append(losses)
    assert curves[0] == pytest.approx(curves[1], rel=1e-6)
    assert curves[0][0] != curves[0][1]


@pytest.mark.parametrize("optimizer", ["rmsprop", "muon"])
def test_a_step_is_traced_once(optimizer, monkeypatch):
    """And not a second time because it made the optimizer's variables, half of the time to the first step."""
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    compile_model(model, make_config({"training": {"optimizer": optimizer}}).training, steps=2)
    traced, step = [], model.train_step
    monkeypatch.setattr(model, "train_step", lambda data: traced.append(1) or step(data))
    batches = tf.data.Dataset.from_tensor_slices((np.ones((8, 2), "f4"), np.ones((8, 1), "f4"))).batch(4)
    run_epochs(model, SimpleNamespace(epoch=0, dataset=lambda: batches), epochs=1)
    assert len(traced) == 1
    assert model.optimizer.iterations == 2
