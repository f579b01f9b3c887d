from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2e_tf import InputError
from e2e_tf.data.jets import Ragged, read_jets, write_jets
from e2e_tf.data.samples import sample_path
from e2e_tf.sim.pythia import BACKGROUNDS
from e2e_tf.training.prepare import prepare
from studies.detector import fresh, mixed
from studies.detector.mixed import (
    MIXED,
    judged_mixed,
    mixed_table,
    score_mixed,
    shares,
    simulate_mixed,
    write_mixed,
)
from studies.detector.rows import (
    LARGER_OF_JETS,
    LARGER_REFERENCE,
    MIXED_NETWORK,
    MIXED_OF_JETS,
    MIXED_REFERENCE,
    ROWS,
    SHIPPED,
)

CODE = {name: number for number, name in enumerate(BACKGROUNDS)}


def test_backgrounds_share_the_weight_of_the_taus():
    groups = [  # pT, background, pileup, jets, weight of each
        (12, "signal", 20, 100, 1.0),
        (12, "qcd", 20, 60, 50 / 60 / 0.75),
        (12, "electron", 20, 10, 12.5 / 10 / 0.75),
        (12, "z_jet", 20, 5, 12.5 / 5 / 0.75),
        (12, "signal", 0, 40, 1.0),
        (12, "qcd", 0, 2, 3 * 40 / 11),  # too few for half: three times their number
        (12, "muon", 0, 50, 5 / 50 * 40 / 11),
        (7, "pileup", 20, 3, 0.0),  # no taus
        (49, "signal", 40, 3, 1.0),  # no background
    ]
    count = [jets for *_, jets, _ in groups]
    pt, background, pileup = (
        np.repeat(values, count)
        for values in (
            [pt for pt, *_ in groups],
            [CODE[kind] for _, kind, *_ in groups],
            [mean for _, _, mean, *_ in groups],
        )
    )
    found = shares(pt, background, pileup)
    np.testing.assert_allclose(found, np.repeat([weight for *_, weight in groups], count), rtol=1e-6)
    for mean, taus in ((20, 100), (0, 40)):
        here = (pt == 12) & (background > 0) & (pileup == mean)
        assert found[here].sum() == pytest.approx(taus)


def sample(first: int, count: int):
    """Jets with events of their own, and candidates."""
    jets = read_jets(sample_path("tau_detector")).take(np.arange(first, first + count))
    return replace(jets, event=np.arange(count), candidates=jets.objects["candidate"])


def mixed_sample(first: int, pileup: int):
    jets = sample(first, 200)
    kinds = np.array([CODE["qcd"], CODE["electron"], CODE["z_jet"]])[np.arange(200) % 3]
    background = np.where(jets.label == 1, 0, kinds).astype(np.int8)
    jets = replace(jets, truth={**jets.truth, "background": background})
    if pileup:
        return jets
    candidates = jets.candidates
    bare = {name: values for name, values in candidates.columns.items() if name != "from_pv"}
    columns = {name: values for name, values in jets.columns.items() if name != "rho"}
    return replace(jets, columns=columns, candidates=Ragged(bare, candidates.offsets))


def test_mixed_jets_join_training_and_validation(tmp_path, monkeypatch):
    larger = sample(0, 300)
    part = (np.arange(300) // 100).astype(np.int8)
    monkeypatch.setattr(mixed, "LARGER", 100)
    write_jets(tmp_path / "wtau-100.h5", replace(larger, columns={**larger.columns, "part": part}))
    sources = {pileup: mixed_sample(300 + 5 * pileup, pileup) for pileup in MIXED}
    for pileup in (20, 0):
        write_jets(tmp_path / f"mixed-{pileup}.h5", sources[pileup])
    with pytest.raises(InputError, match=r"there is no .*mixed-40\.h5; simulate .* --mixed makes it"):
        write_mixed(tmp_path)
    write_jets(tmp_path / "mixed-40.h5", sources[40])
    write_mixed(tmp_path)
    jets = read_jets(tmp_path / "wtau-mixed.h5")
    assert len(np.unique(jets.event)) == len(jets) == 900
    np.testing.assert_array_equal(jets["part"][:300], part)
    of_mixed = jets["part"][300:].reshape(3, 200)
    assert set(np.unique(of_mixed)) == {0, 1}
    assert (of_mixed == 1).sum(axis=1) == pytest.approx([20] * 3, abs=12)
    np.testing.assert_array_equal(jets["pt"][300:500], sources[20]["pt"])
    np.testing.assert_array_equal(jets.truth["background"][:300], 1 - larger.label)
    np.testing.assert_array_equal(jets.truth["background"][500:700], sources[0].truth["background"])
    assert "rho" not in jets.columns
    assert jets.candidates["from_pv"][jets.candidates.offsets[500] : jets.candidates.offsets[700]].all()
    mean = np.repeat([20, 20, 0, 40], [300, 200, 200, 200])
    for number in range(3):
        rows = jets["part"] == number
        wanted = shares(jets["pt"][rows], jets.truth["background"][rows], mean[rows])
        np.testing.assert_array_equal(jets["share"][rows], wanted)

    train = prepare(ROWS[MIXED_REFERENCE].config(1), tmp_path).train
    assert len(train.jets) == np.sum(jets["part"] == 0)
    signal = train.label == 1
    assert train.weight[signal].sum() == pytest.approx(train.weight[~signal].sum(), rel=1e-5)
    for part in (signal, ~signal):
        factor = train.weight[part] / train.jets["share"][part]
        np.testing.assert_allclose(factor, factor[0], rtol=1e-5)


def test_samples_that_are_there_stay(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        "e2e_tf.sim.simulate",
        lambda *args, **options: made.append((*args, options["pileup"], options["objects"])),
    )
    (tmp_path / "mixed-0.h5").touch()
    simulate_mixed(tmp_path, 1)
    assert made == [
        ("wtau_all", 24_000, 306, tmp_path / "mixed-20.h5", 20, True),
        ("wtau_all", 24_000, 308, tmp_path / "mixed-40.h5", 40, True),
    ]


STRENGTHS = {
    LARGER_REFERENCE: 0.5,
    LARGER_OF_JETS: 0.4,
    SHIPPED: 0.7,
    MIXED_REFERENCE: 0.6,
    MIXED_OF_JETS: 0.5,
    MIXED_NETWORK: 0.9,
}


def write_scores(folder, name, background, pt):
    """As :func:`score_fresh` and :func:`score_mixed` write them."""
    label = (background == 0).astype(int)
    noise = np.random.default_rng(1).normal(size=len(label))
    scores = {row: 1 / (1 + np.exp(-(s * (2 * label - 1) + noise))) for row, s in STRENGTHS.items()}
    kept = {row: scores.pop(row) for row in (MIXED_REFERENCE, MIXED_OF_JETS, MIXED_NETWORK)}
    held = {"label": label, "pt": pt, "event": np.arange(len(label)), "background": background}
    (folder / "scores").mkdir(exist_ok=True)
    np.savez(folder / "scores" / f"fresh-{name}.npz", **held, **scores)
    np.savez(folder / "scores" / f"fresh-{name}-mixed.npz", event=held["event"], **kept)


def test_what_was_trained_on_all_is_compared_on_the_same_jets(tmp_path, monkeypatch):
    monkeypatch.setattr(fresh, "BOOTSTRAPS", 20)
    assert judged_mixed(tmp_path) == {}
    assert mixed_table({}) == []
    rng = np.random.default_rng(2)
    background = np.where(np.arange(12_000) % 2, 0, rng.integers(1, 6, 12_000))
    pt = rng.uniform(5, 50, 12_000)
    write_scores(tmp_path, "backgrounds", background, pt)
    write_scores(tmp_path, 20, np.minimum(background, 1), np.maximum(pt, 10))
    found = judged_mixed(tmp_path)
    assert list(found) == ["qcd-20", "qcd", "electron", "muon", "pileup", "z_jet"]
    assert list(found["qcd-20"]) == ["10-20", "20-50", "10-50"]
    assert found["qcd-20"]["10-50"]["jets"] == 6000
    assert found["muon"]["12-50"]["jets"] == np.sum((background == CODE["muon"]) & (pt >= 12))
    for one in (found["muon"]["12-50"], found["qcd-20"]["20-50"]):
        rejection = {row: entry["value"] for row, entry in one["rejection"].items()}
        assert list(rejection) == [MIXED_REFERENCE, MIXED_OF_JETS, MIXED_NETWORK, LARGER_REFERENCE, SHIPPED]
        assert rejection[MIXED_NETWORK] > rejection[SHIPPED] > rejection[MIXED_REFERENCE] > 1
        references = {
            "trees": MIXED_REFERENCE,
            "of_jets": MIXED_OF_JETS,
            "trees_before": LARGER_REFERENCE,
            "before": SHIPPED,
        }
        assert {key: ratio["value"] for key, ratio in one["ratio"].items()} == pytest.approx(
            {key: rejection[MIXED_NETWORK] / rejection[row] for key, row in references.items()}, rel=1e-6
        )
    lines = mixed_table(found)
    assert len(lines) == 2 + 3 + 8
    assert lines[4].startswith("| jets of QCD | 20 | 10 to 50 | 6,000 | ")
    assert {line.count("|") for line in lines} == {12}
    one["ratio"]["before"] = {"value": 5.0, "error": 5.5}  # hardly any jet passes
    assert mixed_table(found)[3].endswith(" |  |")

    path = tmp_path / "scores" / "fresh-20-mixed.npz"
    with np.load(path) as file:
        np.savez(path, **{key: file[key][::-1] for key in file.files})
    with pytest.raises(InputError, match=r"fresh-20-mixed\.npz is of other jets than .*fresh-20\.npz"):
        judged_mixed(tmp_path)


@pytest.mark.usefixtures("scores_are_pt")
def test_scores_are_those_of_the_run_and_of_the_forests(tmp_path, monkeypatch):
    jets = sample(0, 40)
    write_jets(tmp_path / "fresh-40.h5", jets)
    (tmp_path / "scores").mkdir()
    score_mixed(tmp_path)
    assert not list((tmp_path / "scores").iterdir())  # nothing was trained
    monkeypatch.setattr(mixed, "run_path", lambda folder, name, seed: folder / f"{name}-{seed}")
    (tmp_path / f"{MIXED_NETWORK}-1").mkdir()
    (tmp_path / f"{MIXED_NETWORK}-1" / "model.keras").touch()
    monkeypatch.setattr(
        fresh,
        "trees_of",
        lambda row, part, seed: lambda jets: jets["eta"] + (part == "wtau-mixed.h5") + (row.trees == "jet"),
    )
    score_mixed(tmp_path)
    with np.load(tmp_path / "scores" / "fresh-40-mixed.npz") as file:
        np.testing.assert_array_equal(file[MIXED_NETWORK], jets["pt"])
        np.testing.assert_array_equal(file[MIXED_REFERENCE], jets["eta"] + 1)
        np.testing.assert_array_equal(file[MIXED_OF_JETS], jets["eta"] + 1 + 1)
    monkeypatch.setattr(fresh, "open_run", None)
    score_mixed(tmp_path)  # nothing is missing
