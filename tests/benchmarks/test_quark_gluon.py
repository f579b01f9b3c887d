"""Parts of the quark-gluon benchmark that its numbers depend on."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.graphs import GraphRecipe, build_graphs
from e2e_tf.data.jets import Jets, Ragged
from e2e_tf.errors import InputError
from e2e_tf.sim.pythia import Events
from e2e_tf.training.metrics import roc_auc
from e2e_tf.training.splits import split_by_event

FOLDER = Path(__file__).parents[2] / "benchmarks" / "quark_gluon"
SETTINGS = {"phi": (4,), "dense": (4,)}


@pytest.fixture(scope="module", autouse=True)
def _beside_the_script(beside):
    with beside(FOLDER):
        yield


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


def test_candidates_know_their_place():
    from tasks import with_order

    jets = Jets(
        columns={"pt": np.array([100, 50], np.float32)},
        event=np.arange(2),
        weight=np.ones(2, np.float32),
        label=np.zeros(2, np.int8),
        candidates=Ragged.from_counts(
            {
                "pt": np.array([20, 50, 30, 10], np.float32),
                "delta_r": np.array([0.1, 0.2, 0.3, 0], np.float32),
            },
            np.array([3, 1]),
        ),
    )
    found = with_order(jets).candidates
    np.testing.assert_allclose(found["rank"], np.log([3, 1, 2, 1]), rtol=1e-6)
    np.testing.assert_allclose(found["cumulative"], [1, 0.5, 0.8, 0.2], rtol=1e-6)
    np.testing.assert_allclose(found["log_delta_r"], np.log([0.101, 0.201, 0.301, 0.001]), rtol=1e-5)
    np.testing.assert_allclose(found["pt_delta_r"], [0.02, 0.1, 0.09, 0], rtol=1e-6)


def test_choices_are_made_inside_what_the_first_seed_learns_from():
    from networks import parts_of

    event = np.arange(3000)
    held_out = split_by_event(event, (0.75, 0.05, 0.2), 1)[2]
    np.testing.assert_array_equal(parts_of(event, 1)[1], held_out)
    assert not np.intersect1d(*parts_of(event, 3)).size
    for seed in (1, 2):
        learned, judged = parts_of(event, seed, inside=True)
        assert not np.intersect1d(learned, judged).size
        np.testing.assert_array_equal(
            np.sort(np.concatenate([learned, judged])), np.setdiff1d(event, held_out)
        )
        assert len(judged) == pytest.approx(800, abs=60)
    assert len(np.intersect1d(judged, parts_of(event, 1, inside=True)[1])) < 400  # another third


def test_scores_are_kept_by_settings(tmp_path):
    from networks import kept

    path = tmp_path / "a.npz"
    assert kept(path, [1, {"phi": (2, 3)}], lambda: np.ones(2)).tolist() == [1, 1]
    assert kept(path, [1, {"phi": (2, 3)}], lambda: np.zeros(2)).tolist() == [1, 1]
    assert kept(path, [2], lambda: np.zeros(2)).tolist() == [0, 0]


def particles(*rows: tuple[int, int, int, float, float, float]) -> Events:
    """Massless particles of event, PDG number, status, pT, rapidity and φ."""
    event, pdg_id, status, pt, y, phi = (np.array(column) for column in zip(*rows, strict=True))
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y), pt * np.cosh(y)], 1)
    return Events(
        pdg_id=pdg_id,
        status=status,
        charge=np.zeros(len(event)),
        daughters=np.zeros((len(event), 2), np.int64),
        momentum=momentum,
        vertex=np.zeros((len(event), 3)),
        event=event,
        weight=np.ones(event.max() + 1),
    )


def test_leading_constituents_of_selected_jets():
    pytest.importorskip("awkward", reason="needs the extra 'sim'")
    pytest.importorskip("fastjet", reason="needs the extra 'sim'")
    from generate import leading_constituents

    events = particles(
        (0, 2, -23, 530.0, 0.0, 0.0),  # a light quark; a neutrino and a far particle are not of its jet
        (0, 22, 1, 120.0, 0.1, 0.0),
        (0, 211, 1, 400.0, 0.0, 0.1),
        (0, -14, 1, 100.0, 0.0, 0.0),
        (0, 211, 1, 60.0, 1.0, 2.0),
        (1, 21, -23, 530.0, 0.0, 0.0),  # a gluon
        (1, 211, 1, 530.0, 0.0, 0.0),
        (2, 1, -23, 600.0, 0.0, 0.0),  # too hard
        (2, 211, 1, 600.0, 0.0, 0.0),
        (3, 3, -23, 520.0, 1.8, 0.0),  # too far forward
        (3, 211, 1, 520.0, 1.8, 0.0),
        (4, -3, -23, 520.0, 1.5, -1.0),  # eleven constituents
        *[(4, 211, 1, 42.0 + i, 1.5, -1.0) for i in range(11)],
        (5, 2, -23, 520.0, 0.0, 0.0),  # nothing that can be seen
    )
    x = leading_constituents(events, (1, 2, 3))
    assert x.shape == (2, 10, 4)
    np.testing.assert_allclose(x[0, :2], [[400, 0, 0.1, 211], [120, 0.1, 0, 22]], atol=1e-9)
    assert not x[0, 2:].any()
    np.testing.assert_allclose(x[1, :, 0], np.arange(52, 42, -1))
    np.testing.assert_allclose(x[1, :, 1:], [[1.5, -1, 211]] * 10)
    np.testing.assert_allclose(leading_constituents(events, (21,))[:, 0], [[530, 0, 0, 211]], atol=1e-9)


def test_generated_jets_are_of_the_recipe(monkeypatch):
    pytest.importorskip("pythia8mc", reason="needs the extra 'sim'")
    import generate

    with pytest.raises(InputError, match="even number of at least 2, not 3"):
        generate.generate(3, 1)
    monkeypatch.setattr(generate, "BATCH", 40)
    x, y = generate.generate(4, 1)
    assert y.tolist() == [1, 0, 1, 0]
    assert (np.diff(x[:, :, 0]) <= 0).all()
    assert ((x[:, :, 0].sum(1) > 150) & (x[:, :, 0].sum(1) < 550)).all()
    assert (np.abs(x[:, 0, 1]) < 2.1).all()
    assert not np.isin(np.abs(x[:, :, 3]), (12, 14, 16, 310, 3122)).any()
    np.testing.assert_array_equal(generate.generate(4, 1)[0], x)


@pytest.fixture
def script(monkeypatch):
    """The benchmark with a data set of 120 jets in place of the real ones."""
    import networks
    import tasks

    spec = importlib.util.spec_from_file_location("quark_gluon_main", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    task = tasks.Task(
        lambda: jets_of(120, 1),
        GraphRecipe("candidates", "full", ("pt:log", "delta_r"), ()),
        lambda jets: jets.candidates["delta_r"].reshape(-1, 3),
        settings={"deep_sets": SETTINGS},
        generated=lambda folder, count: jets_of(count, 2),
    )
    monkeypatch.setitem(module.TASKS, "fullsim", task)
    monkeypatch.setitem(networks.SETTINGS, "deep_sets", {})
    monkeypatch.setattr(module, "GENERATED_FILE", 60)
    monkeypatch.setattr(networks, "FIRST_EPOCHS", 20)
    return module


def test_members_are_averaged_and_not_trained_again(script, tmp_path, monkeypatch):
    import networks

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
    judged = networks.parts_of(jets_of(120, 1).event, 1)[1]
    label = jets_of(120, 1).label[judged]
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
    import networks

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
