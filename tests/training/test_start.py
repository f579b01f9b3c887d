"""Trainings that start from an earlier run."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.config import make_config, read_config
from e2e_tf.data.detector_features import DETECTOR_FEATURES
from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import read_jets
from e2e_tf.data.samples import SAMPLES, sample_path
from e2e_tf.demo import DEMO_CONFIG, PUBLISHED_CONFIG
from e2e_tf.errors import InputError
from e2e_tf.training.evaluate import evaluate
from e2e_tf.training.examples import Examples
from e2e_tf.training.fit import fit
from e2e_tf.training.loop import new_model
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.predict import scorer
from e2e_tf.training.prepare import prepare, prepare_run
from e2e_tf.training.run import open_run
from e2e_tf.training.start import PRETRAINED, open_start
from e2e_tf.tuning.cache import trial_data


@pytest.fixture(scope="module")
def tiny_run(trained):
    return open_run(trained)


@pytest.fixture(scope="module")
def earlier(tiny_run, tmp_path_factory) -> Path:
    """A run, in a folder beside which further runs may be made."""
    folder = tmp_path_factory.mktemp("start")
    shutil.copytree(tiny_run.folder, folder / "first")
    return folder / "first"


def following(tiny_run, **sections):
    """The configuration of a run that starts from ``first`` on other jets: another split."""
    document = tiny_run.config.model_dump(mode="json")
    document["data"] |= {"split_seed": 99, "sample": str(tiny_run.base / document["data"]["sample"])}
    document["training"] |= {"start": "first", "epochs": 1, "learning_rate": 1e-9}
    for name, values in sections.items():
        document[name] |= values
    return make_config(document)


def test_parameters_and_normalisation_are_those_of_the_earlier_run(tiny_run, earlier):
    config = following(tiny_run)
    prepared = prepare(config, earlier.parent)
    fresh = prepare(config.model_copy(update={"training": tiny_run.config.training}), earlier.parent)
    old, new = tiny_run.preprocess.node_features, prepared.preprocess.node_features
    assert np.array_equal(old.median, new.median)
    assert not np.array_equal(old.median, fresh.preprocess.node_features.median)  # of the new training part
    run = fit(config, earlier.parent / "second", base=earlier.parent)
    for before, after in zip(tiny_run.model().get_weights(), run.model().get_weights(), strict=True):
        np.testing.assert_allclose(before, after, rtol=0, atol=1e-5)  # the rate is 1e-9
    stored = run.provenance["started_from"]
    assert stored["name"] == "first"
    assert stored["sha256"] == open_start("first", earlier.parent).identity()["sha256"]
    assert np.array_equal(
        trial_data(config, earlier.parent, earlier.parent / "cache").preprocess.node_features.median,
        old.median,
    )
    with pytest.raises(InputError, match="has another test part"):
        evaluate(run, bootstraps=2, baselines=False, beside={"first": tiny_run})
    found = evaluate(run, bootstraps=2, baselines=False, beside={"again": run})["classifiers"]
    assert found.pop("again") == found[config.model_name]
    before, after = (one["overall"]["auc"]["value"] for one in found.values())
    assert list(found) == [config.model_name, f"{config.model_name} at the start"]
    assert before == pytest.approx(after, abs=1e-3)  # the rate is 1e-9
    # The run is complete: it can be evaluated when what it started from has gone.
    earlier.rename(earlier.parent / "moved")
    try:
        again = prepare_run(run)
    finally:
        (earlier.parent / "moved").rename(earlier)
    assert np.array_equal(again.preprocess.node_features.median, old.median)
    np.testing.assert_array_equal(again.test.graphs.batch.x, prepared.test.graphs.batch.x)


def test_evaluation_names_a_start_that_has_gone_or_is_another(tiny_run, tmp_path):
    """Beside the run stands what it started from; nothing is left out in silence."""
    run, first = (shutil.copytree(tiny_run.folder, tmp_path / name) for name in ("run", "first"))
    stored = json.loads((run / "config.json").read_text())
    stored["config"]["training"]["start"] = "first"
    del stored["base_from_here"]
    (run / "config.json").write_text(json.dumps(stored | {"base": str(tmp_path)}))
    provenance = json.loads((run / "provenance.json").read_text())
    noted = {"started_from": open_start("first", tmp_path).identity()}
    (run / "provenance.json").write_text(json.dumps(provenance | noted))

    (first / "model.keras").write_bytes(b"another")
    with pytest.raises(InputError, match="the model of first is another one than .*run started from"):
        evaluate(run, bootstraps=2)
    (first / "model.keras").unlink()
    with pytest.raises(
        InputError, match=r"first has no model.keras; put it back, or call evaluate with base"
    ):
        evaluate(run, bootstraps=2)
    assert not (run / "metrics.json").exists()


def test_another_model_or_other_inputs_are_refused(tiny_run, earlier):
    config = following(tiny_run, graph={"jet_features": ["pt"]})
    with pytest.raises(InputError, match="other graph.jet_features: mass_log1p"):
        prepare(config, earlier.parent)
    config = following(tiny_run, graph={"edges": "knn:3"})
    with pytest.raises(InputError, match="graph.edges = .* not 'knn:3'"):
        prepare(config, earlier.parent)
    config = following(tiny_run)
    prepared = prepare(config, earlier.parent)
    wider = config.model_copy(update={"model": {**config.model, "dense": [17]}})
    with pytest.raises(InputError, match="was built with other settings; this .* has "):
        new_model(wider, prepared.train.examples, prepared.preprocess, start=prepared.start)
    with pytest.raises(InputError, match="must be opened and given as start"):
        new_model(config, prepared.train.examples, prepared.preprocess)
    with pytest.raises(InputError, match=r"folder of a finished run.*none has no model.keras"):
        prepare(following(tiny_run, training={"start": "none"}), earlier.parent)


def test_the_shipped_model_tells_taus_apart_on_shipped_jets():
    """The first 600 jets, none of which it was trained on, with the model's own graphs and normalisation."""
    (name,) = PRETRAINED
    start = open_start(name)
    assert start is not None
    jets = read_jets(sample_path(name)).take(np.arange(600))
    assert jets.hits == {}
    assert jets.candidates is None
    recipe = GraphRecipe(
        start.preprocess.nodes,
        start.preprocess.edges,
        jet_features=tuple(feature.raw for feature in start.preprocess.jet_features.features),
        max_nodes=start.preprocess.max_nodes,
    )
    graphs = build_graphs(jets, recipe)
    assert [f.raw for f in graphs.node_features] == [f.raw for f in DETECTOR_FEATURES]
    score = scorer(start.model())(Examples(graphs.normalised(start.preprocess).batch))[:, 0]
    assert roc_auc(jets.label, score) > 0.95
    # Of the trees that were trained on the same jets as the model.
    assert roc_auc(jets.label, jets.truth["score_trees"]) > 0.95


def test_the_demo_starts_from_the_shipped_model_on_the_shipped_jets():
    folder = files("e2e_tf").joinpath("configs")
    config, published = (read_config(str(folder / name)) for name in (DEMO_CONFIG, PUBLISHED_CONFIG))
    assert config.training.start in PRETRAINED
    assert config.data.sample in SAMPLES
    assert open_start(config.training.start).preprocess.edges == config.graph.edges
    assert published.data == config.data.model_copy(update={"compare": {}})  # the same jets in the same parts
    assert published.model_name == "gat_cheb"
    assert open_start("") is None
