"""Trials of this library's own models, on a few jets of the shipped sample."""

from __future__ import annotations

import json

import numpy as np
import pytest

from e2e_tf.config import make_config
from e2e_tf.tuning.sweep import COMPLETED, INFEASIBLE, open_sweep

CONFIG = """
seed = 3
[data]
sample = "few.h5"
split = [0.5, 0.25, 0.25]
[graph]
edges = "knn:4"
[model]
name = "gat_cheb"
channels = [4]
heads = [1]
cheb_channels = [4]
cheb_order = 2
dense = [8]
[training]
epochs = 2
batch_size = 32
learning_rate = 0.01
[plots]
formats = []
dpi = 50
[tune]
trials = 2
threads = 1
"""
# Quicker to trace: the point is the search, not the model (training/test_loop.py has trials of every model).
QUICK = CONFIG.replace(
    CONFIG[CONFIG.index("name =") : CONFIG.index("[training]")],
    'name = "deep_sets"\nphi = [4]\ndense = [4]\n',
)
SPACE = """
[tune.space.model]
pool = ["sum", "mean"]
[tune.space.graph]
k = { low = 3, high = 5 }
"""
PHI = """
[tune.space.model]
phi = [[4], [8]]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from e2e_tf.data.jets import write_jets
    from e2e_tf.data.sources import load_jets

    folder = tmp_path_factory.mktemp("few")
    jets, _ = load_jets("tau")
    rng = np.random.default_rng(0)
    write_jets(folder / "few.h5", jets.take(np.sort(rng.permutation(len(jets))[:240])))
    return folder


@pytest.fixture(scope="module")
def sweep(harness, folder):
    (folder / "c.toml").write_text(QUICK + SPACE)
    code, output = harness.run(folder, "tune", "c.toml", "-o", "sweep", timeout=240)
    assert code == 0, output
    return open_sweep(folder / "sweep")


def test_trials(sweep):
    first, second = sweep.records()
    assert first.status == second.status == COMPLETED
    # The configuration itself comes first.
    assert first.values == {"model.pool": "sum", "graph.k": 4}
    assert second.values != first.values
    assert second.config["graph"]["edges"] == f"knn:{second.values['graph.k']}"
    assert second.config["model"]["pool"] == second.values["model.pool"]
    for record in (first, second):
        assert record.epochs == 2
        assert len(record.curve("val_auc")) == len(record.curve("loss")) == 2
        assert record.score == max(record.curve("val_auc"))
        assert 0 < record.seconds["training"] < record.seconds["total"]
    assert not (sweep.folder / "cache").exists()


def test_a_trial_is_the_training_that_fit_does(sweep, folder):
    from e2e_tf.training.fit import fit

    record = sweep.records()[0]
    (folder / "plain.toml").write_text(QUICK.partition("[tune]")[0])
    run = fit(folder / "plain.toml", folder / "run")
    history = json.loads((run.folder / "history.json").read_text())
    for name in ("val_auc", "val_loss", "loss", "auc"):
        assert record.curve(name) == pytest.approx(history[name], abs=1e-5)
    assert run.provenance["best_epoch"] == record.executions[0]["best_epoch"]


def test_the_folder_of_a_trial_is_a_run_folder(sweep):
    from e2e_tf.training.predict import predict_examples
    from e2e_tf.training.run import open_run

    record = sweep.best()
    run = open_run(sweep.trials / record.trial)
    assert run.config.model_dump(mode="json") == record.config
    from e2e_tf.training.metrics import roc_auc
    from e2e_tf.training.prepare import prepare

    part = prepare(run.config, run.base).validation
    # The model that was saved is that of the best epoch; Keras bins its AUC.
    assert roc_auc(
        part.label, predict_examples(run.model(), part.examples)[:, 0], part.weight
    ) == pytest.approx(record.score, abs=0.02)


def test_tensorboard_reads_hyperparameters_and_curves(sweep):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    record = sweep.records()[0]
    events = EventAccumulator(str(sweep.trials / record.trial))
    events.Reload()
    assert [e.value for e in events.Scalars("val_auc")] == pytest.approx(record.curve("val_auc"))
    tags = events.summary_metadata
    content = tags[metadata.SESSION_START_INFO_TAG].plugin_data.content
    info = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert info.hparams["graph.k"].number_value == record.values["graph.k"]
    assert info.group_name == record.trial


def test_retrain_evaluate_export(sweep, harness, folder):
    code, output = harness.run(folder, "tune", "--retrain", "sweep", "-o", "best", "--seeds", 2, timeout=240)
    assert code == 0, output
    from e2e_tf.training.run import open_run

    best = sweep.best()
    runs = [open_run(folder / "best"), open_run(folder / "best" / "seeds" / "2")]
    for run, seed in zip(runs, (3, 4), strict=True):
        noted = run.provenance
        assert noted["seed"] == seed
        assert noted["trained_on"] == ["train", "validation"]
        assert noted["tuned_in"]["trial"] == best.trial
        assert run.config.seed == 3  # the split stays
        history = json.loads((run.folder / "history.json").read_text())
        assert len(history["loss"]) == 1 + best.executions[0]["best_epoch"]
        assert "val_loss" not in history
    assert not np.array_equal(runs[0].model().get_weights()[0], runs[1].model().get_weights()[0])
    from e2e_tf.training.evaluate import evaluate

    evaluated = evaluate(folder / "best", bootstraps=10, baselines=False)
    assert 0.3 < evaluated["classifiers"]["deep_sets"]["overall"]["auc"]["value"] <= 1
    code, output = harness.run(folder, "export", "best", "-o", "bundle", "--formats", "onnx", timeout=240)
    assert code == 0, output
    assert (folder / "bundle" / "manifest.json").is_file()
    code, output = harness.run(folder, "tune", "--retrain", "sweep", "-o", "best")
    assert code == 2
    assert "best exists already" in output


def test_a_model_that_is_too_slow_is_rejected_untrained(harness, folder):
    text = QUICK.replace("trials = 2", "trials = 1\nlatency_ms = 0.001") + PHI
    (folder / "slow.toml").write_text(text)
    code, output = harness.run(folder, "tune", "slow.toml", "-o", "slow", timeout=240)
    assert code == 1, output
    (record,) = open_sweep(folder / "slow").records()
    assert record.status == INFEASIBLE
    assert record.epochs == 0
    assert record.metrics["latency_ms"] > 0.001
    assert record.score == pytest.approx(-record.metrics["latency_ms"] / 0.001)
    assert "more than the 0.001 ms allowed" in output


def test_hyperband_goes_on_where_a_trial_ended_and_maximises_a_rejection(harness, folder):
    text = QUICK.replace(
        "trials = 2", 'trials = 3\nalgorithm = "hyperband"\nfactor = 2\nobjective = "rejection@0.7"'
    )
    (folder / "hyperband.toml").write_text(
        text + "[tune.space.training]\nlearning_rate = {low = 1e-4, high = 1e-2}\n"
    )
    code, output = harness.run(folder, "tune", "hyperband.toml", "-o", "hyperband", timeout=400)
    assert code == 0, output
    sweep = open_sweep(folder / "hyperband")
    records = {r.trial: r for r in sweep.records()}
    continued = [r for r in records.values() if r.initial_epoch]
    assert continued
    states = json.loads((sweep.folder / "oracle.json").read_text())["trials"]
    values = {state["trial_id"]: state["hyperparameters"]["values"] for state in states}
    for record in continued:
        before = records[values[record.trial]["tuner/trial_id"]]
        assert record.values == before.values
        assert record.initial_epoch == before.epochs == 1
        assert record.epochs == 2
        assert record.curve("val_auc")[:1] == before.curve("val_auc")
    for record in records.values():
        assert record.score == record.metrics["rejection@0.7"] >= 1
        assert 0.3 < record.metrics["val_auc"] <= 1
    assert sweep.best().score == max(record.score for record in records.values())


def test_trials_read_a_store_in_pieces(harness, folder):
    from e2e_tf.data.graphs import build_graphs
    from e2e_tf.data.jets import read_jets
    from e2e_tf.data.store_writer import write_store

    recipe = make_config({"graph": {"edges": "knn:4"}}).graph.recipe
    write_store(
        folder / "store.h5", build_graphs(read_jets(folder / "few.h5"), recipe), recipe, chunk=32, force=True
    )
    text = QUICK.replace('sample = "few.h5"', 'sample = "store.h5"\nmemory = "stream"')
    (folder / "pieces.toml").write_text(text.replace("threads = 1", "threads = 1\nlatency_ms = 1000.0") + PHI)
    code, output = harness.run(folder, "tune", "pieces.toml", "-o", "pieces", timeout=240)
    assert code == 0, output
    for record in open_sweep(folder / "pieces").records():
        assert record.status == COMPLETED, record.message
        provenance = json.loads((folder / "pieces" / "trials" / record.trial / "provenance.json").read_text())
        assert provenance["data"]["memory"] == "stream"
        assert 0 < record.metrics["latency_ms"] < 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[tune.space.model]\ngat_depth = [4, 8]\n",
            "unknown parameter 'tune.space.model.gat_depth'; accepted: channels",
        ),
        ("[tune.space]", "the space is empty"),
        (
            "[tune.space.data]\njet_pt = [1, 2]",
            "unknown section 'tune.space.data'; accepted: graph, model, training",
        ),
        ("[tune.space.training]\noptimizer = []", "tune.space.training.optimizer has no choices"),
    ],
)
def test_bad_spaces(harness, folder, text, said):
    (folder / "bad.toml").write_text(CONFIG + text)
    code, output = harness.run(folder, "tune", "bad.toml", "-o", "bad")
    assert code == 2
    assert f"e2e-tf: error: {said}" in output
    assert not (folder / "bad").exists()


def test_a_sample_that_cannot_be_used(harness, folder):
    (folder / "bad.toml").write_text(QUICK.replace("few.h5", "absent.h5") + SPACE)
    for extra in ((), ("--workers", 2)):
        code, output = harness.run(folder, "tune", "bad.toml", "-o", "absent", *extra)
        assert code == 2
        assert "e2e-tf: error: there is no sample" in output
        assert "absent.h5" in output
        assert open_sweep(folder / "absent").records() == []


def test_unknown_objective(harness, folder):
    (folder / "bad.toml").write_text(CONFIG.replace("trials = 2", 'objective = "val_f1"'))
    code, output = harness.run(folder, "tune", "bad.toml", "-o", "bad")
    assert code == 2
    assert (
        "tune.objective must be one of what the model logs, val_auc, val_loss, auc, loss, or rejection@"
        in output
    )
