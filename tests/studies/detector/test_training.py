from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest

from e2e_tf import InputError
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.training.loop import new_model
from e2e_tf.training.prepare import prepare
from e2e_tf.training.splits import split_by_event
from studies.detector import training
from studies.detector.rows import ROWS, SAMPLE, SPLIT, SPLIT_SEED
from studies.detector.training import score_path, train, write_larger, write_smaller


def sample(count: int):
    """Jets with events of other numbers: those that ship are all of the study's test part."""
    jets = read_jets(str(files("e2e_tf") / "data" / "samples" / "tau_detector.h5")).take(np.arange(count))
    return replace(jets, event=np.arange(count))


def test_smaller_samples_keep_validation_and_test(tmp_path):
    jets = sample(300)
    write_jets(tmp_path / SAMPLE, jets)
    write_smaller(tmp_path, (40,))
    smaller = read_jets(tmp_path / "wtau-40.h5")
    parts = split_by_event(jets.event, SPLIT, SPLIT_SEED)
    found = split_by_event(smaller.event, SPLIT, SPLIT_SEED)
    assert len(found[0]) == 40
    np.testing.assert_array_equal(smaller.event[found[0]], jets.event[parts[0][:40]])
    for part, kept in zip(parts[1:], found[1:], strict=True):
        np.testing.assert_array_equal(smaller.event[kept], jets.event[part])
    with pytest.raises(InputError, match=rf"has {len(parts[0])} jets to train on, fewer than 4000"):
        write_smaller(tmp_path, (4000,))


def test_the_larger_sample_keeps_validation_and_test(tmp_path, monkeypatch):
    everything = sample(120)
    order = np.random.default_rng(1).permutation(120)
    jets = replace(everything.take(order[:80]), event=np.arange(80))
    write_jets(tmp_path / SAMPLE, jets)
    write_jets(tmp_path / "wtau-all.h5", everything)
    parts = split_by_event(jets.event, SPLIT, SPLIT_SEED)
    with pytest.raises(InputError, match=f"must have 92,702 jets, it has {len(parts[0]) + 40}"):
        write_larger(tmp_path)
    monkeypatch.setattr(training, "LARGER", len(parts[0]) + 40)
    write_larger(tmp_path)
    larger = read_jets(tmp_path / f"wtau-{len(parts[0]) + 40}.h5")
    for number, part in enumerate(parts[1:], 1):
        np.testing.assert_array_equal(larger["pt"][larger["part"] == number], jets["pt"][part])
    assert sorted(larger["pt"]) == sorted(everything["pt"])
    assert len(np.unique(larger.event)) == 120
    write_jets(tmp_path / "wtau-all.h5", everything.take(np.arange(60)), force=True)
    (tmp_path / f"wtau-{len(parts[0]) + 40}.h5").unlink()
    with pytest.raises(InputError, match=r"wtau-all\.h5 does not hold the jets of .*wtau\.h5"):
        write_larger(tmp_path)


@pytest.mark.slow
def test_trees_learn_and_keep_their_scores(tmp_path):
    jets = sample(400)
    write_jets(tmp_path / SAMPLE, jets)
    name = "boosted trees, detector objects"
    train(name, ROWS[name], 1, tmp_path)
    with np.load(score_path(tmp_path, name, 1)) as file:
        kept = dict(file)
    parts = split_by_event(jets.event, SPLIT, SPLIT_SEED)
    np.testing.assert_array_equal(kept["event"], jets.event[parts[2]])
    np.testing.assert_array_equal(kept["label"], jets.label[parts[2]])
    assert kept["trained"] == len(parts[0])
    signal, background = (kept["score"][kept["label"] == value] for value in (1, 0))
    assert signal.mean() > background.mean() + 0.4


def test_a_finished_run_without_scores_is_scored(tmp_path, monkeypatch):
    """A stop between the two; a run of another configuration is no run of the row."""
    write_jets(tmp_path / SAMPLE, sample(60))
    row = ROWS["deep sets"]
    (tmp_path / "runs" / "deep-sets-1").mkdir(parents=True)
    (tmp_path / "runs" / "deep-sets-1" / "model.keras").touch()
    config = row.config(1)
    monkeypatch.setattr(
        training, "open_run", lambda path: SimpleNamespace(config=config, model=lambda: path.name)
    )
    monkeypatch.setattr(training, "prepare_run", lambda run: prepare(run.config, tmp_path))
    monkeypatch.setattr(
        training, "predict_examples", lambda model, examples: np.full((len(examples), 1), 0.25)
    )
    with pytest.raises(InputError, match="deep-sets-1 is a run of another configuration; remove it to train"):
        train("deep sets", replace(row, jets=40), 1, tmp_path)
    train("deep sets", row, 1, tmp_path)
    with np.load(score_path(tmp_path, "deep sets", 1)) as file:
        assert set(file["score"]) == {np.float32(0.25)}
        assert file["trained"] == len(split_by_event(np.arange(60), SPLIT, SPLIT_SEED)[0])


OTHERS = ("gat_cheb", "particle attention", "deep sets", "edge convolutions", "convolutions on cells")


def test_networks_of_other_makes_take_the_objects(tmp_path):
    write_jets(tmp_path / SAMPLE, sample(60))
    rows = {name: row for name, row in ROWS.items() if name.startswith(OTHERS) and not row.candidates}
    assert len(rows) == 6
    for name, row in rows.items():
        config = row.config(1)
        prepared = prepare(config, tmp_path)
        model = new_model(config, prepared.train.examples, prepared.preprocess)
        loader = prepared.train.examples.loader(model, 8)
        inputs, *_ = loader.arrays(np.arange(8))
        score = np.asarray(model(inputs))
        assert score.shape == (8, 1), name
        assert np.isfinite(score).all(), name
        assert np.ptp(np.log(score)) > 1e-3, name  # of a sum over a hundred nodes all are small
