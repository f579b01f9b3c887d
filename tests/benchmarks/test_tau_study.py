"""Parts of the tau study that numbers in its report depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from e2e_tf.data.grid import PITCH, window_corner
from e2e_tf.data.jets import Jets, Ragged, read_jets
from e2e_tf.training.prepare import Split
from e2e_tf.training.splits import split_by_event

FOLDER = Path(__file__).parents[2] / "benchmarks" / "tau_study"


@pytest.fixture(scope="module", autouse=True)
def _beside_the_script(beside):
    with beside(FOLDER):
        yield


@pytest.fixture(scope="module")
def jets(tau_folder):
    return read_jets(tau_folder / "tau.h5")


def one_jet():
    """A jet of 20 GeV at η = φ = 0: a track of 8 GeV, a photon of 8 and a neutral hadron of 4, each with a hit."""
    ieta, iphi = window_corner(np.zeros(1), np.zeros(1))
    columns = {"pt": 20.0, "mass": 2.0, "eta": 0.0, "phi": 0.0}
    kinematics = {name: np.array([value], np.float32) for name, value in columns.items()}

    def hit(cell, value):
        column = {"cell": np.array([cell], np.int16), "value": np.array([value], np.float32)}
        return Ragged(column, np.array([0, 1]))

    candidates = {
        "pt": np.array([8, 8, 4], np.float32),
        "energy": np.array([8, 8, 4], np.float32),
        "deta": np.zeros(3, np.float32),
        "dphi": np.array([0, 0.01, 0.15], np.float32),
        "charge": np.array([1, 0, 0], np.int8),
        "pdg_id": np.array([211, 22, 130], np.int16),
    }
    return Jets(
        columns=kinematics | {"ieta": ieta, "iphi": iphi},
        event=np.zeros(1, np.int64),
        weight=np.ones(1, np.float32),
        label=np.ones(1, np.int8),
        # Crystal (60, 60) and tower (12, 12) are where the axis is.
        hits={"track": hit(60 * 125 + 60, 8), "ecal": hit(60 * 125 + 61, 8), "hcal": hit(12 * 25 + 12, 4)},
        candidates=Ragged(candidates, np.array([0, 3])),
    )


def test_signals_are_lost_at_the_given_rate_and_jets_stay(jets):
    from variations import dropped

    lost = dropped(jets, 0.2)
    assert len(lost) == len(jets)
    pairs = [(jets.hits[channel], lost.hits[channel]) for channel in jets.hits]
    for before, after in [*pairs, (jets.candidates, lost.candidates)]:
        n = before.offsets[-1]
        assert abs(after.offsets[-1] - 0.8 * n) < 4 * np.sqrt(0.16 * n)
        assert np.all(after.counts <= before.counts)
    nothing = dropped(jets, 0.0)
    np.testing.assert_array_equal(nothing.candidates["pt"], jets.candidates["pt"])
    np.testing.assert_array_equal(nothing.hits["ecal"]["value"], jets.hits["ecal"]["value"])


def test_a_dead_region_takes_calorimeter_signals_near_the_axis_only(jets):
    from variations import dead_region

    dead = dead_region(jets)
    assert dead.hits["track"] is jets.hits["track"]
    charged = jets.candidates["charge"] != 0
    np.testing.assert_array_equal(
        dead.candidates["pt"][dead.candidates["charge"] != 0], jets.candidates["pt"][charged]
    )
    reach = np.hypot(jets.candidates["deta"], jets.candidates["dphi"])
    far = ~charged & (reach > 0.2 + np.sqrt(2) * 5 * PITCH)
    assert np.isin(jets.candidates["pt"][far], dead.candidates["pt"]).all()
    for channel in ("ecal", "hcal"):
        lost = 1 - dead.hits[channel].offsets[-1] / jets.hits[channel].offsets[-1]
        assert 0.02 < lost < 0.6
    assert dead_region(jets).hits["ecal"].offsets[-1] == dead.hits["ecal"].offsets[-1]


def test_scales_move_calorimeters_and_the_jet_with_its_neutral_share():
    from variations import scaled

    jet = scaled(one_jet(), 1.1)
    assert jet.hits["track"]["value"].tolist() == [8]
    assert jet.hits["ecal"]["value"].tolist() == pytest.approx([8.8])
    assert jet.hits["hcal"]["value"].tolist() == pytest.approx([4.4])
    assert jet.candidates["pt"].tolist() == pytest.approx([8, 8.8, 4.4])
    assert jet["pt"].tolist() == pytest.approx([20 * (1 + 0.1 * 12 / 20)])
    assert jet["mass"].tolist() == pytest.approx([2 * 1.06])


def test_misidentified_particles_change_places():
    from variations import misidentified

    jet = one_jet()
    assert misidentified(jet, 1.0).candidates["pdg_id"].tolist() == [11, 130, 22]
    twice = misidentified(misidentified(jet, 1.0), 1.0)
    assert twice.candidates["pdg_id"].tolist() == [211, 22, 130]
    assert misidentified(jet, 0.0).candidates["pdg_id"].tolist() == [211, 22, 130]


def test_real_and_simulated_jets_keep_the_hits_that_both_have():
    """Of each channel one hit at the axis, one below its threshold and one far from the axis: the first stays."""
    from transfer import comparable

    jet = one_jet()

    def hits(cells, values):
        column = {"cell": np.array(cells, np.int16), "value": np.array(values, np.float32)}
        return Ragged(column, np.array([0, len(cells)]))

    crystals = [60 * 125 + 60, 60 * 125 + 62, 60 * 125 + 100]  # 0.7 rad beside the axis
    found = comparable(
        replace(
            jet,
            hits={
                "track": hits(crystals, [8, 0.7, 8]),
                "ecal": hits(crystals, [3, 0.1, 3]),
                "hcal": hits([12 * 25 + 12, 12 * 25 + 13, 12 * 25 + 20], [4, 1.9, 4]),
            },
        )
    )
    assert {channel: rows["value"].tolist() for channel, rows in found.hits.items()} == {
        "track": [8],
        "ecal": [3],
        "hcal": [4],
    }
    for name, value in (("pt", 19.9), ("pt", 50.0), ("eta", 0.9)):
        kinematics = {**jet.columns, name: np.array([value], np.float32)}
        assert len(comparable(replace(jet, columns=kinematics))) == 0


def test_images_hold_the_energy_where_it_was():
    from training import images

    image = np.expm1(images(one_jet(), 64))[0]  # crystals 30 to 93 of the window
    assert image.shape == (64, 64, 3)
    assert image[30, 30, 0] == pytest.approx(8, rel=1e-6)
    assert image[30, 31, 1] == pytest.approx(8, rel=1e-6)
    assert image[30:35, 30:35, 2] == pytest.approx(np.full((5, 5), 4 / 25), rel=1e-6)
    assert image.sum(axis=(0, 1)) == pytest.approx([8, 8, 4], rel=1e-5)


def test_shares_and_calibration_by_hand():
    from judging import calibration, passing

    passed = np.array([True, False, True, True])
    weight = np.array([3.0, 1.0, 1.0, 1.0])
    first, second, empty = passing(passed, np.array([1, 1, 2, 3]), weight, (0, 2, 4, 6))
    assert (first["value"], second["value"], empty["value"]) == (0.75, 1.0, None)
    effective = 16 / 10
    assert first["error"] == pytest.approx(np.sqrt(0.75 * 0.25 / effective))
    found = calibration(np.array([0, 1, 1]), np.array([0.92, 0.98, 0.05]), np.array([1.0, 3.0, 4.0]))
    assert [entry["share"] for entry in found] == [0.5, 0.5]
    assert found[0]["signal"] == 1
    assert found[1]["signal"] == 0.75
    assert found[1]["score"] == pytest.approx((0.92 + 3 * 0.98) / 4)


def test_judging_finds_what_was_put_in(jets):
    """A score with known thresholds: all bins are there, and the flat efficiencies add up to the whole one."""
    from judging import MODES, judged, threshold

    rng = np.random.default_rng(1)
    label = jets.label
    truth = {**jets.truth, "n_pileup": rng.integers(0, 50, len(jets))}
    test = Split(replace(jets, truth=truth), None, np.ones(len(jets), np.float32))
    score = np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1)
    found = judged(score, test)
    assert {name: len(bins) for name, bins in found["bins"].items()} == {
        "pt": 4,
        "eta": 3,
        "pileup": 3,
        "decay_mode": len(MODES),
    }
    assert sum(b["background"] for b in found["bins"]["pt"]) == np.sum(label == 0)
    cut = threshold(label, score, test.weight)
    assert np.mean(score[label == 1] >= cut) == pytest.approx(0.7, abs=0.01)
    counts = [b["background"] for b in found["bins"]["pt"]]
    shares = [b["value"] for b in found["flat"]["pt"]]
    assert np.average(shares, weights=counts) == pytest.approx(np.mean(score[label == 0] >= cut))
    seventy = next(r for r in found["rejection"] if r["efficiency"] == 0.7)
    assert 1 / seventy["value"] == pytest.approx(np.mean(score[label == 0] >= cut), abs=0.01)


def test_samples_of_one_event_stay_in_one_part():
    """The mixture and the parts have event numbers of their own, and the split looks at nothing else."""
    from rows import SPLIT
    from samples import _EVENTS, PILEUP

    parts = [np.arange(500) + (i + 1) * _EVENTS for i in range(len(PILEUP))]
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    test = set(together[split_by_event(together, SPLIT, 1)[2]].tolist())
    for part in parts:
        alone = set(part[split_by_event(part, SPLIT, 1)[2]].tolist())
        assert alone == test & set(part.tolist())


def test_every_row_is_a_configuration():
    from rows import MAIN, ROWS

    seeds = {ROWS[name].config(2).seed for name in ROWS}
    assert seeds == {2}
    assert {ROWS[name].config(2).data.split_seed for name in ROWS} == {1}
    epochs = {row.config(1).training.epochs for row in MAIN.values() if row.model}
    assert len(epochs) == 1  # the same budget


@pytest.mark.parametrize(
    "options",
    [{"start": "first.h5"}, {"flat": "pt", "strength": 1.0}, {"strength": 0.05}, {"image": 16}],
    ids=["start", "flat", "reversal", "image"],
)
def test_trainings_with_another_loss_start_or_input_learn(jets, tmp_path, options):
    """400 jets tell taus from QCD well above chance, and the run that is left scores as the training did."""
    from rows import ALL, Row
    from samples import _EVENTS, PILEUP
    from training import train

    from e2e_tf.data.jets import write_jets
    from e2e_tf.training.metrics import roc_auc

    sample = replace(jets, event=jets.event + (np.arange(len(jets)) % len(PILEUP) + 1) * _EVENTS)
    write_jets(tmp_path / ALL, sample)
    write_jets(tmp_path / "first.h5", sample.take(np.arange(300)))
    image = options.get("image", 0)
    graph = {"nodes": "candidates", "edges": "knn:2", "node_features": ("pt", "deta", "dphi", "charge")}
    model = {"name": "deep_sets", "phi": (32, 32), "dense": (32,)}
    if image:
        model = {"name": "quark_gluon_cnn", "size": (image, image), "filters": (8,), "depth": 1}
    row = Row(graph, model, {"epochs": 3, "batch_size": 16, "learning_rate": 3e-3}, **options)
    trained = train(row, 1, tmp_path, tmp_path / "run")
    score = np.asarray(trained(sample))
    assert roc_auc(sample.label, score) > 0.8
    assert (tmp_path / "run-first").is_dir() == ("start" in options)
    if "start" in options:
        # The weights mean what they meant; stopped between the two, it goes on from the first.
        first, second = (tmp_path / name / "preprocess.json" for name in ("run-first", "run"))
        assert first.read_text() == second.read_text()
        (tmp_path / "run" / "model.keras").unlink()
    np.testing.assert_array_equal(train(row, 1, tmp_path, tmp_path / "run")(sample), score)


def test_ratios_over_the_trees_are_those_of_the_same_jets(jets):
    """1/ε_B of 10 and 20 for two seeds of a row, 5 for the trees: three times as many."""
    from ratios import ratios
    from report import TREES

    label = np.repeat([1, 0], [100, 100]).astype(np.int8)
    rows = np.arange(200) % len(jets)
    event = np.arange(200)
    weight = np.where(np.arange(200) < 150, 1, 3).astype(np.float32)  # of generated events
    same = {**jets.take(rows).columns, "pt": np.full(200, 25, np.float32)}
    taken = replace(jets.take(rows), columns=same, label=label, event=event, weight=weight)

    def scores(above):
        """70 of the signal and so many of the background at 1, the others below."""
        score = np.zeros(200, np.float32)
        score[:70], score[100 : 100 + above] = 1, 1
        return score

    judged = {TREES: [scores(20)], "a row": [scores(10), scores(5)], "the trees again": [scores(20)]}
    found = ratios(judged, taken, np.ones(200, np.float32))
    assert found["a row"]["value"] == pytest.approx(3.0)
    assert found["a row"]["seeds"] == 2
    assert found["a row"]["value_error"] > 0.3
    # Of the background's 50 + 3 x 50 what passes has weight 20, 10 and 5: half of the shares, twice the rejection.
    assert found["a row"]["weighted"]["rejection"] == pytest.approx(30.0)
    assert found["a row"]["weighted"]["value"] == pytest.approx(3.0)
    # The errors of both sides are in common: against itself there is none.
    again = found["the trees again"]
    assert (again["value"], again["value_error"], again["seeds"]) == (1.0, 0.0, 1)


def test_fresh_jets_are_judged_by_trained_models_and_the_weights_of_training(jets, tmp_path, monkeypatch):
    """A mean is that of its members, what was scored is not scored again, and pT spectra come out alike."""
    from fresh import fresh_scores
    from rows import ALL, PT_BINS, ROWS, Row, run_folder
    from samples import FRESH
    from training import train

    from e2e_tf.data.jets import write_jets

    graph = {"nodes": "candidates", "edges": "knn:2", "node_features": ("pt", "deta", "dphi", "charge")}
    model = {"name": "deep_sets", "phi": (8,), "dense": (8,)}
    small = Row(graph, model, {"epochs": 1, "batch_size": 64})
    monkeypatch.setitem(ROWS, "small", small)
    monkeypatch.setitem(ROWS, "both", Row(members=(("small", 1), ("small", 2)), seeds=1))
    for name in (ALL, FRESH):
        write_jets(tmp_path / name, jets)
    for folder in ("runs", "scores"):
        (tmp_path / folder).mkdir()
    scores, judged, weight = fresh_scores(tmp_path, {"small": [1], "both": [1]})
    one, two = (
        train(small, seed, tmp_path, run_folder(tmp_path, "small", seed))(jets).astype(np.float64)
        for seed in (1, 2)
    )
    np.testing.assert_array_equal(judged["pt"], jets["pt"])
    np.testing.assert_array_equal(scores["small"], [one])
    np.testing.assert_array_equal(scores["both"], [(one + two) / 2])
    assert np.abs(one - two).max() > 1e-3
    # Factors of the training part bring the spectra together up to the fluctuations of the other jets.
    histograms = [
        np.histogram(jets["pt"][jets.label == k], PT_BINS, weights=weight[jets.label == k])[0] for k in (0, 1)
    ]
    shares = [histogram / histogram.sum() for histogram in histograms]
    np.testing.assert_allclose(*shares, atol=0.05)
    kept = tmp_path / "scores" / "small-1-fresh.npy"
    np.save(kept, np.zeros(len(jets), np.float32))
    again, _, _ = fresh_scores(tmp_path, {"both": [1]})
    np.testing.assert_array_equal(again["both"], [two / 2])


def test_tables_quote_seeds_errors_and_limits():
    from report import between, over_seeds, summary

    def result(value, error, is_limit=False):
        one = {"efficiency": 0.7, "value": value, "error": error, "is_limit": is_limit}
        return {"rejection": [{**one, "efficiency": 0.5, "value": 1.0}, one]}

    assert summary([result(100.0, 10.0), result(120.0, 14.0)], 0.7) == "110 ± 12 (14)"
    assert summary([result(12.0, 1.0)], 0.7) == "12.0 ± 1.0"
    assert summary([result(100.0, 10.0), result(90.0, None, True)], 0.7) == "> 90"
    assert over_seeds([0.98, 0.99], 0.001, 3) == "0.985 ± 0.001 (0.007)"
    page = "a\n<!-- main: begin -->\nold\n<!-- main: end -->\nz\n"
    assert between(page, "main", ["| new |"]) == "a\n<!-- main: begin -->\n| new |\n<!-- main: end -->\nz\n"
    with pytest.raises(SystemExit, match="the page has no place for the table 'flat'"):
        between(page, "flat", [])
