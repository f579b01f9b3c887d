"""A run of the study on small data."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.training.metrics import roc_auc
from studies.quark_gluon import __main__, networks, tasks

SETTINGS = {"phi": (4,), "dense": (4,)}


def jets_of(n: int, seed: int) -> Jets:
    """Jets of three candidates, whose distance to the axis tells the classes apart."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    candidates = {
        "pt": rng.uniform(1, 50, 3 * n),
        "delta_r": rng.uniform(0, 0.1, 3 * n) + 0.1 * np.repeat(label, 3),
    }
    return Jets(
        columns={"pt": np.full(n, 100, np.float32)},
        event=np.arange(n) + 1000 * seed,
        weight=np.ones(n, np.float32),
        label=label.astype(np.int8),
        candidates=Ragged.from_counts(
            {name: values.astype(np.float32) for name, values in candidates.items()}, np.full(n, 3)
        ),
    )


@pytest.fixture
def script(monkeypatch):
    """The study with a data set of 120 jets in place of the real ones."""
    task = tasks.Task(
        lambda: jets_of(120, 1),
        GraphRecipe("candidates", "full", ("pt:log", "delta_r"), ()),
        lambda jets: jets.candidates["delta_r"].reshape(-1, 3),
        settings={"deep_sets": SETTINGS},
        generated=lambda folder, count: jets_of(count, 2),
    )
    monkeypatch.setitem(__main__.TASKS, "fullsim", task)
    monkeypatch.setitem(networks.SETTINGS, "deep_sets", {})
    monkeypatch.setattr(__main__, "GENERATED_FILE", 60)
    monkeypatch.setattr(networks, "FIRST_EPOCHS", 20)
    return __main__


def test_members_are_averaged_and_not_trained_again(script, tmp_path, monkeypatch):
    options = Namespace(
        folder=tmp_path,
        models=["deep_sets"],
        settings={},
        seeds=[1],
        epochs=1,
        members=2,
        pretrain=0,
        inside=False,
        save=True,
    )
    result = script.run_task("fullsim", options)
    evaluated = networks.parts_of(jets_of(120, 1).event, 1)[1]
    label = jets_of(120, 1).label[evaluated]
    scores = [np.load(tmp_path / f"fullsim-deep_sets-1{m}.npz")["score"] for m in ("", ".2")]
    assert not np.allclose(*scores)
    assert result["auc"]["deep_sets, mean of 2"] == [
        pytest.approx(roc_auc(label, np.mean(scores, axis=0)), abs=5e-5)
    ]
    assert result["auc"]["deep_sets"] == [
        pytest.approx(np.mean([roc_auc(label, s) for s in scores]), abs=1e-4)
    ]
    assert (tmp_path / "fullsim-together-1.keras").is_file()
    monkeypatch.setattr(networks, "train", None)  # would fail
    options.save = False
    assert script.run_task("fullsim", options) == result


def test_generated_jets_come_first(script, tmp_path, monkeypatch):
    """With a rate of 0 after them, the network is what generated jets have made of it."""
    import keras

    monkeypatch.setattr(networks, "LAST_RATE", 0.0)
    monkeypatch.setitem(networks.RATES, "deep_sets", 0.05)
    options = Namespace(
        folder=tmp_path,
        models=["deep_sets"],
        settings={},
        seeds=[1, 2],
        epochs=1,
        members=1,
        pretrain=200,
        inside=True,
        save=False,
    )
    result = script.run_task("fullsim", options)
    assert set(result["auc"]) == {
        "trees",
        "trees, generated jets too",
        "deep_sets, after generated jets",
    }
    assert min(result["auc"]["deep_sets, after generated jets"]) > 0.95
    first = keras.models.load_model(tmp_path / "generated-deep_sets-1.keras", compile=False)
    for seed in (1, 2):
        last = keras.models.load_model(
            tmp_path / f"fullsim-inside-deep_sets-pretrained-{seed}.keras", compile=False
        )
        for ours, theirs in zip(last.get_weights(), first.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    # Scores of the generated jets that were not learned from, with the generated jets' normalisation.
    kept = np.load(tmp_path / "generated-deep_sets-1.npz")["score"]
    assert len(kept) == 60
    recipe = script.TASKS["fullsim"].recipe
    raw = build_graphs(jets_of(260, 2), recipe)
    check = raw.normalised(raw.take(np.arange(200)).fit_preprocess(recipe)).take(np.arange(200, 260))
    np.testing.assert_allclose(networks.predict(first, check)[:, 0], kept, atol=1e-6)
