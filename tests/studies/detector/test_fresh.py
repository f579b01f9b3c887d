from __future__ import annotations

import numpy as np
import pytest

from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.sim.pythia import BACKGROUNDS
from studies.detector import fresh
from studies.detector.fresh import (
    FRESH,
    backgrounds_table,
    fresh_table,
    judged_backgrounds,
    judged_fresh,
    judged_seeds,
    mean_ratio,
    score_fresh,
    seeds_table,
    simulate_fresh,
)
from studies.detector.rows import LARGER_OF_JETS, LARGER_REFERENCE, SHIPPED

STRENGTHS = {LARGER_REFERENCE: 0.6, LARGER_OF_JETS: 0.5, SHIPPED: 0.8}


def write_scores(folder, pileup, seed, name=None):
    rng = np.random.default_rng(seed)
    label = np.arange(6000) % 2
    # Background is softer; weighted, both classes have one spectrum.
    pt = np.where(label == 1, rng.uniform(10, 50, 6000), 10 + 40 * rng.random(6000) ** 2)
    noise = rng.normal(size=6000)
    scores = {name: 1 / (1 + np.exp(-(s * (2 * label - 1) + noise))) for name, s in STRENGTHS.items()}
    (folder / "scores").mkdir(exist_ok=True)
    np.savez(
        folder / "scores" / f"{name or f'fresh-{pileup}'}.npz",
        label=label,
        event=np.arange(6000),
        pt=pt,
        **scores,
    )


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


def test_trainings_with_other_seeds_tell_their_spread(tmp_path):
    write_scores(tmp_path, 40, 1)
    assert judged_seeds(tmp_path) == {}
    write_scores(tmp_path, 40, 2, "fresh-40-seed-2")
    found = judged_seeds(tmp_path)
    assert list(found) == ["40"]
    assert list(found["40"]) == ["1", "2"]
    rows = judged_fresh(tmp_path)["40"]
    first = found["40"]["1"]
    assert first["ratio"] == rows[SHIPPED]["ratio"]
    assert {name: one["value"] for name, one in first["rejection"].items()} == pytest.approx(
        {name: one["overall"]["rejection"][0]["value"] for name, one in rows.items()}
    )
    lines = seeds_table(found)
    assert len(lines) == 2 + 2 + 1
    mean = (first["ratio"]["trees"]["value"] + found["40"]["2"]["ratio"]["trees"]["value"]) / 2
    assert f" | {mean:.3f} ± " in lines[-1]
    assert {line.count("|") for line in lines} == {7}


def test_each_background_is_compared_with_the_signal_of_its_range(tmp_path):
    assert judged_backgrounds(tmp_path) == {}
    rng = np.random.default_rng(3)
    n = 12_000
    background = np.where(np.arange(n) % 2, 0, rng.integers(1, 6, n))
    label, pt = (background == 0).astype(int), rng.uniform(5, 50, n)
    # Electrons are farther from the signal than the others.
    middle = np.where(label == 1, 1, np.where(background == BACKGROUNDS.index("electron"), -1.5, -0.5))
    noise = rng.normal(size=n)
    scores = {name: 1 / (1 + np.exp(-(s * middle + noise))) for name, s in STRENGTHS.items()}
    (tmp_path / "scores").mkdir()
    held = {"label": label, "background": background, "pt": pt, "event": np.arange(n)}
    np.savez(tmp_path / "scores" / "fresh-backgrounds.npz", **held, **scores)
    found = judged_backgrounds(tmp_path)
    assert list(found["pileup"]) == ["5-10", "10-20"]
    one = found["electron"]["12-50"]
    assert one["jets"] == np.sum((background == 2) & (pt >= 12))
    rejection = {name: entry["value"] for name, entry in one["rejection"].items()}
    assert rejection[SHIPPED] > 1.5 * found["muon"]["12-50"]["rejection"][SHIPPED]["value"]
    assert one["ratio"]["trees"]["value"] == pytest.approx(
        rejection[SHIPPED] / rejection[LARGER_REFERENCE], rel=1e-6
    )
    lines = backgrounds_table(found)
    assert lines[4].startswith(f"| electrons | 12 to 50 | {one['jets']:,} | ")
    assert len(lines) == 2 + 8
    assert {line.count("|") for line in lines} == {8}


def test_the_error_of_the_jets_does_not_shrink_with_more_trainings():
    value, error = mean_ratio([{"value": 2.0, "error": 0.3}, {"value": 2.2, "error": 0.3}])
    assert value == pytest.approx(2.1)
    assert error == pytest.approx(
        np.sqrt(0.3**2 + 0.1**2)
    )  # the two differ by 0.2, so that their mean is off by 0.1


def test_samples_that_are_there_stay(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "e2e_tf.sim.simulate",
        lambda *args, **options: made.append((args, options["pileup"], options["objects"])),
    )
    (tmp_path / "fresh-0.h5").touch()
    simulate_fresh(tmp_path, 1)
    expected = [("wtau", *FRESH[pileup], str(pileup), pileup) for pileup in FRESH if pileup]
    expected.append(("wtau_all", 305, 24_000, "backgrounds", 20))
    assert made == [
        ((process, jets, seed, tmp_path / f"fresh-{name}.h5"), pileup, True)
        for process, seed, jets, name, pileup in expected
    ]


@pytest.mark.usefixtures("scores_are_pt")
def test_scores_are_those_of_the_run_and_of_the_forests(tmp_path, monkeypatch):
    jets = read_jets(sample_path("tau_detector")).take(np.arange(40))
    write_jets(tmp_path / "fresh-40.h5", jets)
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
