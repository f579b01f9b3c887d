from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.samples import sample_path
from studies.detector import fresh
from studies.detector.fresh import FRESH, fresh_table, judged_fresh, score_fresh, simulate_fresh
from studies.detector.rows import LARGER_OF_JETS, LARGER_REFERENCE, SHIPPED

STRENGTHS = {LARGER_REFERENCE: 0.6, LARGER_OF_JETS: 0.5, SHIPPED: 0.8}


def write_scores(folder, pileup, seed):
    rng = np.random.default_rng(seed)
    label = np.arange(6000) % 2
    # Background is softer; weighted, both classes have one spectrum.
    pt = np.where(label == 1, rng.uniform(10, 50, 6000), 10 + 40 * rng.random(6000) ** 2)
    noise = rng.normal(size=6000)
    scores = {name: 1 / (1 + np.exp(-(s * (2 * label - 1) + noise))) for name, s in STRENGTHS.items()}
    (folder / "scores").mkdir(exist_ok=True)
    np.savez(folder / "scores" / f"fresh-{pileup}.npz", label=label, event=np.arange(6000), pt=pt, **scores)


def test_ratios_are_those_of_the_rejections(tmp_path):
    assert judged_fresh(tmp_path) == {}
    write_scores(tmp_path, 40, 1)
    write_scores(tmp_path, 0, 2)
    found = judged_fresh(tmp_path)
    assert list(found) == ["0", "40"]
    rows = found["40"]
    rejection = {name: one["overall"]["rejection"][0]["value"] for name, one in rows.items()}
    assert rejection[SHIPPED] > rejection[LARGER_REFERENCE] > rejection[LARGER_OF_JETS] > 1
    for key, reference in (("trees", LARGER_REFERENCE), ("of_jets", LARGER_OF_JETS)):
        ratio = rows[SHIPPED]["ratio"][key]
        assert ratio["value"] == pytest.approx(rejection[SHIPPED] / rejection[reference], rel=1e-6)
        assert 0 < ratio["error"] < ratio["value"] / 3
    assert [one["low"] for one in rows[SHIPPED]["pt_bins"]] == [10, 20]
    assert rows[SHIPPED]["jets"] == 6000
    lines = fresh_table(found)
    assert len(lines) == 2 + 2 * len(STRENGTHS)
    assert {line.count("|") for line in lines} == {9}
    assert lines[2].startswith(f"| 0 | {LARGER_REFERENCE} | 0.8")


def test_samples_that_are_there_stay(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "e2e_tf.sim.simulate",
        lambda *args, **options: made.append((args[1:], options["pileup"], options["objects"])),
    )
    (tmp_path / "fresh-0.h5").touch()
    simulate_fresh(tmp_path, 1)
    expected = [(FRESH[pileup], pileup) for pileup in FRESH if pileup]
    assert made == [
        ((jets, seed, tmp_path / f"fresh-{pileup}.h5"), pileup, True) for (seed, jets), pileup in expected
    ]


def test_scores_are_those_of_the_run_and_of_the_forests(tmp_path, monkeypatch):
    jets = read_jets(sample_path("tau_detector")).take(np.arange(40))
    write_jets(tmp_path / "fresh-40.h5", jets)
    run = SimpleNamespace(model=lambda: "model", preprocess=None)
    monkeypatch.setattr(fresh, "open_run", lambda path: run)
    monkeypatch.setattr(fresh, "graphs_of", lambda jets, preprocess: jets)
    monkeypatch.setattr(fresh, "predict", lambda model, jets: np.stack([jets["pt"], jets["eta"]], axis=1))
    monkeypatch.setattr(fresh, "prepare", lambda config, folder: SimpleNamespace(train=config.data.sample))
    monkeypatch.setattr(
        fresh, "trees_of", lambda row, part, seed: lambda jets: jets["eta"] + (1 if row.trees == "jet" else 0)
    )
    score_fresh(tmp_path)
    with np.load(tmp_path / "scores" / "fresh-40.npz") as file:
        np.testing.assert_array_equal(file[SHIPPED], jets["pt"])
        np.testing.assert_array_equal(file[LARGER_REFERENCE], jets["eta"])
        np.testing.assert_array_equal(file[LARGER_OF_JETS], jets["eta"] + 1)
        np.testing.assert_array_equal(file["label"], jets.label)
    monkeypatch.setattr(fresh, "open_run", None)
    score_fresh(tmp_path)  # nothing is missing
