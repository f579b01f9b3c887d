from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from e2e_tf import InputError
from e2e_tf.data.jets import read_jets, write_jets
from e2e_tf.training.splits import split_by_event
from studies.detector.rows import ROWS, SAMPLE, SPLIT, SPLIT_SEED
from studies.detector.training import score_path, train, write_smaller


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
